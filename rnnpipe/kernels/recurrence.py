"""The recurrence over time, forward and backward, and the loop of the reconstructions.

With a_t the input's share of the pre-activations (window, phone and bias) and r_t = h_{t-1} M:

    sigmoid, tanh, relu   h_t = f(a_t + r_t)
    gru                   s = sigmoid(a_s + r_s)            (reset)
                          z = sigmoid(a_z + r_z)            (update)
                          n = tanh(a_n + s (r_n + d))       (candidate)
                          h_t = (1 - z) n + z h_{t-1}
    lstm                  i, f, o = sigmoid(a + r),  g = tanh(a_g + r_g)
                          c_t = f c_{t-1} + i g
                          h_t = o tanh(c_t)

The gates are joined along the last axis, in G = H, 3H (s, z, n) or 4H (i, f, g, o) columns, as in
Cho et al. (2014) and Hochreiter & Schmidhuber (1997), in torch's order. Arrays are time-major. The
state is h, or for an lstm h and c joined.

`recur_plain` is the definition, one step at a time in torch. Training calls `recur`, which uses the
compiled loops of rnnpipe/kernels/loops.py on the CPU, and torch's fused kernels (cuDNN) on a GPU.
`reconstruct_plain` defines the loop `reconstruct`, which predicts an utterance sample by sample.
`free_runs` runs many free runs in parallel.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from rnnpipe.kernels import loops
from rnnpipe.kernels.loops import GRU, LSTM
from rnnpipe.kernels.weights import Weights, as_arrays

CELLS = ("sigmoid", "tanh", "relu", "gru", "lstm")  # in the order of rnnpipe.kernels.loops
NUM_GATES = {"sigmoid": 1, "tanh": 1, "relu": 1, "gru": 3, "lstm": 4}


def state_size(cell: str, hidden_size: int) -> int:
    """Number of columns of the state: h, and for an lstm also c."""
    return hidden_size * (2 if cell == "lstm" else 1)


def recur(
    signal: Tensor,
    phones: Tensor,
    weights: Weights,
    state: Tensor,
    cell: str,
) -> tuple[Tensor, Tensor]:
    """Run the hidden layer over time.

    Parameters
    ----------
    signal : Tensor, shape (B, order + T)
        Standardised samples; no gradient flows into them, and the last one is not read.
    phones : integer Tensor, shape (B, T)
        Phone of each sample to predict.
    weights : Weights
        The network's weights; those of the output are not used.
    state : Tensor, shape (B, H), for an lstm (B, 2H)
        State before the first step. No gradient flows into it.
    cell : str
        One of `CELLS`.

    Returns
    -------
    h : Tensor, shape (T, H, B)
        Hidden states.
    state : Tensor, shape of `state`
        State after the last step, detached.
    """
    if signal.is_cuda:
        return _recur_fused(signal, phones, weights, state, cell)
    h, c = _Recurrence.apply(signal, phones, state, CELLS.index(cell), *weights)
    last = torch.cat((h[-1], c[-1])) if cell == "lstm" else h[-1]
    return h, last.t().detach()


def recur_plain(
    signal: Tensor,
    phones: Tensor,
    weights: Weights,
    state: Tensor,
    cell: str,
) -> tuple[Tensor, Tensor]:
    """Do the same as `recur`, one step at a time: the definition that tests compare with."""
    k, H = len(weights.W), len(weights.M)
    outputs = []
    for t in range(phones.shape[1]):
        state = step_plain(signal[:, t : t + k], phones[:, t], weights, state, cell)
        outputs.append(state[:, :H].t())
    return torch.stack(outputs), state.detach()


def step_plain(window: Tensor, phone: Tensor, weights: Weights, state: Tensor, cell: str) -> Tensor:
    """Take one step, by the formulas above, with windows (B, k) and phones (B,)."""
    W, V, M, d, b, *_ = weights
    H = len(M)
    h, c = state[:, :H], state[:, H:]
    a_t = window @ W + V[phone.long()] + b
    r = h @ M
    if cell == "gru":
        s, z = torch.sigmoid(a_t[:, : 2 * H] + r[:, : 2 * H]).chunk(2, dim=1)
        n = torch.tanh(a_t[:, 2 * H :] + s * (r[:, 2 * H :] + d))
        return (1 - z) * n + z * h
    if cell == "lstm":
        i, f, g, o = (a_t + r).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.cat((torch.sigmoid(o) * torch.tanh(c), c), dim=1)
    return getattr(torch, cell)(a_t + r)


def carried_back(
    signal: Tensor,
    phones: Tensor,
    weights: Weights,
    cell: str,
    ends: np.ndarray,
    vectors: np.ndarray,
    steps: int,
) -> np.ndarray:
    """Carry gradients back through time, each from its own step, and return how they grow.

    A gradient v of the state after step t is J_t' v after step t - 1, with J_t the Jacobian of the
    state after step t with respect to the state before it. Vectors are rescaled on the way, so that
    they neither overflow nor underflow.

    Parameters
    ----------
    signal, phones : Tensor, shapes (order + T,) and (T,), float64 and integer
        One utterance; the state starts at 0.
    weights : Weights
        In float64.
    cell : str
        One of `CELLS`.
    ends : int array, shape (n,)
        The step after which each gradient starts, from `steps` to T - 1.
    vectors : float64 array, shape (n, H)
        Gradients of h after these steps; for an lstm, the gradient of c starts at 0.
    steps : int
        Number of steps to carry them back.

    Returns
    -------
    float64 array, shape (steps + 1, n)
        Natural logarithm of the norm of the gradient of h after step ends - j, j = 0 .. steps.
    """
    weights = weights.contiguous()
    index, H = CELLS.index(cell), weights.M.shape[0]
    start = weights.M.new_zeros(state_size(cell, H), 1)
    W_t, M_t = weights.W.t().contiguous(), weights.M.t().contiguous()
    signal, phones = signal[:, None].contiguous(), phones[:, None].to(torch.int32)
    gates, h, c = _run(signal, phones, weights, W_t, M_t, start[:H], start[H:], index)
    log_norms = np.empty((steps + 1, len(ends)))
    gradients = np.array(vectors.T, order="C")
    loops.carry_back(
        index,
        *as_arrays(gates[:, :, 0], weights.M, h[:, :, 0], c[:, :, 0]),
        ends,
        gradients,
        log_norms,
    )
    return log_norms


def _recur_fused(
    signal: Tensor,
    phones: Tensor,
    weights: Weights,
    state: Tensor,
    cell: str,
) -> tuple[Tensor, Tensor]:
    """Do the same as `recur`, with torch's convolution and its fused recurrent kernels.

    A window that slides by one sample is a convolution. The recurrent kernels always compute an
    input product, so the result of the convolution goes through the identity. They have no sigmoid
    cell, but because sigmoid(x) = (1 + tanh(x / 2)) / 2, a sigmoid cell is a tanh cell in
    g = 2h - 1: g_t = tanh(a_t / 2 + 1 M / 4 + g_{t-1} M / 4).
    """
    W, V, M, d, b, *_ = weights
    projected = functional.conv1d(signal[:, None, :-1], W.t()[:, None, :])
    a = projected.permute(2, 0, 1) + functional.embedding(phones.t(), V) + b
    H, G = M.shape
    recurrent_bias = torch.cat((d.new_zeros(2 * H), d)) if cell == "gru" else M.new_zeros(G)
    h, c = state[:, :H], state[:, H:]
    if cell == "sigmoid":
        a, M, h = a / 2 + M.sum(0) / 4, M / 4, 2 * h - 1
    identity = torch.eye(G, dtype=M.dtype, device=M.device)
    parts = (identity, M.t(), M.new_zeros(G), recurrent_bias)
    layer = tuple(part.contiguous() for part in parts)
    options = (True, 1, 0.0, torch.is_grad_enabled(), False, False)
    if cell == "lstm":
        start = (h[None].contiguous(), c[None].contiguous())
        output, h, c = torch.lstm(a, start, layer, *options)
        return output.transpose(1, 2), torch.cat((h[0], c[0]), dim=1).detach()
    fused = {"gru": torch.gru, "relu": torch.rnn_relu}.get(cell, torch.rnn_tanh)
    output, _ = fused(a, h[None].contiguous(), layer, *options)
    if cell == "sigmoid":
        output = (1 + output) / 2
    return output.transpose(1, 2), output[-1].detach()


def read_out(h: Tensor, U: Tensor, c: Tensor) -> Tensor:
    """Return the predictions y_t = U h_t + c, shape (T, B), of hidden states h, shape (T, H, B)."""
    if h.is_cuda or h.shape[2] == 1:
        return U @ h + c
    return _Readout.apply(h, U) + c


class _Readout(torch.autograd.Function):
    """U h_t by the numba loops; for several streams, torch would compute one product per step."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, U: Tensor) -> Tensor:
        h, U = h.contiguous(), U.contiguous()
        y = h.new_empty(h.shape[0], h.shape[2])
        loops.read_out(*as_arrays(h, U, y))
        ctx.save_for_backward(h, U)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor]:
        h, U = ctx.saved_tensors
        dh, dU = torch.empty_like(h), torch.zeros_like(U)
        loops.read_out_gradients(*as_arrays(h, U, dy.contiguous(), dh, dU))
        return dh, dU


