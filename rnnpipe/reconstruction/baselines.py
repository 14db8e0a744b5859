"""Baselines for every network: silence, persistence, and a linear predictor.

Each returns both reconstructions of a standardised signal of order + T samples, float64, shape
(T,).
"""

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.linalg import lstsq
from scipy.signal import lfilter, lfiltic

from rnnpipe.reconstruction.metrics import measure
from rnnpipe.vocabulary import BASELINE, LIMIT, RECONSTRUCTIONS
from rnnpipe.windows.series import Series

# Rows of the least-squares problem that are in memory at a time.
BLOCK = 8192


def silence(signal: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Always predict the mean, 0 in standardised units."""
    zeros = np.zeros(signal.size - order)
    return zeros, zeros


def persistence(signal: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Repeat the previous sample; free running, repeat the last given sample."""
    return (
        signal[order - 1 : -1].astype(np.float64),
        np.full(signal.size - order, signal[order - 1], np.float64),
    )


def fit_linear(signals: Iterable[np.ndarray], order: int) -> np.ndarray:
    """Fit y_t = w_0 + w_1 x_{t-1} + ... + w_k x_{t-k} by least squares.

    The covariance method of linear prediction (Makhoul, "Linear prediction: a tutorial review",
    Proc. IEEE 63, 1975), over all samples that have k samples before them, solved by the normal
    equations in float64.

    Parameters
    ----------
    signals : iterable of arrays
        Standardised training utterances.
    order : int
        k.

    Returns
    -------
    float64 array, shape (order + 1,)
        w_0 (the constant), then w_1 .. w_k; w_1 is the weight of the nearest sample.
    """
    gram, moment = np.zeros((order + 1, order + 1)), np.zeros(order + 1)
    for signal in signals:
        signal = signal.astype(np.float64)
        windows = np.lib.stride_tricks.sliding_window_view(signal[:-1], order)[:, ::-1]
        targets = signal[order:]
        for begin in range(0, targets.size, BLOCK):
            rows = windows[begin : begin + BLOCK]
            rows = np.hstack([np.ones((len(rows), 1)), rows])
            gram += rows.T @ rows
            moment += rows.T @ targets[begin : begin + BLOCK]
    return lstsq(gram, moment)[0]


def linear(
    signal: np.ndarray, order: int, weights: np.ndarray, limit: float = LIMIT
) -> tuple[np.ndarray, np.ndarray]:
    """Predict with the weights of `fit_linear`.

    Free running, the predictor is an all-pole filter driven by its constant. If this filter is
    unstable and its output exceeds `limit` standard deviations, the output is 0 from there on, as
    for a network.
    """
    signal = signal.astype(np.float64)
    constant, taps = weights[0], weights[1:]
    forced = constant + lfilter(np.r_[0.0, taps], [1.0], signal)[order:]
    memory = lfiltic([1.0], np.r_[1.0, -taps], signal[order - 1 :: -1])
    free, _ = lfilter([1.0], np.r_[1.0, -taps], np.full(signal.size - order, constant), zi=memory)
    beyond = np.flatnonzero(~(np.abs(free) <= limit))
    if beyond.size:
        free[beyond[0] :] = 0.0
    return forced, free


def baseline_rows(
    series: Sequence[Series], held_out: Sequence[Series], mean: float, std: float, limit: float
) -> pd.DataFrame:
    """Measure silence, persistence and the linear predictor on utterances.

    Parameters
    ----------
    series : sequence of Series
        The training utterances; the linear predictor is fitted to all of them.
    held_out : sequence of Series
        Other utterances, which are only measured.
    mean, std : float
        Of the training samples; used to standardise them.
    limit : float
        Bound of a free run, in standard deviations.

    Returns
    -------
    DataFrame
        recipe ("baseline:..."), utterance, reconstruction and the measures.
    """
    order = series[0].order
    weights = fit_linear((speech.standardised(mean, std) for speech in series), order)
    rows = []
    for speech in itertools.chain(series, held_out):
        signal = speech.standardised(mean, std)
        predictions = {
            "silence": silence(signal, order),
            "persistence": persistence(signal, order),
            "linear": linear(signal, order, weights, limit),
        }
        rows += [
            {"recipe": f"{BASELINE}{name}", "utterance": speech.item, "reconstruction": kind}
            | measure(signal[order:], prediction)
            for name, both in predictions.items()
            for kind, prediction in zip(RECONSTRUCTIONS, both, strict=True)
        ]
    return pd.DataFrame(rows)
