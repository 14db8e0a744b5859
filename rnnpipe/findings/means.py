"""Means over utterances, and which setting is best by them."""

import numpy as np
import pandas as pd


def mean_over_utterances(mse: pd.DataFrame) -> pd.DataFrame:
    """Reduce tables/mse.csv to one row a setting (or baseline) and reconstruction.

    What was held out from training is left out here too. MSE, NMSE and horizon are plain means
    over the utterances, so every utterance counts the same; the SNR is that of the mean NMSE,
    -10 log10(NMSE), so that the two columns agree. A mean over utterances of which one has no value
    has no value. A setting is diverged where any row is.

    Parameters
    ----------
    mse : DataFrame
        The columns of tables/mse.csv.

    Returns
    -------
    DataFrame
        recipe, hidden_size, seed, reconstruction, mse, nmse, horizon_ms, snr_db, diverged (bool),
        utterances (int), cut_off (int, utterances whose free run was cut off), in table order.
    """
    groups = mse[mse["set"] == "train"].groupby(
        ["recipe", "hidden_size", "seed", "reconstruction"], dropna=False, sort=False
    )
    means = groups[["mse", "nmse", "horizon_ms"]].agg(lambda values: values.mean(skipna=False))
    with np.errstate(divide="ignore"):
        means["snr_db"] = -10 * np.log10(means["nmse"].astype(float))
    means["diverged"] = groups["status"].agg(lambda status: (status == "diverged").any())
    means["utterances"] = groups.size()
    means["cut_off"] = groups["stopped_at"].count()
    return means.reset_index()


def leaders(mse: pd.DataFrame) -> dict[str, tuple[str, int, int]]:
    """Pick the setting of each recipe whose free runs come closest to the original.

    Those that diverged or were cut off stand behind all others.

    Parameters
    ----------
    mse : DataFrame
        The columns of tables/mse.csv.

    Returns
    -------
    dict from str to (recipe, hidden size, seed)
        In the order of the table.
    """
    means = mean_over_utterances(mse[mse["hidden_size"].notna()])
    means = means[means["reconstruction"] == "free_running"]
    order = means.assign(failed=means["diverged"] | (means["cut_off"] > 0)).sort_values(
        ["failed", "nmse"], kind="stable"
    )
    first = order.drop_duplicates("recipe").set_index("recipe")
    return {
        recipe: (recipe, int(first.loc[recipe, "hidden_size"]), int(first.loc[recipe, "seed"]))
        for recipe in dict.fromkeys(means["recipe"])
    }
