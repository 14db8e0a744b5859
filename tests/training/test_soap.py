"""SOAP, compared with its formulas in float64 numpy, and on the problem that it is for."""

import numpy as np
import pytest
import torch

from rnnpipe.training.soap import Soap


def by_the_formulas(gradients, memory=0.95, every=3):
    """The change of a matrix in each step at learning rate 1, from its gradients."""
    mean = square = np.zeros_like(gradients[0])
    L, R = 0.0, 0.0
    changes = []
    for step, G in enumerate(gradients):
        L = memory * L + (1 - memory) * G @ G.T
        R = memory * R + (1 - memory) * G.T @ G
        if step == 0:
            P, Q = (np.linalg.eigh(part)[1][:, ::-1] for part in (L, R))
            changes.append(0 * G)
            continue
        mean = 0.9 * mean + 0.1 * G
        square = 0.99 * square + 0.01 * (P.T @ G @ Q) ** 2
        scale = np.sqrt(square / (1 - 0.99**step)) + 1e-8
        changes.append(P @ (P.T @ mean @ Q / (1 - 0.9**step) / scale) @ Q.T)
        if step % every == 0:
            rows, columns = np.argsort(-np.diag(P.T @ L @ P)), np.argsort(-np.diag(Q.T @ R @ Q))
            P = np.linalg.qr(L @ P[:, rows])[0]
            Q = np.linalg.qr(R @ Q[:, columns])[0]
            square = square[rows][:, columns]
    return changes


def test_steps_are_those_of_the_formulas():
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(5, 5)), rng.normal(size=(4, 4))
    gradients = [mixed[0] @ rng.normal(size=(5, 4)) @ mixed[1] for _ in range(12)]
    weight = torch.nn.Parameter(torch.zeros(5, 4, dtype=torch.float64))
    optimizer = Soap([[weight]], 0.5, every=3)
    for G, change in zip(gradients, by_the_formulas(gradients), strict=True):
        before = weight.detach().clone()
        weight.grad = torch.tensor(G)
        optimizer.step()
        np.testing.assert_allclose((before - weight.detach()) / 0.5, change, rtol=0, atol=1e-9)


def test_a_stack_is_one_matrix():
    make = torch.Generator().manual_seed(0)
    whole = torch.nn.Parameter(torch.randn(6, 3, generator=make))
    parts = [torch.nn.Parameter(part.clone()) for part in (whole[:2], whole[2:5], whole[5])]
    vector = [torch.nn.Parameter(torch.zeros(4)), torch.nn.Parameter(torch.zeros(1))]
    together, apart = Soap([[whole]], 0.1), Soap([parts, vector], 0.1)
    for _ in range(15):
        whole.grad = torch.randn(6, 3, generator=make)
        for part, rows in zip(parts, whole.grad.split((2, 3, 1)), strict=True):
            part.grad = rows.view_as(part).clone()
        for part in vector:
            part.grad = torch.randn(part.shape, generator=make)
        together.step()
        apart.step()
    assert torch.equal(torch.cat([part.view(-1, 3) for part in parts]), whole)
    assert vector[0].abs().min() > 0 and vector[1].abs() > 0


@pytest.mark.parametrize("seed", [0, 1])
def test_inputs_that_are_all_but_equal_do_not_hold_it_up(seed):
    rng = np.random.default_rng(seed)
    # Like a window of speech: a slow signal, in which fine differences between neighbours matter.
    inputs = np.cumsum(np.cumsum(rng.normal(size=(400, 12)), axis=1), axis=1)
    inputs = torch.tensor(inputs / inputs.std())
    wanted = inputs @ torch.tensor(rng.normal(size=(12, 3)))

    def error_after(steps, make):
        weight = torch.nn.Parameter(torch.zeros(12, 3, dtype=torch.float64))
        optimizer = make(weight)
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / steps)
            optimizer.zero_grad()
            loss = ((inputs @ weight - wanted) ** 2).mean()
            loss.backward()
            optimizer.step()
        return loss.item()

    soap = error_after(300, lambda weight: Soap([[weight]], 0.05))
    adam = error_after(300, lambda weight: torch.optim.Adam([weight], 0.05))
    assert soap < adam / 10
