"""Training a network on its own samples, so that its free run follows the utterance.

Streams run side by side, each somewhere in an utterance. A pass rolls all of them on by a chunk,
from the samples that they predicted themselves, and takes the gradient of the error through what
was fed back; windows and hidden states carry over to the next pass. A stream that has lost its
utterance has nothing more to learn from it: it is put back to a true window and hidden state at a
random place, or now and then to the beginning. One that reaches the end starts at the beginning of
an utterance, as a free run does.

This is back-propagation through time (Werbos, 1990) of the free run itself, where teacher forcing
(Williams & Zipser, 1989) trains one step ahead; in between lies the mixing of both in what is fed
back (Hess et al., "Generalized Teacher Forcing for Learning Chaotic Dynamics", 2023). A little of
the truth in each sample leads streams through places where all would get lost, and they learn
these: the share of the true sample falls, by the same factor an update, until it can be left out.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass

import torch
from torch import Tensor
from torch.nn import functional

from rnnpipe.kernels.closed_loop import roll_out
from rnnpipe.model import Network
from rnnpipe.training.recipes import Recipe

# A stream is lost if its error over the last so many samples passes a share of their power.
LAST_SAMPLES = 50
# Power is the mean square over so many samples around (12.5 ms), and never below the floor, in
# standardised units: to miss what is all but silence is no loss.
POWER_SAMPLES = 201
POWER_FLOOR = 0.02
# Share of the lost streams that go to a beginning: until the first ones get through to an end,
# nothing else trains the one run that counts.
SHARE_TO_BEGINNINGS = 0.1
# Samples between the true states that lost streams are put back to, and updates after which these
# states are those of another network and have to be found anew.
SAMPLES_PER_PLACE = 50
UPDATES_PER_PLACES = 100
# Streams roll in groups of so many, a thread a group: a fixed number, so that no sum depends on
# the number of threads.
GROUP = 24
# Share of the true sample in what is fed back, when mixing begins and when it ends. At 0.005 it
# takes 200 samples, a window, to pull an error down to a third: a run that holds so holds alone.
# Ending at 0.001 is too late to learn to do without: fewer seeds get through every place.
TRUE_SHARE = (0.3, 0.005)


@dataclass(frozen=True)
class Speech:
    """All utterances in a row, each with room for a chunk that runs over its end.

    Parameters
    ----------
    signal, power : float32 Tensor, shape (N,)
        Standardised samples, and the power around each.
    phones : int32 Tensor, shape (N,)
        Phone of each sample.
    begins, sizes : int Tensor, shape (utterances,)
        Where the samples given of an utterance begin, and how many are to be predicted.
    order : int
        How many are given.
    """

    signal: Tensor
    power: Tensor
    phones: Tensor
    begins: Tensor
    sizes: Tensor
    order: int


@dataclass(frozen=True)
class Streams:
    """Where B streams are.

    Parameters
    ----------
    utterance, position : int Tensor, shape (B,)
        The utterance, and which of its samples to predict is next.
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
        """Return these streams where `chosen`, a bool a stream, says so, and else the others."""
        pairs = zip(astuple(self), astuple(others), strict=True)
        return Streams(
            *(torch.where(chosen.view(-1, *[1] * (a.dim() - 1)), a, b) for a, b in pairs)
        )


