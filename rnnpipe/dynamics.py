"""What the stability of a training hangs on: the curvature, the step, and gradients through time.

Three measures tell two explanations of a rising error apart.

    sharpness   the largest eigenvalue of the Hessian of the training error over all weights.
                Gradient descent along its eigenvector multiplies what it is off by 1 - lr s each
                step, so that the error grows where s is above the limit 2 / lr.
    lyapunov    the largest Lyapunov exponent of the recurrence along the speech: the mean log
                growth a step of a vector carried back through the Jacobians dh_t / dh_{t-1}, in
                nats a step. Above 0, gradients explode through time.
    by lag      the norm of d(error at t) / dh_{t - lag}: how far back a gradient reaches.

All is computed in float64, on stretches from the middle of the utterances (`cut_stretches`), with
the gradient through the whole of each whatever the recipe's back-propagation, and without noise
and dropout. With P weights and T samples, a gradient costs O(T P); a sharpness takes about 5 to 20
of them, an exponent and the gradients by lag less than one each.

References: Pearlmutter, Neural Computation 6 (1994), on Hessian-vector products; Golub & Van Loan,
Matrix Computations, ch. 10, on Lanczos; Cohen et al., ICLR 2021 (arXiv:2103.00065), on sharpness
against 2 / lr and 2 (1 + momentum) / lr; Engelken, Wolf & Abbott, Physical Review Research 5
(2023), on the exponents of recurrent networks; Pascanu, Mikolov & Bengio, ICML 2013, on gradients
through time.
"""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from rnnpipe.kernels.recurrence import carried_back
from rnnpipe.model import Network
from rnnpipe.progress import progress
from rnnpipe.recipes import Recipe
from rnnpipe.windows import Series

BLOCKS = ("W", "V", "M", "b", "d", "U", "c")
STRETCH = 4000  # samples; shorter stretches are not cut as long as there are fewer to take
MAX_LAG, POSITIONS = 1000, 64
# Lanczos stops when the residual |H v - s v| is that share of s: an eigenvalue lies no farther off.
TOLERANCE, MAX_PRODUCTS = 1e-3, 60
# Length of the step of a difference of gradients, along a unit vector. On the networks of the
# tests the product is then right to 1e-5; rounding would show below 1e-8, curvature above 1e-3.
DIFFERENCE = 1e-6
# The exponent leaves out the first steps, in which the vector turns into its own direction.
TURNING = 0.1


@dataclass(frozen=True)
class Stretch:
    """Speech that the measures are taken on.

    Parameters
    ----------
    signal : float64 Tensor, shape (order + T,)
        Standardised.
    phones : int Tensor, shape (T,)
    """

    signal: Tensor
    phones: Tensor


@dataclass(frozen=True)
class Sharpness:
    """The top of the Hessian's spectrum.

    Parameters
    ----------
    value : float
        Largest eigenvalue; inf where a gradient is not finite.
    error : float
        Norm of the residual as a share of `value`: an eigenvalue lies no farther off. The value is
        never above the largest one, also where `MAX_PRODUCTS` end the search before `TOLERANCE`.
    shares : dict from str to float
        Share of the squared eigenvector in each weight block; they add up to 1.
    products : int
        Hessian-vector products that it took.
    """

    value: float
    error: float
    shares: dict[str, float]
    products: int


