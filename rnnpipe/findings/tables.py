"""The two tables with all results of an experiment: tables/mse.csv and tables/settings.csv."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from rnnpipe.findings.means import mean_over_utterances
from rnnpipe.findings.stability import judge
from rnnpipe.findings.standings import outcome

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
    "tries",
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


def gather(
    runs: Sequence[Mapping[str, Any]],
    reconstructions: Sequence[pd.DataFrame],
    dynamics: Sequence[pd.DataFrame],
    baseline: pd.DataFrame,
    phones: pd.DataFrame,
    held_out: Collection[str] = (),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Join the results of all settings.

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
    phones : DataFrame
        The columns of tables/phones.csv.
    held_out : collection of str
        Utterances that no network was trained on.

    Returns
    -------
    mse, settings : DataFrame
        Columns `MSE_COLUMNS` and `SETTING_COLUMNS`. Sharpness, its limit and the Lyapunov exponent
        are those at initialisation. The verdict says why the error rises, or that it does not; the
        outcome compares the reconstructions with the baselines, and says where a free run got lost.
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
    whole = ["diverged_at", "lowest_at", "risen_at"]
    settings[whole] = settings[whole].astype("Int64")
    for column, source in {
        "sharpness": "sharpness", "sharpness_limit": "limit", "lyapunov": "lyapunov"
    }.items():  # fmt: skip
        settings[column] = [measured[source].iloc[0] for measured in dynamics]
    settings["verdict"] = [
        judge(measured, run["lowest_at"])[1] for run, measured in zip(runs, dynamics, strict=True)
    ]
    trained, unheard = (mean_over_utterances(mse, which) for which in ("train", "held_out"))
    settings["outcome"] = [outcome(run, trained, unheard, phones) for run in runs]
    return mse, settings.reindex(columns=SETTING_COLUMNS)


def set_of(utterances: pd.Series, held_out: Collection[str]) -> pd.Series:
    """Map each utterance to its set: "train" or "held_out"."""
    return utterances.isin(list(held_out)).map({True: "held_out", False: "train"})
