"""Training one network: draw a batch, predict, measure, step, log, and stop."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from rnnpipe.corpus.phones import NUM_CODES
from rnnpipe.errors import RnnpipeError
from rnnpipe.model import Network
from rnnpipe.progress import progress
from rnnpipe.reconstruction.metrics import nmse
from rnnpipe.reconstruction.reconstruct import free_run
from rnnpipe.training.batches import Batch, as_tensors, streams, whole_utterances
from rnnpipe.training.closed_loop import closed_loop_passes
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.runs import TrainedRun
from rnnpipe.training.soap import Soap
from rnnpipe.windows.series import Series, sizes_of

# A training error beyond this, in standardised units, where silence has 1, will not come back:
# the run is called diverged. The largest error of a sane start is far below it (a note's network
# of 1,600 units starts near 100).
DIVERGED_MSE = 1000.0

# Where training keeps a copy of the weights for `rnnpipe.dynamics`: after these shares of its
# updates, and around the first rise of the error. The error has risen when its mean over a pass
# through the utterances is RISE times that of the lowest pass: more than the luck of a batch.
SNAPSHOTS = (0.0, 0.1, 0.5, 1.0)
RISE = 2.0

# How often in a training on its own samples the free run is tried, evenly over the updates.
FREE_RUNS = 50

BIASES = ("b", "c", "d")


def choose_device(name: str) -> torch.device:
    """Turn "auto", "cpu" or "cuda" into a device; auto is a GPU where there is one.

    Raises
    ------
    RnnpipeError
        If a GPU is asked for where there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise RnnpipeError("train.device is cuda, but torch finds no GPU here; use auto or cpu.")
    return torch.device(name)


