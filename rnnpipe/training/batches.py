"""Batches: utterances cut into what one update trains on.

Both classes keep their position in the utterances: `cut` makes the next batch, `move_on` steps
past it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rnnpipe.training.recipes import Recipe
from rnnpipe.windows.series import Series


@dataclass(frozen=True)
class Batch:
    """The speech of one update: B streams of at most T samples to predict.

    Parameters
    ----------
    signal : float32 Tensor, shape (B, order + T)
    phones : int Tensor, shape (B, T)
    valid : float32 Tensor, shape (B, T)
        1 for a sample of the utterance, 0 for padding beyond its end.
    fresh : bool Tensor, shape (B,)
        Streams that start here, from state 0.
    """

    signal: Tensor
    phones: Tensor
    valid: Tensor
    fresh: Tensor

    def to(self, device: torch.device) -> "Batch":
        """Move to a device."""
        parts = (self.signal, self.phones, self.valid, self.fresh)
        return Batch(*(part.to(device) for part in parts))


def as_tensors(
    series: Sequence[Series], mean: float, std: float
) -> tuple[list[Tensor], list[Tensor]]:
    """Standardised samples, shape (order + T,), and phones, shape (T,), of each utterance."""
    signals = [torch.from_numpy(speech.standardised(mean, std)) for speech in series]
    return signals, [torch.from_numpy(speech.phones.astype(np.int32)) for speech in series]


class WholeUtterances:
    """One utterance per batch, in a new order each epoch.

    Parameters
    ----------
    series : sequence of Series
        The training utterances.
    mean, std : float
        Of the training samples; used to standardise them.
    device : torch.device
        Device of the batches.
    """

    def __init__(
        self, series: Sequence[Series], mean: float, std: float, device: torch.device
    ) -> None:
        self.series, self.mean, self.std, self.device = series, mean, std, device
        self.remaining: list[int] = []  # of this epoch, the next one first

    def cut(self) -> Batch:
        """Take the next utterance."""
        if not self.remaining:
            self.remaining = torch.randperm(len(self.series)).tolist()
        ([signal], [phones]) = as_tensors([self.series[self.remaining[0]]], self.mean, self.std)
        valid, fresh = torch.ones(1, phones.numel()), torch.tensor([True])
        return Batch(signal[None], phones[None], valid, fresh).to(self.device)

    def move_on(self) -> None:
        """Step past this utterance."""
        del self.remaining[0]


class Chunks:
    """Chunks of streams that read utterances from end to end, in parallel.

    A stream starts at a random position in a random utterance and moves on by `recipe.steps`
    samples per batch. When its utterance ends, it continues at the beginning of another one. Only
    the utterances that the streams are reading have to be in memory.

    Parameters
    ----------
    recipe : Recipe
        Its `streams`, `steps` and `carry_state`.
    series : sequence of Series
        The training utterances.
    sizes : sequence of int
        Number of samples to predict in each.
    mean, std : float
        Of the training samples; used to standardise them.
    device : torch.device
        Device of the batches.

    Attributes
    ----------
    utterance, position : int Tensor, shape (B,)
        The utterance of each stream, and the index of its next sample to predict.
    fresh : bool Tensor, shape (B,)
        Streams that start from state 0 in the next batch.
    """

    def __init__(
        self,
        recipe: Recipe,
        series: Sequence[Series],
        sizes: Sequence[int],
        mean: float,
        std: float,
        device: torch.device,
    ) -> None:
        self.recipe, self.series, self.mean, self.std = recipe, series, mean, std
        self.device, self.sizes = device, torch.tensor(sizes)
        order, B, T = series[0].order, recipe.streams, recipe.steps
        self.utterance = torch.multinomial(self.sizes.double(), B, replacement=True)
        self.position = (torch.rand(B) * self.sizes[self.utterance]).long()
        self.fresh = torch.ones(B, dtype=torch.bool)
        # One row per stream: its utterance, followed by zeros for one chunk.
        longest = int(self.sizes.max()) + T
        self._samples = torch.zeros(B, order + longest)
        self._phones = torch.zeros(B, longest, dtype=torch.int32)
        # All chunks in a row, as views, indexed by the sample where they start.
        self._chunks = self._samples.unfold(1, order + T, 1)
        self._phones_of_chunks = self._phones.unfold(1, T, 1)
        for stream in range(B):
            self._read(stream)

    def cut(self) -> Batch:
        """Cut the next chunk of every stream."""
        rows, step = torch.arange(self.recipe.streams), torch.arange(self.recipe.steps)
        remaining = self.sizes[self.utterance] - self.position
        return Batch(
            self._chunks[rows, self.position],
            self._phones_of_chunks[rows, self.position],
            (step < remaining[:, None]).float(),
            self.fresh,
        ).to(self.device)

    def move_on(self) -> None:
        """Step past this chunk; streams whose utterance has ended begin another one."""
        ended = self.sizes[self.utterance] - self.position <= self.recipe.steps
        self.position = self.position + self.recipe.steps
        another = torch.randint(len(self.sizes), (self.recipe.streams,))
        if ended.any():
            self.utterance = torch.where(ended, another, self.utterance)
            self.position = torch.where(ended, 0, self.position)
            for stream in torch.nonzero(ended)[:, 0].tolist():
                self._read(stream)
        self.fresh = ended if self.recipe.carry_state else torch.ones_like(ended)

    def _read(self, stream: int) -> None:
        speech = self.series[int(self.utterance[stream])]
        order, size, T = speech.order, speech.phones.size, self.recipe.steps
        samples, phones = self._samples[stream], self._phones[stream]
        samples[: order + size] = torch.from_numpy(speech.standardised(self.mean, self.std))
        samples[order + size : order + size + T] = 0
        phones[:size] = torch.from_numpy(speech.phones)
        phones[size : size + T] = 0
