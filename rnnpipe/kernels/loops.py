"""The loops over time, compiled by numba: the recurrence forward and backward, and reconstruction.

The formulas, and the plain twins that tests compare these loops with, are in recurrence.py. All
loops are in this one file, because numba's cache does not notice changes in other files that a loop
was compiled from.

Arrays have shapes (time, units, streams). In this order, BLAS needs a quarter less time for the
recurrent product than with units last, and the windows of all streams at a time t are a slice of a
signal (time, streams), so that no sample is copied.

Rows are copied and added element by element. If one slice is assigned to another, numba also
compiles its error message, which takes as long as the rest of a loop.
"""

import math

import numpy as np
from llvmlite.binding import get_host_cpu_features
from numba import njit, types
from numba.extending import overload

SIGMOID, TANH, RELU, GRU, LSTM = range(5)
# Allow reordered sums, but keep infinities and nan, which a diverging network makes. With Python's
# error model, a division by zero would raise, and such a loop is not vectorised.
FAST = {
    "fastmath": {"reassoc", "contract", "arcp", "nsz", "afn"},
    "error_model": "numpy",
    "cache": True,
}
BLOCK = 64  # steps of a single stream whose windows go through W together
COLUMNS = 544  # steps x streams whose weight gradients are computed together; not a power of two,
# because its multiples would all use the same lines of a cache
# With AVX-512, OpenBLAS multiplies matrices of up to this many scalar products without copying them
# first. Without it, pieces as small as this would take longer than the whole.
SMALL = 1_000_000 if get_host_cpu_features().get("avx512f") else 0


def _exp(x):
    """Return e^x in compiled code."""
    return math.exp(x)


# 2^f as its Taylor series in f ln 2, in float32.
_TAYLOR = tuple(np.float32(math.log(2) ** n / math.factorial(n)) for n in range(7))
_PER_LN2, _HALF, _LARGEST = np.float32(1 / math.log(2)), np.float32(0.5), np.float32(126)
_MANTISSA_BITS, _EXPONENT_BIAS = np.int32(23), np.int32(127)


@overload(_exp, inline="always")
def _exp_compiled(x):
    """Return e^x in float32 as arithmetic, which vectorises; a call of the C library does not.

    With x / ln 2 = n + f, n whole and |f| <= 1/2, e^x = 2^n 2^f, and 2^n is a matter of writing n
    into the bits of the exponent. The relative error is below 2e-7 (1 + |x|); beyond 2^126 either
    way the result stays there.
    """
    if x != types.float32:
        return lambda x: math.exp(x)
    c0, c1, c2, c3, c4, c5, c6 = _TAYLOR

    def exp(x):
        y = min(max(x * _PER_LN2, -_LARGEST), _LARGEST)
        n = math.floor(y + _HALF)
        f = y - np.float32(n)
        power = c0 + f * (c1 + f * (c2 + f * (c3 + f * (c4 + f * (c5 + f * c6)))))
        return power * np.int32((np.int32(n) + _EXPONENT_BIAS) << _MANTISSA_BITS).view(np.float32)

    return exp


@njit(**FAST, inline="always")
def _sigmoid(x, one):
    return one / (one + _exp(-x))


@njit(**FAST, inline="always")
def _tanh(x, one):
    # The absolute error stays within two units of rounding of 1.
    return one - (one + one) / (one + _exp(x + x))


@njit(**FAST)
def _add_product(v, A, out):
    """Add v A to `out`; for one vector faster than BLAS. Four rows a turn spare three stores."""
    n, G = A.shape
    fours = n - n % 4
    for i in range(0, fours, 4):
        for j in range(G):
            out[j] += (
                v[i] * A[i, j]
                + v[i + 1] * A[i + 1, j]
                + v[i + 2] * A[i + 2, j]
                + v[i + 3] * A[i + 3, j]
            )
    for i in range(fours, n):
        for j in range(G):
            out[j] += v[i] * A[i, j]


@njit(**FAST)
def _product(A, X, out):
    """Put A X into `out`, in pieces that are small products."""
    rows = SMALL // X.size // 12 * 12 or len(A)
    for first in range(0, len(A), rows):
        np.dot(A[first : first + rows], X, out[first : first + rows])


