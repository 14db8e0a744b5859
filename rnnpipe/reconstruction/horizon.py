"""How fast a free run departs from the true samples: its error by number of predicted samples."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch.nn import functional

from rnnpipe.model import Network
from rnnpipe.vocabulary import LIMIT
from rnnpipe.windows.series import Series

STARTS = 64  # free runs that are averaged
LONGEST = 1600  # samples of each at most, 100 ms
POINTS = 32  # stretches that the horizon is divided into; later ones are longer


@torch.no_grad()
def horizon_errors(
    network: Network, series: Sequence[Series], limit: float = LIMIT
) -> pd.DataFrame:
    """Start free runs from the true past at many positions, and measure how their errors grow.

    Each run starts with the true window, and with the state after the true past, and is at most
    half as long as its utterance. Errors are averaged over the runs that come so far and over
    stretches of the horizon, and divided by the variance of the samples to predict in the
    utterances.

    Parameters
    ----------
    network : Network
        On the CPU.
    series : sequence of Series
        The utterances.
    limit : float
        Predictions are clipped to this many standard deviations.

    Returns
    -------
    DataFrame
        One row per stretch: samples (number of samples predicted at its end), nmse, and the NMSE of
        silence and of persistence, which repeats the last true sample; nan if all samples to
        predict are equal.
    """
    mean, std = network.mean, network.std
    signals = [torch.from_numpy(speech.standardised(mean, std)) for speech in series]
    spoken = [torch.from_numpy(speech.phones.astype(np.int64)) for speech in series]
    order, runs = network.order, max(1, STARTS // len(series))
    lengths = [min(LONGEST, max(1, phones.numel() // 2)) for phones in spoken]
    longest = max(lengths)

    # For each run: the true samples and the state before it, and its true samples, with nan after
    # its end, and phones.
    pasts, states, truth, ahead = [], [], [], []
    for signal, phones, length in zip(signals, spoken, lengths, strict=True):
        room = (0, longest - length)
        starts = np.unique(np.linspace(0, phones.numel() - length, runs).astype(int))
        state, at = network.initial_state(1), 0
        for start in starts:
            if start > at:
                heard = signal[None, at : start + order]
                _, state = network(heard, phones[None, at:start], state)
            at = start
            states.append(state)
            pasts.append(signal[start : start + order])
            true = signal[start + order : start + order + length]
            truth.append(functional.pad(true, room, value=torch.nan))
            ahead.append(functional.pad(phones[start : start + length], room))
    contexts, targets = torch.stack(pasts), torch.stack(truth)
    said = network.free_runs(contexts, torch.stack(ahead), torch.cat(states), limit)

    speech = np.concatenate([signal[order:] for signal in signals])
    variance = speech.var(dtype=np.float64) if np.ptp(speech) else np.nan
    others = (said, torch.zeros_like(targets), contexts[:, -1:])
    means = np.stack([((targets - other).double() ** 2).nanmean(0) for other in others]) / variance
    ends = np.unique(np.geomspace(1, longest, min(POINTS, longest)).round().astype(int))
    starts = np.concatenate([[0], ends[:-1]])
    stretches = np.add.reduceat(means, starts, axis=1) / (ends - starts)
    columns = dict(zip(("nmse", "silence", "persistence"), stretches, strict=True))
    return pd.DataFrame({"samples": ends} | columns)
