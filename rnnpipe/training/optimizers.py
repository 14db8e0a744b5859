"""How a gradient changes the weights: the optimiser, clipping, and weight decay."""

import torch
from torch import Tensor, nn

from rnnpipe.model import Network
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.soap import Soap

BIASES = ("b", "c", "d")
# Adam's, as its authors chose them: decay of its running means of gradients and of their squares.
BETAS = (0.9, 0.999)


def make_optimizer(recipe: Recipe, network: Network) -> torch.optim.Optimizer:
    """Build the recipe's optimiser, without weight decay; for that see `decay`."""
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(network.parameters(), recipe.learning_rate, recipe.momentum)
    if recipe.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), recipe.learning_rate, BETAS)
    # All weights that multiply [window, phone, state, 1] form one matrix: these inputs correlate.
    stacks = [[network.W, network.V, network.M, network.b], [network.U, network.c]]
    return Soap(stacks + [[network.d]] * (network.cell == "gru"), recipe.learning_rate)


def second_moments(optimizer: torch.optim.Optimizer, network: Network) -> dict[str, Tensor]:
    """Copy Adam's running means of squared gradients, corrected for their start, by weight.

    Empty before the first update, and of other optimisers.
    """
    if not isinstance(optimizer, torch.optim.Adam):
        return {}
    return {
        name: state["exp_avg_sq"] / (1 - BETAS[1] ** state["step"].item())
        for name, weight in network.named_parameters()
        if (state := optimizer.state.get(weight))
    }


def clip(network: Network, recipe: Recipe) -> tuple[float, bool]:
    """Clip the gradient as the recipe says; return its norm before, and whether it was clipped."""
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
def precondition(network: Network, recipe: Recipe) -> None:
    """Turn the gradient into the step of other coordinates: `rate_factors` and `centred`.

    With centred units, y = U (h - 1/2) + c', so that c = c' - sum(U) / 2. The gradient for U in
    these coordinates is dU - dc / 2, and a step along it moves c too.
    """
    for name, factor in (recipe.rate_factors or {}).items():
        gradient = getattr(network, name).grad
        if gradient is not None:
            gradient.mul_(factor)
    if recipe.centred:
        dU, dc = network.U.grad, network.c.grad
        assert dU is not None and dc is not None  # both are always trained
        dU.sub_(dc / 2)
        dc.sub_(dU.sum() / 2)


@torch.no_grad()
def decay(network: Network, amount: float) -> None:
    """Shrink all weights except the biases by the share `amount`."""
    if amount:
        for name, weight in network.named_parameters():
            if name not in BIASES:
                weight.mul_(1 - amount)
