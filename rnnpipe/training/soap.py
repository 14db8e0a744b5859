"""SOAP: Adam in the coordinates in which a layer's gradient is least correlated.

For the gradient G (m x n) of a weight matrix S, with running means over the updates (Vyas et al.,
"SOAP: Improving and Stabilizing Shampoo using Adam", 2024):

    L = mean of G G',  R = mean of G' G              correlations of rows and of columns
    L = P diag P',     R = Q diag Q'                 their eigenvectors, updated by QR
    Z = P' G Q                                       the gradient in these coordinates
    S <- S - rate P (mean of Z / sqrt(mean of Z^2)) Q'

Neighbouring samples in a window of speech are almost equal. Plain Adam scales each weight on its
own, and is very slow along the directions in which neighbours differ.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

EPSILON = 1e-8


class Soap(torch.optim.Optimizer):
    """SOAP on matrices, each stacked from several parameters.

    Parameters
    ----------
    stacks : iterable of sequences of Parameter
        Each sequence is one matrix S: its parameters are stacked as rows, with the last axis of the
        first as columns (a vector after a matrix is one row).
    lr : float
        Learning rate.
    betas : (float, float)
        Decay of the running means of Z and Z^2.
    memory : float
        Decay of the running means L and R.
    every : int
        Updates between two updates of the eigenvectors.
    """

    def __init__(
        self,
        stacks: Iterable[Sequence[Tensor]],
        lr: float,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        memory: float = 0.95,
        every: int = 10,
    ) -> None:
        how = {"lr": lr, "betas": betas, "memory": memory, "every": every}
        super().__init__([{"params": list(stack)} for stack in stacks], how)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step; the first one only initialises L, R and their eigenvectors."""
        for group in self.param_groups:
            first = group["params"][0]
            width = first.shape[1] if first.dim() == 2 else 1
            sizes = [weight.numel() // width for weight in group["params"]]
            gradients = [weight.grad.view(-1, width) for weight in group["params"]]
            change = _step(self.state[first], torch.cat(gradients), group)
            for weight, part in zip(group["params"], change.split(sizes), strict=True):
                weight.sub_(part.view_as(weight), alpha=group["lr"])


def _step(state: dict, G: Tensor, how: dict) -> Tensor:
    """Update the running means, and return the change of the matrix for a learning rate of 1."""
    if not state:
        L, R = G @ G.t(), G.t() @ G
        state |= {"step": 0, "mean": torch.zeros_like(G), "square": torch.zeros_like(G)}
        state |= {"L": L * (1 - how["memory"]), "R": R * (1 - how["memory"])}
        state |= {"P": _eigenvectors(L), "Q": _eigenvectors(R)}
        return torch.zeros_like(G)
    state["step"] += 1
    mean, square, P, Q = state["mean"], state["square"], state["P"], state["Q"]
    beta, beta_square = how["betas"]
    Z = P.t() @ G @ Q
    mean.lerp_(Z, 1 - beta)
    square.lerp_(Z.square(), 1 - beta_square)
    unbiased = (square / (1 - beta_square ** state["step"])).sqrt() + EPSILON
    change = P @ (mean / (1 - beta ** state["step"]) / unbiased) @ Q.t()
    state["L"].lerp_(G @ G.t(), 1 - how["memory"])
    state["R"].lerp_(G.t() @ G, 1 - how["memory"])
    if state["step"] % how["every"] == 0:
        state["P"], rows = _renewed(state["L"], P)
        state["Q"], columns = _renewed(state["R"], Q)
        state["square"] = square[rows][:, columns]
        state["mean"] = state["P"].t() @ (P @ mean @ Q.t()) @ state["Q"]
    return change


def _eigenvectors(matrix: Tensor) -> Tensor:
    """Eigenvectors of a symmetric matrix, the largest eigenvalue first."""
    return torch.linalg.eigh(matrix.double())[1].flip(1).to(matrix.dtype)


def _renewed(matrix: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """One step of orthogonal iteration, and the order in which it sorts the old vectors."""
    moved = matrix @ vectors
    order = torch.argsort((vectors * moved).sum(0), descending=True, stable=True)
    return torch.linalg.qr(moved[:, order])[0], order
