"""The free run on a GPU: many utterances in one launch, with the loop over time inside it.

The same computation as `rnnpipe.kernels.loops.reconstruct` with `feed_back`, in Triton. Each
program runs one utterance. It loads the weights once and keeps them, as tiles of rows x gates x
units, for all steps of the utterance. A step reads k samples, most of which the previous step has
read, and writes one. The twin in plain torch is `rnnpipe.kernels.recurrence.reconstruct_plain`.

Triton comes with torch's CUDA builds for Linux. Its interpreter (TRITON_INTERPRET=1) runs the same
code on a CPU, for tests.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from rnnpipe.kernels.loops import GRU, LSTM, RELU, SIGMOID
from rnnpipe.kernels.weights import Weights

_GRU, _LSTM, _RELU, _SIGMOID = map(tl.constexpr, (GRU, LSTM, RELU, SIGMOID))


def free_runs(
    context: Tensor,
    phones: Tensor,
    sizes: Tensor,
    weights: Weights,
    cell: int,
    limit: float,
) -> tuple[Tensor, Tensor]:
    """Predict utterances from a network's own predictions, all in parallel.

    Parameters
    ----------
    context : float Tensor, shape (B, order)
        The first samples of each utterance, standardised.
    phones : int32 Tensor, shape (B, T)
        Phone of each sample to predict; values beyond an utterance's size are not read.
    sizes : int32 Tensor, shape (B,)
        Number of samples to predict in each, at most T.
    weights : Weights
        The network's weights.
    cell : int
        Index into `rnnpipe.kernels.recurrence.CELLS`.
    limit : float
        A prediction that is not within [-limit, limit] ends its run.

    Returns
    -------
    predictions : Tensor, shape (B, T)
        Zeros from the sample that ended a run, and beyond an utterance's size.
    ends : int32 Tensor, shape (B,)
        Number of predicted samples; the size if the run reached the end.
    """
    (B, order), T, (H, G) = context.shape, phones.shape[1], weights.M.shape
    signal = torch.cat((context, context.new_zeros(B, T)), dim=1)
    ends = torch.empty_like(sizes)
    _free_run[(B,)](
        signal,
        phones.contiguous(),
        sizes.contiguous(),
        *weights.contiguous(),
        ends,
        limit,
        order,
        T,
        H,
        cell,
        GATES=G // H,
        ROWS=triton.next_power_of_2(order),
        TILES=triton.next_power_of_2(G // H),
        UNITS=triton.next_power_of_2(H),
        num_warps=16,
    )
    return signal[:, order:], ends


@triton.jit
def _free_run(
    signal,
    phones,
    sizes,
    W,
    V,
    M,
    d,
    b,
    U,
    c,
    ends,
    limit,
    order,
    T,
    H,
    CELL: tl.constexpr,
    GATES: tl.constexpr,
    ROWS: tl.constexpr,
    TILES: tl.constexpr,
    UNITS: tl.constexpr,
):
    stream = tl.program_id(0)
    signal += stream * (order + T)
    phones += stream * T
    size = tl.load(sizes + stream)

    # Triton needs powers of two: beyond the real rows, gates and units, weights are 0.
    row, unit = tl.arange(0, ROWS), tl.arange(0, UNITS)
    gate = tl.arange(0, TILES)[:, None]
    is_row, is_unit = row < order, unit < H
    column = gate * H + unit[None, :]
    is_column = (gate < GATES) & is_unit[None, :]
    places, is_weight = row[:, None, None] * GATES * H + column[None], is_column[None]
    w = tl.load(W + places, is_row[:, None, None] & is_weight, 0)
    places = unit[:, None, None] * GATES * H + column[None]
    m = tl.load(M + places, is_unit[:, None, None] & is_weight, 0)
    bias = tl.load(b + column, is_column, 0)
    u = tl.load(U + unit, is_unit, 0)
    offset = tl.load(c)

    h = tl.zeros([UNITS], w.dtype)
    s = tl.zeros([UNITS], w.dtype)
    t = 0
    end = size
    while t < end:
        window = tl.load(signal + t + row, is_row, 0)
        phone = tl.load(phones + t)
        a = tl.sum(w * window[:, None, None], 0) + bias
        a += tl.load(V + phone * GATES * H + column, is_column, 0)
        r = tl.sum(m * h[:, None, None], 0)
        if CELL == _GRU:
            reset = tl.sigmoid(_only(a + r, gate, 0))
            z = tl.sigmoid(_only(a + r, gate, 1))
            inner = _only(r, gate, 2) + tl.load(d + unit, is_unit, 0)
            h = (1 - z) * _tanh(_only(a, gate, 2) + reset * inner) + z * h
        elif CELL == _LSTM:
            a += r
            s = tl.sigmoid(_only(a, gate, 1)) * s
            s += tl.sigmoid(_only(a, gate, 0)) * _tanh(_only(a, gate, 2))
            h = tl.sigmoid(_only(a, gate, 3)) * _tanh(s)
        else:
            a = _only(a + r, gate, 0)
            if CELL == _SIGMOID:
                h = tl.sigmoid(a)
            elif CELL == _RELU:
                h = tl.where(a > 0, a, a - a)  # a nan stays nan
            else:
                h = _tanh(a)
        y = tl.sum(h * u, 0) + offset
        if tl.abs(y) <= limit:
            tl.store(signal + order + t, y)
            t += 1
        else:  # a nan too
            end = t
        # Make sure that all threads see the sample before the next window is read.
        tl.debug_barrier()
    tl.store(ends + stream, end)


@triton.jit
def _only(values, gate, wanted: tl.constexpr):
    """Row `wanted` of (gates, units)."""
    return tl.sum(tl.where(gate == wanted, values, 0), 0)


@triton.jit
def _tanh(x):
    return 2 * tl.sigmoid(2 * x) - 1
