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

The gates stand side by side in the last axis, of G = H, 3H (s, z, n) or 4H (i, f, g, o) columns,
as in Cho et al. (2014) and Hochreiter & Schmidhuber (1997) in torch's order. Arrays are
time-major. The state is h, for an lstm h and c side by side.

`recur_plain` is the definition, a step at a time in torch; `recur` is what training calls: numba
on the CPU, torch's fused kernels (cuDNN) on a GPU. `reconstruct` and `reconstruct_plain` are such a
pair for predicting an utterance sample by sample.
"""

import math

import numpy as np
import torch
from numba import njit
from torch import Tensor
from torch.autograd.function import once_differentiable

CELLS = ("sigmoid", "tanh", "relu", "gru", "lstm")
SIGMOID, TANH, RELU, GRU, LSTM = range(5)
# Free to reorder sums, but not to assume away the infinities that a diverging network makes.
FAST = {"reassoc", "contract", "arcp", "nsz", "afn"}
NUM_GATES = {"sigmoid": 1, "tanh": 1, "relu": 1, "gru": 3, "lstm": 4}


def state_size(cell: str, hidden_size: int) -> int:
    """Columns of the state: h, and for an lstm c beside it."""
    return hidden_size * (2 if cell == "lstm" else 1)


def recur(a: Tensor, M: Tensor, d: Tensor, state: Tensor, cell: str) -> tuple[Tensor, Tensor]:
    """Run the recurrence over time.

    Parameters
    ----------
    a : Tensor, shape (T, B, G)
        The input's share of the pre-activations.
    M : Tensor, shape (H, G)
        Recurrent weights.
    d : Tensor, shape (H,)
        The gru's bias inside the reset product; other cells ignore it.
    state : Tensor, shape (B, H), for an lstm (B, 2H)
        State before the first step. No gradient flows into it.
    cell : str
        One of `CELLS`.

    Returns
    -------
    h : Tensor, shape (T, B, H)
        Hidden states.
    state : Tensor, shape of `state`
        State after the last step, detached.
    """
    if a.is_cuda:
        return _recur_fused(a, M, d, state, cell)
    h, c = _Recurrence.apply(a, M, d, state, CELLS.index(cell))
    last = torch.cat((h[-1], c[-1]), dim=1) if cell == "lstm" else h[-1]
    return h, last.detach()


def recur_plain(a: Tensor, M: Tensor, d: Tensor, state: Tensor, cell: str) -> tuple[Tensor, Tensor]:
    """Do what `recur` does, a step at a time: the definition that the fast loops are held to."""
    H = M.shape[0]
    h, c = state[:, :H], state[:, H:]
    outputs = []
    for a_t in a:
        r = h @ M
        if cell == "gru":
            s, z = torch.sigmoid(a_t[:, : 2 * H] + r[:, : 2 * H]).chunk(2, dim=1)
            n = torch.tanh(a_t[:, 2 * H :] + s * (r[:, 2 * H :] + d))
            h = (1 - z) * n + z * h
        elif cell == "lstm":
            i, f, g, o = (a_t + r).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        else:
            h = getattr(torch, cell)(a_t + r)
        outputs.append(h)
    return torch.stack(outputs), torch.cat((h, c), dim=1).detach()


def carried_back(
    a: Tensor, M: Tensor, d: Tensor, cell: str, ends: np.ndarray, vectors: np.ndarray, steps: int
) -> np.ndarray:
    """Carry gradients back through time, each from a step of its own, and tell how they grow.

    A gradient v of the state after step t is J_t' v after step t - 1, with J_t the Jacobian of the
    state after step t by the state before it. Vectors are rescaled on the way, so that neither
    explosion nor decay leaves the range of numbers.

    Parameters
    ----------
    a : float64 Tensor, shape (T, 1, G)
        The input's share of the pre-activations; the state starts at 0.
    M, d : Tensor
        As in `recur`.
    cell : str
        One of `CELLS`.
    ends : int array, shape (n,)
        The step after which each gradient starts, from `steps` to T - 1.
    vectors : float64 array, shape (n, H)
        Gradients of h after those steps; what an lstm's c has of its own starts at 0.
    steps : int
        How far back they are carried.

    Returns
    -------
    float64 array, shape (steps + 1, n)
        Natural logarithm of the norm of the gradient of h after step ends - j, j = 0 .. steps.
    """
    H = M.shape[0]
    state = M.new_zeros(1, state_size(cell, H))
    h, c, gates = _run(a, M, d, state, CELLS.index(cell))
    log_norms = np.empty((steps + 1, len(ends)))
    arrays = _arrays(gates, M.t().contiguous(), h, c)
    _carry_back(CELLS.index(cell), *arrays, ends, vectors.copy(), log_norms)
    return log_norms


def _recur_fused(
    a: Tensor, M: Tensor, d: Tensor, state: Tensor, cell: str
) -> tuple[Tensor, Tensor]:
    """Do what `recur` does with torch's fused recurrent kernels.

    They insist on an input product of their own, so `a` goes in through the identity. They know
    no sigmoid cell either, but sigmoid(x) = (1 + tanh(x / 2)) / 2 turns one into a tanh cell in
    g = 2h - 1:  g_t = tanh(a_t / 2 + 1 M / 4 + g_{t-1} M / 4).
    """
    H, G = M.shape
    recurrent_bias = torch.cat((d.new_zeros(2 * H), d)) if cell == "gru" else M.new_zeros(G)
    h, c = state[:, :H], state[:, H:]
    if cell == "sigmoid":
        a, M, h = a / 2 + M.sum(0) / 4, M / 4, 2 * h - 1
    weights = (torch.eye(G, dtype=M.dtype, device=M.device), M.t(), M.new_zeros(G), recurrent_bias)
    weights = tuple(weight.contiguous() for weight in weights)
    options = (True, 1, 0.0, torch.is_grad_enabled(), False, False)
    if cell == "lstm":
        start = (h[None].contiguous(), c[None].contiguous())
        output, h, c = torch.lstm(a, start, weights, *options)
        return output, torch.cat((h[0], c[0]), dim=1).detach()
    fused = {"gru": torch.gru, "relu": torch.rnn_relu}.get(cell, torch.rnn_tanh)
    output, _ = fused(a, h[None].contiguous(), weights, *options)
    if cell == "sigmoid":
        output = (1 + output) / 2
    return output, output[-1].detach()


class _Recurrence(torch.autograd.Function):
    """The numba loops, as torch sees them."""

    @staticmethod
    def forward(ctx, a, M, d, state, cell):
        H = M.shape[0]
        h, c, gates = _run(a, M, d, state, cell)
        h0 = state[:, :H].contiguous()
        c0 = state[:, H:].contiguous()
        M = M.contiguous()
        ctx.cell = cell
        ctx.save_for_backward(gates, M, h0, c0, h, c)
        ctx.mark_non_differentiable(c)
        return h, c

    @staticmethod
    @once_differentiable  # a second derivative is an error, rather than wrong
    def backward(ctx, dh, _):
        gates, M, h0, c0, h, c = ctx.saved_tensors
        T, B, H = h.shape
        da = torch.empty_like(gates)
        # What reaches r differs from what reaches a in the gru's candidate alone.
        dr = torch.empty_like(gates) if ctx.cell == GRU else da
        _backward(
            ctx.cell, *_arrays(gates, M.t().contiguous(), h0, c0, h, c, dh.contiguous(), da, dr)
        )
        before = torch.cat((h0[None], h[:-1])).view(T * B, H)
        dM = before.t() @ dr.view(T * B, -1)
        dd = dr[:, :, 2 * H :].sum((0, 1)) if ctx.cell == GRU else None
        return da, dM, dd, None, None


def _run(
    a: Tensor, M: Tensor, d: Tensor, state: Tensor, cell: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Run the compiled loop; return h, c and the gates' values of all steps."""
    H = M.shape[0]
    gates = a.detach().clone(memory_format=torch.contiguous_format)
    h = a.new_empty(*a.shape[:2], H)
    # c: an lstm's cell state; for a gru the recurrent share of the candidate, r_n + d.
    c = a.new_empty(*a.shape[:2], H if cell in (GRU, LSTM) else 0)
    h0, c0 = state[:, :H].contiguous(), state[:, H:].contiguous()
    _forward(cell, gates.numpy(), *_arrays(M.contiguous(), d, h0, c0), h.numpy(), c.numpy())
    return h, c, gates


