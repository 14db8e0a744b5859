"""Whether the step is too large for a network as it is drawn, before any training.

The error is quadratic in the output's weights, and their block of its Hessian is

    2 E[h h'],   h with a 1 added for the output's bias

with the mean over all samples (LeCun, Kanter & Solla, "Eigenvalues of covariance matrices:
Application to neural-network learning", Physical Review Letters 66, 1991). The sharpness of the
whole network is never below the largest eigenvalue of a block, so one forward pass gives a number
that it exceeds. Hidden units far from 0 on average, as those of a sigmoid are, add up: this
eigenvalue grows as the hidden size, and with it comes a size from which on the step must fail.
"""

import math
from collections.abc import Sequence

import torch
from torch.nn import functional

from rnnpipe.corpus.phones import NUM_CODES
from rnnpipe.dynamics.curvature import error_and_gradient, step_limit
from rnnpipe.dynamics.stretches import Stretch, cut_stretches
from rnnpipe.kernels.recurrence import recur
from rnnpipe.model import Network
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.train import draw
from rnnpipe.windows.series import Series

SAMPLES = 20_000  # of speech, for the forward pass


def least_sharpness(network: Network, stretches: Sequence[Stretch]) -> float:
    """Largest eigenvalue of the output's block of the Hessian, which the sharpness is never below.

    Parameters
    ----------
    network : Network
        In float64.
    stretches : sequence of Stretch
        From `rnnpipe.dynamics.stretches.cut_stretches`.

    Returns
    -------
    float
        inf if a hidden state is not finite.
    """
    moments = torch.zeros(network.hidden_size + 1, network.hidden_size + 1, dtype=torch.float64)
    for stretch in stretches:
        with torch.no_grad():
            h, _ = recur(
                stretch.signal[None],
                stretch.phones[None],
                network.weights,
                network.initial_state(1),
                network.cell,
            )
        h = functional.pad(h[:, :, 0], (0, 1), value=1.0)
        moments += h.t() @ h
    if not moments.isfinite().all():
        return math.inf
    samples = sum(stretch.phones.numel() for stretch in stretches)
    return 2 / samples * float(torch.linalg.eigvalsh(moments)[-1])


def warning(
    recipe: Recipe,
    series: Sequence[Series],
    *,
    hidden_size: int,
    seed: int,
    mean: float,
    std: float,
    num_phones: int = NUM_CODES,
) -> str | None:
    """Say that the first steps of a training are too large; None if that is not known before it.

    It is known of plain gradient descent on the mean squared error: not of a closed loop, whose
    loss is another one, and not where the step is preconditioned.

    Parameters
    ----------
    recipe, series, hidden_size, seed, mean, std, num_phones
        As for `rnnpipe.training.train.train`.
    """
    rate = recipe.learning_rate_at(0)
    preconditioned = recipe.centred or bool(recipe.rate_factors)
    if recipe.backpropagation == "closed_loop" or preconditioned:
        return None
    if math.isnan(step_limit(recipe, rate, 0.0)):
        return None
    network = Network(series[0].order, num_phones, hidden_size, recipe.cell)
    with torch.random.fork_rng():
        draw(network, recipe, seed)
    network.double()
    stretches = cut_stretches(series, mean, std, SAMPLES)
    clipped = recipe.clip == "norm"
    norm = float(error_and_gradient(network, stretches)[1].norm()) if clipped else 0.0
    limit, least = step_limit(recipe, rate, norm), least_sharpness(network, stretches)
    if not limit < least < math.inf:
        return None
    return (
        f"the step is too large: before training, the sharpness is at least {least:.3g}, and a "
        f"learning rate of {rate:g} bears {limit:.3g}. The error will rise. This begins at about "
        f"{max(1, math.floor(hidden_size * limit / least))} hidden units or fewer; with "
        f"{hidden_size}, at a learning rate of {rate * limit / least:.2g} or less"
    )
