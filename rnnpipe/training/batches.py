"""What a training sees at a time: utterances cut into batches, as back-propagation wants them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rnnpipe.training.recipes import Recipe
from rnnpipe.windows.series import Series


@dataclass(frozen=True)
class Batch:
    """One update's worth of speech, B streams of at most T samples to predict.

    Parameters
    ----------
    signal : float32 Tensor, shape (B, order + T)
    phones : int Tensor, shape (B, T)
    valid : float32 Tensor, shape (B, T)
        1 for a sample of the utterance, 0 for padding beyond its end.
    fresh : bool Tensor, shape (B,)
        Streams that start anew here, from state 0.
    """

    signal: Tensor
    phones: Tensor
    valid: Tensor
    fresh: Tensor


def as_tensors(
    series: Sequence[Series], mean: float, std: float
) -> tuple[list[Tensor], list[Tensor]]:
    """Standardised samples, shape (order + T,), and phones, shape (T,), of each utterance."""
    signals = [torch.from_numpy(one.standardised(mean, std)) for one in series]
    return signals, [torch.from_numpy(one.phones.astype(np.int32)) for one in series]


def whole_utterances(
    series: Sequence[Series], mean: float, std: float, device: torch.device
) -> Iterator[Batch]:
    """Yield one utterance a batch, in a new order each epoch."""
    while True:
        for i in torch.randperm(len(series)).tolist():
            ([signal], [phones]) = as_tensors([series[i]], mean, std)
            valid, fresh = torch.ones(1, phones.numel()), torch.tensor([True])
            parts = (signal[None], phones[None], valid, fresh)
            yield Batch(*(part.to(device) for part in parts))


def streams(
    recipe: Recipe,
    series: Sequence[Series],
    sizes: Sequence[int],
    mean: float,
    std: float,
    device: torch.device,
) -> Iterator[Batch]:
    """Yield chunks of streams that read utterances from end to end, side by side.

    A stream starts at a random place of a random utterance, moves on by `recipe.steps` samples a
    batch, and where its utterance ends goes on at the beginning of another. Only the utterances
    that streams are in have to be in memory.
    """
    order, B, T = series[0].order, recipe.streams, recipe.steps
    sizes = torch.tensor(sizes)
    utterance = torch.multinomial(sizes.double(), B, replacement=True)
    position = (torch.rand(B) * sizes[utterance]).long()
    fresh = torch.ones(B, dtype=torch.bool)
    # A row a stream: the utterance that it is in, and beyond its end the silence of a chunk.
    longest = int(sizes.max()) + T
    samples = torch.zeros(B, order + longest)
    phones = torch.zeros(B, longest, dtype=torch.int32)

    def read(stream: int) -> None:
        one = series[utterance[stream]]
        size = one.phones.size
        samples[stream, : order + size] = torch.from_numpy(one.standardised(mean, std))
        samples[stream, order + size : order + size + T] = 0
        phones[stream, :size] = torch.from_numpy(one.phones)
        phones[stream, size : size + T] = 0

    for stream in range(B):
        read(stream)
    # All chunks that a row holds, as views, by the place where they start.
    chunks, phones_of = samples.unfold(1, order + T, 1), phones.unfold(1, T, 1)
    rows, step = torch.arange(B), torch.arange(T)
    while True:
        remaining = sizes[utterance] - position
        valid = (step < remaining[:, None]).float()
        parts = (chunks[rows, position], phones_of[rows, position], valid, fresh)
        yield Batch(*(part.to(device) for part in parts))
        position = position + T
        ended = remaining <= T
        another = torch.randint(len(sizes), (B,))
        if ended.any():
            utterance = torch.where(ended, another, utterance)
            position = torch.where(ended, 0, position)
            for stream in torch.nonzero(ended)[:, 0].tolist():
                read(stream)
        fresh = ended if recipe.carry_state else torch.ones_like(ended)
