"""Reconstructing an utterance with a trained network, teacher forced and free running."""

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rnnpipe.corpus.audio import SAMPLING_RATE
from rnnpipe.corpus.phones import Segment
from rnnpipe.kernels.closed_loop import exponent
from rnnpipe.kernels.loops import reconstruct
from rnnpipe.kernels.recurrence import CELLS, state_size
from rnnpipe.kernels.weights import Weights, as_arrays
from rnnpipe.model import Network
from rnnpipe.progress import progress
from rnnpipe.reconstruction.metrics import measure
from rnnpipe.reconstruction.phone_errors import phone_errors
from rnnpipe.reconstruction.sounds import write_wav
from rnnpipe.vocabulary import LIMIT, sound_path
from rnnpipe.windows.series import Series


@dataclass(frozen=True)
class FreeRun:
    """A reconstruction from the network's own predictions.

    Parameters
    ----------
    samples : float32 array, shape (T,)
        Standardised; zeros after the sample at which a run was stopped.
    stopped_at : int or None
        The first sample beyond the limit, counted from the first predicted one; None if the run
        reached the end.
    """

    samples: np.ndarray
    stopped_at: int | None


def teacher_forced(network: Network, signal: np.ndarray, phones: np.ndarray) -> np.ndarray:
    """Predict each sample of an utterance from the true samples before it.

    Parameters
    ----------
    network : Network
        On the CPU.
    signal : float32 array, shape (order + T,)
        The utterance, standardised.
    phones : uint8 array, shape (T,)
        Phone of each sample to predict.

    Returns
    -------
    float32 array, shape (T,)
        Predictions of signal[order:].
    """
    noise = np.zeros(phones.size, np.float32)
    predictions, _ = _run(network, signal, phones, noise, feed_back=False, limit=np.inf)
    return predictions


def free_run(
    network: Network,
    context: np.ndarray,
    phones: np.ndarray,
    *,
    limit: float = LIMIT,
    noise: np.ndarray | None = None,
) -> FreeRun:
    """Reconstruct an utterance from the network's own predictions.

    Parameters
    ----------
    network : Network
        On the CPU.
    context : float32 array, shape (order,)
        The first `order` samples, standardised.
    phones : uint8 array, shape (T,)
        Phone of each sample to predict.
    limit : float
        A prediction beyond this many standard deviations ends the run.
    noise : float32 array, shape (T,), optional
        Added to each prediction before it is fed back; see `feedback_noise`.

    Returns
    -------
    FreeRun
    """
    if noise is None:
        noise = np.zeros(phones.size, np.float32)
    signal = np.concatenate([context, np.zeros(phones.size, np.float32)])
    samples, end = _run(network, signal, phones, noise, feed_back=True, limit=limit)
    return FreeRun(samples, None if end == phones.size else end)


def feedback_std(noise: str | float, final_training_mse: float) -> float:
    """Standard deviation of the noise in a free run, with which it samples the network's model.

    Parameters
    ----------
    noise : {"none", "training"} or float
        "training": the root of the network's final training MSE, as in the sampling of the author
        of the 2014 note; 0 if training diverged, because then there is no final MSE. A number is
        used as it is, in standardised units.
    final_training_mse : float
        In standardised units; nan after a divergence.
    """
    if noise == "none" or (noise == "training" and math.isnan(final_training_mse)):
        return 0.0
    return math.sqrt(final_training_mse) if noise == "training" else float(noise)


def feedback_noise(item: str, size: int, std: float, seed: int) -> np.ndarray:
    """Draw the Gaussian noise of one free run, float32, shape (size,).

    It depends only on the seed and on the item's id.
    """
    generator = np.random.default_rng([seed, zlib.crc32(item.encode())])
    return np.float32(std) * generator.standard_normal(size, np.float32)


