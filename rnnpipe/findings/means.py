"""Means over utterances, and the best setting by these means."""

import numpy as np
import pandas as pd

from rnnpipe.vocabulary import BASELINE, Setting

SETTING = ["recipe", "hidden_size", "seed"]


def mean_over_utterances(mse: pd.DataFrame, which: str = "train") -> pd.DataFrame:
    """Reduce tables/mse.csv to one row per setting (or baseline) and reconstruction.

    MSE, NMSE and horizon are plain means over the utterances, so every utterance has the same
    weight. The SNR is computed from the mean NMSE, -10 log10(NMSE), so that both columns agree. An
    utterance whose NMSE is undefined, because it is constant, counts in none of them; see
    `undefined`. A setting is diverged if any of its rows is.

    Parameters
    ----------
    mse : DataFrame
        The columns of tables/mse.csv.
    which : {"train", "held_out"}
        The utterances to average over.

    Returns
    -------
    DataFrame
        recipe, hidden_size, seed, reconstruction, mse, nmse, horizon_ms, snr_db, diverged (bool),
        utterances (int, those that count), cut_off (int, utterances whose free run was stopped) and
        failed (bool, diverged or cut off), in table order.
    """
    keys = [*SETTING, "reconstruction"]
    of_set = mse[mse["set"] == which]
    everyone = of_set.groupby(keys, dropna=False, sort=False)
    groups = of_set[~undefined(of_set)].groupby(keys, dropna=False, sort=False)
    means = groups[["mse", "nmse", "horizon_ms"]].agg(lambda values: values.mean(skipna=False))
    with np.errstate(divide="ignore"):
        means["snr_db"] = -10 * np.log10(means["nmse"].astype(float))
    # A setting of whose utterances none counts keeps its row, without a value.
    means = means.reindex(everyone.size().index)
    means["diverged"] = everyone["status"].agg(lambda status: (status == "diverged").any())
    means["utterances"] = groups.size().reindex(means.index, fill_value=0)
    means["cut_off"] = everyone["stopped_at"].count()
    means["failed"] = means["diverged"].astype(bool) | (means["cut_off"] > 0)
    return means.reset_index()


def undefined(mse: pd.DataFrame) -> pd.Series:
    """Mark the rows of tables/mse.csv whose NMSE is undefined although their MSE is known.

    These are reconstructions of a constant target, such as digital silence or a single sample.
    """
    return mse["nmse"].isna() & mse["mse"].notna()


def baseline_nmse(means: pd.DataFrame, kind: str) -> dict[str, float]:
    """NMSE of each baseline, by its name, from the result of `mean_over_utterances`."""
    own = means[(means["reconstruction"] == kind) & means["recipe"].str.startswith(BASELINE)]
    return dict(zip(own["recipe"].str.removeprefix(BASELINE), own["nmse"], strict=True))


def nmse_of(means: pd.DataFrame, setting: Setting, kind: str) -> float:
    """NMSE of one setting, from the result of `mean_over_utterances`; nan if it has none."""
    own = (means[SETTING] == list(setting)).all(axis=1) & (means["reconstruction"] == kind)
    return float(means.loc[own, "nmse"].squeeze()) if own.any() else np.nan


def best(means: pd.DataFrame, kind: str, recipe: str | None = None) -> Setting | None:
    """Return the setting with the lowest NMSE among those that did not fail.

    A setting whose free run was stopped does not count: after the stop its output is silence, which
    often has a lower error than speech.

    Parameters
    ----------
    means : DataFrame
        From `mean_over_utterances`.
    kind : {"teacher_forced", "free_running"}
        The kind of reconstruction.
    recipe : str, optional
        If given, only settings of this recipe are compared.
    """
    rows = _ranked(means, kind)
    able = rows[~rows["failed"] & np.isfinite(rows["nmse"].astype(float))]
    if recipe is not None:
        able = able[able["recipe"] == recipe]
    return None if able.empty else _setting(able.iloc[0])


def leaders(means: pd.DataFrame, kind: str) -> dict[str, Setting]:
    """Return the best setting of each recipe, in the order of the table.

    Settings that diverged or whose free run was stopped rank last; one of them is returned only if
    all settings of the recipe failed.
    """
    rows = _ranked(means, kind)
    first = {
        str(row["recipe"]): _setting(row) for _, row in rows.drop_duplicates("recipe").iterrows()
    }
    return {recipe: first[recipe] for recipe in dict.fromkeys(means["recipe"]) if recipe in first}


def _ranked(means: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Rows of the networks, lowest NMSE first, with failed ones last."""
    own = means[(means["reconstruction"] == kind) & ~means["recipe"].str.startswith(BASELINE)]
    return own.sort_values(["failed", "nmse"], kind="stable")


def _setting(row: pd.Series) -> Setting:
    return Setting(row["recipe"], int(row["hidden_size"]), int(row["seed"]))
