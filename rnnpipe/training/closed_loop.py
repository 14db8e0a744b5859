"""Training a network on its own samples, so that its free run follows the utterance.

Streams run in parallel, each at its own position in an utterance. One pass advances all of them by
a chunk. Each stream predicts from its own earlier predictions, and the gradient of the error flows
through these. Windows and hidden states carry over to the next pass. A stream whose error is too
large is lost: it no longer follows its utterance and can learn nothing more from it. It is reset to
a true window and hidden state at a random position, or sometimes to the beginning of an utterance.
A stream that reaches the end continues at the beginning of an utterance, as a free run does.

The loss is the mean over the streams of log(e + LOSS_FLOOR), where e is a stream's mean squared
error in its chunk. The logarithm weights each stream by the inverse of its error, so that lost
streams do not drown the others.

This is back-propagation through time (Werbos, 1990) of the free run itself. Teacher forcing
(Williams & Zipser, 1989), in contrast, trains predictions one step ahead. Feeding back a mixture of
true and predicted samples lies between the two (Hess et al., "Generalized Teacher Forcing for
Learning Chaotic Dynamics", 2023). A small share of the true sample carries the streams through
passages where all of them would otherwise get lost, so that they learn these passages too. The
share falls by the same factor at each update, until it can be left out.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rnnpipe.kernels.closed_loop import roll_out
from rnnpipe.model import Network
from rnnpipe.training.log import DIVERGED_MSE
from rnnpipe.training.recipes import GROUP, Recipe
from rnnpipe.vocabulary import POWER_FLOOR

# A stream is lost if its error over this many last samples exceeds a share of their power.
LAST_SAMPLES = 50
# Power is the mean square over a window of this many samples (12.5 ms), plus `POWER_FLOOR`.
POWER_SAMPLES = 201
# Error at which a stream's weight in the loss is half of that of a stream without error.
LOSS_FLOOR = 0.4
# Share of the lost streams that restart at a beginning. Until the first streams reach an end, only
# these train the run that counts: the one from the beginning.
SHARE_TO_BEGINNINGS = 0.1
# Samples between the true states that lost streams are reset to, and updates after which these
# states are computed again, because the weights have changed.
SAMPLES_PER_PLACE = 100
UPDATES_PER_PLACES = 300
# Share of the true sample in what is fed back, when mixing begins and when it ends. At 0.005, it
# takes 200 samples (one window) to reduce an error to a third: a run that follows the utterance
# with so little help also follows it without. With an end at 0.001, too little training is left to
# learn this, and fewer seeds get through every passage.
TRUE_SHARE = (0.5, 0.005)


@dataclass(frozen=True)
class Speech:
    """All utterances in one array, each followed by room for a chunk that runs past its end.

    Parameters
    ----------
    signal, power : float32 Tensor, shape (N,)
        Standardised samples, and the power around each.
    phones : int32 Tensor, shape (N,)
        Phone of each sample.
    begins, sizes : int Tensor, shape (utterances,)
        Where the given samples of an utterance begin, and how many samples are to be predicted.
    order : int
        Number of given samples.
    """

    signal: Tensor
    power: Tensor
    phones: Tensor
    begins: Tensor
    sizes: Tensor
    order: int


@dataclass(frozen=True)
class Streams:
    """The positions and states of B streams.

    Parameters
    ----------
    utterance, position : int Tensor, shape (B,)
        The utterance, and the index of its next sample to predict.
    window : float32 Tensor, shape (B, order)
        The samples before that one, true or predicted.
    state : float32 Tensor, shape (B, H)
        The hidden state after them.
    """

    utterance: Tensor
    position: Tensor
    window: Tensor
    state: Tensor

    def pick(self, index: Tensor) -> "Streams":
        """Return the streams at `index`."""
        return Streams(*(part[index] for part in astuple(self)))

    def where(self, chosen: Tensor, others: "Streams") -> "Streams":
        """Take each stream from these where `chosen` is true, otherwise from `others`."""
        pairs = zip(astuple(self), astuple(others), strict=True)
        return Streams(
            *(torch.where(chosen.view(-1, *[1] * (a.dim() - 1)), a, b) for a, b in pairs)
        )


class ClosedLoop:
    """Streams that predict from their own samples; each pass stores its gradient in the weights.

    Parameters
    ----------
    network : Network
        On the CPU; the caller updates its weights between two passes.
    recipe : Recipe
        Its `streams`, `steps`, `warm_up`, `mixing`, `scheduled_sampling`, `input_noise`,
        `error_bound` and `reset_error` are used.
    num_updates : int
        Length of the training; `warm_up` and `mixing` are shares of it.
    signals : sequence of float32 Tensor, shape (order + T,) each
        The utterances, standardised.
    phones : sequence of int Tensor, shape (T,) each
        Phone of each sample to predict.
    threads : int
        How many groups of streams may be computed in parallel.

    Attributes
    ----------
    passes : int
        Number of passes made so far.
    places : Streams
        True windows and states that lost streams are reset to.
    streams : Streams
        The streams as they are now.
    """

    def __init__(
        self,
        network: Network,
        recipe: Recipe,
        num_updates: int,
        signals: Sequence[Tensor],
        phones: Sequence[Tensor],
        threads: int = 1,
    ) -> None:
        self.network, self.recipe, self.num_updates = network, recipe, num_updates
        self.threads = threads
        self.speech = arrange(signals, phones, recipe.steps)
        self.passes = 0
        self.places = true_places(network, self.speech)
        self.streams = draw(self.places, recipe.streams)

    def next_pass(self) -> tuple[float, int]:
        """Advance all streams by a chunk.

        Returns
        -------
        error : float
            Mean squared error, each square clipped at `error_bound`; not clipped where that is
            beyond `rnnpipe.training.log.DIVERGED_MSE`, or not a number.
        samples : int
            Number of predicted samples.
        """
        share = feedback_share(self.recipe, self.passes / self.num_updates)
        if self.passes and self.passes % UPDATES_PER_PLACES == 0:
            self.places = true_places(self.network, self.speech)
        error, samples, streams, lost = roll_on(
            self.network, self.recipe, self.speech, self.streams, share, self.threads
        )
        ended = streams.position >= self.speech.sizes[streams.utterance]
        if share:  # on true windows no stream can get lost, however bad the network still is
            streams = draw(self.places, self.recipe.streams).where(lost, streams)
            ended |= lost & (torch.rand(self.recipe.streams) < SHARE_TO_BEGINNINGS)
        start = beginnings(self.network, self.speech, self.recipe.streams)
        self.streams = start.where(ended, streams)
        self.passes += 1
        return error, samples


def feedback_share(recipe: Recipe, progress: float) -> float:
    """Share of the prediction in what is fed back; `progress` is the finished share of training."""
    mixed = progress - recipe.warm_up
    if mixed < 0:
        return 0.0
    if mixed >= recipe.mixing:
        return 1.0
    first, last = TRUE_SHARE
    return 1 - first * (last / first) ** (mixed / recipe.mixing)


def roll_on(
    network: Network,
    recipe: Recipe,
    speech: Speech,
    streams: Streams,
    share: float,
    threads: int,
) -> tuple[float, int, Streams, Tensor]:
    """Advance all streams by a chunk, and store the gradient of the error in the weights.

    Returns the error, the number of samples, the streams after the chunk, and which are lost.
    """
    at = (speech.begins[streams.utterance] + streams.position + speech.order)[:, None]
    at = at + torch.arange(recipe.steps)
    target, power, phones = speech.signal[at], speech.power[at], speech.phones[at]
    room = speech.sizes[streams.utterance] - streams.position
    valid = (torch.arange(recipe.steps) < room[:, None]).to(target)
    signal = torch.cat((streams.window, target), dim=1)
    if recipe.input_noise:
        signal = signal + recipe.input_noise * torch.randn_like(signal)
    trained = [parameter for parameter in network.weights if parameter.numel()]
    mix = torch.full_like(target, share)
    if recipe.scheduled_sampling:
        mix = torch.bernoulli(mix)
    size = valid.sum(1)

    def roll(group: slice) -> tuple:
        heard = (signal[group].t(), mix[group].t(), phones[group].t())
        y, fed, state = roll_out(*heard, streams.state[group], network.weights, network.cell)
        squares = (y.t() - target[group]) ** 2
        bounded = squares.clamp(max=recipe.error_bound) * valid[group]
        errors = bounded.sum(1) / size[group]
        loss = (size[group] * torch.log(errors + LOSS_FLOOR)).sum() / size.sum()
        gradients = torch.autograd.grad(loss, trained)
        return squares.detach(), fed.t()[:, recipe.steps :], state, gradients

    groups = [slice(i, i + GROUP) for i in range(0, recipe.streams, GROUP)]
    if threads == 1 or len(groups) == 1:
        rolled = [roll(group) for group in groups]
    else:
        with ThreadPoolExecutor(threads) as pool:
            rolled = list(pool.map(roll, groups))
    errors, windows, states, gradients = zip(*rolled, strict=True)
    for parameter, parts in zip(trained, zip(*gradients, strict=True), strict=True):
        parameter.grad = torch.stack(parts).sum(0)
    position = streams.position + recipe.steps
    streams = Streams(streams.utterance, position, torch.cat(windows), torch.cat(states))
    squares = torch.cat(errors)
    last = squares[:, -LAST_SAMPLES:].mean(1)
    # "not <=" instead of ">": a stream with a nan is lost too.
    lost = ~(last <= recipe.reset_error * power[:, -LAST_SAMPLES:].mean(1))
    squares = squares[valid.bool()]
    error = squares.mean().item()
    # What the bound clips must not hide that the network has left all bounds.
    if error <= DIVERGED_MSE:
        error = squares.clamp(max=recipe.error_bound).mean().item()
    return error, squares.numel(), streams, lost


def arrange(signals: Sequence[Tensor], phones: Sequence[Tensor], room: int) -> Speech:
    """Join utterances into one array, with `room` zeros after each."""
    order = signals[0].numel() - phones[0].numel()
    mean = signals[0].new_full((1, 1, POWER_SAMPLES), 1 / POWER_SAMPLES)
    half = POWER_SAMPLES // 2
    powers = [
        functional.conv1d(signal[None, None] ** 2, mean, padding=half)[0, 0] for signal in signals
    ]
    gap, before = signals[0].new_zeros(room), signals[0].new_zeros(order)
    sizes = torch.tensor([codes.numel() for codes in phones])
    spans = sizes + order + room
    return Speech(
        torch.cat([part for signal in signals for part in (signal, gap)]),
        torch.cat([part for power in powers for part in (power, gap)]).clamp(min=0) + POWER_FLOOR,
        torch.cat([part for codes in phones for part in (before, codes, gap)]).int(),
        spans.cumsum(0) - spans,
        sizes,
        order,
    )


@torch.no_grad()
def true_places(network: Network, speech: Speech) -> Streams:
    """Find windows and hidden states of teacher-forced passes over all utterances, in parallel.

    They lie `SAMPLES_PER_PLACE` samples apart; the first one is drawn at random.
    """
    longest = int(speech.sizes.max())
    # A short utterance runs on into the next one; nothing from there is kept.
    at = speech.begins[:, None] + torch.arange(speech.order + longest)
    at = at.clamp(max=speech.signal.numel() - 1)
    signal, phones = speech.signal[at], speech.phones[at[:, speech.order :]]
    state = network.initial_state(len(at))
    begin, found = 0, []
    offset = int(torch.randint(min(SAMPLES_PER_PLACE, int(speech.sizes.min())), ()))
    for end in range(offset, longest, SAMPLES_PER_PLACE):
        if end > begin:
            chunk = signal[:, begin : speech.order + end]
            _, state = network(chunk, phones[:, begin:end], state)
        inside = torch.nonzero(speech.sizes > end)[:, 0]
        window = signal[inside, end : speech.order + end]
        found.append((inside, torch.full_like(inside, end), window, state[inside]))
        begin = end
    return Streams(*map(torch.cat, zip(*found, strict=True)))


def draw(places: Streams, count: int) -> Streams:
    """Draw streams at random from true places."""
    return places.pick(torch.randint(len(places.position), (count,)))


def beginnings(network: Network, speech: Speech, count: int) -> Streams:
    """Put streams at the beginnings of random utterances, where a free run begins."""
    utterance = torch.randint(len(speech.sizes), (count,))
    at = speech.begins[utterance][:, None] + torch.arange(speech.order)
    begin = torch.zeros_like(utterance)
    return Streams(utterance, begin, speech.signal[at], network.initial_state(count))
