"""What predicts that the error rises: the sharpness in units of its limit, and its rivals.

The trials are those of `rnnpipe.dynamics.threshold`, of its part "law". Each predictor gets a
logistic regression of "the error rises". Intervals are bootstrapped over utterances, since the
trials on one have their speech in common; scores are of utterances that the regression has not
seen.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rnnpipe.errors import RnnpipeError

# Draws of utterances for an interval, and the share of them that it covers.
DRAWS, CONFIDENCE = 400, 0.95
# Penalty on the square of a slope. Without one, a predictor that makes no mistake has no finite
# slope.
PENALTY = 1e-3
# The predictors: what the logarithm of the learning rate and they together can say. The slopes are
# free, so that no rival suffers from the units that it comes in.
PREDICTORS = {
    "sharpness": "sharpness before the first step",
    "least_sharpness": "its lower bound, from one forward pass",
    "gradient_norm": "gradient norm",
    "hidden_size": "hidden size",
    "lyapunov": "Lyapunov exponent",
    "growth_largest": "largest growth over 100 samples",
}
LIMIT = "the limit, nothing fitted"
ON_LOG_SCALE = ("sharpness", "least_sharpness", "gradient_norm", "hidden_size")


def collect(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join the trials of all shards.

    Raises
    ------
    RnnpipeError
        If they are of fewer than two speakers: nothing is left to predict one from.
    """
    trials = pd.concat(tables, ignore_index=True)
    speakers = trials["utterance"].nunique() if len(trials) else 0
    if speakers < 2:
        raise RnnpipeError(
            "The target threshold needs an SI sentence of at least two speakers, one each; "
            f"corpus.root has {speakers}."
        )
    return trials


