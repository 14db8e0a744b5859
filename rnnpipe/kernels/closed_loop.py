"""A network that runs on its own samples: the loop forward, and the gradient back through it.

B streams predict R samples. With s the samples that the windows are cut from (the first k of them
are given), x the true samples, and m_t the share of the prediction in what is fed back:

    h_t = tanh(W s_{t-k .. t-1} + V p_t + b + M h_{t-1})
    y_t = U h_t + c
    s_t = m_t y_t + (1 - m_t) x_t          m = 0: teacher forced; m = 1: free running

The gradient of a loss over y passes through M, from state to state, and through W, from a window
to the predictions inside it:

    dy_t = dL/dy_t + m_t ds_t                      ds_t = sum_{i = 1 .. k} W_{k-i} . da_{t+i}
    dh_t = U dy_t + M da_{t+1}
    da_t = dh_t (1 - h_t^2)

Along a free run, a small error of window and state together is multiplied by the Jacobians. With v
the error of the samples and e that of the state,

    e_t = (1 - h_t^2) (W v_{t-k .. t-1} + M e_{t-1}),   v_t = U e_t

The exponent is the mean growth of log |(v_{t-k+1} .. v_t, e_t)| per step (Benettin et al., 1980);
it is negative if errors shrink.

Arrays are time-major. `roll_out_plain` is the definition, one step at a time in torch. Training
calls `roll_out`. Its steps are matrix products over all streams. After the backward loop, the
gradients of the weights are single products over all steps.
"""

import math

import numpy as np
import torch
from numba import njit
from torch import Tensor
from torch.autograd.function import once_differentiable

from rnnpipe.kernels.weights import Weights, as_arrays

# Allow reordered sums, but keep infinities and nan, which a diverging network makes.
FAST = {"reassoc", "contract", "arcp", "nsz", "afn"}


