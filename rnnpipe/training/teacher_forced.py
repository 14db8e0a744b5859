"""Training on true samples: each sample of a batch is predicted from the true ones before it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from rnnpipe.kernels.recurrence import recur
from rnnpipe.model import Network
from rnnpipe.training.batches import Batch, Chunks, WholeUtterances
from rnnpipe.training.optimizers import BIASES
from rnnpipe.training.recipes import Recipe


class TeacherForced:
    """Passes over batches of true samples; each stores its gradient in the weights.

    Parameters
    ----------
    network : Network
        The caller updates its weights between two passes.
    recipe : Recipe
        Its `input_noise`, `weight_noise`, `dropout` and `through_time` are used.
    batches : WholeUtterances or Chunks
        Source of the batches.

    Attributes
    ----------
    state : Tensor, shape (B, H) or (B, 2H)
        The hidden state after the last pass.
    """

    def __init__(self, network: Network, recipe: Recipe, batches: WholeUtterances | Chunks) -> None:
        self.network, self.recipe, self.batches = network, recipe, batches
        self.state = network.initial_state(1)

    def next_pass(self) -> tuple[float, int]:
        """Predict the next batch; return its mean squared error and its number of samples."""
        batch = self.batches.cut()
        loss, self.state = predict_batch(self.network, self.recipe, batch, self.state)
        self.batches.move_on()
        return loss.item(), int(batch.valid.sum())


def predict_batch(
    network: Network, recipe: Recipe, batch: Batch, state: Tensor
) -> tuple[Tensor, Tensor]:
    """Predict a batch, compute the mean squared error, and store its gradient in the weights.

    `state` is the state after the previous batch; fresh streams start from 0 instead. Returns the
    loss over the valid samples, and the state for the next batch.
    """
    network.zero_grad()
    state = torch.where(batch.fresh[:, None], 0.0, state)
    signal = batch.signal
    if recipe.input_noise:
        signal = signal + recipe.input_noise * torch.randn_like(signal)
    target = batch.signal[:, network.order :]
    with noisy_weights(network, recipe.weight_noise):
        if recipe.through_time:
            predictions, state = network(signal, batch.phones, state, recipe.dropout)
        else:
            predictions, state = _step_by_step(network, signal, batch.phones, state, recipe.dropout)
        loss = (batch.valid * (predictions - target) ** 2).sum() / batch.valid.sum()
        loss.backward()
    return loss, state


def _step_by_step(
    network: Network, signal: Tensor, phones: Tensor, state: Tensor, dropout: float
) -> tuple[Tensor, Tensor]:
    """Predict one utterance, as many streams of one step each, each from the state before it."""
    with torch.no_grad():
        h, last = recur(signal, phones, network.weights, state, network.cell)
    before = torch.cat((state, h[:-1, :, 0]))
    windows = signal[0].unfold(0, network.order + 1, 1)
    predictions, _ = network(windows, phones.t(), before, dropout)
    return predictions.t(), last


@contextmanager
def noisy_weights(network: Network, std: float) -> Iterator[None]:
    """Add Gaussian noise to all weights except the biases while the block runs."""
    if not std:
        yield
        return
    weights = [weight for name, weight in network.named_parameters() if name not in BIASES]
    clean = [weight.detach().clone() for weight in weights]
    with torch.no_grad():
        for weight in weights:
            weight.add_(std * torch.randn_like(weight))
    yield
    with torch.no_grad():
        for weight, value in zip(weights, clean, strict=True):
            weight.copy_(value)
