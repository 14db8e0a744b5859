"""Training one network: make a batch, predict, measure, log, take a step, and stop."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rnnpipe.corpus.phones import NUM_CODES
from rnnpipe.errors import RnnpipeError
from rnnpipe.model import Network
from rnnpipe.progress import progress
from rnnpipe.reconstruction.metrics import nmse
from rnnpipe.reconstruction.reconstruct import free_run
from rnnpipe.training.batches import Chunks, WholeUtterances, as_tensors
from rnnpipe.training.closed_loop import ClosedLoop
from rnnpipe.training.echo_state import EchoState
from rnnpipe.training.log import Log, Row
from rnnpipe.training.optimizers import clip, decay, make_optimizer, precondition
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.rises import Rises
from rnnpipe.training.runs import TrainedRun
from rnnpipe.training.teacher_forced import TeacherForced
from rnnpipe.windows.series import Series, sizes_of

# Number of free runs tried in a training on the network's own samples, at equal distances.
FREE_RUNS = 50


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
    watch: Callable[[Sequence[Row]], None] = lambda rows: None,
) -> TrainedRun:
    """Train one network on utterances.

    Parameters
    ----------
    recipe : Recipe
        How to train.
    series : sequence of Series
        The training utterances, all with the same order.
    hidden_size, seed : int
        Hidden units, and the seed of all that is random; equal seeds give equal bytes on a CPU.
    mean, std : float
        Of the training samples; used to standardise them.
    num_phones : int
        Number of phone codes, "none" among them.
    device : torch.device or str
        Where to train; the closed loop always runs on the CPU.
    threads : int
        Groups of streams of a closed loop computed in parallel; results do not depend on it.
    watch : callable
        Gets the rows of the history so far after each update, as `rnnpipe.training.live.Live` does.

    Returns
    -------
    TrainedRun
        A divergence raises no error, but is a result: see `TrainedRun.diverged_at`.
    """
    with torch.random.fork_rng():
        network = Network(series[0].order, num_phones, hidden_size, recipe.cell, mean=mean, std=std)
        draw(network, recipe, seed)
        training = begin(recipe, series, network, torch.device(device), threads)
        for update in progress(training.updates, "training", training.log.words):
            rate = training.set_learning_rate(update)
            error, samples = training.passes.next_pass()
            training.add_to_log(update, error, samples, *clip(network, recipe), rate)
            watch(training.log.rows)
            if training.diverged:
                break
            training.step(rate)
        return training.finish()


def draw(network: Network, recipe: Recipe, seed: int) -> None:
    """Draw the weights that a training starts from; torch's random state then goes on from there.

    Parameters
    ----------
    network : Network
        Gets the weights.
    recipe : Recipe
        Its `init`, `init_scale` and `init_factors` are used.
    seed : int
        Seed of the training.
    """
    torch.manual_seed(seed)
    network.initialise(recipe.init, recipe.init_scale)
    with torch.no_grad():
        for name, factor in (recipe.init_factors or {}).items():
            getattr(network, name).mul_(factor)


@dataclass
class Training:
    """Everything that a training keeps from one update to the next, except torch's random state.

    Parameters
    ----------
    recipe : Recipe
        How to train.
    series : sequence of Series
        The training utterances.
    network : Network
        With the current weights.
    optimizer : torch.optim.Optimizer
        With its running means.
    passes : TeacherForced, ClosedLoop or EchoState
        With the current batches or streams.
    log : Log
        The record of the training so far.
    num_updates : int
        Length of the training.
    samples_per_epoch : int
        Samples to predict in one pass over the utterances.
    started : float
        Start time of the training loop, from `time.perf_counter`.
    """

    recipe: Recipe
    series: Sequence[Series]
    network: Network
    optimizer: torch.optim.Optimizer
    passes: TeacherForced | ClosedLoop | EchoState
    log: Log
    num_updates: int
    samples_per_epoch: int
    started: float

    def set_learning_rate(self, update: int) -> float:
        """Set and return the learning rate of an update, counted from 1."""
        rate = self.recipe.learning_rate_at((update - 1) / max(1, self.num_updates - 1))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def add_to_log(
        self, update: int, error: float, samples: int, norm: float, clipped: bool, rate: float
    ) -> None:
        """Log an update and, at regular intervals, the NMSE of a free run with these weights."""
        epoch = (self.log.samples + samples) / self.samples_per_epoch
        before, now = ((n * FREE_RUNS) // self.num_updates for n in (update - 1, update))
        tried = self.closed_loop and now > before
        free = free_running_nmse(self.network, self.series) if tried else math.nan
        row = Row(update, epoch, error, norm, clipped, rate, free)
        self.log.add(row, samples)

    def step(self, rate: float) -> None:
        """Update the weights with the gradient that the last pass stored in them."""
        decay(self.network, rate * self.recipe.weight_decay)
        precondition(self.network, self.recipe)
        self.optimizer.step()

    def finish(self) -> TrainedRun:
        """Measure the error after the last step, and choose which weights the training returns."""
        if not self.diverged:
            error, _ = self.passes.next_pass()
            self.log.end(error)
        wall_seconds = time.perf_counter() - self.started
        if self.diverged:
            self.network.load_state_dict(self.log.sane)
        elif self.log.best is not None:
            lowest, weights = self.log.best
            if free_running_nmse(self.network, self.series) >= lowest:
                self.network.load_state_dict(weights)
        return self.log.close(wall_seconds)

    @property
    def updates(self) -> range:
        """Numbers of the updates, from 1."""
        return range(1, self.num_updates + 1)

    @property
    def diverged(self) -> bool:
        """Whether the error has left all bounds."""
        return self.log.diverged_at is not None

    @property
    def closed_loop(self) -> bool:
        """Whether the training is on the network's own samples."""
        return isinstance(self.passes, ClosedLoop)


