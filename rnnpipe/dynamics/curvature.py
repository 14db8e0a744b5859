"""The curvature of the training error, and the largest step that it allows.

The sharpness is the largest eigenvalue of the Hessian over all weights, by Lanczos iteration on
Hessian-vector products; see `rnnpipe.dynamics` for its meaning and for references.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from rnnpipe.dynamics.stretches import Stretch
from rnnpipe.model import Network
from rnnpipe.training.optimizers import BETAS
from rnnpipe.training.recipes import Recipe

BLOCKS = ("W", "V", "M", "b", "d", "U", "c")
# Lanczos stops when the residual |H v - s v| is this share of s; an eigenvalue lies within it.
TOLERANCE, MAX_PRODUCTS = 1e-3, 60
# Length of the step, along a unit vector, for a difference of gradients. With it, products are
# correct to 1e-5 on the networks in the tests; below 1e-8 rounding errors would matter, above 1e-3
# the curvature of the gradient.
DIFFERENCE = 1e-6
ADAM_EPSILON = 1e-8  # torch's default

Root = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Sharpness:
    """The largest eigenvalue of the Hessian.

    Parameters
    ----------
    value : float
        Largest eigenvalue; inf if a gradient is not finite.
    error : float
        Norm of the residual as a share of `value`; an eigenvalue lies within this distance. `value`
        is never above the largest eigenvalue, even if the search ends by `MAX_PRODUCTS` instead of
        `TOLERANCE`.
    shares : dict from str to float
        Share of the squared eigenvector in each weight block; they add up to 1.
    products : int
        Number of Hessian-vector products.
    vector : float64 Tensor, shape (P,)
        The eigenvector, of length 1.
    """

    value: float
    error: float
    shares: dict[str, float]
    products: int
    vector: Tensor


def error_and_gradient(network: Network, stretches: Sequence[Stretch]) -> tuple[float, Tensor]:
    """Return the mean squared error over all samples, and its gradient as one vector."""
    network.zero_grad()
    total = sum(stretch.phones.numel() for stretch in stretches)
    error = 0.0
    for stretch in stretches:
        state = network.initial_state(1)
        predictions, _ = network(stretch.signal[None], stretch.phones[None], state)
        loss = ((predictions[0] - stretch.signal[network.order :]) ** 2).sum() / total
        loss.backward()
        error += loss.item()
    gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in network.parameters()]
    return error, parameters_to_vector(gradients)


def sharpness(
    network: Network,
    stretches: Sequence[Stretch],
    gradient: Tensor,
    root: Root = lambda vector: vector,
) -> Sharpness:
    """Measure the largest eigenvalue of the Hessian of the error over all weights.

    With the root R of a preconditioner, it is that of R H R: the Hessian in the coordinates in
    which the step - lr R R g is a plain one.

    Lanczos iteration on Hessian-vector products, until the residual is `TOLERANCE` of the
    eigenvalue. Each product is a difference of gradients, H v = (g(w + e v) - g(w)) / e with
    |v| = 1.

    Parameters
    ----------
    network : Network
        In float64.
    stretches : sequence of Stretch
        From `cut_stretches`.
    gradient : float64 Tensor, shape (P,)
        From `error_and_gradient`.
    root : callable, optional
        float64 Tensor of shape (P,) -> R times it; R is symmetric. See `step_root`, `adam_root`.
    """
    weights = parameters_to_vector(network.parameters()).detach().clone()

    def product(vector: Tensor) -> Tensor:
        step = root(vector)
        length = step.norm() or 1.0
        vector_to_parameters(weights + DIFFERENCE / length * step, network.parameters())
        change = error_and_gradient(network, stretches)[1] - gradient
        return root(change) * length / DIFFERENCE

    try:
        value, error, vector, products = lanczos(product, len(weights))
    finally:
        vector_to_parameters(weights, network.parameters())
    sizes = {name: weight.numel() for name, weight in network.named_parameters()}
    parts = dict(zip(sizes, (vector**2).split(list(sizes.values())), strict=True))
    shares = {name: parts[name].sum().item() for name in BLOCKS}
    return Sharpness(value, error, shares, products, vector)


def lanczos(product: Callable[[Tensor], Tensor], size: int) -> tuple[float, float, Tensor, int]:
    """Find the largest eigenvalue of a symmetric matrix from products with it.

    Each product adds a direction to an orthonormal basis. In this basis, the matrix is a small
    tridiagonal one, whose eigenvalues approach the outermost eigenvalues of the large matrix.

    Parameters
    ----------
    product : callable
        float64 Tensor of shape (size,) -> the matrix times it.
    size : int
        Rows of the matrix.

    Returns
    -------
    value, error : float
        The eigenvalue, and the residual of its vector as a share of it; inf and nan if a product
        is not finite.
    vector : float64 Tensor, shape (size,)
        Of length 1; nan if a product is not finite.
    products : int
        Number of products, at most `MAX_PRODUCTS`.
    """
    start = torch.Generator().manual_seed(0)
    basis = [functional.normalize(torch.randn(size, generator=start, dtype=torch.float64), dim=0)]
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        image = product(basis[-1])
        if not image.isfinite().all():
            return math.inf, math.nan, torch.full_like(basis[0], math.nan), len(basis)
        diagonal.append(float(image @ basis[-1]))
        directions = torch.stack(basis)
        for _ in range(2):  # twice, because rounding leaves a rest of the old directions
            image = image - directions.t() @ (directions @ image)
        beside.append(float(image.norm()))
        small = np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
        values, vectors = np.linalg.eigh(small)
        value, residual = float(values[-1]), beside[-1] * abs(vectors[-1, -1])
        if residual <= TOLERANCE * abs(value) or len(basis) == min(size, MAX_PRODUCTS):
            vector = directions.t() @ torch.from_numpy(vectors[:, -1].copy())
            return value, residual / abs(value) if value else 0.0, vector, len(basis)
        basis.append(image / beside[-1])


def step_root(network: Network, recipe: Recipe) -> Root:
    """Return the root of the preconditioner of a recipe's step, see `precondition` in optimizers.

    With `rate_factors`, it multiplies each block with the root of its factor. With `centred`, the
    preconditioner of U and c is the identity but for the row and the column of c.

    Parameters
    ----------
    network : Network
        In float64.
    recipe : Recipe
        How it is trained.
    """
    factors = recipe.rate_factors or {}
    scale = parameters_to_vector(
        [torch.full_like(w, factors.get(name, 1.0)) for name, w in network.named_parameters()]
    ).sqrt()
    if not recipe.centred:
        return lambda vector: scale * vector
    H = network.hidden_size
    matrix = torch.eye(H + 1, dtype=torch.float64)
    matrix[H, :H] = matrix[:H, H] = -1 / 2
    matrix[H, H] += H / 4
    values, vectors = torch.linalg.eigh(matrix)
    output = vectors * values.sqrt() @ vectors.t()

    def root(vector: Tensor) -> Tensor:
        moved = scale * vector
        moved[-H - 1 :] = output @ moved[-H - 1 :]  # U and c are the last weights
        return moved

    return root


def adam_root(network: Network, second_moments: Mapping[str, Tensor]) -> Root:
    """Return the root of adam's preconditioner: it multiplies each weight by v^(-1/4).

    Adam divides the mean gradient by the root of v, the running mean of its square. For as long as
    v changes little, this is gradient descent with momentum in the coordinates w v^(1/4).

    Parameters
    ----------
    network : Network
        In float64.
    second_moments : mapping from str to Tensor
        v of each weight, from `rnnpipe.training.optimizers.second_moments`.
    """
    scale = parameters_to_vector(
        [
            (second_moments[name].double().sqrt() + ADAM_EPSILON).rsqrt()
            if name in second_moments
            else torch.ones_like(weight)
            for name, weight in network.named_parameters()
        ]
    )
    return lambda vector: scale * vector


def step_limit(recipe: Recipe, learning_rate: float, gradient_norm: float) -> float:
    """Return the sharpness up to which the optimiser is stable; nan if no limit is known.

    2 (1 + momentum) / lr for gradient descent (Cohen et al., 2021). Clipping by norm shortens the
    step, so that lr becomes lr min(1, clip_at / gradient norm). For adam, and for clipping by
    value, no limit on the Hessian itself is known; see `adam_limit`.

    Parameters
    ----------
    recipe : Recipe
        Its optimiser, momentum and clipping are used.
    learning_rate, gradient_norm : float
        At the update in question.
    """
    if recipe.optimizer != "sgd" or recipe.clip == "value":
        return math.nan
    return 2 * (1 + recipe.momentum) / _clipped(learning_rate, recipe, gradient_norm)


def adam_limit(recipe: Recipe, learning_rate: float, gradient_norm: float) -> float:
    """Return the sharpness up to which adam is stable, with the root of `adam_root`.

    (2 + 2 b) / ((1 - b) lr), with b the decay of the mean gradient (Cohen et al., "Adaptive
    gradient methods at the edge of stability", 2022, arXiv:2207.14484): 38 / lr. Clipping by norm
    makes both the gradient and the root of its second moment smaller, so that the Hessian counts
    for less than the moments show. nan for other optimisers, and for clipping by value.

    Parameters
    ----------
    recipe, learning_rate, gradient_norm
        As for `step_limit`.
    """
    if recipe.optimizer != "adam" or recipe.clip == "value":
        return math.nan
    rate = _clipped(learning_rate, recipe, gradient_norm)
    return (2 + 2 * BETAS[0]) / ((1 - BETAS[0]) * rate)


def _clipped(learning_rate: float, recipe: Recipe, gradient_norm: float) -> float:
    """The learning rate, less by as much as clipping by norm shortens the gradient."""
    if recipe.clip == "norm" and gradient_norm > recipe.clip_at:
        return learning_rate * recipe.clip_at / gradient_norm
    return learning_rate
