"""Where in an utterance a reconstruction fails: its error for each phone, in order of time."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
import pandas as pd

from rnnpipe.corpus.phones import PHONE_CLASSES, Segment
from rnnpipe.reconstruction.metrics import log_spectral_distance_db
from rnnpipe.vocabulary import Setting


def phone_errors(
    target: np.ndarray, prediction: np.ndarray, phones: Iterable[Segment], order: int
) -> list[dict]:
    """Measure a reconstruction of a whole utterance phone by phone.

    Parameters
    ----------
    target, prediction : arrays, shape (T,)
        Original and reconstruction of the samples after the given ones, standardised.
    phones : iterable of Segment
        The phones of the utterance, in samples of its recording.
    order : int
        Number of given samples. A phone within them has no row.

    Returns
    -------
    list of dict
        One row per phone: start, end, phone, phone_class, power (mean square of the phone itself,
        less the mean of the utterance) and mse, both in standardised units, nmse_share (the phone's
        share of the NMSE of the utterance; the shares add up to it), nmse (mse over power) and
        spectral_db, the log-spectral distance. A ratio to a phone that is constant is nan.
    """
    target, prediction = (np.asarray(signal, np.float64) for signal in (target, prediction))
    squares, powers = (target - prediction) ** 2, (target - target.mean()) ** 2
    energy = np.sum(powers) if np.ptp(target) else np.nan
    rows = []
    for phone in phones:
        start, end = max(phone.start, order), min(phone.end, order + target.size)
        if start >= end:
            continue
        own = slice(start - order, end - order)
        error, power = np.sum(squares[own]), np.sum(powers[own])
        rows.append(
            {
                "start": start,
                "end": end,
                "phone": phone.label,
                "phone_class": PHONE_CLASSES[phone.label],
                "power": power / (end - start),
                "mse": error / (end - start),
                "nmse_share": error / energy,
                "nmse": error / power if np.ptp(target[own]) else np.nan,
                "spectral_db": log_spectral_distance_db(target[own], prediction[own]),
            }
        )
    return rows


def gather_phone_errors(
    settings: Sequence[Setting], errors: Sequence[pd.DataFrame], held_out: Collection[str] = ()
) -> pd.DataFrame:
    """Join the phones.csv of all settings.

    Parameters
    ----------
    settings : sequence of Setting
        The networks.
    errors : sequence of DataFrame
        The errors of each phone by phone; see `rnnpipe.reconstruction.reconstruct`.
    held_out : collection of str
        Utterances that no network was trained on.

    Returns
    -------
    DataFrame
        recipe, hidden_size, seed, utterance, reconstruction, the columns of `phone_errors`, and
        set (train or held_out).
    """
    parts = []
    for setting, rows in zip(settings, errors, strict=True):
        about = pd.DataFrame([setting._asdict()] * len(rows), index=rows.index)
        parts.append(pd.concat([about, rows], axis=1))
    table = pd.concat(parts, ignore_index=True)
    unheard = table["utterance"].isin(list(held_out))
    return table.assign(set=unheard.map({True: "held_out", False: "train"}))


def mean_phone_errors(table: pd.DataFrame, key: str) -> pd.DataFrame:
    """Average the errors of each setting and reconstruction over equal phones in training items.

    Parameters
    ----------
    table : DataFrame
        From `gather_phone_errors`.
    key : {"phone", "phone_class"}
        Whether rows with the same phone or with the same class are averaged.

    Returns
    -------
    DataFrame
        recipe, hidden_size, seed, reconstruction, `key` (for a phone also its class), segments,
        samples, power and mse (means over samples), nmse (mse over power), nmse_share (the sum over
        the segments) and spectral_db (mean over the samples of segments that have one).
    """
    keys = ["recipe", "hidden_size", "seed", "reconstruction"]
    keys += ["phone", "phone_class"] if key == "phone" else ["phone_class"]
    table = table[table["set"] == "train"]
    samples = table["end"] - table["start"]
    weighted = table[keys].assign(segments=1, samples=samples, nmse_share=table["nmse_share"])
    means = ["power", "mse", "spectral_db"]
    weighted[means] = table[means].mul(samples, axis=0)
    weighted["with_spectrum"] = samples.where(table["spectral_db"].notna(), 0)
    summed = weighted.groupby(keys, sort=False).sum(min_count=1).reset_index()
    counts = {"power": "samples", "mse": "samples", "spectral_db": "with_spectrum"}
    for mean, count in counts.items():
        summed[mean] = summed[mean] / summed[count]
    summed["nmse"] = (summed["mse"] / summed["power"]).where(summed["power"] > 0)
    return summed[
        [*keys, "segments", "samples", "power", "mse", "nmse", "nmse_share", "spectral_db"]
    ]
