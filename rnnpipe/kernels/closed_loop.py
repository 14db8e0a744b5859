"""A network that runs on its own samples: the loop forward, and the gradient back through it.

B streams predict R samples. With s the samples that the windows are cut from (the first k of them
are given), x the true samples, and m_t the share of the prediction in what is fed back:

    h_t = cell(W s_{t-k .. t-1} + V p_t + b, h_{t-1} M)        see rnnpipe.kernels.recurrence
    y_t = U h_t + c
    s_t = m_t y_t + (1 - m_t) x_t          m = 0: teacher forced; m = 1: free running

The gradient of a loss over y passes through M, from state to state, and through W, from a window
to the predictions inside it:

    dy_t = dL/dy_t + m_t ds_t                      ds_t = sum_{i = 1 .. k} W_{k-i} . da_{t+i}
    dh_t = U dy_t + M dr_{t+1} + what bypasses the recurrent product in the cell

with a_t the share of the input in the pre-activations, and r_t = h_{t-1} M.

Along a free run, a small error of window and state together is multiplied by the Jacobians. With v
the error of the samples and e that of the state, each step takes (v_{t-k} .. v_{t-1}, e_{t-1}) to
e_t by the derivative of the cell, and v_t = U e_t. The exponent is the mean growth of
log |(v_{t-k+1} .. v_t, e_t)| per step (Benettin et al., 1980); it is negative if errors shrink.

Arrays are time-major. `roll_out_plain` is the definition, one step at a time in torch. Training
calls `roll_out`. Its steps are matrix products over all streams. After the backward loop, the
gradients of the weights are single products over all steps. The compiled loops are in loops.py.
"""

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from rnnpipe.kernels import loops
from rnnpipe.kernels.loops import GRU, LSTM
from rnnpipe.kernels.recurrence import CELLS, a_column_each, step_plain
from rnnpipe.kernels.weights import Weights, as_arrays