@njit(**FAST)
def advance(cell, gates, offset, r, d, before, h, c_before, c):
    """Take one step, all arrays flat: `gates` + `offset` is a_t, r the recurrent product.

    A gru's and an lstm's `gates` come back as the gates' values.
    """
    N = h.size
    one = h.dtype.type(1)
    if cell == SIGMOID:
        for j in range(N):
            h[j] = _sigmoid(gates[j] + offset[j] + r[j], one)
    elif cell == TANH:
        for j in range(N):
            h[j] = _tanh(gates[j] + offset[j] + r[j], one)
    elif cell == RELU:
        for j in range(N):
            h[j] = max(gates[j] + offset[j] + r[j], one - one)
    elif cell == GRU:
        for j in range(gates.size):
            gates[j] += offset[j]
        for j in range(N):
            s = _sigmoid(gates[j] + r[j], one)
            z = _sigmoid(gates[N + j] + r[N + j], one)
            c[j] = r[2 * N + j] + d[j]
            n = _tanh(gates[2 * N + j] + s * c[j], one)
            gates[j], gates[N + j], gates[2 * N + j] = s, z, n
            h[j] = (one - z) * n + z * before[j]
    else:
        for j in range(gates.size):
            gates[j] += offset[j]
        for j in range(N):
            i = _sigmoid(gates[j] + r[j], one)
            f = _sigmoid(gates[N + j] + r[N + j], one)
            g = _tanh(gates[2 * N + j] + r[2 * N + j], one)
            o = _sigmoid(gates[3 * N + j] + r[3 * N + j], one)
            gates[j], gates[N + j], gates[2 * N + j], gates[3 * N + j] = i, f, g, o
            c[j] = f * c_before[j] + i * g
            h[j] = o * _tanh(c[j], one)


@njit(**FAST)
def _change_phones(phones, t, V, b, offset):
    """Fill the columns of `offset` (G, B) whose phones (T, B) are others at t than before."""
    for stream in range(offset.shape[1]):
        if t == 0 or phones[t, stream] != phones[t - 1, stream]:
            for j in range(offset.shape[0]):
                offset[j, stream] = V[phones[t, stream], j] + b[j]


@njit(**FAST)
def forward(cell, signal, phones, W, W_t, V, M, M_t, d, b, h0, c0, gates, h, c):
    """Fill h (T, H, B), a gru's or lstm's gates (T, G, B) and c from the signal (order + T, B).

    Of the other cells' gates, which nobody asks for again, there is room for one step. The phone's
    share of the pre-activations changes but a few times a second: it is kept, with the
    bias, as an offset a stream.
    """
    T, (order, G), B = len(h), W.shape, h.shape[2]
    offset, r = np.empty((G, B), h.dtype), np.zeros((G, B), h.dtype)
    windows, projected = np.zeros((BLOCK, order), h.dtype), np.empty((BLOCK, G), h.dtype)
    # The same memory, a flat row a step.
    flat_gates, flat_h, flat_c = (
        gates.reshape(len(gates), -1),
        h.reshape(T, -1),
        c.reshape(T, c.shape[1] * B),
    )
    flat_offset, flat_r, flat_d, samples = offset.ravel(), r.ravel(), d.ravel(), signal.ravel()
    before, c_before = h0.ravel(), c0.ravel()
    for t in range(T):
        gates_t = flat_gates[t % len(gates)]
        if B > 1:
            # Laid out by time, the windows of all streams are a slice of the signal.
            _product(W_t, signal[t : t + order], gates[t % len(gates)])
            _product(M_t, h[t - 1] if t else h0, r)
        else:
            if t % BLOCK == 0:
                for i in range(min(BLOCK, T - t)):
                    for j in range(order):
                        windows[i, j] = samples[t + i + j]
                _product(windows, W, projected)
            for j in range(G):
                gates_t[j] = projected[t % BLOCK, j]
                flat_r[j] = 0
            _add_product(before, M, flat_r)
        _change_phones(phones, t, V, b, offset)
        h_t, c_t = flat_h[t], flat_c[t]
        advance(cell, gates_t, flat_offset, flat_r, flat_d, before, h_t, c_before, c_t)
        before, c_before = h_t, c_t