def roll_out(
    signal: Tensor,
    share: Tensor,
    phones: Tensor,
    state: Tensor,
    weights: Weights,
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
    state : Tensor, shape (B, H)
        State before the first prediction. No gradient flows into it.
    weights : Weights
        Of a network with tanh units.

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
    return _RollOut.apply(signal, share, phones, state, *_without_d(weights))


def roll_out_plain(
    signal: Tensor,
    share: Tensor,
    phones: Tensor,
    state: Tensor,
    weights: Weights,
) -> tuple[Tensor, Tensor, Tensor]:
    """Do the same as `roll_out`, one step at a time: the definition that tests compare with."""
    W, V, M, b, U, c = _without_d(weights)
    k = len(W)
    fed, outputs, h = list(signal[:k]), [], state
    for true, m, phone in zip(signal[k:], share, phones, strict=True):
        window = torch.stack(fed[-k:])
        h = torch.tanh(window.t() @ W + V[phone] + b + h @ M)
        y = h @ U + c
        fed.append(m * y + (1 - m) * true)
        outputs.append(y)
    return torch.stack(outputs), torch.stack(fed).detach(), h.detach()


class _RollOut(torch.autograd.Function):
    """The numba loops as a function for torch's autograd."""

    @staticmethod
    def forward(ctx, signal, share, phones, state, W, V, M, b, U, c):
        (R, B), H = share.shape, len(M)
        fed = signal.clone(memory_format=torch.contiguous_format)
        h = signal.new_empty(R + 1, B, H)
        h[0] = state
        y = signal.new_empty(R, B)
        weights = tuple(weight.contiguous() for weight in (W, V, M, b, U, c))
        share, phones = share.contiguous(), phones.contiguous()
        _forward(*as_arrays(fed, share, phones, h, y, *weights))
        ctx.save_for_backward(fed, share, phones, h, *weights)
        state = h[-1].clone()
        ctx.mark_non_differentiable(fed, state)
        return y, fed, state

    @staticmethod
    @once_differentiable  # a second derivative raises an error instead of being wrong
    def backward(ctx, dy, *_):
        fed, share, phones, h, *weights = ctx.saved_tensors
        W, V, M, b, U, c = weights
        gradients = tuple(torch.zeros_like(weight) for weight in weights)
        # The loop overwrites dy with the whole gradient of each prediction.
        dy = dy.clone(memory_format=torch.contiguous_format)
        M_t = M.t().contiguous()
        _backward(*as_arrays(fed, share, phones, h, dy, W, M_t, U, *gradients))
        return None, None, None, None, *gradients


def _without_d(weights: Weights) -> tuple[Tensor, ...]:
    """All weights except the second bias of a gru, which tanh units do not have."""
    W, V, M, _, b, U, c = weights
    return W, V, M, b, U, c


@njit(cache=True, fastmath=FAST, nogil=True)
def _add_product(a, b, out):
    """Add a @ b to `out`, where `a` has few rows.

    Eight rows of b at a time, which stay in the nearest cache for all rows of a. A BLAS first
    copies b into an order of its own, which for so few rows takes as long as the product.
    """
    B, K = a.shape
    whole = K - K % 8
    for k in range(0, whole, 8):
        b0, b1, b2, b3 = b[k], b[k + 1], b[k + 2], b[k + 3]
        b4, b5, b6, b7 = b[k + 4], b[k + 5], b[k + 6], b[k + 7]
        for i in range(B):
            a0, a1, a2, a3 = a[i, k], a[i, k + 1], a[i, k + 2], a[i, k + 3]
            a4, a5, a6, a7 = a[i, k + 4], a[i, k + 5], a[i, k + 6], a[i, k + 7]
            row = out[i]
            for j in range(row.size):
                low = a0 * b0[j] + a1 * b1[j] + a2 * b2[j] + a3 * b3[j]
                row[j] += low + a4 * b4[j] + a5 * b5[j] + a6 * b6[j] + a7 * b7[j]
    for k in range(whole, K):
        for i in range(B):
            row = out[i]
            for j in range(row.size):
                row[j] += a[i, k] * b[k, j]


@njit(cache=True, fastmath=FAST, nogil=True)
def _tanh(h):
    """Put tanh in place of its arguments, a row a stream.

    The tanh of float32 is a rational function, of 13th over 6th degree (the one of Eigen and XLA):
    it vectorises, and its error stays below 3e-7, five units of rounding at 1. A float64 is there
    to be compared with the twin.
    """
    B, H = h.shape
    if h.itemsize == 8:
        for i in range(B):
            for j in range(H):
                h[i, j] = np.tanh(h[i, j])
    else:
        f = np.float32
        for i in range(B):
            for j in range(H):
                x = h[i, j]
                # Not min and max, which would lose a nan.
                if x > f(7.9):
                    x = f(7.9)
                if x < f(-7.9):
                    x = f(-7.9)
                s = x * x
                p = f(-2.76076847742355e-16) * s + f(2.00018790482477e-13)
                p = p * s + f(-8.60467152213735e-11)
                p = p * s + f(5.12229709037114e-08)
                p = p * s + f(1.48572235717979e-05)
                p = p * s + f(6.37261928875436e-04)
                p = p * s + f(4.89352455891786e-03)
                q = f(1.19825839466702e-06) * s + f(1.18534705686654e-04)
                q = q * s + f(2.26843463243900e-03)
                q = q * s + f(4.89352518554385e-03)
                h[i, j] = x * p / q


@njit(cache=True, nogil=True)
def _forward(fed, share, phones, h, y, W, V, M, b, U, c):
    R, B = share.shape
    k = len(W)
    one = W.dtype.type(1)
    for t in range(R):
        for i in range(B):
            h[t + 1, i] = V[phones[t, i]] + b
        _add_product(fed[t : t + k].T, W, h[t + 1])
        _add_product(h[t], M, h[t + 1])
        _tanh(h[t + 1])
        np.dot(h[t + 1], U, y[t])
        for i in range(B):
            y[t, i] += c[0]
            fed[k + t, i] = share[t, i] * y[t, i] + (one - share[t, i]) * fed[k + t, i]


@njit(cache=True, fastmath=FAST, nogil=True)
def _to_activations(dy, U, h, da):
    """Turn what reaches a state through M into what reaches its activation in all."""
    B, H = h.shape
    one = h.dtype.type(1)
    for i in range(B):
        for j in range(H):
            da[i, j] = (da[i, j] + dy[i] * U[j]) * (one - h[i, j] * h[i, j])


@njit(cache=True, nogil=True)
def _backward(fed, share, phones, h, dy, W, M_t, U, dW, dV, dM, db, dU, dc):
    R, B = share.shape
    k, H = W.shape
    da = np.zeros((R, B, H), W.dtype)
    ds, through_W = np.zeros((R, B), W.dtype), np.empty((k, B), W.dtype)
    for t in range(R - 1, -1, -1):
        for i in range(B):
            dy[t, i] += share[t, i] * ds[t, i]
        _to_activations(dy[t], U, h[t + 1], da[t])
        n = min(t, k)  # so many predictions are in this window, as its last samples
        if n:
            np.dot(W[k - n :], da[t].T, through_W[:n])
            ds[t - n : t] += through_W[:n]
            _add_product(da[t], M_t, da[t - 1])
    _weight_gradients(fed, phones, h, dy, da, dW, dV, dM, db, dU, dc)


@njit(cache=True)
def _weight_gradients(fed, phones, h, dy, da, dW, dV, dM, db, dU, dc):
    R, B, H = da.shape
    k = len(dW)
    # Row j holds sample j of all windows: the samples of all streams from time j on.
    windows = np.empty((k, R * B), da.dtype)
    samples = fed.reshape(-1)
    for j in range(k):
        windows[j] = samples[j * B : (j + R) * B]
    flat = da.reshape(R * B, H)
    np.dot(windows, flat, dW)
    np.dot(h[:R].reshape(R * B, H).T, flat, dM)
    for t in range(R):
        for i in range(B):
            row = dV[phones[t, i]]
            for j in range(H):
                row[j] += da[t, i, j]
    for v in range(len(dV)):
        db += dV[v]
    np.dot(h[1:].reshape(R * B, H).T, dy.reshape(-1), dU)
    dc[0] = dy.sum()


def exponent_plain(
    samples: Tensor,
    phones: Tensor,
    weights: Weights,
    v: Tensor,
    e: Tensor,
) -> float:
    """Do the same as `exponent`, with derivatives from torch."""
    W, V, M, b, U, _ = _without_d(weights)

    def step(window: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.tanh(window @ W + V[phone] + b + h @ M)
        return torch.cat((window[1:], (h @ U)[None])), h

    h, growth = torch.zeros_like(b), 0.0
    norm = (v.square().sum() + e.square().sum()).sqrt()
    for t, phone in enumerate(phones):  # noqa: B007 (`step` reads it)
        window = samples[t : t + len(W)]
        (_, h), (v, e) = torch.autograd.functional.jvp(step, (window, h), (v / norm, e / norm))
        norm = (v.square().sum() + e.square().sum()).sqrt()
        growth += norm.log().item()
    return growth / len(phones)


@njit(cache=True, fastmath=FAST)
def exponent(samples, phones, W, V, M, b, U, v, e):
    """Measure how fast a small error grows or dies along a free run.

    Parameters
    ----------
    samples : float array, shape (k + T,)
        The samples given and those that the network predicted after them.
    phones : int array, shape (T,)
        Phone of each predicted sample.
    W, V, M, b, U : arrays
        The network's weights; as for `roll_out`, of the same type as `samples`, contiguous.
    v, e : arrays, shapes (k,) and (H,)
        An error of window and state to start from; overwritten.

    Returns
    -------
    float
        The exponent, a sample; -inf where an error dies in full.
    """
    T, (k, H) = phones.size, W.shape
    window = np.zeros(k + T, samples.dtype)
    window[:k] = v
    h, growth = np.zeros(H, samples.dtype), 0.0
    norm = math.sqrt(np.sum(v * v) + np.sum(e * e))
    for t in range(T):
        window[t : t + k] /= norm
        e /= norm
        h = np.tanh(np.dot(samples[t : t + k], W) + V[phones[t]] + b + np.dot(h, M))
        e[:] = (1 - h * h) * (np.dot(window[t : t + k], W) + np.dot(e, M))
        window[t + k] = np.dot(e, U)
        after = window[t + 1 : t + k + 1]
        norm = math.sqrt(np.sum(after * after) + np.sum(e * e))
        if norm == 0:
            return -np.inf
        growth += math.log(norm)
    return growth / T
