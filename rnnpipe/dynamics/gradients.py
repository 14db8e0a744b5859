"""Gradients carried back through time: their growth, and how far back they reach.

See `rnnpipe.dynamics` for the meaning of the exponent and for references.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from rnnpipe.dynamics.stretches import Stretch
from rnnpipe.kernels.recurrence import carried_back
from rnnpipe.model import Network

MAX_LAG, POSITIONS = 1000, 64
# The exponent leaves out this share of the steps, in which the vector turns to the direction of
# largest growth.
TURNING = 0.1
SPAN = 100  # steps over which growth for a time is measured: 6 ms


class Growth(NamedTuple):
    """How a vector grows that is carried back through the recurrence.

    Parameters
    ----------
    exponent : float
        The largest Lyapunov exponent of the recurrence, in nats per step; nan if there is too
        little speech, -inf if all units pass no gradient on.
    largest, high : float
        Largest growth over any `SPAN` steps, in nats, and its 99.9th percentile: what a mean of
        shrinking passages could hide. nan if no stretch is that long.
    """

    exponent: float
    largest: float
    high: float


def growth(network: Network, stretches: Sequence[Stretch]) -> Growth:
    """Measure how gradients grow on their way back through time.

        (log |v_0| - log |v_n|) / n,   v_{t-1} = (dh_t / dh_{t-1})' v_t

    The vector starts at the end of a stretch, in a random direction; its first tenth of steps is
    left out. The exponent is the mean over the stretches, weighted by length.

    Parameters
    ----------
    network : Network
        In float64.
    stretches : sequence of Stretch
        From `cut_stretches`.
    """
    start = np.random.default_rng(0).normal(size=(1, network.hidden_size))
    total, steps, spans = 0.0, 0, []
    for stretch in stretches:
        last = stretch.phones.numel() - 1
        logs = _carried_back(network, stretch, np.array([last]), start, last)[:, 0]
        turned = round(TURNING * last)
        if turned < last:
            total += logs[last] - logs[turned] if np.isfinite(logs[last]) else -math.inf
            steps += last - turned
            alive = logs[turned:][np.isfinite(logs[turned:])]
            spans.append(alive[SPAN:] - alive[:-SPAN])
    found = np.concatenate(spans) if spans else np.empty(0)
    exponent = float(total / steps) if steps else math.nan
    if not found.size:
        return Growth(exponent, math.nan, math.nan)
    return Growth(exponent, float(found.max()), float(np.quantile(found, 0.999)))


def gradient_by_lag(
    network: Network, stretches: Sequence[Stretch]
) -> tuple[np.ndarray, np.ndarray]:
    """Measure how far back the gradient of a sample's error reaches.

    The norm of d e_t / d h_{t - lag} with e_t = (y_t - x_t)^2, at 64 positions t at equal distances
    over the stretches.

    Parameters
    ----------
    network : Network
        In float64.
    stretches : sequence of Stretch
        From `cut_stretches`.

    Returns
    -------
    lags : int array, shape (n,)
        In samples, from 1 to 1,000 or to the length of a stretch, spaced evenly on a log scale.
    norms : float64 array, shape (n, positions)
    """
    shortest = min(stretch.phones.numel() for stretch in stretches)
    last = min(MAX_LAG, shortest - 1)
    lags = np.unique(np.geomspace(1, max(1, last), 60).round().astype(int))
    norms = []
    for stretch in stretches:
        signal, phones = stretch.signal, stretch.phones
        size = phones.numel()
        ends = np.linspace(last, size - 1, max(1, POSITIONS // len(stretches))).astype(np.int64)
        with torch.no_grad():
            predictions, _ = network(signal[None], phones[None], network.initial_state(1))
            errors = (predictions[0] - signal[network.order :]).numpy()
            vectors = 2 * errors[ends, None] * network.U.numpy()
        with np.errstate(over="ignore"):
            norms.append(np.exp(_carried_back(network, stretch, ends, vectors, last)))
    return lags[lags <= last], np.concatenate(norms, axis=1)[lags[lags <= last]]


def _carried_back(
    network: Network, stretch: Stretch, ends: np.ndarray, vectors: np.ndarray, steps: int
) -> np.ndarray:
    with torch.no_grad():
        return carried_back(
            stretch.signal, stretch.phones, network.weights, network.cell, ends, vectors, steps
        )