@njit(**FAST)
def _retreat(cell, gates, before, h, c_before, c, dh, dh_before, dc, da, dr):
    """Undo one step, all arrays flat: from dh, and an lstm's dc, updated in place, to da and dr.

    `dh_before` gets the part of the previous step's gradient that does not pass through M.
    """
    N = h.size
    one = h.dtype.type(1)
    zero = one - one
    if cell == SIGMOID:
        for j in range(N):
            da[j] = dh[j] * h[j] * (one - h[j])
    elif cell == TANH:
        for j in range(N):
            da[j] = dh[j] * (one - h[j] * h[j])
    elif cell == RELU:
        for j in range(N):
            da[j] = dh[j] if h[j] > zero else zero
    elif cell == GRU:
        for j in range(N):
            s, z, n = gates[j], gates[N + j], gates[2 * N + j]
            da_n = dh[j] * (one - z) * (one - n * n)
            da_s = da_n * c[j] * s * (one - s)
            da_z = dh[j] * (before[j] - n) * z * (one - z)
            da[j], da[N + j], da[2 * N + j] = da_s, da_z, da_n
            dr[j], dr[N + j], dr[2 * N + j] = da_s, da_z, da_n * s
            dh_before[j] = dh[j] * z
    else:
        for j in range(N):
            i, f, g, o = gates[j], gates[N + j], gates[2 * N + j], gates[3 * N + j]
            squashed = _tanh(c[j], one)
            to_c = dc[j] + dh[j] * o * (one - squashed * squashed)
            da[j] = to_c * g * i * (one - i)
            da[N + j] = to_c * c_before[j] * f * (one - f)
            da[2 * N + j] = to_c * i * (one - g * g)
            da[3 * N + j] = dh[j] * squashed * o * (one - o)
            dc[j] = to_c * f


@njit(**FAST)
def _paste(part, whole, first):
    for i in range(part.shape[0]):
        for j in range(part.shape[1]):
            whole[i, first + j] = part[i, j]