def begin(
    recipe: Recipe,
    series: Sequence[Series],
    network: Network,
    device: torch.device,
    threads: int,
) -> Training:
    """Set batches or streams to their start."""
    sizes = sizes_of(series)
    num_updates = recipe.num_updates(sizes)
    if recipe.backpropagation == "closed_loop":
        device = torch.device("cpu")  # its loop is compiled for the CPU only
    network.to(device)
    optimizer = make_optimizer(recipe, network)
    pass_length = math.ceil(recipe.updates_per_epoch(sizes))
    log = Log(network, num_updates, pass_length, Rises(recipe, pass_length), optimizer)
    warm_up(network)
    started = time.perf_counter()
    passes = make_passes(network, recipe, num_updates, series, sizes, device, threads)
    return Training(
        recipe, series, network, optimizer, passes, log, num_updates, sum(sizes), started
    )


def make_passes(
    network: Network,
    recipe: Recipe,
    num_updates: int,
    series: Sequence[Series],
    sizes: Sequence[int],
    device: torch.device,
    threads: int,
) -> TeacherForced | ClosedLoop | EchoState:
    """Prepare the passes for the recipe's kind of back-propagation."""
    if recipe.backpropagation == "closed_loop":
        speech = as_tensors(series, network.mean, network.std)
        return ClosedLoop(network, recipe, num_updates, *speech, threads)
    if recipe.backpropagation == "none":
        return EchoState(network, recipe, series, device)
    if recipe.backpropagation == "whole_utterance":
        batches = WholeUtterances(series, network.mean, network.std, device)
        return TeacherForced(network, recipe, batches)
    chunks = Chunks(recipe, series, sizes, network.mean, network.std, device)
    return TeacherForced(network, recipe, chunks)


def warm_up(network: Network) -> None:
    """Load or compile the loops, so that this time is not counted as training time."""
    device = network.W.device
    predictions, _ = network(
        torch.zeros(1, network.order + 1, device=device),
        torch.zeros(1, 1, dtype=torch.int32, device=device),
        network.initial_state(1),
    )
    predictions.sum().backward()
    network.zero_grad()


def choose_device(name: str) -> torch.device:
    """Turn "auto", "cpu" or "cuda" into a device; "auto" is a GPU if there is one.

    Raises
    ------
    RnnpipeError
        If a GPU is requested but there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise RnnpipeError("train.device is cuda, but torch finds no GPU here; use auto or cpu.")
    return torch.device(name)


def free_running_nmse(network: Network, series: Sequence[Series]) -> float:
    """NMSE of the free runs of utterances, over all samples to predict together."""
    targets, runs = [], []
    for speech in series:
        signal = speech.standardised(network.mean, network.std)
        targets.append(signal[speech.order :])
        runs.append(free_run(network, signal[: speech.order], speech.phones).samples)
    return nmse(np.concatenate(targets), np.concatenate(runs))
