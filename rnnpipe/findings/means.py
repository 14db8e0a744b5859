"""Means over utterances, and which setting is best by them."""

import numpy as np
import pandas as pd

from rnnpipe.vocabulary import BASELINE, Setting

SETTING = ["recipe", "hidden_size", "seed"]


def mean_over_utterances(mse: pd.DataFrame, which: str = "train") -> pd.DataFrame:
    """Reduce tables/mse.csv to one row a setting (or baseline) and reconstruction.

    MSE, NMSE and horizon are plain means over the utterances, so every utterance counts the same;
    the SNR is that of the mean NMSE, -10 log10(NMSE), so that the two columns agree. A mean over
    utterances of which one has no value has no value. A setting is diverged where any row is.

    Parameters
    ----------
    mse : DataFrame
        The columns of tables/mse.csv.
    which : {"train", "held_out"}
        The utterances that are averaged over.

    Returns
    -------
    DataFrame
        recipe, hidden_size, seed, reconstruction, mse, nmse, horizon_ms, snr_db, diverged (bool),
        utterances (int), cut_off (int, utterances whose free run was cut off) and failed (bool,
        diverged or cut off), in table order.
    """
    groups = mse[mse["set"] == which].groupby(
        [*SETTING, "reconstruction"], dropna=False, sort=False
    )
    means = groups[["mse", "nmse", "horizon_ms"]].agg(lambda values: values.mean(skipna=False))
    with np.errstate(divide="ignore"):
        means["snr_db"] = -10 * np.log10(means["nmse"].astype(float))
    means["diverged"] = groups["status"].agg(lambda status: (status == "diverged").any())
    means["utterances"] = groups.size()
    means["cut_off"] = groups["stopped_at"].count()
    means["failed"] = means["diverged"].astype(bool) | (means["cut_off"] > 0)
    return means.reset_index()


def baseline_nmse(means: pd.DataFrame, kind: str) -> dict[str, float]:
    """NMSE of each baseline by its name, from the result of `mean_over_utterances`."""
    own = means[(means["reconstruction"] == kind) & means["recipe"].str.startswith(BASELINE)]
    return dict(zip(own["recipe"].str.removeprefix(BASELINE), own["nmse"], strict=True))


def nmse_of(means: pd.DataFrame, setting: Setting, kind: str) -> float:
    """NMSE of one setting, from the result of `mean_over_utterances`; nan where it has none."""
    own = (means[SETTING] == list(setting)).all(axis=1) & (means["reconstruction"] == kind)
    return float(means.loc[own, "nmse"].squeeze()) if own.any() else np.nan


def best(means: pd.DataFrame, kind: str, recipe: str | None = None) -> Setting | None:
    """Pick the setting of lowest NMSE among those that went through.

    A free run that was cut off does not count: it is silent from there on, which scores better
    than much that speaks.

    Parameters
    ----------
    means : DataFrame
        From `mean_over_utterances`.
    kind : {"teacher_forced", "free_running"}
        The reconstruction that counts.
    recipe : str, optional
        Only settings of this recipe are looked at.
    """
    rows = _ranked(means, kind)
    able = rows[~rows["failed"] & np.isfinite(rows["nmse"].astype(float))]
    if recipe is not None:
        able = able[able["recipe"] == recipe]
    return None if able.empty else _setting(able.iloc[0])


def leaders(means: pd.DataFrame, kind: str) -> dict[str, Setting]:
    """Pick the setting of each recipe that is best, in the order of the table.

    Those that diverged or were cut off are behind all others, but of a recipe that has nothing
    else one of them leads.
    """
    rows = _ranked(means, kind)
    first = {
        str(row["recipe"]): _setting(row) for _, row in rows.drop_duplicates("recipe").iterrows()
    }
    return {recipe: first[recipe] for recipe in dict.fromkeys(means["recipe"]) if recipe in first}


def _ranked(means: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Rows of the networks, lowest NMSE first, and what failed behind all others."""
    own = means[(means["reconstruction"] == kind) & ~means["recipe"].str.startswith(BASELINE)]
    return own.sort_values(["failed", "nmse"], kind="stable")


def _setting(row: pd.Series) -> Setting:
    return Setting(row["recipe"], int(row["hidden_size"]), int(row["seed"]))