def free_run_exponent(
    network: Network, context: np.ndarray, phones: np.ndarray, run: FreeRun
) -> float:
    """Measure how fast a small error of window and state grows along a free run.

    Parameters
    ----------
    network, context, phones
        As for `free_run`.
    run : FreeRun
        Result of `free_run`.

    Returns
    -------
    float
        Growth rate in 1/s, negative where errors die out; nan for a run that was cut off at once.
        See `rnnpipe.kernels.closed_loop`.
    """
    end = run.samples.size if run.stopped_at is None else run.stopped_at
    if end == 0:
        return np.nan
    samples = np.concatenate([context, run.samples[:end]]).astype(np.float64)
    weights = Weights(*(weight.double() for weight in network.weights))
    start = np.ones(network.order), np.ones(state_size(network.cell, network.hidden_size))
    growth = exponent(samples, phones[:end].astype(np.int32), weights, network.cell, *start)
    return SAMPLING_RATE * growth


def reconstruct_utterances(
    network: Network,
    series: Sequence[Series],
    phones: Mapping[str, Sequence[Segment]],
    folder: str | Path,
    *,
    limit: float,
    noise_std: float = 0.0,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reconstruct utterances both ways, write them and the originals as WAV, and measure them.

    Parameters
    ----------
    network : Network
        On the CPU.
    series : sequence of Series
        The utterances, or phones in them.
    phones : mapping of str to sequence of Segment
        The phones of each, by its id, in samples of its recording.
    folder : path
        Where {utterance}.{original,teacher_forced,free_running}.wav are written, with "-" for the
        "/" of the id. All three have the length of the utterance: a reconstruction begins with the
        `order` given samples of the original.
    limit : float
        See `free_run`; in the audio, teacher-forced predictions are clipped to it.
    noise_std : float
        See `feedback_std`.
    seed : int
        Seed of this noise.

    Returns
    -------
    errors : DataFrame
        Two rows per utterance: utterance, reconstruction, the measures of `metrics.measure`,
        stopped_at (the sample of the item at which a free run stopped) and exponent (see
        `free_run_exponent`).
    by_phone : DataFrame
        For each row of these, a row per phone: utterance, reconstruction and the columns of
        `rnnpipe.reconstruction.phone_errors.phone_errors`.
    """
    rows, by_phone = [], []
    for speech in progress(series, "reconstructing"):
        signal = speech.standardised(network.mean, network.std)
        context, target = signal[: speech.order], signal[speech.order :]
        forced = teacher_forced(network, signal, speech.phones)
        noise = feedback_noise(speech.item, target.size, noise_std, seed)
        free = free_run(network, context, speech.phones, limit=limit, noise=noise)
        sounds = {
            "original": target,
            "teacher_forced": np.clip(forced, -limit, limit),
            "free_running": free.samples,
        }
        for kind, sound in sounds.items():
            path = sound_path(folder, speech.item, kind)
            write_wav(path, np.concatenate([context, sound]), network.mean, network.std)
        stopped_at = None if free.stopped_at is None else speech.order + free.stopped_at
        rate = free_run_exponent(network, context, speech.phones, free)
        for kind, prediction, stop, growth in (
            ("teacher_forced", forced, None, np.nan),
            ("free_running", free.samples, stopped_at, rate),
        ):
            what = {"utterance": speech.item, "reconstruction": kind}
            measured: dict[str, Any] = measure(target, prediction)
            rows.append(what | measured | {"stopped_at": stop, "exponent": growth})
            parts = phone_errors(target, prediction, phones[speech.item], speech.order)
            by_phone += [what | part for part in parts]
    return pd.DataFrame(rows), pd.DataFrame(by_phone)


def _run(
    network: Network,
    signal: np.ndarray,
    phones: np.ndarray,
    noise: np.ndarray,
    *,
    feed_back: bool,
    limit: float,
) -> tuple[np.ndarray, int]:
    return reconstruct(
        np.array(signal, np.float32),
        network.order,
        phones,
        *as_arrays(*network.weights.contiguous()),
        CELLS.index(network.cell),
        feed_back,
        limit,
        noise,
    )