@njit(**FAST)
def backward(cell, signal, phones, M, M_t, h0, c0, gates, h, c, dh, dW_t, dV, dM_t, dd):
    """Add the weights' gradients, which are sums over steps and streams, to dW_t, dV, dM_t, dd.

    Those of the matrices are taken many steps at a time, as products of panels with a column a step
    and stream, or of a single stream, which would be written a number here and there, a row a step.
    """
    (T, H, B), (G, order) = h.shape, dW_t.shape
    steps = max(1, COLUMNS // B)
    all_da = np.zeros((G, steps * B), h.dtype)
    # What reaches r differs from what reaches a in the gru's candidate alone.
    all_dr = np.zeros((G if cell == GRU else 0, steps * B), h.dtype)
    all_before = np.zeros((H, steps * B), h.dtype)
    windows = np.zeros((order, steps * B), h.dtype)
    da, dr = np.empty((G, B), h.dtype), np.empty((G, B), h.dtype)
    if cell != GRU:
        dr = da
    # The same memory, for a single stream.
    rows_da, rows_before = all_da.reshape(steps * B, G), all_before.reshape(steps * B, H)
    rows_dr = all_dr.reshape(steps * B, G) if cell == GRU else rows_da
    to_W, to_M = np.empty((G, order), h.dtype), np.empty((G, H), h.dtype)
    through_M, doffset = np.zeros((H, B), h.dtype), np.zeros((G, B), h.dtype)
    # The same memory, a flat row a step.
    flat_gates, flat_h, flat_c = (
        gates.reshape(len(gates), -1),
        h.reshape(T, -1),
        c.reshape(T, c.shape[1] * B),
    )
    flat_dh, flat_da, flat_dr = dh.reshape(T, -1), da.ravel(), dr.ravel()
    flat_doffset = doffset.ravel()
    total, samples = through_M.ravel(), signal.ravel()
    carried, dc = np.zeros(H * B, h.dtype), np.zeros(H * B, h.dtype)
    for t in range(T - 1, -1, -1):
        i = t % steps
        if B == 1:
            flat_da, flat_dr = rows_da[i], rows_dr[i]
        before = flat_h[t - 1] if t else h0.ravel()
        c_before = flat_c[t - 1] if t else c0.ravel()
        for j in range(H * B):
            total[j] += flat_dh[t, j] + carried[j]
        _retreat(
            cell,
            flat_gates[t % len(gates)],
            before,
            flat_h[t],
            c_before,
            flat_c[t],
            total,
            carried,
            dc,
            flat_da,
            flat_dr,
        )
        if B > 1:
            _product(M, dr, through_M)
        else:
            for j in range(H):
                total[j] = 0
            _add_product(flat_dr, M_t, total)

        # An offset's gradient is summed up for as long as the phone stays the same.
        for j in range(G * B):
            flat_doffset[j] += flat_da[j]
        for s in range(B):
            if t == 0 or phones[t - 1, s] != phones[t, s]:
                for j in range(G):
                    dV[phones[t, s], j] += doffset[j, s]
                    doffset[j, s] = 0

        if B > 1:
            _paste(da, all_da, i * B)
            _paste(h[t - 1] if t else h0, all_before, i * B)
            if cell == GRU:
                _paste(dr, all_dr, i * B)
        else:
            for j in range(H):
                rows_before[i, j] = before[j]
        if cell == GRU:
            for j in range(H):
                for s in range(B):
                    dd[j] += flat_dr[(2 * H + j) * B + s]
        if i == 0:
            size = min(steps, T - t) * B
            for j in range(order):
                for column in range(size):
                    windows[j, column] = samples[(t + j) * B + column]
            if B > 1:
                np.dot(all_da, windows.T, to_W)
                np.dot(all_dr if cell == GRU else all_da, all_before.T, to_M)
            else:
                np.dot(rows_da.T, windows.T, to_W)
                np.dot(rows_dr.T, rows_before, to_M)
            dW_t += to_W
            dM_t += to_M


@njit(**FAST)
def read_out(h, U, y):
    """Fill y (T, B) with U h_t."""
    for t in range(len(h)):
        np.dot(U, h[t], y[t])


@njit(**FAST)
def read_out_gradients(h, U, dy, dh, dU):
    """Fill dh (T, H, B), and add to dU, from the gradient dy (T, B) of what `read_out` gives."""
    T, H, B = h.shape
    for t in range(T):
        for j in range(H):
            slope = U[j] - U[j]
            for s in range(B):
                dh[t, j, s] = U[j] * dy[t, s]
                slope += h[t, j, s] * dy[t, s]
            dU[j] += slope


@njit(**FAST)
def _put(column, columns, i):
    for k in range(column.size):
        columns[k, i] = column[k]


@njit(**FAST)
def _add_squares(columns, sums):
    for k in range(columns.shape[0]):
        for i in range(columns.shape[1]):
            sums[i] += columns[k, i] * columns[k, i]


@njit(**FAST)
def _scale(columns, factors):
    for k in range(columns.shape[0]):
        for i in range(columns.shape[1]):
            columns[k, i] *= factors[i]


@njit(**FAST)
def carry_back(cell, gates, M, h, c, ends, dh, log_norms):
    """Fill `log_norms` (steps + 1, n) from the gradients `dh` (H, n); see `carried_back`.

    gates, h (T, H) and c are those of one stream; each gradient is at a step of its own in it, so
    that they are gathered side by side, like streams.
    """
    (H, n), G, C = dh.shape, M.shape[1], c.shape[1]
    dc, carried = np.zeros((C, n)), np.zeros((H, n))
    squares, factors, scale = np.empty(n), np.empty(n), np.zeros(n)
    now, before = np.empty((H, n)), np.empty((H, n))
    c_now, c_before = np.empty((C, n)), np.empty((C, n))
    gate, da = np.empty((G, n)), np.empty((G, n))
    dr = np.empty((G, n)) if cell == GRU else da
    h_start, c_start = np.zeros(H), np.zeros(C)
    for j in range(log_norms.shape[0]):
        squares[:] = 0
        _add_squares(dh, squares)
        for i in range(n):
            log_norms[j, i] = scale[i] + np.log(squares[i]) / 2
        _add_squares(dc, squares)
        for i in range(n):
            factors[i] = 1 / math.sqrt(squares[i]) if squares[i] > 0 else 1.0
            scale[i] -= math.log(factors[i])
        _scale(dh, factors)
        _scale(dc, factors)
        for i in range(n):
            # The step that this one goes back through; one more than asked for changes nothing.
            t = max(ends[i] - j, 0)
            _put(h[t], now, i)
            if C:
                _put(gates[t], gate, i)
                _put(c[t], c_now, i)
                _put(h[t - 1] if t else h_start, before, i)
                _put(c[t - 1] if t else c_start, c_before, i)
        _retreat(
            cell,
            gate.ravel(),
            before.ravel(),
            now.ravel(),
            c_before.ravel(),
            c_now.ravel(),
            dh.ravel(),
            carried.ravel(),
            dc.ravel(),
            da.ravel(),
            dr.ravel(),
        )
        np.dot(M, dr, dh)
        dh += carried


@njit(**FAST)
def reconstruct(signal, order, phones, W, V, M, d, b, U, c, cell, feed_back, limit, noise):
    """Predict every sample of `signal` after the first `order`, one at a time.

        teacher forced   y_t = f(x_{t-k} .. x_{t-1}, p_t, h_{t-1})     from the true past
        free running     y_t = f(y_{t-k} .. y_{t-1}, p_t, h_{t-1}) + noise_t  from its own

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
    noise : float32 array, shape (T,)
        Added to each fed-back prediction.

    Returns
    -------
    predictions : float32 array, shape (T,)
        Zeros from the sample on that ended the run.
    end : int
        Number of samples predicted, T where the run went through.
    """
    T, (H, G) = phones.size, M.shape
    predictions = np.zeros(T, signal.dtype)
    # The fewer steps a block has, the less of its windows is unknown when it begins.
    block = 12 if feed_back and 12 * W.size <= SMALL else BLOCK
    windows = np.zeros((block, order), signal.dtype)
    gates = np.empty((block, G), signal.dtype)
    offset, r = np.empty(G, signal.dtype), np.empty(G, signal.dtype)
    # The state before and after a step; the two swap places.
    h, h_next = np.zeros(H, signal.dtype), np.empty(H, signal.dtype)
    s, s_next = np.zeros(H, signal.dtype), np.empty(H, signal.dtype)
    for t in range(T):
        i = t % block
        if i == 0:
            # What is known of the next windows goes through W as one matrix product.
            for j in range(min(block, T - t)):
                known = order - min(j, order) if feed_back else order
                for n in range(known):
                    windows[j, n] = signal[t + j + n]
                windows[j, known:] = 0
            _product(windows, W, gates)
        newest = min(i, order) if feed_back else 0
        if newest:
            _add_product(signal[order + t - newest : order + t], W[order - newest :], gates[i])
        r[:] = 0
        _add_product(h, M, r)
        for j in range(G):
            offset[j] = V[phones[t], j] + b[j]
        advance(cell, gates[i], offset, r, d, h, h_next, s, s_next)
        h, h_next, s, s_next = h_next, h, s_next, s
        y = c[0]
        for j in range(H):
            y += h[j] * U[j]
        if feed_back:
            y += noise[t]
            if not abs(y) <= limit:
                return predictions, t
            signal[order + t] = y
        predictions[t] = y
    return predictions, T


@njit(**FAST)
def free_runs(cell, signal, phones, W_t, V, M_t, d, b, U, c, h, s, limit):
    """Continue the signal (order + T, B) beyond its first `order` rows, all streams side by side.

    Each starts from its own state h (H, B), of an lstm with s; both are overwritten. A prediction
    that is not within [-limit, limit] stays at the limit, and its stream goes on from there.
    """
    (T, B), (G, order), H = phones.shape, W_t.shape, len(h)
    gates, offset = np.empty((G, B), h.dtype), np.empty((G, B), h.dtype)
    r, y = np.empty((G, B), h.dtype), np.empty(B, h.dtype)
    h_next, s_next = np.empty((H, B), h.dtype), np.empty(s.shape, h.dtype)
    for t in range(T):
        _product(W_t, signal[t : t + order], gates)
        _product(M_t, h, r)
        _change_phones(phones, t, V, b, offset)
        advance(
            cell,
            gates.ravel(),
            offset.ravel(),
            r.ravel(),
            d.ravel(),
            h.ravel(),
            h_next.ravel(),
            s.ravel(),
            s_next.ravel(),
        )
        h, h_next, s, s_next = h_next, h, s_next, s
        np.dot(U, h, y)
        for stream in range(B):
            said = y[stream] + c[0]
            if not abs(said) <= limit:
                said = -limit if said < 0 else limit
            signal[order + t, stream] = said


# --- the closed loop ------------------------------------------------------------------------------


@njit(fastmath=False, error_model="numpy", cache=True)
def _feed_back(y, c, share, fed):
    """Complete the predictions and mix them into the true samples.

    Not in fast arithmetic, which it would take over from its caller if nothing were said: at a
    share of 1, no trace of the true sample may be left.
    """
    one = y.dtype.type(1)
    for i in range(y.size):
        y[i] += c[0]
        fed[i] = share[i] * y[i] + (one - share[i]) * fed[i]


@njit(**FAST, nogil=True)
def roll_out(cell, fed, share, phones, W_t, V, M_t, d, b, U, c, h0, s0, gates, h, s, y):
    """Predict y (R, B) from windows of `fed` (order + R, B), into which the predictions go.

    The true samples in `fed` are overwritten with what is fed back: share (R, B) of the prediction,
    and the rest of the true sample. Fills h (R, H, B), and a gru's or lstm's gates (R, G, B) and s.
    """
    (R, B), (G, order) = share.shape, W_t.shape
    offset, r = np.empty((G, B), h.dtype), np.empty((G, B), h.dtype)
    flat_gates, flat_h, flat_s = (
        gates.reshape(len(gates), -1),
        h.reshape(R, -1),
        s.reshape(R, s.shape[1] * B),
    )
    flat_offset, flat_r, flat_d = offset.ravel(), r.ravel(), d.ravel()
    before, s_before = h0.ravel(), s0.ravel()
    for t in range(R):
        gates_t = flat_gates[t % len(gates)]
        _product(W_t, fed[t : t + order], gates[t % len(gates)])
        _product(M_t, h[t - 1] if t else h0, r)
        _change_phones(phones, t, V, b, offset)
        h_t, s_t = flat_h[t], flat_s[t]
        advance(cell, gates_t, flat_offset, flat_r, flat_d, before, h_t, s_before, s_t)
        before, s_before = h_t, s_t
        np.dot(U, h[t], y[t])
        _feed_back(y[t], c, share[t], fed[order + t])


@njit(**FAST, nogil=True)
def roll_back(
    cell, share, phones, W, M, U, h0, s0, gates, h, s, dy, all_da, all_dr, all_before, dV, dU
):
    """Carry the gradient dy (R, B) of the predictions back.

    Fills all_da and, of a gru, all_dr (G, R B) with what reaches a_t and r_t, and all_before
    (H, R B) with the states before each step, a column a step and stream: the gradients of W and M
    are products of these. Adds to dV and dU, and to dy what reaches a prediction through the
    windows that it is part of.
    """
    (R, B), order, (H, G) = share.shape, len(W), M.shape
    ds, through_W = np.zeros((R, B), h.dtype), np.empty((order, B), h.dtype)
    through_M, to_U = np.zeros((H, B), h.dtype), np.empty(H, h.dtype)
    da, dr = np.empty((G, B), h.dtype), np.empty((G, B), h.dtype)
    if cell != GRU:
        dr = da
    doffset = np.zeros((G, B), h.dtype)
    flat_gates, flat_h, flat_s = (
        gates.reshape(len(gates), -1),
        h.reshape(R, -1),
        s.reshape(R, s.shape[1] * B),
    )
    total, flat_da, flat_doffset = through_M.ravel(), da.ravel(), doffset.ravel()
    carried, dc = np.zeros(H * B, h.dtype), np.zeros(H * B, h.dtype)
    for t in range(R - 1, -1, -1):
        for i in range(B):
            dy[t, i] += share[t, i] * ds[t, i]
        np.dot(h[t], dy[t], to_U)
        for j in range(H):
            dU[j] += to_U[j]
            for i in range(B):
                total[j * B + i] += U[j] * dy[t, i] + carried[j * B + i]
        _retreat(
            cell,
            flat_gates[t % len(gates)],
            flat_h[t - 1] if t else h0.ravel(),
            flat_h[t],
            flat_s[t - 1] if t else s0.ravel(),
            flat_s[t],
            total,
            carried,
            dc,
            flat_da,
            dr.ravel(),
        )
        n = min(t, order)  # so many predictions are in this window, as its last samples
        if n:
            part = through_W[:n]
            _product(W[order - n :], da, part)
            for j in range(n):
                for i in range(B):
                    ds[t - n + j, i] += part[j, i]
            _product(M, dr, through_M)
        _paste(da, all_da, t * B)
        if cell == GRU:
            _paste(dr, all_dr, t * B)
        _paste(h[t - 1] if t else h0, all_before, t * B)
        # An offset's gradient is summed up for as long as the phone stays the same.
        for j in range(G * B):
            flat_doffset[j] += flat_da[j]
        for i in range(B):
            if t == 0 or phones[t - 1, i] != phones[t, i]:
                for j in range(G):
                    dV[phones[t, i], j] += doffset[j, i]
                    doffset[j, i] = 0


@njit(**FAST)
def exponent(cell, samples, phones, W, V, M, d, b, U, v, e):
    """Return the mean growth a step of the logarithm of an error (v, e) along a free run.

    See `rnnpipe.kernels.closed_loop.exponent`.
    """
    T, (k, G), H = phones.size, W.shape, len(M)
    window, e = np.zeros(k + T, samples.dtype), e.copy()
    window[:k] = v
    gates, r = np.zeros(G, samples.dtype), np.zeros(G, samples.dtype)
    da, dr = np.zeros(G, samples.dtype), np.zeros(G, samples.dtype)
    h, h_next = np.zeros(H, samples.dtype), np.zeros(H, samples.dtype)
    s, s_next = np.zeros(H, samples.dtype), np.zeros(H, samples.dtype)
    growth, norm = 0.0, math.sqrt(np.sum(v * v) + np.sum(e * e))
    for t in range(T):
        window[t : t + k] /= norm
        e /= norm
        gates[:], r[:], da[:], dr[:] = 0, 0, 0, 0
        _add_product(samples[t : t + k], W, gates)
        _add_product(h, M, r)
        _add_product(window[t : t + k], W, da)
        _add_product(e[:H], M, dr)
        advance(cell, gates, V[phones[t]] + b, r, d, h, h_next, s, s_next)
        _perturb(cell, gates, h, h_next, s, s_next, da, dr, e)
        h, h_next, s, s_next = h_next, h, s_next, s
        for j in range(H):
            window[t + k] += U[j] * e[j]
        after = window[t + 1 : t + k + 1]
        norm = math.sqrt(np.sum(after * after) + np.sum(e * e))
        if norm == 0:
            return -np.inf
        growth += math.log(norm)
    return growth / T


@njit(**FAST)
def _perturb(cell, gates, before, h, s_before, s, da, dr, e):
    """Put in place of e, the error of the state before a step, that of the state after it.

    da and dr are the errors of the input's share of the pre-activations and of the recurrent one.
    """
    H = h.size
    one = h.dtype.type(1)
    for j in range(H):
        if cell == SIGMOID:
            e[j] = h[j] * (one - h[j]) * (da[j] + dr[j])
        elif cell == TANH:
            e[j] = (one - h[j] * h[j]) * (da[j] + dr[j])
        elif cell == RELU:
            e[j] = da[j] + dr[j] if h[j] > 0 else one - one
        elif cell == GRU:
            reset, z, n = gates[j], gates[H + j], gates[2 * H + j]
            d_reset = reset * (one - reset) * (da[j] + dr[j])
            d_z = z * (one - z) * (da[H + j] + dr[H + j])
            d_n = (one - n * n) * (da[2 * H + j] + d_reset * s[j] + reset * dr[2 * H + j])
            e[j] = (one - z) * d_n + d_z * (before[j] - n) + z * e[j]
        else:
            i, f, g, o = gates[j], gates[H + j], gates[2 * H + j], gates[3 * H + j]
            d_i = i * (one - i) * (da[j] + dr[j])
            d_f = f * (one - f) * (da[H + j] + dr[H + j])
            d_g = (one - g * g) * (da[2 * H + j] + dr[2 * H + j])
            d_o = o * (one - o) * (da[3 * H + j] + dr[3 * H + j])
            e[H + j] = d_f * s_before[j] + f * e[H + j] + d_i * g + i * d_g
            squashed = _tanh(s[j], one)
            e[j] = d_o * squashed + o * (one - squashed * squashed) * e[H + j]
