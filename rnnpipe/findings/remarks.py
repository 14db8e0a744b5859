"""What a reader has to know before believing the tables: what is memorised, what was sampled."""

import numpy as np
import pandas as pd

from rnnpipe.findings.tables import LEVEL, RECONSTRUCTIONS

MODES = {"teacher_forced": "Given the true past", "free_running": "On its own"}


def remarks(mse: pd.DataFrame, sample: str | float) -> list[str]:
    """Gather the remarks that an experiment calls for, each a sentence or two.

    Parameters
    ----------
    mse : DataFrame
        The columns of tables/mse.csv.
    sample : {"none", "training"} or float
        reconstruct.sample of the configuration.
    """
    said = [_held_out(mse, kind) for kind in RECONSTRUCTIONS if "held_out" in set(mse["set"])]
    if sample == "training":
        said.append(
            "Free runs are sampled: what is fed back has noise on it, of the size of the network's "
            "own training error."
        )
    elif sample != "none" and sample:
        said.append(
            "Free runs are sampled: what is fed back has noise on it, with a standard deviation of "
            f"{sample:g} times that of the speech."
        )
    return said


def _held_out(mse: pd.DataFrame, kind: str) -> str:
    """Say what of the best network's result holds for utterances that it was not trained on.

    The best has the lowest NMSE, as a mean over the training utterances, of those that went
    through. Its mean over the held-out ones is compared with the baselines': one step ahead with
    that of a linear predictor, fitted to the training utterances as well; on its own, with silence.
    """
    trained, unheard = (_means(mse, kind, which) for which in ("train", "held_out"))
    networks = trained[~trained.index.get_level_values("recipe").str.startswith("baseline:")]
    networks = networks[~networks["failed"] & np.isfinite(networks["nmse"])]
    if networks.empty:
        return f"{MODES[kind]}, no network went through."
    best = networks["nmse"].idxmin()
    recipe, hidden, seed = best
    known, new = trained.loc[best, "nmse"], unheard.loc[best, "nmse"]
    mark = "linear" if kind == "teacher_forced" else "silence"
    marks = {
        name: means.xs(f"baseline:{mark}")["nmse"].iloc[0]
        for name, means in (("train", trained), ("held_out", unheard))
    }
    if new < (1 - LEVEL) * marks["held_out"]:
        verdict = "what it learnt holds for speech that it never heard"
    elif known < (1 - LEVEL) * marks["train"]:
        verdict = "what it has beyond that is memorised"
    else:
        verdict = "it has learnt nothing beyond that, of either"
    against = {
        "linear": "a linear predictor of the same training has",
        "silence": "silence has",
    }[mark]
    return (
        f"{MODES[kind]}, {recipe} with {hidden:.0f} hidden units, seed {seed:.0f}, the best, has "
        f"an NMSE of {known:.3g} on what it was trained on and of {new:.3g} on what was held out, "
        f"where {against} {marks['train']:.3g} and {marks['held_out']:.3g}: {verdict}."
    )


def _means(mse: pd.DataFrame, kind: str, which: str) -> pd.DataFrame:
    """NMSE and whether it failed of every network and baseline, over one set of utterances."""
    rows = mse[(mse["reconstruction"] == kind) & (mse["set"] == which)]
    failed = (rows["status"] == "diverged") | rows["stopped_at"].notna()
    settings = rows.assign(failed=failed).groupby(["recipe", "hidden_size", "seed"], dropna=False)
    nmse = settings["nmse"].agg(lambda values: values.mean(skipna=False))
    return pd.DataFrame({"nmse": nmse, "failed": settings["failed"].any()})