def law(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the part "law" of the trials, with `x`, learning rate x sharpness / 2."""
    own = trials[trials["part"] == "law"].reset_index(drop=True)
    return own.assign(x=own["learning_rate"] * own["sharpness"] / 2)


def thresholds(trials: pd.DataFrame) -> pd.DataFrame:
    """Find the threshold over all trials of the law (U_factor is nan), and by the factor on U.

    Parameters
    ----------
    trials : DataFrame
        From `rnnpipe.dynamics.threshold.trials`, of several utterances.

    Returns
    -------
    DataFrame
        U_factor, and the columns of `threshold`.
    """
    own = trials[trials["part"] == "law"]
    parts = [(np.nan, own), *own.groupby("U_factor")]
    return pd.DataFrame([{"U_factor": factor, **threshold(part)} for factor, part in parts])


def threshold(trials: pd.DataFrame) -> dict[str, float]:
    """Find the sharpness from which on the error rises, in units of the limit 2 / learning rate.

    Parameters
    ----------
    trials : DataFrame
        As for `thresholds`.

    Returns
    -------
    dict
        trials and risen, counts; threshold, where half of the trials rise, with low and high, its
        interval; slope, per unit of the logarithm; largest_quiet and smallest_risen, the values of
        the trials furthest on the wrong side.
    """
    own = law(trials)
    x, risen = np.log(own["x"].to_numpy()), own["risen"].to_numpy()
    intercept, slope = fit(x[:, None], risen)
    groups = [np.flatnonzero(own["utterance"] == name) for name in own["utterance"].unique()]
    random = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        rows = np.concatenate([groups[i] for i in random.integers(len(groups), size=len(groups))])
        a, b = fit(x[rows][:, None], risen[rows])
        found.append(-a / b)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.exp(np.quantile(found, [tail, 1 - tail]))
    return {
        "trials": len(own),
        "risen": int(risen.sum()),
        "threshold": float(np.exp(-intercept / slope)),
        "low": float(low),
        "high": float(high),
        "slope": float(slope),
        "largest_quiet": float(own["x"][~own["risen"]].max()),
        "smallest_risen": float(own["x"][own["risen"]].min()),
    }


def scores(trials: pd.DataFrame) -> pd.DataFrame:
    """Compare what predicts a rise, on utterances that were left out.

    Parameters
    ----------
    trials : DataFrame
        As for `thresholds`.

    Returns
    -------
    DataFrame
        One row per predictor, each with the logarithm of the learning rate beside it, the best
        first: predictor; wrong, the number of trials on the wrong side of one half; log_loss, the
        mean of -log(the probability given to what happened), in nats. The first row is the limit
        itself, with nothing fitted: the error rises where sharpness exceeds 2 / learning rate.
    """
    own = law(trials)
    rate = np.log(own["learning_rate"].to_numpy())
    risen = own["risen"].to_numpy()
    rows = []
    for name, words in PREDICTORS.items():
        values = own[name].to_numpy()
        values = np.log(values) if name in ON_LOG_SCALE else values
        probability = _left_out(np.column_stack((rate, values)), risen, own["utterance"])
        rows.append(_score(words, probability, risen))
    rows.append(
        _score("learning rate alone", _left_out(rate[:, None], risen, own["utterance"]), risen)
    )
    limit = {"predictor": LIMIT, "wrong": int(((own["x"] > 1) != risen).sum())}
    table = pd.DataFrame(rows).sort_values("log_loss", kind="stable")
    return pd.concat([pd.DataFrame([limit]), table], ignore_index=True)


def mechanism(trials: pd.DataFrame) -> dict[str, float]:
    """Compare growth in the first update with 1 - learning rate x sharpness.

    Returns
    -------
    dict
        near and of: how many trials up to the limit have a growth within 0.1 of the predicted one,
        out of how many; flipping and of_flipping: how many of the trials whose predicted growth is
        below -1/10 change sign at their first update, out of how many.
    """
    own = law(trials)
    predicted = 1 - 2 * own["x"]
    calm = own["x"] <= 1
    turning = predicted < -0.1
    return {
        "near": int(((own["factor"] - predicted).abs()[calm] <= 0.1).sum()),
        "of": int(calm.sum()),
        "flipping": int((own["factor"] < 0)[turning].sum()),
        "of_flipping": int(turning.sum()),
    }


def surgery(trials: pd.DataFrame) -> pd.DataFrame:
    """Count what becomes of the risen trials when a direction is taken from their steps.

    Returns
    -------
    DataFrame
        removed; next_above, whether the second eigenvalue is above the limit too; trials; risen.
    """
    own = trials[trials["part"] == "surgery"]
    above = own["learning_rate"] * own["next_sharpness"] / 2 > 1
    groups = own.assign(next_above=above).groupby(["removed", "next_above"])["risen"]
    return groups.agg(trials="size", risen="sum").reset_index()


def two_by_two(trials: pd.DataFrame) -> pd.DataFrame:
    """Count the rises by sharpness and Lyapunov exponent.

    Returns
    -------
    DataFrame
        sharp, whether the sharpness is above the limit; exploding, whether the exponent is above 0;
        trials; risen.
    """
    own = trials[trials["part"] == "two_by_two"]
    own = own.assign(
        sharp=own["learning_rate"] * own["sharpness"] / 2 > 1, exploding=own["lyapunov"] > 0
    )
    counts = own.groupby(["sharp", "exploding"])["risen"].agg(trials="size", risen="sum")
    return counts.reset_index()


def fit(features: np.ndarray, happened: np.ndarray) -> np.ndarray:
    """Fit a logistic regression; return the intercept and the slopes.

    Parameters
    ----------
    features : float array, shape (n, p)
    happened : bool array, shape (n,)
    """
    from scipy.optimize import minimize  # takes half a second to import

    centre, spread = features.mean(0), features.std(0) + 1e-12
    design = np.column_stack((np.ones(len(features)), (features - centre) / spread))
    sign = np.where(happened, 1.0, -1.0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (design @ weights)
        pull = -sign * np.exp(-np.logaddexp(0, margin))  # -sign / (1 + e^margin)
        penalty = PENALTY * np.r_[0.0, weights[1:]]
        value = np.logaddexp(0, -margin).mean() + penalty @ weights / 2
        return float(value), design.T @ pull / len(sign) + penalty

    found = minimize(loss, np.zeros(design.shape[1]), jac=True, method="BFGS").x
    slopes = found[1:] / spread
    return np.r_[found[0] - slopes @ centre, slopes]


def _left_out(features: np.ndarray, happened: np.ndarray, groups: pd.Series) -> np.ndarray:
    """Probability of each trial, by a fit to the trials of all other groups."""
    probability = np.empty(len(features))
    for group in groups.unique():
        own = (groups == group).to_numpy()
        intercept, *slopes = fit(features[~own], happened[~own])
        probability[own] = 1 / (1 + np.exp(-(intercept + features[own] @ slopes)))
    return probability


def _score(predictor: str, probability: np.ndarray, happened: np.ndarray) -> dict:
    given = np.where(happened, probability, 1 - probability)
    return {
        "predictor": predictor,
        "wrong": int(((probability > 0.5) != happened).sum()),
        "log_loss": float(-np.log(np.maximum(given, 1e-12)).mean()),
    }
