"""From which sharpness on the error rises: known laws are found, and rivals that know less lose."""

import numpy as np
import pandas as pd
import pytest

from rnnpipe.errors import RnnpipeError
from rnnpipe.findings.threshold import (
    LIMIT,
    collect,
    fit,
    mechanism,
    scores,
    surgery,
    threshold,
    thresholds,
    two_by_two,
)

RATES = 0.01 * 2 ** np.arange(0, 5, 0.5)


def drawn_trials(at=1.3, slope=12.0, utterances=10, seed=0):
    """Trials whose error rises with a probability that depends on the sharpness alone."""
    random = np.random.default_rng(seed)
    rows = []
    for name in range(utterances):
        for size in (25, 50, 100):
            sharpness = 0.7 * size * np.exp(random.normal(0, 0.5))
            for rate in RATES:
                logit = slope * np.log(rate * sharpness / 2 / at)
                rows.append(
                    {
                        "utterance": f"u{name}",
                        "part": "law",
                        "hidden_size": size,
                        "learning_rate": rate,
                        "sharpness": sharpness,
                        "least_sharpness": 0.6 * size,
                        "gradient_norm": np.exp(random.normal()),
                        "lyapunov": random.normal(),
                        "growth_largest": random.normal(),
                        "risen": random.random() < 1 / (1 + np.exp(-np.clip(logit, -500, 500))),
                        "factor": 1 - rate * sharpness,
                        "removed": "",
                    }
                )
    return pd.DataFrame(rows)


def test_trials_of_one_speaker_are_too_few_to_predict_one_from_another():
    one, none = drawn_trials(utterances=1), pd.DataFrame()
    for tables, found in (([one, none], 1), ([none, none], 0)):
        with pytest.raises(RnnpipeError, match=f"at least two speakers.* has {found}[.]"):
            collect(tables)
    assert len(collect([one, none, one.assign(utterance="another")])) == 2 * len(one)


def test_a_logistic_regression_is_where_its_likelihood_is_highest():
    random = np.random.default_rng(1)
    x = random.normal(size=(400, 1))
    happened = random.random(400) < 1 / (1 + np.exp(-(0.5 + 2 * x[:, 0])))
    found = fit(x, happened)

    def likelihood(a, b):
        p = 1 / (1 + np.exp(-(a + b * x[:, 0])))
        return np.log(np.where(happened, p, 1 - p)).mean() - 1e-3 * (b * x.std()) ** 2 / 2

    grid = [(a, b) for a in np.linspace(-1, 2, 121) for b in np.linspace(0, 4, 161)]
    best = max(grid, key=lambda pair: likelihood(*pair))
    np.testing.assert_allclose(found, best, atol=0.03)


@pytest.mark.parametrize("at", [0.8, 1.3])
def test_the_threshold_is_found_within_its_interval(at):
    found = threshold(drawn_trials(at))
    assert found["low"] < at < found["high"]
    assert found["threshold"] == pytest.approx(at, rel=0.1)
    assert found["high"] / found["low"] < 1.4
    assert found["trials"] == 300


def test_a_threshold_is_told_by_the_size_of_the_output_weights_too():
    trials = pd.concat([drawn_trials(at, utterances=5).assign(U_factor=at) for at in (1.0, 2.0)])
    table = thresholds(trials)
    assert table["trials"].tolist() == [300, 150, 150]
    assert table["threshold"].iloc[1:].tolist() == pytest.approx([1, 2], rel=0.1)
    assert 1.1 < table["threshold"].iloc[0] < 1.8


def test_a_law_without_exception_has_a_finite_slope_and_its_gap_is_told():
    trials = drawn_trials()
    x = trials["learning_rate"] * trials["sharpness"] / 2
    found = threshold(trials.assign(risen=x > 1))
    assert np.isfinite(found["slope"])
    assert found["largest_quiet"] <= 1 < found["smallest_risen"]
    assert found["largest_quiet"] < found["threshold"] < found["smallest_risen"]


def test_what_decides_scores_best_and_the_limit_itself_is_scored_without_a_fit():
    trials = drawn_trials(at=1.0, slope=60)
    table = scores(trials)
    assert table["predictor"].tolist()[:2] == [LIMIT, "sharpness before the first step"]
    limit, own, *rivals = table["wrong"]
    x = trials["learning_rate"] * trials["sharpness"] / 2
    assert limit == ((x > 1) != trials["risen"]).sum()
    assert own <= 1.5 * limit + 2
    assert min(rivals) > 2 * own
    assert table["log_loss"].iloc[1:].is_monotonic_increasing
    assert table["predictor"].iloc[-1] != "hidden size"  # it tells something about the sharpness


def test_an_utterance_is_predicted_from_the_others_alone():
    """One utterance on which the opposite happens is all wrong."""
    trials = drawn_trials(at=1.0, slope=1000)
    odd = trials["utterance"] == "u3"
    x = trials["learning_rate"] * trials["sharpness"] / 2
    trials["risen"] = np.where(odd, x < 1, x > 1)
    own = scores(trials).set_index("predictor")["wrong"]
    assert own[LIMIT] == odd.sum()
    assert own["sharpness before the first step"] >= 0.9 * odd.sum()


def test_growth_is_compared_with_the_predicted_one():
    trials = drawn_trials().head(4)
    trials["learning_rate"], trials["sharpness"] = [0.01, 0.01, 0.1, 0.1], [50.0, 150.0, 15.0, 60.0]
    trials["factor"] = [0.55, -0.3, -0.2, 0.1]  # predicted: 0.5, -0.5, -0.5, -5
    assert mechanism(trials) == {"near": 1, "of": 3, "flipping": 2, "of_flipping": 3}


def test_what_surgery_and_exponent_change_is_counted():
    about = {"learning_rate": 0.1, "sharpness": 30.0}
    rows = [
        {"part": "surgery", "removed": "leading", "next_sharpness": 5.0, "risen": False},
        {"part": "surgery", "removed": "leading", "next_sharpness": 25.0, "risen": True},
        {"part": "surgery", "removed": "random", "next_sharpness": 5.0, "risen": True},
        {"part": "two_by_two", "lyapunov": 0.1, "risen": True},
        {"part": "two_by_two", "lyapunov": 0.2, "risen": False},
        {"part": "two_by_two", "lyapunov": -0.1, "risen": True},
    ]
    trials = pd.DataFrame([about | row for row in rows])
    assert surgery(trials).values.tolist() == [
        ["leading", False, 1, 0],
        ["leading", True, 1, 1],
        ["random", False, 1, 1],
    ]
    assert two_by_two(trials).values.tolist() == [[True, False, 1, 1], [True, True, 2, 1]]
