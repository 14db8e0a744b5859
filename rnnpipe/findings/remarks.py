"""Remarks needed to interpret the tables: what is memorised, and what was sampled."""

import math

import pandas as pd

from rnnpipe.findings.means import baseline_nmse, best, mean_over_utterances, nmse_of, undefined
from rnnpipe.findings.standings import LEVEL
from rnnpipe.findings.words import listed
from rnnpipe.vocabulary import MODES, RECONSTRUCTIONS

MOST = 5  # utterances that a remark names


def remarks(mse: pd.DataFrame, feedback_noise: str | float) -> list[str]:
    """Return the remarks that apply to an experiment, each one or two sentences.

    Parameters
    ----------
    mse : DataFrame
        The columns of tables/mse.csv.
    feedback_noise : {"none", "training"} or float
        The key reconstruct.feedback_noise of the configuration.
    """
    said = [_held_out(mse, kind) for kind in RECONSTRUCTIONS if "held_out" in set(mse["set"])]
    constant = list(dict.fromkeys(mse["utterance"][undefined(mse)]))
    if constant:
        have, are = ("has", "is") if len(constant) == 1 else ("have", "are")
        shown = constant if len(constant) <= MOST else [*constant[:MOST], "others"]
        said.append(
            f"{listed(shown)} {have} no NMSE and {are} left out of the means: all samples to "
            "predict are equal."
        )
    if feedback_noise == "training":
        said.append(
            "Free runs are sampled: what is fed back has noise on it, of the size of the network's "
            "own training error."
        )
    elif feedback_noise != "none" and feedback_noise:
        said.append(
            "Free runs are sampled: what is fed back has noise on it, with a standard deviation of "
            f"{feedback_noise:g} times that of the speech."
        )
    return said


def _held_out(mse: pd.DataFrame, kind: str) -> str:
    """Say whether the best network's result also holds for utterances that it was not trained on.

    The best network has the lowest mean NMSE over the held-out utterances among those that did not
    fail. Its mean over the held-out utterances is compared with a baseline: teacher-forced with the
    linear predictor, which is fitted to the same training utterances; free-running with silence.
    """
    trained, unheard = (mean_over_utterances(mse, which) for which in ("train", "held_out"))
    leader = best(unheard, kind)
    if any(math.isnan(baseline_nmse(means, kind)["silence"]) for means in (trained, unheard)):
        return f"{MODES[kind]}, what was learnt and what was held out cannot be compared."
    if leader is None:
        return f"{MODES[kind]}, no network went through."
    known, new = (nmse_of(means, leader, kind) for means in (trained, unheard))
    mark = "linear" if kind == "teacher_forced" else "silence"
    mark_known, mark_new = (baseline_nmse(means, kind)[mark] for means in (trained, unheard))
    if new < (1 - LEVEL) * mark_new:
        verdict = "what it learnt holds for speech that it never heard"
    elif known < (1 - LEVEL) * mark_known:
        verdict = "what it has beyond that is memorised"
    else:
        verdict = "it has learnt nothing beyond that, of either"
    against = {
        "linear": "a linear predictor of the same training has",
        "silence": "silence has",
    }[mark]
    return (
        f"{MODES[kind]}, {leader.recipe} with {leader.hidden_size} hidden units, seed "
        f"{leader.seed}, the best, has an NMSE of {known:.3g} on what it was trained on and of "
        f"{new:.3g} on what was held out, where {against} {mark_known:.3g} and {mark_new:.3g}: "
        f"{verdict}."
    )
