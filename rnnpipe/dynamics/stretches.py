"""The speech that the measures are taken on: stretches from the middle of utterances."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rnnpipe.windows.series import Series

STRETCH = 4000  # samples; shorter stretches are not cut as long as there are fewer to take


@dataclass(frozen=True)
class Stretch:
    """Speech that the measures are taken on.

    Parameters
    ----------
    signal : float64 Tensor, shape (order + T,)
        Standardised.
    phones : int Tensor, shape (T,)
    """

    signal: Tensor
    phones: Tensor


def cut_stretches(series: Sequence[Series], mean: float, std: float, samples: int) -> list[Stretch]:
    """Cut the speech that the measures are taken on.

    Of utterances spread evenly over the list, one for each 4,000 of `samples` and at least one,
    the middle; all of an utterance where that is not more than its share of `samples`.

    Parameters
    ----------
    series : sequence of Series
        The training utterances.
    mean, std : float
        What standardises them.
    samples : int
        How many samples to predict, at most.
    """
    count = min(len(series), max(1, samples // STRETCH))
    stretches = []
    for i in range(count):
        one = series[i * len(series) // count]
        size = min(one.phones.size, samples // count)
        start = (one.phones.size - size) // 2
        signal = torch.from_numpy(one.standardised(mean, std)).double()
        phones = torch.from_numpy(one.phones.astype(np.int32))
        stretches.append(
            Stretch(signal[start : start + one.order + size], phones[start : start + size])
        )
    return stretches