def cut_stretches(series: Sequence[Series], mean: float, std: float, samples: int) -> list[Stretch]:
    """Cut the speech that the measures are taken on.

    Of utterances spread evenly over the list, one for each 4,000 of `samples` and at least one,
    the middle; all of an utterance where that is not more than its share of `samples`.

    Parameters
    ----------
    series : sequence of Series
        The training utterances.
    mean, std : float
        What standardises them.
    samples : int
        How many samples to predict, at most.
    """
    count = min(len(series), max(1, samples // STRETCH))
    stretches = []
    for i in range(count):
        one = series[i * len(series) // count]
        size = min(one.phones.size, samples // count)
        start = (one.phones.size - size) // 2
        signal = torch.from_numpy(one.standardised(mean, std)).double()
        phones = torch.from_numpy(one.phones.astype(np.int32))
        stretches.append(
            Stretch(signal[start : start + one.order + size], phones[start : start + size])
        )
    return stretches


def error_and_gradient(network: Network, stretches: Sequence[Stretch]) -> tuple[float, Tensor]:
    """Return the mean squared error over all samples and its gradient, the weights in a row."""
    network.zero_grad()
    total = sum(one.phones.numel() for one in stretches)
    error = 0.0
    for one in stretches:
        state = network.initial_state(1)
        predictions, _ = network(one.signal[None], one.phones[None], state)
        loss = ((predictions[0] - one.signal[network.order :]) ** 2).sum() / total
        loss.backward()
        error += loss.item()
    gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in network.parameters()]
    return error, parameters_to_vector(gradients)


def sharpness(network: Network, stretches: Sequence[Stretch], gradient: Tensor) -> Sharpness:
    """Measure the largest eigenvalue of the Hessian of the error over all weights.

    Lanczos on Hessian-vector products, each a difference of gradients,
    H v = (g(w + e v) - g(w)) / e with |v| = 1, until the residual is `TOLERANCE` of the eigenvalue.

    Parameters
    ----------
    network : Network
        In float64.
    stretches : sequence of Stretch
        From `cut_stretches`.
    gradient : float64 Tensor, shape (P,)
        From `error_and_gradient`.
    """
    weights = parameters_to_vector(network.parameters()).detach().clone()

    def product(vector: Tensor) -> Tensor:
        vector_to_parameters(weights + DIFFERENCE * vector, network.parameters())
        return (error_and_gradient(network, stretches)[1] - gradient) / DIFFERENCE

    try:
        value, error, vector, products = lanczos(product, len(weights))
    finally:
        vector_to_parameters(weights, network.parameters())
    sizes = {name: weight.numel() for name, weight in network.named_parameters()}
    parts = dict(zip(sizes, (vector**2).split(list(sizes.values())), strict=True))
    return Sharpness(value, error, {name: parts[name].sum().item() for name in BLOCKS}, products)


def lanczos(product: Callable[[Tensor], Tensor], size: int) -> tuple[float, float, Tensor, int]:
    """Find the largest eigenvalue of a symmetric matrix from products with it.

    Each product adds a direction to an orthonormal basis, in which the matrix is tridiagonal; the
    eigenvalues of that small matrix close in on the outer ones of the large one.

    Parameters
    ----------
    product : callable
        float64 Tensor of shape (size,) -> the matrix times it.
    size : int
        Rows of the matrix.

    Returns
    -------
    value, error : float
        The eigenvalue and the residual of its vector as a share of it; inf and nan where a
        product is not finite.
    vector : float64 Tensor, shape (size,)
        Of length 1; nan where a product is not finite.
    products : int
        How many it took, at most `MAX_PRODUCTS`.
    """
    start = torch.Generator().manual_seed(0)
    basis = [functional.normalize(torch.randn(size, generator=start, dtype=torch.float64), dim=0)]
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        image = product(basis[-1])
        if not image.isfinite().all():
            return math.inf, math.nan, torch.full((size,), math.nan), len(basis)
        diagonal.append(float(image @ basis[-1]))
        directions = torch.stack(basis)
        for _ in range(2):  # once more, because rounding leaves some of the old directions
            image = image - directions.t() @ (directions @ image)
        beside.append(float(image.norm()))
        small = np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
        values, vectors = np.linalg.eigh(small)
        value, residual = float(values[-1]), beside[-1] * abs(vectors[-1, -1])
        if residual <= TOLERANCE * abs(value) or len(basis) == min(size, MAX_PRODUCTS):
            vector = directions.t() @ torch.from_numpy(vectors[:, -1].copy())
            return value, residual / abs(value) if value else 0.0, vector, len(basis)
        basis.append(image / beside[-1])


def lyapunov_exponent(network: Network, stretches: Sequence[Stretch]) -> float:
    """Measure the largest Lyapunov exponent of the recurrence, in nats a step.

        (log |v_0| - log |v_n|) / n,   v_{t-1} = (dh_t / dh_{t-1})' v_t

    from a random vector at the end of a stretch, without its first tenth of steps; the mean over
    the stretches by their length. -inf where all units are shut.

    Parameters
    ----------
    network : Network
        In float64.
    stretches : sequence of Stretch
        From `cut_stretches`.
    """
    start = np.random.default_rng(0).normal(size=(1, network.hidden_size))
    growth, steps = 0.0, 0
    for one in stretches:
        last = one.phones.numel() - 1
        logs = _carried_back(network, one, np.array([last]), start, last)[:, 0]
        turned = round(TURNING * last)
        if turned < last:
            growth += logs[last] - logs[turned] if np.isfinite(logs[last]) else -math.inf
            steps += last - turned
    return growth / steps if steps else math.nan


def gradient_by_lag(
    network: Network, stretches: Sequence[Stretch]
) -> tuple[np.ndarray, np.ndarray]:
    """Measure how far back the gradient of a sample's error reaches.

    The norm of d e_t / d h_{t - lag} with e_t = (y_t - x_t)^2, at 64 positions t spread evenly
    over the stretches.

    Parameters
    ----------
    network : Network
        In float64.
    stretches : sequence of Stretch
        From `cut_stretches`.

    Returns
    -------
    lags : int array, shape (n,)
        In samples, from 1 to 1,000 or what a stretch has, spread evenly over their logarithm.
    norms : float64 array, shape (n, positions)
    """
    shortest = min(one.phones.numel() for one in stretches)
    last = min(MAX_LAG, shortest - 1)
    lags = np.unique(np.geomspace(1, max(1, last), 60).round().astype(int))
    norms = []
    for one in stretches:
        size = one.phones.numel()
        ends = np.linspace(last, size - 1, max(1, POSITIONS // len(stretches))).astype(np.int64)
        with torch.no_grad():
            predictions, _ = network(one.signal[None], one.phones[None], network.initial_state(1))
            errors = (predictions[0] - one.signal[network.order :]).numpy()
            vectors = 2 * errors[ends, None] * network.U.numpy()
        with np.errstate(over="ignore"):
            norms.append(np.exp(_carried_back(network, one, ends, vectors, last)))
    return lags[lags <= last], np.concatenate(norms, axis=1)[lags[lags <= last]]


def _carried_back(
    network: Network, one: Stretch, ends: np.ndarray, vectors: np.ndarray, steps: int
) -> np.ndarray:
    with torch.no_grad():
        weights = (network.W, network.V, network.M, network.d, network.b)
        return carried_back(one.signal, one.phones, *weights, network.cell, ends, vectors, steps)


def step_limit(recipe: Recipe, learning_rate: float, gradient_norm: float) -> float:
    """Return the sharpness up to which the optimiser's steps settle; nan where none is known.

    2 (1 + momentum) / lr for gradient descent (Cohen et al., 2021). Clipping by norm shortens the
    step: lr counts as lr min(1, clip_at / gradient norm). For adam, and for clipping by value, no
    limit on the Hessian itself is known: adam's holds for the Hessian over the root of its second
    moments (Cohen et al., 2022, arXiv:2207.14484).

    Parameters
    ----------
    recipe : Recipe
        Names the optimiser.
    learning_rate, gradient_norm : float
        At the moment in question.
    """
    if recipe.optimizer != "sgd" or recipe.clip == "value":
        return math.nan
    if recipe.clip == "norm" and gradient_norm > recipe.clip_at:
        learning_rate *= recipe.clip_at / gradient_norm
    return 2 * (1 + recipe.momentum) / learning_rate


def measure(
    network: Network,
    recipe: Recipe,
    stretches: Sequence[Stretch],
    snapshots: Mapping[int, Mapping[str, Tensor]],
    history: pd.DataFrame,
) -> pd.DataFrame:
    """Measure a training at its snapshots.

    Parameters
    ----------
    network : Network
        Of the training; its weights do not matter, and it stays as it is.
    recipe : Recipe
        How it was trained.
    stretches : sequence of Stretch
        From `cut_stretches`.
    snapshots : mapping from int to mapping
        Weights by the update that starts from them, from `rnnpipe.train.load_snapshots`.
    history : DataFrame
        Of the training; its learning rates are those of the limits.

    Returns
    -------
    DataFrame
        A row a snapshot: update; learning_rate; mse and gradient_norm on the stretches; sharpness,
        sharpness_error, products; limit; share_W to share_c; lyapunov; and lags, gradient_median
        and gradient_p90 over positions, each a list.
    """
    network = copy.deepcopy(network).double()
    rows = []
    for update in progress(sorted(snapshots), "measuring"):
        network.load_state_dict(snapshots[update])
        learning_rate = float(history["learning_rate"].iloc[min(update, len(history)) - 1])
        mse, gradient = error_and_gradient(network, stretches)
        norm = float(gradient.norm())
        top = sharpness(network, stretches, gradient)
        lags, norms = gradient_by_lag(network, stretches)
        rows.append(
            {
                "update": update,
                "learning_rate": learning_rate,
                "mse": mse,
                "gradient_norm": norm,
                "sharpness": top.value,
                "sharpness_error": top.error,
                "products": top.products,
                "limit": step_limit(recipe, learning_rate, norm),
                **{f"share_{name}": share for name, share in top.shares.items()},
                "lyapunov": lyapunov_exponent(network, stretches),
                "lags": lags.tolist(),
                "gradient_median": np.median(norms, axis=1).tolist(),
                "gradient_p90": np.quantile(norms, 0.9, axis=1).tolist(),
            }
        )
    return pd.DataFrame(rows)