def roll_out(
    signal: Tensor,
    share: Tensor,
    phones: Tensor,
    state: Tensor,
    weights: Weights,
    cell: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Let streams predict samples from windows that contain their own predictions.

    Parameters
    ----------
    signal : Tensor, shape (k + R, B)
        The first windows, followed by the true samples.
    share : Tensor, shape (R, B)
        Share of the prediction in the sample that is fed back, in [0, 1].
    phones : int32 Tensor, shape (R, B)
        Phone of each sample to predict.
    state : Tensor, shape (B, H) or (B, 2H)
        State before the first prediction. No gradient flows into it.
    weights : Weights
        The network's.
    cell : str
        One of `rnnpipe.kernels.recurrence.CELLS`.

    Returns
    -------
    y : Tensor, shape (R, B)
        Predictions.
    fed : Tensor, shape (k + R, B)
        The samples that the windows were cut from, without gradient; the last k are the first
        window of the next call.
    state : Tensor, shape (B, H)
        State after the last prediction, without gradient.
    """
    return _RollOut.apply(signal, share, phones, state, CELLS.index(cell), *weights)


def roll_out_plain(
    signal: Tensor,
    share: Tensor,
    phones: Tensor,
    state: Tensor,
    weights: Weights,
    cell: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Do the same as `roll_out`, one step at a time: the definition that tests compare with."""
    (k, _), H = weights.W.shape, len(weights.M)
    fed, outputs = list(signal[:k]), []
    for true, m, phone in zip(signal[k:], share, phones, strict=True):
        state = step_plain(torch.stack(fed[-k:], dim=1), phone, weights, state, cell)
        y = state[:, :H] @ weights.U + weights.c
        fed.append(m * y + (1 - m) * true)
        outputs.append(y)
    return torch.stack(outputs), torch.stack(fed).detach(), state.detach()


class _RollOut(torch.autograd.Function):
    """The numba loops, as torch sees them."""

    @staticmethod
    def forward(ctx, signal, share, phones, state, cell, *given):
        weights = Weights(*given).contiguous()
        W, V, M, d, b, U, c = weights
        (R, B), (H, G) = share.shape, M.shape
        fed = signal.clone(memory_format=torch.contiguous_format)
        h0, s0 = state[:, :H].t().contiguous(), state[:, H:].t().contiguous()
        gated = cell in (GRU, LSTM)
        gates, h = M.new_empty(R if gated else 1, G, B), M.new_empty(R, H, B)
        s, y = M.new_empty(R, H if gated else 0, B), M.new_empty(R, B)
        share, phones = share.contiguous(), phones.contiguous()
        layer = (W.t().contiguous(), V, M.t().contiguous(), a_column_each(d, B))
        rest = (b, U, c, h0, s0, gates, h, s, y)
        loops.roll_out(cell, *as_arrays(fed, share, phones, *layer, *rest))
        ctx.cell = cell
        ctx.save_for_backward(fed, share, phones, h0, s0, gates, h, s, *weights)
        last = torch.cat((h[-1], s[-1])) if cell == LSTM else h[-1]
        state = last.t().contiguous()
        ctx.mark_non_differentiable(fed, state)
        return y, fed, state

    @staticmethod
    @once_differentiable  # a second derivative is an error, rather than wrong
    def backward(ctx, dy, *_):
        fed, share, phones, h0, s0, gates, h, s, *given = ctx.saved_tensors
        weights = Weights(*given)
        (R, B), (k, G), H = share.shape, weights.W.shape, len(weights.M)
        # The loop adds to dy what reaches a prediction through the windows that contain it.
        dy = dy.clone(memory_format=torch.contiguous_format)
        da, before = h.new_empty(G, R * B), h.new_empty(H, R * B)
        # What reaches the recurrent product differs from what reaches a in the gru alone.
        dr = torch.empty_like(da) if ctx.cell == GRU else da
        dV, dU = torch.zeros_like(weights.V), torch.zeros_like(weights.U)
        layer = (weights.W, weights.M, weights.U, h0, s0, gates, h, s)
        arrays = as_arrays(share, phones, *layer, dy, da, dr, before, dV, dU)
        loops.roll_back(ctx.cell, *arrays)
        # Row j holds sample j of all windows: the samples of all streams from time j on.
        windows = fed.view(-1).as_strided((k, R * B), (B, 1))
        dd = dr[2 * H :].sum(1) if ctx.cell == GRU else torch.zeros_like(weights.d)
        gradients = (windows @ da.t(), dV, before @ dr.t(), dd, dV.sum(0), dU, dy.sum().view(1))
        return None, None, None, None, None, *gradients


def exponent(
    samples: np.ndarray,
    phones: np.ndarray,
    weights: Weights,
    cell: str,
    v: np.ndarray,
    e: np.ndarray,
) -> float:
    """Measure how fast a small error grows or shrinks along a free run.

    Parameters
    ----------
    samples : float array, shape (k + T,)
        The samples given and those that the network predicted after them.
    phones : int array, shape (T,)
        Phone of each predicted sample.
    weights : Weights
        The network's, of the type of `samples`.
    cell : str
        One of `rnnpipe.kernels.recurrence.CELLS`.
    v, e : arrays, shapes (k,) and (H,) or (2H,)
        An error of window and state to start from.

    Returns
    -------
    float
        The exponent per sample; -inf if an error vanishes.
    """
    arrays = as_arrays(*weights.contiguous())
    return loops.exponent(CELLS.index(cell), samples, phones, *arrays[:-1], v, e)


def exponent_plain(
    samples: Tensor, phones: Tensor, weights: Weights, cell: str, v: Tensor, e: Tensor
) -> float:
    """Do the same as `exponent`, with the derivatives that torch finds."""
    k, H = len(weights.W), len(weights.M)

    def step(window: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state = step_plain(window[None], phone[None], weights, state[None], cell)[0]
        return torch.cat((window[1:], (state[:H] @ weights.U)[None])), state

    state, growth = torch.zeros_like(e), 0.0
    norm = (v.square().sum() + e.square().sum()).sqrt()
    for t, phone in enumerate(phones):  # noqa: B007 (`step` reads it)
        window = samples[t : t + k]
        tangents = (v / norm, e / norm)
        (_, state), (v, e) = torch.autograd.functional.jvp(step, (window, state), tangents)
        norm = (v.square().sum() + e.square().sum()).sqrt()
        growth += norm.log().item()
    return growth / len(phones)
