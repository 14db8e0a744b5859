"""What a training sees at a time: utterances cut into batches, as back-propagation wants them.

Both kinds of batches say where they are: `cut` makes the next batch, `move_on` goes past it.
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
    """One utterance a batch, in a new order each epoch.

    Parameters
    ----------
    series : sequence of Series
        The training utterances.
    mean, std : float
        What standardises them.
    device : torch.device
        Where the batches go.
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
        """Go past it."""
        del self.remaining[0]


class Chunks:
    """Chunks of streams that read utterances from end to end, in parallel.

    A stream starts at a random place of a random utterance, moves on by `recipe.steps` samples a
    batch, and where its utterance ends goes on at the beginning of another. Only the utterances
    that streams are in have to be in memory.

    Parameters
    ----------
    recipe : Recipe
        Its `streams`, `steps` and `carry_state`.
    series : sequence of Series
        The training utterances.
    sizes : sequence of int
        How many samples of each are to be predicted.
    mean, std : float
        What standardises them.
    device : torch.device
        Where the batches go.

    Attributes
    ----------
    utterance, position : int Tensor, shape (B,)
        The utterance of each stream, and which of its samples to predict is next.
    fresh : bool Tensor, shape (B,)
        Streams that start anew with the next batch.
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
        # A row a stream: the utterance that it is in, and beyond its end the silence of a chunk.
        longest = int(self.sizes.max()) + T
        self._samples = torch.zeros(B, order + longest)
        self._phones = torch.zeros(B, longest, dtype=torch.int32)
        # All chunks that a row holds, as views, by the place where they start.
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
        """Go past it: streams whose utterance has ended begin another."""
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
