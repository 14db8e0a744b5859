"""Gradients carried back through time: their growth, and how far back they reach.

See `rnnpipe.dynamics` for what the exponent means, and for the references.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch

from rnnpipe.dynamics.stretches import Stretch
from rnnpipe.kernels.recurrence import carried_back
from rnnpipe.model import Network

MAX_LAG, POSITIONS = 1000, 64
# The exponent leaves out the first steps, in which the vector turns into its own direction.
TURNING = 0.1


def lyapunov_exponent(network: Network, stretches: Sequence[Stretch]) -> float:
    """Measure the largest Lyapunov exponent of the recurrence, in nats a step.

        (log |v_0| - log |v_n|) / n,   v_{t-1} = (dh_t / dh_{t-1})' v_t

    from a random vector at the end of a stretch, without its first tenth of steps; the mean over
    the stretches by their length. -inf where all units are shut.

    Parameters
    ----------
    network : Network
        In float64.
    stretches : sequence of Stretch
        From `cut_stretches`.
    """
    start = np.random.default_rng(0).normal(size=(1, network.hidden_size))
    growth, steps = 0.0, 0
    for one in stretches:
        last = one.phones.numel() - 1
        logs = _carried_back(network, one, np.array([last]), start, last)[:, 0]
        turned = round(TURNING * last)
        if turned < last:
            growth += logs[last] - logs[turned] if np.isfinite(logs[last]) else -math.inf
            steps += last - turned
    return growth / steps if steps else math.nan


def gradient_by_lag(
    network: Network, stretches: Sequence[Stretch]
) -> tuple[np.ndarray, np.ndarray]:
    """Measure how far back the gradient of a sample's error reaches.

    The norm of d e_t / d h_{t - lag} with e_t = (y_t - x_t)^2, at 64 positions t spread evenly
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
        In samples, from 1 to 1,000 or what a stretch has, spread evenly over their logarithm.
    norms : float64 array, shape (n, positions)
    """
    shortest = min(one.phones.numel() for one in stretches)
    last = min(MAX_LAG, shortest - 1)
    lags = np.unique(np.geomspace(1, max(1, last), 60).round().astype(int))
    norms = []
    for one in stretches:
        size = one.phones.numel()
        ends = np.linspace(last, size - 1, max(1, POSITIONS // len(stretches))).astype(np.int64)
        with torch.no_grad():
            predictions, _ = network(one.signal[None], one.phones[None], network.initial_state(1))
            errors = (predictions[0] - one.signal[network.order :]).numpy()
            vectors = 2 * errors[ends, None] * network.U.numpy()
        with np.errstate(over="ignore"):
            norms.append(np.exp(_carried_back(network, one, ends, vectors, last)))
    return lags[lags <= last], np.concatenate(norms, axis=1)[lags[lags <= last]]


def _carried_back(
    network: Network, one: Stretch, ends: np.ndarray, vectors: np.ndarray, steps: int
) -> np.ndarray:
    with torch.no_grad():
        return carried_back(
            one.signal, one.phones, network.weights, network.cell, ends, vectors, steps
        )