def _arrays(*tensors: Tensor) -> tuple[np.ndarray, ...]:
    return tuple(tensor.detach().numpy() for tensor in tensors)


@njit(cache=True, fastmath=FAST, inline="always")
def _sigmoid(x, one):
    return one / (one + math.exp(-x))


@njit(cache=True, fastmath=FAST, inline="always")
def _tanh(x, one):
    # Through exp, which vectorises; the absolute error stays within two units of rounding.
    return one - (one + one) / (one + math.exp(x + x))


@njit(cache=True, fastmath=FAST)
def advance(cell, gates, r, d, before, h, c_before, c):
    """Take one step: `gates` (B, G) holds a_t and comes back as the gates' values."""
    B, H = h.shape
    one = h.dtype.type(1)
    if cell == SIGMOID:
        for b in range(B):
            for j in range(H):
                h[b, j] = _sigmoid(gates[b, j] + r[b, j], one)
    elif cell == TANH:
        for b in range(B):
            for j in range(H):
                h[b, j] = _tanh(gates[b, j] + r[b, j], one)
    elif cell == RELU:
        for b in range(B):
            for j in range(H):
                h[b, j] = max(gates[b, j] + r[b, j], one - one)
    elif cell == GRU:
        for b in range(B):
            for j in range(H):
                s = _sigmoid(gates[b, j] + r[b, j], one)
                z = _sigmoid(gates[b, H + j] + r[b, H + j], one)
                c[b, j] = r[b, 2 * H + j] + d[j]
                n = _tanh(gates[b, 2 * H + j] + s * c[b, j], one)
                gates[b, j], gates[b, H + j], gates[b, 2 * H + j] = s, z, n
                h[b, j] = (one - z) * n + z * before[b, j]
    else:
        for b in range(B):
            for j in range(H):
                i = _sigmoid(gates[b, j] + r[b, j], one)
                f = _sigmoid(gates[b, H + j] + r[b, H + j], one)
                g = _tanh(gates[b, 2 * H + j] + r[b, 2 * H + j], one)
                o = _sigmoid(gates[b, 3 * H + j] + r[b, 3 * H + j], one)
                gates[b, j], gates[b, H + j] = i, f
                gates[b, 2 * H + j], gates[b, 3 * H + j] = g, o
                c[b, j] = f * c_before[b, j] + i * g
                h[b, j] = o * _tanh(c[b, j], one)


