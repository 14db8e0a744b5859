"""Where in an utterance a reconstruction fails: its error for each phone, in order of time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from rnnpipe.corpus.phones import PHONE_CLASSES, Segment
from rnnpipe.reconstruction.metrics import log_spectral_distance_db
from rnnpipe.reconstruction.sounds import read_sound
from rnnpipe.vocabulary import RECONSTRUCTIONS, Setting


def phone_errors(
    target: np.ndarray,
    prediction: np.ndarray,
    phones: Iterable[Segment],
    order: int,
    std: float = 1.0,
) -> list[dict]:
    """Measure a reconstruction of a whole utterance phone by phone.

    Parameters
    ----------
    target, prediction : arrays, shape (order + T,)
        Original and reconstruction, in the same units.
    phones : iterable of Segment
        The phones of the utterance.
    order : int
        Number of given samples. They are left out: a phone within them has no row.
    std : float
        Standard deviation that standardises the samples.

    Returns
    -------
    list of dict
        One row per phone: start, end, phone, phone_class, power (mean square of the phone itself)
        and mse, both in standardised units, nmse_share (the phone's share of the NMSE of the
        utterance; the shares add up to it), nmse (mse over power) and spectral_db, the log-spectral
        distance.
    """
    target, prediction = (np.asarray(signal, np.float64) for signal in (target, prediction))
    squares = (target - prediction) ** 2
    energy = np.sum((target[order:] - target[order:].mean()) ** 2)
    rows = []
    for phone in phones:
        start, end = max(phone.start, order), min(phone.end, target.size)
        if start >= end:
            continue
        own = np.sum(target[start:end] ** 2)
        error = np.sum(squares[start:end])
        rows.append(
            {
                "start": start,
                "end": end,
                "phone": phone.label,
                "phone_class": PHONE_CLASSES[phone.label],
                "power": own / (end - start) / std**2,
                "mse": error / (end - start) / std**2,
                "nmse_share": error / energy if energy else np.nan,
                "nmse": error / own if own else np.nan,
                "spectral_db": log_spectral_distance_db(target[start:end], prediction[start:end]),
            }
        )
    return rows


def gather_phone_errors(
    settings: Sequence[Setting],
    folders: Sequence[str | Path],
    utterances: Mapping[str, Sequence[Segment]],
    order: int,
    std: float,
    held_out: Collection[str] = (),
) -> pd.DataFrame:
    """Measure the reconstructions of all settings phone by phone, from their audio.

    Parameters
    ----------
    settings : sequence of Setting
        The networks.
    folders : sequence of path
        Folder with the audio of each; see `reconstruct_utterances`.
    utterances : mapping of str to sequence of Segment
        The phones of each reconstructed utterance, by its id, in samples of its recording.
    order : int
        Number of given samples.
    std : float
        Standard deviation that standardises the samples.
    held_out : collection of str
        Utterances that no network was trained on.

    Returns
    -------
    DataFrame
        recipe, hidden_size, seed, utterance, reconstruction, the columns of `phone_errors`, and
        set (train or held_out).
    """
    rows, sets = [], {True: "held_out", False: "train"}
    for setting, folder in zip(settings, folders, strict=True):
        for utterance, phones in utterances.items():
            target = read_sound(folder, utterance, "original")
            for kind in RECONSTRUCTIONS:
                prediction = read_sound(folder, utterance, kind)
                about = setting._asdict() | {"utterance": utterance, "reconstruction": kind}
                last = {"set": sets[utterance in held_out]}
                measured = phone_errors(target, prediction, phones, order, std)
                rows += [about | row | last for row in measured]
    return pd.DataFrame(rows)


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
        samples, power, mse and spectral_db (means over samples), nmse (mse over power) and
        nmse_share (the sum over the segments).
    """
    keys = ["recipe", "hidden_size", "seed", "reconstruction"]
    keys += ["phone", "phone_class"] if key == "phone" else ["phone_class"]
    table = table[table["set"] == "train"]
    samples = table["end"] - table["start"]
    weighted = table[keys].assign(segments=1, samples=samples, nmse_share=table["nmse_share"])
    means = ["power", "mse", "spectral_db"]
    weighted[means] = table[means].mul(samples, axis=0)
    summed = weighted.groupby(keys, sort=False).sum(min_count=1).reset_index()
    summed[means] = summed[means].div(summed["samples"], axis=0)
    summed["nmse"] = summed["mse"] / summed["power"]
    return summed[
        [*keys, "segments", "samples", "power", "mse", "nmse", "nmse_share", "spectral_db"]
    ]
