"""When the error of a training has risen: by more than chance, and not only for a moment.

An error without chance is taken as it is. It is the mean over a pass through whole utterances, and
it has risen when it is `RISE` times the lowest so far.

Errors of batches vary by chance, by a factor of two within a few updates. They are judged by the
last `WINDOW` of them, or by the last pass through the utterances if that is longer: they have risen
when nine tenths of these errors are `RISE` times the lowest median of as many earlier ones. So a
rise must be larger than the spread of the batches themselves, whatever that is, and what is over
within a window is not told from chance. In trainings that only go down, with noise as recorded and
worse, this is a false alarm less than once in 1,000 (tests/training/test_rises.py).

In a closed loop, the share of the true sample in what is fed back falls, and each update's task is
harder than the one before. Its errors are not compared with each other: nothing but a divergence
counts as a rise.
"""

import math
from collections import deque
from enum import Enum

from rnnpipe.training.recipes import Recipe

RISE = 2.0
WINDOW = 50
MOST = 0.9  # share of the errors in a window that must have risen


class Seen(Enum):
    """What the last errors are, compared with those before."""

    LOWEST = "the lowest so far"
    RISEN = "risen"


class Rises:
    """Compares the last errors of a training with the lowest before them.

    Parameters
    ----------
    recipe : Recipe
        Whether its errors are exact, vary by chance, or cannot be compared.
    pass_length : int
        Updates in one pass through the utterances.
    """

    def __init__(self, recipe: Recipe, pass_length: int) -> None:
        noise = recipe.input_noise or recipe.weight_noise or recipe.dropout
        exact = recipe.backpropagation == "whole_utterance" and not noise
        self._exact, self._compared = exact, recipe.backpropagation != "closed_loop"
        self._window = pass_length if exact else max(WINDOW, pass_length)
        self._every = pass_length if exact else self._window // 10
        self._errors: deque[float] = deque(maxlen=self._window)
        self._seen, self._lowest = 0, math.inf

    def add(self, error: float) -> Seen | None:
        """Judge a training after an update with this error."""
        self._errors.append(error)
        self._seen += 1
        if self._seen < self._window or self._seen % self._every:
            return None
        if self._exact:
            usual = least = sum(self._errors) / self._window
        else:
            ordered = sorted(self._errors)
            usual, least = (ordered[int(share * self._window)] for share in (0.5, 1 - MOST))
        if least >= RISE * self._lowest and self._compared:
            return Seen.RISEN
        if usual < self._lowest:
            self._lowest = usual
            return Seen.LOWEST
        return None