def train(
    recipe: Recipe,
    series: Sequence[Series],
    *,
    hidden_size: int,
    seed: int,
    mean: float,
    std: float,
    num_phones: int = NUM_CODES,
    device: torch.device | str = "cpu",
    threads: int = 1,
) -> TrainedRun:
    """Train one network on utterances.

    Parameters
    ----------
    recipe : Recipe
        How.
    series : sequence of Series
        The training utterances, all with the same order.
    hidden_size : int
        Hidden units.
    seed : int
        Of the initial weights, the batches and all noise; equal seeds give equal bytes on a CPU.
    mean, std : float
        Of the training samples; they standardise.
    num_phones : int
        Codes that a sample's phone may have.
    device : torch.device or str
        Where; the closed loop runs on the CPU all the same.
    threads : int
        How many groups of streams of a closed loop may roll at a time; nothing else hangs on it.

    Returns
    -------
    TrainedRun
        A divergence is a result, not an error: see `TrainedRun.diverged_at`.
    """
    sizes = sizes_of(series)
    per_epoch = sum(sizes)
    if recipe.backpropagation == "closed_loop":
        device = "cpu"  # the loop over a network's own samples is compiled for that alone
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Network(series[0].order, num_phones, hidden_size, recipe.cell, mean=mean, std=std)
        network.initialise(recipe.init, recipe.init_scale)
        network.to(device)
        optimizer = make_optimizer(recipe, network)
        num_updates = recipe.updates
        if num_updates is None:
            num_updates = max(1, round(recipe.epochs * updates_per_epoch(recipe, sizes)))
        passes = make_passes(
            network, recipe, num_updates, series, sizes, torch.device(device), threads
        )

        # Loading or compiling the loops is no part of the speed of training.
        warm_up = network(
            torch.zeros(1, network.order + 1, device=device),
            torch.zeros(1, 1, dtype=torch.int32, device=device),
            network.initial_state(1),
        )[0]
        warm_up.sum().backward()

        rows, seen, diverged_at = [], 0, None
        sane = snapshot(network)
        marks, snapshots = {1 + round(share * num_updates) for share in SNAPSHOTS}, {}
        pass_length, errors = math.ceil(updates_per_epoch(recipe, sizes)), []
        lowest, lowest_at, risen_at, at_lowest = math.inf, 1, None, sane
        tried_every = max(1, num_updates // FREE_RUNS)
        lowest_free, best = math.inf, None
        started = time.perf_counter()
        for update in progress(range(1, num_updates + 1), "training"):
            learning_rate = recipe.learning_rate_at((update - 1) / max(1, num_updates - 1))
            for group in optimizer.param_groups:
                group["lr"] = learning_rate
            error, samples = next(passes)
            gradient_norm, clipped = clip(network, recipe)
            seen += samples
            free = math.nan
            if recipe.backpropagation == "closed_loop" and update % tried_every == 0:
                free = free_running_nmse(network, series)
            row = (update, seen / per_epoch, error, gradient_norm, clipped, learning_rate, free)
            rows.append(row)
            if not (error <= DIVERGED_MSE and math.isfinite(gradient_norm)):
                diverged_at = update
                break
            sane = snapshot(network)
            if free < lowest_free:
                lowest_free, best = free, sane
            if update in marks:
                snapshots[update] = sane
            errors.append(error)
            if risen_at is None and update % pass_length == 0:
                mean_error = sum(errors[-pass_length:]) / pass_length
                if mean_error < lowest:
                    lowest, lowest_at, at_lowest = mean_error, update, sane
                elif mean_error >= RISE * lowest:
                    risen_at = update
                    snapshots |= {lowest_at: at_lowest, risen_at: sane}
            decay(network, learning_rate * recipe.weight_decay)
            optimizer.step()
        else:
            # The last step has not been measured yet, and may be the one that leaves all bounds.
            error, _ = next(passes)
            diverged_at = None if error <= DIVERGED_MSE else num_updates
        wall_seconds = time.perf_counter() - started

    if diverged_at is not None:
        network.load_state_dict(sane)
        if risen_at is None:
            risen_at = diverged_at
            snapshots[lowest_at] = at_lowest
    else:
        snapshots[num_updates + 1] = snapshot(network)
        if best is not None and lowest_free < free_running_nmse(network, series):
            network.load_state_dict(best)
    columns = ["update", "epoch", "mse", "gradient_norm", "clipped", "learning_rate", "free_nmse"]
    history = pd.DataFrame(rows, columns=columns)
    return TrainedRun(
        network.cpu(),
        history,
        diverged_at,
        math.nan if diverged_at else float(history["mse"].tail(pass_length).mean()),
        None if risen_at is None else lowest_at,
        risen_at,
        snapshots,
        seen,
        wall_seconds,
    )


def make_passes(
    network: Network,
    recipe: Recipe,
    num_updates: int,
    series: Sequence[Series],
    sizes: Sequence[int],
    device: torch.device,
    threads: int,
) -> Iterator[tuple[float, int]]:
    """Predict batch after batch without end, as the recipe's back-propagation wants them.

    Each pass leaves its gradient in the weights, and yields its error and how many samples it
    predicted. The next one starts when it is asked for, with the weights as they are then.
    """
    if recipe.backpropagation == "closed_loop":
        speech = as_tensors(series, network.mean, network.std)
        yield from closed_loop_passes(network, recipe, num_updates, *speech, threads)
        return
    if recipe.backpropagation == "whole_utterance":
        batches = whole_utterances(series, network.mean, network.std, device)
    else:
        batches = streams(recipe, series, sizes, network.mean, network.std, device)
    state = network.initial_state(1)
    for batch in batches:
        loss, state = one_pass(network, recipe, batch, state)
        yield loss.item(), int(batch.valid.sum())


def one_pass(
    network: Network, recipe: Recipe, batch: Batch, state: Tensor
) -> tuple[Tensor, Tensor]:
    """Predict a batch, measure the mean squared error, and leave its gradient in the weights.

    `state` is the one after the batch before; streams that start anew begin with 0 instead.
    Returns the loss, over the valid samples, and the state that the next batch may start from.
    """
    network.zero_grad()
    state = torch.where(batch.fresh[:, None], 0.0, state)
    signal = batch.signal
    if recipe.input_noise:
        signal = signal + recipe.input_noise * torch.randn_like(signal)
    target = batch.signal[:, network.order :]
    with noisy_weights(network, recipe.weight_noise):
        predictions, state = network(signal, batch.phones, state, recipe.dropout)
        loss = (batch.valid * (predictions - target) ** 2).sum() / batch.valid.sum()
        loss.backward()
    return loss, state


def free_running_nmse(network: Network, series: Sequence[Series]) -> float:
    """NMSE of the free runs of utterances, all samples to predict taken together."""
    targets, runs = [], []
    for one in series:
        signal = one.standardised(network.mean, network.std)
        targets.append(signal[one.order :])
        runs.append(free_run(network, signal[: one.order], one.phones).samples)
    return nmse(np.concatenate(targets), np.concatenate(runs))


def make_optimizer(recipe: Recipe, network: Network) -> torch.optim.Optimizer:
    """Build the recipe's optimiser; weight decay is not its business, see `decay`."""
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(network.parameters(), recipe.learning_rate, recipe.momentum)
    if recipe.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), recipe.learning_rate)
    # What is multiplied by [window, phone, state, 1] is one matrix: its inputs correlate.
    stacks = [[network.W, network.V, network.M, network.b], [network.U, network.c]]
    return Soap(stacks + [[network.d]] * (network.cell == "gru"), recipe.learning_rate)


def clip(network: Network, recipe: Recipe) -> tuple[float, bool]:
    """Clip the gradient as the recipe says; return its norm before that, and whether it was."""
    parameters = list(network.parameters())
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    if recipe.clip == "norm":
        nn.utils.clip_grads_with_norm_(parameters, recipe.clip_at, norm)
        return norm.item(), bool(norm > recipe.clip_at)
    if recipe.clip == "value":
        largest = max(gradient.abs().max() for gradient in gradients if gradient.numel())
        nn.utils.clip_grad_value_(parameters, recipe.clip_at)
        return norm.item(), bool(largest > recipe.clip_at)
    return norm.item(), False


@torch.no_grad()
def decay(network: Network, amount: float) -> None:
    """Shrink all weights but the biases by the share `amount`."""
    if amount:
        for name, weight in network.named_parameters():
            if name not in BIASES:
                weight.mul_(1 - amount)


@contextmanager
def noisy_weights(network: Network, std: float) -> Iterator[None]:
    """Add Gaussian noise to all weights but the biases while the block runs."""
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


def snapshot(network: Network) -> dict[str, Tensor]:
    """Copy the weights."""
    return {name: weight.detach().clone() for name, weight in network.state_dict().items()}


def updates_per_epoch(recipe: Recipe, sizes: Sequence[int]) -> float:
    """How many updates see as many samples as the utterances have to predict, `sizes` each."""
    if recipe.backpropagation == "whole_utterance":
        return len(sizes)
    return sum(sizes) / (recipe.streams * recipe.steps)
