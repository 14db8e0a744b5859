"""The speech that is used for the measures: stretches from the middle of utterances."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rnnpipe.windows.series import Series, sizes_of

STRETCH = 4000  # samples per stretch: fewer samples are cut into fewer, not shorter stretches


@dataclass(frozen=True)
class Stretch:
    """Speech that is used for the measures.

    Parameters
    ----------
    signal : float64 Tensor, shape (order + T,)
        Standardised.
    phones : int Tensor, shape (T,)
        Phone of each sample to predict.
    """

    signal: Tensor
    phones: Tensor


def cut_stretches(series: Sequence[Series], mean: float, std: float, samples: int) -> list[Stretch]:
    """Cut the speech that is used for the measures.

    There is one stretch for each 4,000 of `samples`, and at least one. Each is the middle of an
    utterance, or all of it if it is no longer than its share of `samples`. The utterances are at
    equal distances in the list, without those that have less than half as many samples as the
    longest, or as a stretch.

    Parameters
    ----------
    series : sequence of Series
        The training utterances.
    mean, std : float
        Of the training samples; used to standardise them.
    samples : int
        Largest number of samples to predict, over all stretches.
    """
    sizes = sizes_of(series)
    long = [i for i, size in enumerate(sizes) if 2 * size >= min(STRETCH, max(sizes))]
    count = min(len(long), max(1, samples // STRETCH))
    stretches = []
    for i in range(count):
        speech = series[long[i * len(long) // count]]
        size = min(speech.phones.size, samples // count)
        start = (speech.phones.size - size) // 2
        signal = torch.from_numpy(speech.standardised(mean, std)).double()
        phones = torch.from_numpy(speech.phones.astype(np.int32))
        stretches.append(
            Stretch(signal[start : start + speech.order + size], phones[start : start + size])
        )
    return stretches
