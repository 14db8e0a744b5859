"""How fast a free run leaves the truth: its error by how many samples it has run."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from rnnpipe.model import Network
from rnnpipe.windows import Series

STARTS = 64  # free runs that are averaged
LONGEST = 1600  # samples of each, 100 ms
POINTS = 32  # stretches of the horizon, each longer than the one before


@torch.no_grad()
def horizon_errors(network: Network, series: Sequence[Series], limit: float) -> pd.DataFrame:
    """Start free runs from the true past all over some utterances, and follow their errors.

    Each run starts with the true window and the state that the true past left. Errors are averaged
    over the runs and over stretches of the horizon, and divided by the variance of what was to be
    predicted in the utterances.

    Parameters
    ----------
    network : Network
        On the CPU.
    series : sequence of Series
        The utterances.
    limit : float
        Predictions are kept within so many standard deviations.

    Returns
    -------
    DataFrame
        A row a stretch: samples (how many were predicted at its end), nmse, and the same for
        silence and persistence, which repeats the last true sample.
    """
    errors, speech = [], []
    for one in series:
        signal = one.standardised(network.mean, network.std)
        speech.append(signal[one.order :])
        errors.append(_run(network, signal, one.phones, max(1, STARTS // len(series)), limit))
    variance = np.concatenate(speech).var(dtype=np.float64)
    length = min(one.shape[-1] for one in errors)
    means = np.concatenate([one[:, :, :length] for one in errors], axis=1).mean(axis=1) / variance
    ends = np.unique(np.geomspace(1, length, min(POINTS, length)).round().astype(int))
    starts = np.concatenate([[0], ends[:-1]])
    stretches = np.add.reduceat(means, starts, axis=1) / (ends - starts)
    columns = dict(zip(("nmse", "silence", "persistence"), stretches, strict=True))
    return pd.DataFrame({"samples": ends} | columns)


def _run(
    network: Network, signal: np.ndarray, phones: np.ndarray, runs: int, limit: float
) -> np.ndarray:
    """Squared errors of network, silence and persistence, shape (3, runs, length)."""
    order, size = network.order, phones.size
    length = min(LONGEST, max(1, size // 2))
    starts = np.unique(np.linspace(0, size - length, runs).astype(int))
    x = torch.from_numpy(np.array(signal, np.float32))
    p = torch.from_numpy(np.array(phones, np.int64))

    # The states that the true past leaves at the starts: from one to the next.
    states, state, at = [], network.initial_state(1), 0
    for start in starts:
        if start > at:
            _, state = network(x[None, at : start + order], p[None, at:start], state)
        states.append(state)
        at = start
    state = torch.cat(states)

    windows = torch.stack([x[start : start + order + 1] for start in starts])
    truth = torch.stack([x[start + order : start + order + length] for start in starts])
    spoken = torch.stack([p[start : start + length] for start in starts])
    said = torch.empty_like(truth)
    for step in range(length):
        prediction, state = network(windows, spoken[:, step : step + 1], state)
        said[:, step] = prediction[:, 0].nan_to_num(limit).clamp(-limit, limit)
        windows[:, :-2] = windows[:, 1:-1].clone()
        windows[:, -2] = said[:, step]
    last = torch.from_numpy(signal[starts + order - 1].astype(np.float32))[:, None]
    others = (said, torch.zeros_like(truth), last.expand_as(truth))
    return np.stack([((truth - other).double() ** 2).numpy() for other in others])
