"""The two tables that gather an experiment: tables/mse.csv and tables/settings.csv."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from rnnpipe.findings.stability import judge

RECONSTRUCTIONS = ("teacher_forced", "free_running")
MSE_COLUMNS = [
    "recipe",
    "hidden_size",
    "seed",
    "utterance",
    "reconstruction",
    "mse",
    "nmse",
    "snr_db",
    "horizon_ms",
    "status",
    "diverged_at",
    "stopped_at",
    "exponent",
    "set",
]
SETTING_COLUMNS = [
    "recipe",
    "hidden_size",
    "seed",
    "parameters",
    "updates",
    "wall_seconds",
    "samples_per_second",
    "final_training_mse",
    "clipped_share",
    "status",
    "diverged_at",
    "lowest_at",
    "risen_at",
    "sharpness",
    "sharpness_limit",
    "lyapunov",
    "verdict",
    "outcome",
]
# Two NMSE that are less than this share apart count as level.
LEVEL = 0.01
# A free run this close, in NMSE, is called close to the original (10 dB; see horizon_ms).
CLOSE = 0.1


def gather(
    runs: Sequence[Mapping[str, Any]],
    reconstructions: Sequence[pd.DataFrame],
    dynamics: Sequence[pd.DataFrame],
    baseline: pd.DataFrame,
    held_out: Collection[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join what the settings left behind.

    Parameters
    ----------
    runs : sequence of mapping
        The run.json of each setting.
    reconstructions : sequence of DataFrame
        The reconstructions.csv of each setting, in the same order.
    dynamics : sequence of DataFrame
        The dynamics.parquet of each setting, in the same order.
    baseline : DataFrame
        From `baseline_rows`.
    held_out : collection of str
        Utterances that no training saw.

    Returns
    -------
    mse, settings : DataFrame
        Columns `MSE_COLUMNS` and `SETTING_COLUMNS`. Sharpness, its limit and the Lyapunov exponent
        are those at initialisation; the verdict says why the error rises, or that it does not, and
        the outcome how the reconstructions stand against the baselines.
    """
    parts = [baseline.assign(status="ok")]
    for run, rows in zip(runs, reconstructions, strict=True):
        about = {key: run[key] for key in ("recipe", "hidden_size", "seed", "status")}
        parts.append(rows.assign(**about, diverged_at=run["diverged_at"]))
    mse = pd.concat(parts, ignore_index=True).reindex(columns=MSE_COLUMNS)
    mse["set"] = set_of(mse["utterance"], held_out)
    whole = ["hidden_size", "seed", "diverged_at", "stopped_at"]
    mse[whole] = mse[whole].astype("Int64")

    settings = pd.DataFrame(runs)
    settings["samples_per_second"] = settings["samples"] / settings["wall_seconds"]
    moments = ["diverged_at", "lowest_at", "risen_at"]
    settings[moments] = settings[moments].astype("Int64")
    for column, source in {
        "sharpness": "sharpness", "sharpness_limit": "limit", "lyapunov": "lyapunov"
    }.items():  # fmt: skip
        settings[column] = [measured[source].iloc[0] for measured in dynamics]
    settings["verdict"] = [
        judge(measured, run["lowest_at"])[1] for run, measured in zip(runs, dynamics, strict=True)
    ]
    settings["outcome"] = [
        outcome(run, rows, baseline, held_out)
        for run, rows in zip(runs, reconstructions, strict=True)
    ]
    return mse, settings.reindex(columns=SETTING_COLUMNS)


def set_of(utterances: pd.Series, held_out: Collection[str]) -> pd.Series:
    """Say of each utterance whether it was trained on: "train" or "held_out"."""
    return utterances.isin(list(held_out)).map({True: "held_out", False: "train"})


def outcome(
    run: Mapping[str, Any],
    rows: pd.DataFrame,
    baseline: pd.DataFrame,
    held_out: Collection[str] = (),
) -> str:
    """Say in a sentence what became of a setting, from its numbers alone.

    Both reconstructions are held against the baselines of their kind, by NMSE averaged over the
    training utterances; see `compared`. A free run within `CLOSE` of the original is said to be.
    The NMSE of what was held out is said beside.
    """
    if run["status"] == "diverged":
        return f"Training diverged at update {run['diverged_at']}."
    unheard = rows[rows["utterance"].isin(list(held_out))]
    rows, baseline = (one[~one["utterance"].isin(list(held_out))] for one in (rows, baseline))
    said = {}
    for kind in RECONSTRUCTIONS:
        nmse = _mean_nmse(rows, kind)
        marks = {
            recipe.removeprefix("baseline:"): _mean_nmse(theirs, kind)
            for recipe, theirs in baseline.groupby("recipe", sort=False)
        }
        said[kind] = compared(nmse, marks)["against"]
        if kind == "free_running" and nmse < CLOSE:
            said[kind] += ", and close to the original"
    sentence = "Teacher forced it is {teacher_forced}; free running it is {free_running}."
    if not unheard.empty:
        forced, free = (_mean_nmse(unheard, kind) for kind in RECONSTRUCTIONS)
        sentence += f" Of what was held out, its NMSE is {forced:.3g} and {free:.3g}."
    return sentence.format(**said)


def compared(nmse: float, baselines: Mapping[str, float]) -> dict[str, str]:
    """Say in words how an NMSE stands against the baselines.

    A difference below one hundredth of the baseline counts as level.

    Returns
    -------
    dict
        beats: the baselines that are worse, in few words; against: the whole comparison.

    Examples
    --------
    >>> compared(0.2, {"silence": 1.0, "persistence": 0.24, "linear": 0.09})["against"]
    'better than silence and persistence, worse than linear'
    """
    if math.isnan(nmse):
        return {"beats": "–", "against": "without a value"}
    groups: dict[str, list[str]] = {"better than": [], "level with": [], "worse than": []}
    for name, value in baselines.items():
        if abs(nmse - value) <= LEVEL * value:
            groups["level with"].append(name)
        else:
            groups["better than" if nmse < value else "worse than"].append(name)
    said = [
        f"{word} {'every baseline' if len(names) == len(baselines) else _listed(names)}"
        for word, names in groups.items()
        if names
    ]
    beaten = groups["better than"]
    beats = "all" if len(beaten) == len(baselines) else ", ".join(beaten) or "none"
    return {"beats": beats, "against": ", ".join(said)}


def _mean_nmse(rows: pd.DataFrame, reconstruction: str) -> float:
    return float(rows.loc[rows["reconstruction"] == reconstruction, "nmse"].mean(skipna=False))


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
