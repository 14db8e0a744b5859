"""Does the error rise where the step is too large for the curvature? Trials by the hundred.

Each trial is the beginning of a training as in the 2014 note: a sigmoid layer as drawn, plain
gradient descent on one stretch of speech. All that could predict its fate is measured before the
first step; then the trial shows whether the error rises (`rnnpipe.training.rises`). The grid below
is fixed, so that nobody can choose it by what comes out of it.

    law         learning rates x hidden sizes x output weights as drawn or larger
    two_by_two  sharpness at half or twice the limit x Lyapunov exponent below or above 0
    surgery     the trials of the law whose error has risen, once more, without the part of each
                step along the leading eigenvector, found before the first step and then kept; and
                without that along a random direction, for comparison
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from rnnpipe.corpus.phones import NUM_CODES
from rnnpipe.dynamics.curvature import error_and_gradient, sharpness
from rnnpipe.dynamics.forecast import least_sharpness
from rnnpipe.dynamics.gradients import growth
from rnnpipe.dynamics.stretches import Stretch, cut_stretches
from rnnpipe.model import Network
from rnnpipe.progress import progress
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.rises import Rises, Seen
from rnnpipe.training.train import draw
from rnnpipe.windows.series import Series

SPEAKERS = 10  # one utterance of each
SAMPLES = 4000  # to predict: the middle of the utterance
UPDATES = 60
LEARNING_RATES = tuple(0.005 * 2 ** (n / 2) for n in range(11))  # 0.005 to 0.16
HIDDEN_SIZES = (25, 50, 100)
OUTPUT_FACTORS = (1, 4)  # on U as drawn; the larger one doubles the sharpness and more
# At half and at twice the limit, with M as drawn and with one that makes the exponent positive.
# Then curvature grows with each sample, by the square of what a gradient does: so 6 ms of speech.
SHARES_OF_LIMIT, RECURRENCE_FACTORS, SQUARE_SIZE, SQUARE_SAMPLES = (0.5, 2.0), (1, 8), 50, 100
FIRST = 5  # updates in which growth along the leading eigenvector is measured


@dataclass(frozen=True)
class Drawn:
    """A network as drawn, and what is known of it before any training."""

    network: Network
    stretches: Sequence[Stretch]
    measures: dict[str, float]
    leading: Tensor


def chosen(utterances: Sequence[str]) -> list[str]:
    """Choose one utterance each of `SPEAKERS` speakers at equal distances, the first SI sentence.

    Parameters
    ----------
    utterances : sequence of str
        All ids. Speakers without an SI sentence are left out.
    """
    first: dict[str, str] = {}
    for utterance in sorted(utterances):
        speaker, sentence = utterance.rsplit("/", 1)
        if sentence.startswith("SI"):
            first.setdefault(speaker, utterance)
    own = list(first.values())
    count = min(SPEAKERS, len(own))
    return [own[i * len(own) // count] for i in range(count)]


def trials(speech: Series, mean: float, std: float, seed: int) -> pd.DataFrame:
    """Make all trials on one utterance.

    Parameters
    ----------
    speech : Series
        The utterance.
    mean, std : float
        Of its samples; used to standardise them.
    seed : int
        The first seed; each network has its own.

    Returns
    -------
    DataFrame
        One row per trial. utterance; part, see above; hidden_size, U_factor, M_factor,
        learning_rate; removed ("", "leading" or "random"). Before the first step: sharpness,
        next_sharpness (the second eigenvalue), least_sharpness (from one forward pass, see
        `rnnpipe.dynamics.forecast`), gradient_norm, lyapunov, growth_largest. Then: risen;
        updates; factor, by which the gradient along the leading eigenvector is multiplied in the
        first update, and flips, how often it changes its sign in the first `FIRST` updates.
    """
    long, short = (cut_stretches([speech], mean, std, size) for size in (SAMPLES, SQUARE_SAMPLES))
    made = chain(_law(speech.order, long, seed), _two_by_two(speech.order, short, seed))
    return pd.DataFrame([{"utterance": speech.item, **row} for row in made])


def _law(order: int, stretches: Sequence[Stretch], seed: int) -> Iterator[dict]:
    networks = list(product(HIDDEN_SIZES, OUTPUT_FACTORS))
    for number, (size, factor) in enumerate(progress(networks, "networks")):
        drawn = _draw(order, stretches, seed + number, size, {"U": factor})
        about = {"hidden_size": size, "U_factor": factor, "M_factor": 1, **drawn.measures}
        generator = torch.Generator().manual_seed(seed + number)
        random = torch.randn(len(drawn.leading), generator=generator, dtype=torch.float64)
        random = functional.normalize(random, dim=0)
        for rate in LEARNING_RATES:
            about["learning_rate"] = rate
            fate = descend(drawn, rate)
            yield {"part": "law", **about, "removed": "", **fate}
            if fate["risen"]:
                for removed, direction in (("leading", drawn.leading), ("random", random)):
                    fate = descend(drawn, rate, direction)
                    yield {"part": "surgery", **about, "removed": removed, **fate}


def _two_by_two(order: int, stretches: Sequence[Stretch], seed: int) -> Iterator[dict]:
    for factor in RECURRENCE_FACTORS:
        drawn = _draw(order, stretches, seed, SQUARE_SIZE, {"M": factor})
        about = {"hidden_size": SQUARE_SIZE, "U_factor": 1, "M_factor": factor, **drawn.measures}
        for share in SHARES_OF_LIMIT:
            rate = share * 2 / drawn.measures["sharpness"]
            about["learning_rate"] = rate
            yield {"part": "two_by_two", **about, "removed": "", **descend(drawn, rate)}


def _draw(
    order: int, stretches: Sequence[Stretch], seed: int, size: int, factors: dict[str, float]
) -> Drawn:
    """Draw a network as the note did, and measure it."""
    recipe = Recipe(
        cell="sigmoid", init="uniform", init_scale=0.5, init_factors=factors, updates=UPDATES
    )
    network = Network(order, NUM_CODES, size, recipe.cell)
    with torch.random.fork_rng():
        draw(network, recipe, seed)
    network.double()
    _, gradient = error_and_gradient(network, stretches)
    top = sharpness(network, stretches, gradient)
    second = sharpness(
        network, stretches, gradient, lambda vector: vector - (vector @ top.vector) * top.vector
    )
    carried = growth(network, stretches)
    measures = {
        "sharpness": top.value,
        "next_sharpness": second.value,
        "least_sharpness": least_sharpness(network, stretches),
        "gradient_norm": float(gradient.norm()),
        "lyapunov": carried.exponent,
        "growth_largest": carried.largest,
    }
    return Drawn(network, stretches, measures, top.vector)


def descend(drawn: Drawn, learning_rate: float, removed: Tensor | None = None) -> dict:
    """Take gradient steps until the error has risen, at most `UPDATES`; the network stays as it is.

    Parameters
    ----------
    drawn : Drawn
        A network with its speech.
    learning_rate : float
        The same for all steps.
    removed : float64 Tensor, shape (P,), optional
        A direction of length 1; the steps have no part along it.
    """
    start = parameters_to_vector(drawn.network.parameters()).detach().clone()
    weights, along, risen = start.clone(), [], False
    rises = Rises(Recipe(backpropagation="whole_utterance", updates=UPDATES), 1)
    for _ in range(UPDATES):
        vector_to_parameters(weights, drawn.network.parameters())
        error, gradient = error_and_gradient(drawn.network, drawn.stretches)
        along.append(float(gradient @ drawn.leading))
        risen = not np.isfinite(error) or rises.add(error) is Seen.RISEN
        if risen:
            break
        if removed is not None:
            gradient = gradient - (gradient @ removed) * removed
        weights = weights - learning_rate * gradient
    vector_to_parameters(start, drawn.network.parameters())
    signs = np.sign(along[: FIRST + 1])
    return {
        "risen": risen,
        "updates": len(along),
        "factor": along[1] / along[0],
        "flips": int((signs[1:] != signs[:-1]).sum()),
    }