class ClosedLoop:
    """Streams that roll on on their own samples; each pass leaves its gradient in the weights.

    Parameters
    ----------
    network : Network
        With tanh units, on the CPU; the caller moves its weights between two passes.
    recipe : Recipe
        How; see its `streams`, `steps`, `warm_up`, `mixing`, `input_noise`, `error_bound` and
        `reset_error`.
    num_updates : int
        Length of the training, for the shares of it that the recipe speaks of.
    signals : sequence of float32 Tensor, shape (order + T,) each
        The utterances, standardised.
    phones : sequence of int Tensor, shape (T,) each
        Phone of each sample to predict.
    threads : int
        How many groups of streams may roll at a time.

    Attributes
    ----------
    passes : int
        How many were made.
    places : Streams
        Where lost streams are put back to.
    streams : Streams
        Where the streams are now.
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
        """Roll all streams on by a chunk.

        Returns
        -------
        error : float
            Mean squared error, each square cut off at `error_bound`.
        samples : int
            How many samples were predicted.
        """
        share = feedback_share(self.recipe, self.passes / self.num_updates)
        if self.passes and self.passes % UPDATES_PER_PLACES == 0:
            self.places = true_places(self.network, self.speech)
        error, samples, streams, lost = roll_on(
            self.network, self.recipe, self.speech, self.streams, share, self.threads
        )
        ended = streams.position >= self.speech.sizes[streams.utterance]
        if share:  # from true windows none gets lost, however bad the network still is
            streams = draw(self.places, self.recipe.streams).where(lost, streams)
            ended |= lost & (torch.rand(self.recipe.streams) < SHARE_TO_BEGINNINGS)
        start = beginnings(self.network, self.speech, self.recipe.streams)
        self.streams = start.where(ended, streams)
        self.passes += 1
        return error, samples


def feedback_share(recipe: Recipe, progress: float) -> float:
    """Share of the prediction in the samples fed back, where `progress` of the training is over."""
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
    """Roll all streams on by a chunk, and leave the gradient of the error in the weights.

    Returns the error, the number of samples, the streams after the chunk, and which are lost.
    """
    at = (speech.begins[streams.utterance] + streams.position + speech.order)[:, None]
    at = at + torch.arange(recipe.steps)
    target, power, phones = speech.signal[at], speech.power[at], speech.phones[at]
    room = speech.sizes[streams.utterance] - streams.position
    valid = (torch.arange(recipe.steps) < room[:, None]).to(target)
    count = int(valid.sum())
    signal = torch.cat((streams.window, target), dim=1)
    if recipe.input_noise:
        signal = signal + recipe.input_noise * torch.randn_like(signal)
    trained = [weight for weight in network.weights if weight.numel()]

    def roll(group: slice) -> tuple:
        mix = torch.full_like(target[group], share)
        heard = (signal[group].t(), mix.t(), phones[group].t())
        y, fed, state = roll_out(*heard, streams.state[group], network.weights)
        squares = (y.t() - target[group]) ** 2
        loss = (valid[group] * squares.clamp(max=recipe.error_bound)).sum() / count
        gradients = torch.autograd.grad(loss, trained)
        return loss.detach(), squares.detach(), fed.t()[:, recipe.steps :], state, gradients

    groups = [slice(i, i + GROUP) for i in range(0, recipe.streams, GROUP)]
    with ThreadPoolExecutor(threads) as pool:
        rolled = list(pool.map(roll, groups))
    losses, squares, windows, states, gradients = zip(*rolled, strict=True)
    for weight, parts in zip(trained, zip(*gradients, strict=True), strict=True):
        weight.grad = torch.stack(parts).sum(0)
    position = streams.position + recipe.steps
    streams = Streams(streams.utterance, position, torch.cat(windows), torch.cat(states))
    error = torch.cat(squares)[:, -LAST_SAMPLES:].mean(1)
    # Not ">": a nan is lost too.
    lost = ~(error <= recipe.reset_error * power[:, -LAST_SAMPLES:].mean(1))
    return sum(loss.item() for loss in losses), count, streams, lost


def arrange(signals: Sequence[Tensor], phones: Sequence[Tensor], room: int) -> Speech:
    """Put utterances in a row, with `room` samples of nothing after each."""
    order = signals[0].numel() - phones[0].numel()
    mean = signals[0].new_full((1, 1, POWER_SAMPLES), 1 / POWER_SAMPLES)
    half = POWER_SAMPLES // 2
    powers = [functional.conv1d(one[None, None] ** 2, mean, padding=half)[0, 0] for one in signals]
    gap, before = signals[0].new_zeros(room), signals[0].new_zeros(order)
    sizes = torch.tensor([one.numel() for one in phones])
    spans = sizes + order + room
    return Speech(
        torch.cat([part for one in signals for part in (one, gap)]),
        torch.cat([part for one in powers for part in (one, gap)]).clamp(min=0) + POWER_FLOOR,
        torch.cat([part for one in phones for part in (before, one, gap)]).int(),
        spans.cumsum(0) - spans,
        sizes,
        order,
    )


@torch.no_grad()
def true_places(network: Network, speech: Speech) -> Streams:
    """Find windows and hidden states of teacher-forced passes over all utterances, side by side.

    The places lie `SAMPLES_PER_PLACE` samples apart, from a random one on.
    """
    longest = int(speech.sizes.max())
    # A short utterance reads into the next one, from where nothing is kept.
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