class _Recurrence(torch.autograd.Function):
    """The numba loops as a function for torch's autograd."""

    @staticmethod
    def forward(
        ctx: Any, signal: Tensor, phones: Tensor, state: Tensor, cell: int, *given: Tensor
    ) -> tuple[Tensor, Tensor]:
        weights = Weights(*given).contiguous()
        H = weights.M.shape[0]
        signal, phones = signal.t().contiguous(), phones.t().to(torch.int32).contiguous()
        W_t, M_t = weights.W.t().contiguous(), weights.M.t().contiguous()
        h0, c0 = state[:, :H].t().contiguous(), state[:, H:].t().contiguous()
        gates, h, c = _run(signal, phones, weights, W_t, M_t, h0, c0, cell)
        ctx.cell = cell
        ctx.save_for_backward(signal, phones, W_t, weights.V, weights.M, M_t, h0, c0, gates, h, c)
        ctx.mark_non_differentiable(c)
        return h, c

    @staticmethod
    @once_differentiable  # a second derivative raises an error instead of being wrong
    def backward(ctx: Any, dh: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        signal, phones, W_t, V, M, M_t, h0, c0, gates, h, c = ctx.saved_tensors
        dW_t, dV, dM_t = (torch.zeros_like(weight) for weight in (W_t, V, M_t))
        dd = M.new_zeros(M.shape[0] if ctx.cell == GRU else 0)
        loops.backward(
            ctx.cell,
            *as_arrays(signal, phones, M, M_t, h0, c0, gates, h, c, dh.contiguous()),
            *as_arrays(dW_t, dV, dM_t, dd),
        )
        # Every step has one phone, so the phones' gradients add up to that of the bias.
        return None, None, None, None, dW_t.t(), dV, dM_t.t(), dd, dV.sum(0), None, None


def _run(
    signal: Tensor,
    phones: Tensor,
    weights: Weights,
    W_t: Tensor,
    M_t: Tensor,
    h0: Tensor,
    c0: Tensor,
    cell: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Run the compiled loop; return the gates' values, h and c of all steps.

    For an lstm, c is the cell state; for a gru, the recurrent part of the candidate, r_n + d. Other
    cells have no c, and their `gates` are working memory for one step.
    """
    W, V, M, d, b, *_ = weights
    (T, B), (H, G) = phones.shape, M.shape
    gated = cell in (GRU, LSTM)
    gates, h = M.new_empty(T if gated else 1, G, B), M.new_empty(T, H, B)
    c = M.new_empty(T, H if gated else 0, B)
    d = a_column_each(d, B)
    loops.forward(cell, *as_arrays(signal, phones, W, W_t, V, M, M_t, d, b, h0, c0, gates, h, c))
    return gates, h, c


def a_column_each(d: Tensor, B: int) -> Tensor:
    """Repeat a vector as B columns."""
    return d[:, None].expand(-1, B).contiguous()


def free_runs(
    contexts: Tensor,
    phones: Tensor,
    weights: Weights,
    state: Tensor,
    cell: str,
    hold_at: float,
) -> Tensor:
    """Let a network run free from many pasts in parallel, on the CPU.

    Parameters
    ----------
    contexts : Tensor, shape (B, order)
        The samples before each run.
    phones : integer Tensor, shape (B, T)
        Phone of each sample to predict.
    weights : Weights
        The network's weights.
    state : Tensor
        State before the first prediction; see `recur`.
    cell : str
        One of `CELLS`.
    hold_at : float
        A prediction beyond +-hold_at, or a nan, is replaced by this limit.

    Returns
    -------
    Tensor, shape (B, T)
        The predictions. Their rounding errors depend on the number of runs.
    """
    W, V, M, d, b, U, c = weights
    (B, order), T, H = contexts.shape, phones.shape[1], M.shape[0]
    signal = torch.cat((contexts, contexts.new_zeros(B, T)), 1).t().contiguous()
    both = torch.cat((state, torch.zeros_like(state)), 1).t().contiguous()
    h, s = both[:H], both[H : 2 * H]
    loops.free_runs(
        CELLS.index(cell),
        *as_arrays(signal, phones.t().to(torch.int32).contiguous()),
        *as_arrays(W.t().contiguous(), V, M.t().contiguous(), a_column_each(d, B), b, U, c, h, s),
        float(hold_at),  # so that numba compiles one loop for all types of limit
    )
    return signal[order:].t()


def reconstruct_plain(
    signal: Tensor,
    order: int,
    phones: Tensor,
    weights: Weights,
    cell: int,
    feed_back: bool,
    limit: float,
    noise: Tensor,
) -> tuple[Tensor, int]:
    """Do the same as `reconstruct`, with `recur_plain`: the definition that tests compare with."""
    signal, predictions = signal.clone(), signal.new_zeros(len(phones))
    state = signal.new_zeros(1, state_size(CELLS[cell], len(weights.M)))
    for t, phone in enumerate(phones):
        window = signal[None, t : t + order + 1]
        h, state = recur_plain(window, phone[None, None], weights, state, CELLS[cell])
        y = weights.U @ h[0, :, 0] + weights.c[0]
        if feed_back:
            y = y + noise[t]
            if not abs(y) <= limit:
                return predictions, t
            signal[order + t] = y
        predictions[t] = y
    return predictions, len(phones)