@njit(cache=True)
def _forward(cell, gates, M, d, h0, c0, h, c):
    r = np.empty(gates.shape[1:], gates.dtype)
    before, c_before = h0, c0
    for t in range(gates.shape[0]):
        np.dot(before, M, r)
        advance(cell, gates[t], r, d, before, h[t], c_before, c[t])
        before, c_before = h[t], c[t]


@njit(cache=True, fastmath=FAST)
def _retreat(cell, gates, before, h, c_before, c, dh, dh_before, dc, da, dr):
    """Undo one step: from dh, and an lstm's dc, which is updated in place, to da and dr.

    `dh_before` gets the part of the previous step's gradient that does not pass through M.
    """
    B, H = h.shape
    one = h.dtype.type(1)
    zero = one - one
    if cell == SIGMOID:
        for b in range(B):
            for j in range(H):
                da[b, j] = dh[b, j] * h[b, j] * (one - h[b, j])
    elif cell == TANH:
        for b in range(B):
            for j in range(H):
                da[b, j] = dh[b, j] * (one - h[b, j] * h[b, j])
    elif cell == RELU:
        for b in range(B):
            for j in range(H):
                da[b, j] = dh[b, j] if h[b, j] > zero else zero
    elif cell == GRU:
        for b in range(B):
            for j in range(H):
                s, z, n = gates[b, j], gates[b, H + j], gates[b, 2 * H + j]
                da_n = dh[b, j] * (one - z) * (one - n * n)
                da_s = da_n * c[b, j] * s * (one - s)
                da_z = dh[b, j] * (before[b, j] - n) * z * (one - z)
                da[b, j], da[b, H + j], da[b, 2 * H + j] = da_s, da_z, da_n
                dr[b, j], dr[b, H + j], dr[b, 2 * H + j] = da_s, da_z, da_n * s
                dh_before[b, j] = dh[b, j] * z
    else:
        for b in range(B):
            for j in range(H):
                i, f = gates[b, j], gates[b, H + j]
                g, o = gates[b, 2 * H + j], gates[b, 3 * H + j]
                squashed = _tanh(c[b, j], one)
                to_c = dc[b, j] + dh[b, j] * o * (one - squashed * squashed)
                da[b, j] = to_c * g * i * (one - i)
                da[b, H + j] = to_c * c_before[b, j] * f * (one - f)
                da[b, 2 * H + j] = to_c * i * (one - g * g)
                da[b, 3 * H + j] = dh[b, j] * squashed * o * (one - o)
                dc[b, j] = to_c * f


@njit(cache=True)
def _backward(cell, gates, M_t, h0, c0, h, c, dh, da, dr):
    T = h.shape[0]
    carried = np.zeros(h.shape[1:], h.dtype)
    through_M = np.zeros_like(carried)
    dc = np.zeros_like(carried)
    for t in range(T - 1, -1, -1):
        before = h[t - 1] if t else h0
        c_before = c[t - 1] if t else c0
        total = dh[t] + through_M + carried
        _retreat(cell, gates[t], before, h[t], c_before, c[t], total, carried, dc, da[t], dr[t])
        np.dot(dr[t], M_t, through_M)


