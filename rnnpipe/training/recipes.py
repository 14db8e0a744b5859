"""A recipe: how to train, with every choice that the 2014 note made or left open."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from rnnpipe.errors import RnnpipeError

# The streams of a closed loop are computed in groups of this size, one thread per group. The size
# is fixed, so that no sum depends on the number of threads.
GROUP = 16
# All that a recipe without back-propagation uses.
ECHO_STATE = ("backpropagation", "cell", "init", "init_scale", "input_noise", "ridge")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one network is trained.

    Parameters
    ----------
    cell : {"sigmoid", "tanh", "relu", "gru", "lstm"}
        The recurrent hidden layer.
    init : {"uniform", "hidden", "fan_in", "orthogonal", "lecun"}
        Weights from U(-init_scale, init_scale); from U(-s, s) with s = init_scale / sqrt(hidden
        size) or s = init_scale / sqrt(fan in), the fan in of window, phone and state together; or
        fan_in with the recurrent blocks orthogonal (Saxe et al., 2014). With lecun, recurrent
        blocks are orthogonal too, and window and phone each have their own fan in, a phone's being
        1: the standard deviation is init_scale / sqrt(fan in) (LeCun et al., 1998), so that each of
        the three drives a unit equally at first. Biases start at 0.
    init_scale : float
        See `init`; orthogonal blocks are scaled by it too.
    init_factors : mapping from {"W", "V", "M", "U"} to float, optional
        Factors on the initial weights, by block.
    optimizer : {"sgd", "adam", "soap"}
        Plain or momentum gradient descent, Adam (Kingma & Ba, 2015), or SOAP (Vyas et al., 2024;
        see `rnnpipe.training.soap`), whose updates cost more but of which far fewer are needed.
    learning_rate : float
        At the first update.
    momentum : float
        Of sgd, in [0, 1).
    rate_factors : mapping from {"W", "V", "M", "b", "d", "U", "c"} to float, optional
        Of sgd: factors on the learning rate, by block; 0 leaves a block as it is drawn.
    rate_warm_up : float
        Share of the training, at its start, in which the learning rate grows evenly from a
        hundredth to all of it (Gilmer et al., arXiv:2110.04369).
    schedule : {"constant", "cosine", "steep_cosine", "exponential"}
        How the learning rate changes from the first update to the last. The steep cosine is the
        cosine to the power 1.5: it takes longer over the last, small rates.
    final_learning_rate : float
        Learning rate at the last update, as a share of `learning_rate`.
    epochs, updates : int or None
        Length of the training, one of the two: passes over the utterances, or optimiser steps.
    backpropagation : {"whole_utterance", "truncated", "closed_loop", "none"}
        One update per utterance, through all of it; streams cut into chunks; or such streams on
        their own samples, through the samples fed back (see `rnnpipe.training.closed_loop`). With
        "none", the hidden layer stays as drawn and only the output is fitted, in one step (see
        `rnnpipe.training.echo_state`).
    through_time : bool
        With "whole_utterance": whether the gradient flows back through the recurrent weights, from
        a state to the one before. If not, each step takes the state before it as given.
    centred : bool
        With "whole_utterance" and sgd: whether the output's weights learn from hidden units minus
        1/2, as if the network had such units; it stays the same function (LeCun, Kanter & Solla,
        1991, on why that helps).
    streams : int
        Number of streams in parallel; unused with "whole_utterance".
    steps : int
        Samples that a stream moves on, and that gradients go back, per update; unused with
        "whole_utterance".
    carry_state : bool
        With "truncated": whether a chunk starts from the state at the end of the previous chunk,
        instead of from 0.
    warm_up : float
        With "closed_loop": share of the training, at its start, on true samples only.
    mixing : float
        With "closed_loop": share of the training, after the warm-up, in which the true sample is
        still mixed into what is fed back, with a decreasing share.
    scheduled_sampling : bool
        With "closed_loop": whether each sample fed back is the true one or the predicted one, at
        random (Bengio et al., 2015), instead of a mixture of both.
    error_bound : float
        With "closed_loop": squared errors are clipped here, in standardised units, so that a lost
        stream does not dominate the others.
    reset_error : float
        With "closed_loop": a stream is reset to its utterance when its error exceeds this share of
        the power of the speech there.
    ridge : float
        With "none": the penalty on the square of the output's weights, per sample.
    clip : {"none", "norm", "value"}
        Gradient clipping (Pascanu et al., 2013), to `clip_at`.
    clip_at : float
        Largest gradient norm, or largest absolute value of an entry.
    weight_decay : float
        Decoupled (Loshchilov & Hutter, 2019): each update multiplies the weights by
        1 - learning_rate * weight_decay.
    weight_noise : float
        Standard deviation of Gaussian noise on every weight while a gradient is computed
        (Graves, 2011).
    input_noise : float
        Standard deviation of Gaussian noise on the samples of the window, in standardised units;
        the sample to predict stays clean. With "closed_loop", samples predicted within the chunk
        get no noise.
    dropout : float
        Share of hidden units dropped between the hidden layer and the output.
    """

    cell: Literal["sigmoid", "tanh", "relu", "gru", "lstm"] = "tanh"
    init: Literal["uniform", "hidden", "fan_in", "orthogonal", "lecun"] = "fan_in"
    init_scale: float = 1.0
    init_factors: Mapping[str, float] | None = None
    optimizer: Literal["sgd", "adam", "soap"] = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.0
    rate_factors: Mapping[str, float] | None = None
    rate_warm_up: float = 0.0
    schedule: Literal["constant", "cosine", "steep_cosine", "exponential"] = "constant"
    final_learning_rate: float = 1.0
    epochs: int | None = None
    updates: int | None = None
    backpropagation: Literal["whole_utterance", "truncated", "closed_loop", "none"] = "truncated"
    through_time: bool = True
    centred: bool = False
    streams: int = 32
    steps: int = 100
    carry_state: bool = True
    warm_up: float = 0.05
    mixing: float = 0.75
    scheduled_sampling: bool = False
    error_bound: float = 25.0
    reset_error: float = 0.5
    ridge: float = 0.0
    clip: Literal["none", "norm", "value"] = "none"
    clip_at: float = 1.0
    weight_decay: float = 0.0
    weight_noise: float = 0.0
    input_noise: float = 0.0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.backpropagation == "none":
            useless = sorted(set(self.changes()) - set(ECHO_STATE))
            if useless:
                raise RnnpipeError(
                    "With backpropagation none, the output is fitted in one step and nothing else "
                    f"is trained: leave out {', '.join(useless)}."
                )
            return
        if self.ridge:
            raise RnnpipeError("ridge belongs to backpropagation none.")
        if self.scheduled_sampling and self.backpropagation != "closed_loop":
            raise RnnpipeError("scheduled_sampling belongs to backpropagation closed_loop.")
        if (self.epochs is None) == (self.updates is None):
            raise RnnpipeError("A recipe needs either epochs or updates, and not both.")
        if self.optimizer != "sgd" and self.momentum:
            raise RnnpipeError(
                f"momentum belongs to the optimizer sgd; {self.optimizer} has its own."
            )
        if self.optimizer != "sgd" and (self.rate_factors or self.centred):
            raise RnnpipeError(
                f"rate_factors and centred belong to the optimizer sgd; {self.optimizer} makes up "
                "for a gradient that is scaled."
            )
        if self.centred and {"U", "c"} & set(self.rate_factors or {}):
            raise RnnpipeError("With centred, rate_factors may not name U or c.")
        if self.backpropagation != "whole_utterance" and (self.centred or not self.through_time):
            raise RnnpipeError("through_time and centred belong to whole_utterance.")
        if self.cell == "lstm" and not self.through_time:
            raise RnnpipeError("through_time: false is not possible with the cell lstm.")
        if self.backpropagation == "closed_loop":
            if self.dropout or self.weight_noise:
                raise RnnpipeError("The closed loop supports neither dropout nor weight_noise.")

    def changes(self) -> dict[str, Any]:
        """Return the keys that do not have their default: equal for all spellings of a recipe."""
        values = {key.name: getattr(self, key.name) for key in fields(self)}
        return {
            key.name: float(values[key.name]) if key.type is float else values[key.name]
            for key in fields(self)
            if values[key.name] != key.default
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Recipe":
        """Build a recipe from a mapping of its fields, as config.yaml holds it.

        Raises
        ------
        RnnpipeError
            If a key is not a field, or the fields contradict each other.
        """
        unknown = set(config) - {field.name for field in fields(cls)}
        if unknown:
            raise RnnpipeError(f"A recipe has no {', '.join(sorted(unknown))}.")
        return cls(**config)

    def updates_per_epoch(self, sizes: Sequence[int]) -> float:
        """Updates per pass over utterances that have `sizes` samples to predict; not rounded."""
        if self.backpropagation == "whole_utterance":
            return len(sizes)
        if self.backpropagation == "none":
            return 1
        return sum(sizes) / (self.streams * self.steps)

    def num_updates(self, sizes: Sequence[int]) -> int:
        """Length of a training on utterances that have `sizes` samples to predict."""
        if self.backpropagation == "none":
            return 1
        if self.updates is not None:
            return self.updates
        assert self.epochs is not None  # one of the two is given
        return max(1, round(self.epochs * self.updates_per_epoch(sizes)))

    def learning_rate_at(self, progress: float) -> float:
        """Learning rate at `progress`, the finished share of the training, in [0, 1]."""
        end = self.final_learning_rate
        cosine = (1 + math.cos(math.pi * progress)) / 2
        share = {
            "constant": 1.0,
            "cosine": end + (1 - end) * cosine,
            "steep_cosine": end + (1 - end) * cosine**1.5,
            "exponential": end**progress,
        }[self.schedule]
        if progress < self.rate_warm_up:
            share *= 0.01 + 0.99 * progress / self.rate_warm_up
        return self.learning_rate * share