@njit(cache=True)
def _carry_back(cell, gates, M_t, h, c, ends, dh, log_norms):
    """Fill `log_norms` (steps + 1, n) from the gradients `dh` (n, H); see `carried_back`."""
    n, G = len(ends), gates.shape[2]
    dc, carried = np.zeros((n, c.shape[2])), np.zeros_like(dh)
    scale = np.zeros(n)
    now, before = np.empty_like(dh), np.empty_like(dh)
    c_now, c_before = np.empty_like(dc), np.empty_like(dc)
    gate, da = np.empty((n, G)), np.empty((n, G))
    dr = np.empty((n, G)) if cell == GRU else da
    for j in range(log_norms.shape[0]):
        for i in range(n):
            own, whole = np.sum(dh[i] ** 2), np.sum(dh[i] ** 2) + np.sum(dc[i] ** 2)
            log_norms[j, i] = scale[i] + np.log(own) / 2
            if whole > 0:
                dh[i] /= math.sqrt(whole)
                dc[i] /= math.sqrt(whole)
                scale[i] += math.log(whole) / 2
            # The step that this one goes back through; one more than asked for changes nothing.
            t = max(ends[i] - j, 0)
            gate[i], now[i], c_now[i] = gates[t, 0], h[t, 0], c[t, 0]
            before[i] = h[t - 1, 0] if t else np.zeros_like(h[t, 0])
            c_before[i] = c[t - 1, 0] if t else np.zeros_like(c[t, 0])
        _retreat(cell, gate, before, now, c_before, c_now, dh, carried, dc, da, dr)
        np.dot(dr, M_t, dh)
        dh += carried


def reconstruct_plain(
    signal: Tensor,
    order: int,
    phones: Tensor,
    W: Tensor,
    V: Tensor,
    M: Tensor,
    d: Tensor,
    b: Tensor,
    U: Tensor,
    c: Tensor,
    cell: int,
    feed_back: bool,
    limit: float,
) -> tuple[Tensor, int]:
    """Do what `reconstruct` does with `recur_plain`: the definition that the loop is held to."""
    signal, predictions = signal.clone(), signal.new_zeros(len(phones))
    state = signal.new_zeros(1, state_size(CELLS[cell], len(M)))
    for t, phone in enumerate(phones.tolist()):
        a = signal[t : t + order] @ W + V[phone] + b
        h, state = recur_plain(a[None, None], M, d, state, CELLS[cell])
        y = h[0, 0] @ U + c[0]
        if feed_back:
            if not abs(y) <= limit:
                return predictions, t
            signal[order + t] = y
        predictions[t] = y
    return predictions, len(phones)


# In this file because numba compiles `advance` into it, and would not notice a change of `advance`
# in another file when it takes the compiled loop from its cache.
@njit(cache=True)
def reconstruct(signal, order, phones, W, V, M, d, b, U, c, cell, feed_back, limit):
    """Predict every sample of `signal` after the first `order`, one at a time.

        teacher forced   y_t = f(x_{t-k} .. x_{t-1}, p_t, h_{t-1})     from the true past
        free running     y_t = f(y_{t-k} .. y_{t-1}, p_t, h_{t-1})     from the network's own

    with f the network of `rnnpipe.model`. A free run writes each prediction back into the signal
    that the next windows are cut from.

    Parameters
    ----------
    signal : float32 array, shape (order + T,)
        Standardised samples; with `feed_back` overwritten from `order` on.
    order : int
        Window length k.
    phones : uint8 array, shape (T,)
        Phone of each sample to predict.
    W, V, M, d, b, U, c : float32 arrays
        The network's weights, contiguous: (order, G), (phones, G), (H, G), (H,), (G,), (H,), (1,).
    cell : int
        Index into `recurrence.CELLS`.
    feed_back : bool
        Whether predictions replace the samples.
    limit : float
        A fed-back prediction that is not within [-limit, limit] ends the run.

    Returns
    -------
    predictions : float32 array, shape (T,)
        Zeros from the sample on that ended the run.
    end : int
        Number of samples predicted, T where the run went through.
    """
    T, (H, G) = phones.size, M.shape
    predictions = np.zeros(T, signal.dtype)
    gates, r = np.empty((1, G), signal.dtype), np.empty((1, G), signal.dtype)
    # The state before and after a step; the two swap places.
    h, h_next = np.zeros((1, H), signal.dtype), np.empty((1, H), signal.dtype)
    s, s_next = np.zeros((1, H), signal.dtype), np.empty((1, H), signal.dtype)
    for t in range(T):
        np.dot(signal[t : t + order].reshape(1, order), W, gates)
        gates += V[phones[t]] + b
        np.dot(h, M, r)
        advance(cell, gates, r, d, h, h_next, s, s_next)
        h, h_next, s, s_next = h_next, h, s_next, s
        y = np.dot(h[0], U) + c[0]
        if feed_back:
            if not abs(y) <= limit:
                return predictions, t
            signal[order + t] = y
        predictions[t] = y
    return predictions, T
