"""The compiled loops, compared with their plain twins and with numpy."""

import numpy as np
import pytest
import torch
from helpers.networks import drawn, numpy_network, numpy_step, speech, weights_of
from numba import njit

from rnnpipe.kernels.loops import _exp, _sigmoid, _tanh, reconstruct
from rnnpipe.kernels.recurrence import (
    CELLS,
    NUM_GATES,
    _recur_fused,
    free_runs,
    read_out,
    reconstruct_plain,
    recur,
    recur_plain,
    state_size,
)
from rnnpipe.kernels.weights import Weights

FAST = {"numba": recur, "fused": _recur_fused}
# Steps, streams, hidden units. The recurrent product of the last case but one is computed in
# pieces; that of the last case is too large for pieces.
SHAPES = [(1, 1, 1), (13, 3, 5), (701, 1, 3), (37, 5, 33), (3, 41, 301), (2, 601, 149)]
ORDER, PHONES = 6, 5
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}
WEIGHTS = ("W", "V", "M", "d", "b")


def problem(cell, shape, dtype=torch.float64, seed=0, scale=1.0):
    """Arguments of a recurrence by name, and the weights of a loss over all its outputs."""
    T, B, H = shape
    G = H * NUM_GATES[cell]
    make = torch.Generator().manual_seed(seed)

    def normal(*size):
        return torch.randn(*size, generator=make, dtype=torch.float64).to(dtype)

    arguments = {
        "signal": normal(B, ORDER + T),
        "phones": torch.randint(PHONES, (B, T), generator=make),
        "W": normal(ORDER, G) * scale / ORDER**0.5,
        "V": normal(PHONES, G) * scale,
        "M": normal(H, G) / H**0.5,
        "d": normal(H if cell == "gru" else 0),
        "b": normal(G),
        "state": normal(B, state_size(cell, H)),
    }
    return arguments, normal(T, H, B)


def called(function, cell, arguments):
    """What a recurrence returns; it has no output, so that U and c are empty."""
    weights = Weights(*(arguments[name] for name in WEIGHTS), U=torch.empty(0), c=torch.empty(0))
    return function(arguments["signal"], arguments["phones"], weights, arguments["state"], cell)


def results(function, cell, arguments, loss_weights):
    """Hidden states, last state, and the gradients of a weighted sum of all hidden states."""
    weights = {name: arguments[name].clone().requires_grad_() for name in WEIGHTS}
    h, last = called(function, cell, arguments | weights)
    (h * loss_weights).sum().backward()
    assert not last.requires_grad
    slopes = {f"d{name}": w.grad for name, w in weights.items() if w.numel()}
    return {"h": h.detach(), "state": last} | slopes


def relative_error(found, wanted) -> float:
    # Below 1e-30, near the smallest float32, all numbers count as equal.
    return ((found - wanted).norm() / wanted.norm().clamp_min(1e-30)).item()


# --- the recurrence -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_fast_recurrences_do_what_the_plain_one_does(cell, shape, dtype, name):
    inputs = problem(cell, shape, dtype)
    wanted = results(recur_plain, cell, *inputs)
    found = results(FAST[name], cell, *inputs)
    assert {what: relative_error(found[what], wanted[what]) for what in wanted} == pytest.approx(
        dict.fromkeys(wanted, 0.0), abs=TOLERANCE[dtype]
    )


@pytest.mark.parametrize("cell", CELLS)
def test_the_plain_recurrence_does_what_the_formulas_say(cell):
    arguments, _ = problem(cell, (9, 2, 4))
    h, last = called(recur_plain, cell, arguments)
    weights = {name: arguments[name].numpy() for name in WEIGHTS}
    for stream in range(2):
        state = arguments["state"][stream].numpy()
        h_t, c_t = state[:4], state[4:]
        for t in range(9):
            window = arguments["signal"][stream, t : t + ORDER].numpy()
            one_hot = np.eye(PHONES)[arguments["phones"][stream, t]]
            a_t = weights["W"].T @ window + weights["V"].T @ one_hot + weights["b"]
            h_t, c_t = numpy_step(cell, a_t, h_t, c_t, weights)
            np.testing.assert_allclose(h[t, :, stream], h_t, rtol=0, atol=1e-14)
        np.testing.assert_allclose(last[stream], np.r_[h_t, c_t], rtol=0, atol=1e-14)


@pytest.mark.parametrize("streams", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_the_compiled_gradient_is_the_slope(cell, streams):
    arguments, _ = problem(cell, (5, streams, 3), seed=1)
    weights = {name: arguments[name] for name in WEIGHTS if arguments[name].numel()}

    def hidden_states(*values):
        return called(recur, cell, arguments | dict(zip(weights, values, strict=True)))[0]

    inputs = [weight.requires_grad_() for weight in weights.values()]
    assert torch.autograd.gradcheck(hidden_states, inputs)


def test_arrays_that_do_not_lie_in_order_are_read_right():
    arguments, loss_weights = problem("gru", (13, 3, 5))
    wanted = results(recur, "gru", arguments, loss_weights)
    scattered = {
        name: value.t().contiguous().t() if value.ndim == 2 else value
        for name, value in arguments.items()
    }
    weights = {name: scattered[name].requires_grad_() for name in WEIGHTS}
    h, _ = called(recur, "gru", scattered | weights)
    assert torch.equal(h, wanted["h"])
    # The gradient of a permuted product of the output is not contiguous either.
    (h.permute(2, 1, 0) * loss_weights.permute(2, 1, 0).contiguous()).sum().backward()
    for name, weight in weights.items():
        np.testing.assert_allclose(weight.grad, wanted[f"d{name}"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_the_inputs_stay_as_they_are(cell):
    arguments, loss_weights = problem(cell, (7, 2, 3))
    before = {name: value.clone() for name, value in arguments.items()}
    results(recur, cell, arguments, loss_weights)
    assert all(torch.equal(arguments[name], before[name]) for name in before)


def test_the_last_sample_is_never_read():
    arguments, loss_weights = problem("tanh", (7, 2, 3))
    wanted = results(recur, "tanh", arguments, loss_weights)
    arguments["signal"][:, -1] = np.nan
    found = results(recur, "tanh", arguments, loss_weights)
    assert all(torch.equal(found[what], wanted[what]) for what in wanted)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_saturated_units_neither_overflow_nor_lose_their_sign(cell, dtype):
    arguments, loss_weights = problem(cell, (4, 3, 5), dtype, scale=1e4)
    wanted = results(recur_plain, cell, arguments, loss_weights)
    found = results(recur, cell, arguments, loss_weights)
    for what in wanted:
        assert found[what].isfinite().all()
        assert relative_error(found[what], wanted[what]) < TOLERANCE[dtype]


def with_one_step_of(value, cell, dtype):
    """A problem in which the pre-activation of unit 2 in stream 1 is `value` at step 3."""
    arguments, loss_weights = problem(cell, (9, 4, 7), dtype)
    arguments["phones"] %= PHONES - 1
    arguments["phones"][1, 3] = PHONES - 1
    arguments["V"][PHONES - 1, 2] = value
    return arguments, loss_weights


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_nan_and_infinity_spread_as_in_the_plain_recurrence(cell, bad, dtype):
    arguments, _ = with_one_step_of(bad, cell, dtype)
    wanted, _ = called(recur_plain, cell, arguments)
    found, last = called(recur, cell, arguments)
    assert torch.equal(found.isnan(), wanted.isnan())
    assert torch.equal(found.isinf(), wanted.isinf())
    others = [0, 2, 3]
    assert found[:, :, others].isfinite().all()
    if np.isnan(bad):
        assert found[4:, :, 1].isnan().all()
        assert last[1].isnan().all()


@pytest.mark.parametrize("cell", CELLS)
def test_a_nan_that_comes_back_reaches_the_gradients(cell):
    arguments, loss_weights = problem(cell, (9, 2, 7))
    if cell == "relu":
        arguments["b"] += 100  # all units are active, so that none stops the nan
    loss_weights[5, 3, 1] = np.nan
    found = results(recur, cell, arguments, loss_weights)
    for name in ("dM", "dW", "dV", "db"):
        assert found[name].isnan().any()


def test_an_exploding_linear_growth_becomes_infinite_and_is_not_hidden():
    arguments, _ = problem("relu", (120, 1, 3), torch.float32)
    h, _ = called(recur, "relu", arguments | {"M": 10 * arguments["M"].abs() + 1})
    assert not h[-1].isfinite().any()


def test_a_second_derivative_is_refused_rather_than_wrong():
    arguments, loss_weights = problem("tanh", (5, 2, 3))
    M = arguments["M"].requires_grad_()
    h, _ = called(recur, "tanh", arguments)
    (first,) = torch.autograd.grad((h * loss_weights).sum(), M, create_graph=True)
    with pytest.raises(RuntimeError):
        torch.autograd.grad((first**2).sum(), M)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_read_out_is_a_product_a_step(shape, dtype):
    make = torch.Generator().manual_seed(0)
    T, H, B = shape[0], shape[2], shape[1]
    sizes = {"h": (T, H, B), "U": (H,), "c": (1,)}
    inputs = {name: torch.randn(size, generator=make).to(dtype) for name, size in sizes.items()}
    loss_weights = torch.randn(B, T, generator=make).to(dtype)
    found, wanted = [], []
    for function, values in ((read_out, found), (lambda h, U, c: U @ h + c, wanted)):
        leaves = {name: value.clone().requires_grad_() for name, value in inputs.items()}
        y = function(**leaves)
        (y.t() * loss_weights).sum().backward()
        values += [y, *(leaf.grad for leaf in leaves.values())]
    for fast, slow in zip(found, wanted, strict=True):
        assert relative_error(fast, slow) < TOLERANCE[dtype]


# --- the activations ----------------------------------------------------------------------------


@njit
def everywhere(function, x, found):
    for i in range(x.size):
        found[i] = function(x[i])


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=str)
def test_the_activations_are_as_exact_as_they_say(dtype):
    one, unit = dtype(1), np.finfo(dtype).eps
    tanh = njit(lambda x: _tanh(x, one))
    sigmoid = njit(lambda x: _sigmoid(x, one))
    exp = njit(lambda x: _exp(x))
    x = np.linspace(-85, 85, 200_001).astype(dtype)
    exact = x.astype(np.longdouble)
    found = np.empty_like(x)
    everywhere(tanh, x, found)
    assert np.abs(found - np.tanh(exact)).max() < 2 * unit
    everywhere(sigmoid, x, found)
    assert np.abs(found - 1 / (1 + np.exp(-exact))).max() < 2 * unit
    everywhere(exp, x, found)
    assert (np.abs(found / np.exp(exact) - 1) / (1 + np.abs(exact))).max() < 2e-7
    x = np.array([-np.inf, -1e30, np.nan, 1e30, np.inf], dtype)
    found = np.empty_like(x)
    everywhere(tanh, x, found)
    np.testing.assert_array_equal(found, [-1, -1, np.nan, 1, 1])
    everywhere(sigmoid, x, found)
    np.testing.assert_allclose(found, [0, 0, np.nan, 1, 1], rtol=0, atol=2e-38)


# --- the reconstruction -------------------------------------------------------------------------


def run(
    network, signal, phones, *, feed_back, limit=np.inf, noise=0.0, dtype=np.float64, plain=False
):
    noise = (noise * np.random.default_rng(1).normal(size=len(phones))).astype(dtype)
    weights = {name: w.astype(dtype) for name, w in weights_of(network).items()}
    arrays = [weights[name] for name in Weights._fields]
    signal, last = signal.astype(dtype), (CELLS.index(network.cell), feed_back, limit)
    if not plain:
        return reconstruct(signal, network.order, phones, *arrays, *last, noise)
    signal, phones, noise, *arrays = map(torch.from_numpy, (signal, phones, noise, *arrays))
    found, end = reconstruct_plain(signal, network.order, phones, Weights(*arrays), *last, noise)
    return found.numpy(), end


@pytest.mark.parametrize("noise", [0.0, 0.1], ids=["no noise", "noise"])
@pytest.mark.parametrize("limit", [np.inf, 1.0], ids=["through", "cut off"])
@pytest.mark.parametrize("feed_back", [False, True], ids=["teacher forced", "free running"])
@pytest.mark.parametrize("cell", CELLS)
def test_the_loop_of_the_reconstructions_is_its_plain_twin(cell, feed_back, limit, noise):
    network = drawn(cell, order=7, hidden_size=13, scale=0.3)
    signal, phones = speech(151, 7, seed=8)
    for dtype, tolerance in ((np.float64, 1e-10), (np.float32, 1e-4)):
        how = {"feed_back": feed_back, "limit": limit, "noise": noise, "dtype": dtype}
        (fast, end), (slow, wanted) = (
            run(network, signal, phones, plain=plain, **how) for plain in (False, True)
        )
        assert end == wanted
        assert np.linalg.norm(fast - slow) <= tolerance * np.linalg.norm(slow)


def numpy_free_run(network, context, phones):
    """The network fed with its own predictions, in a list that grows."""
    w = weights_of(network)
    samples = list(context)
    h, c = np.zeros(network.hidden_size), np.zeros(network.hidden_size)
    for phone in phones:
        window = np.array(samples[-network.order :])
        a = w["W"].T @ window + w["V"].T @ np.eye(62)[phone] + w["b"]
        h, c = numpy_step(network.cell, a, h, c, w)
        samples.append(h @ w["U"] + w["c"][0])
    return np.array(samples[network.order :])


@pytest.mark.parametrize("cell", CELLS)
def test_teacher_forced_is_the_formulas_and_the_forward_pass(cell):
    network = drawn(cell, order=11, hidden_size=17)
    signal, phones = speech(203, 11, seed=5)
    wanted = numpy_network(cell, weights_of(network), signal, phones)
    double, end = run(network, signal, phones, feed_back=False)
    assert end == 203
    np.testing.assert_allclose(double, wanted, rtol=0, atol=1e-11)
    single, _ = run(network, signal, phones, feed_back=False, dtype=np.float32)
    assert single.dtype == np.float32
    with torch.no_grad():
        forward, _ = network(
            torch.tensor(signal[None]).float(), torch.tensor(phones)[None], network.initial_state(1)
        )
    np.testing.assert_allclose(single, forward[0], rtol=0, atol=2e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_free_running_is_a_loop_over_its_own_predictions(cell):
    network = drawn(cell, order=11, hidden_size=17, scale=0.25)
    signal, phones = speech(203, 11, seed=5)
    wanted = numpy_free_run(network, signal[:11], phones)
    assert np.abs(wanted).max() < 50
    found, end = run(network, signal, phones, feed_back=True)
    assert end == 203
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)


def test_a_free_run_never_reads_the_samples_that_it_is_to_predict():
    network = drawn("gru", order=11, hidden_size=17)
    signal, phones = speech(203, 11, seed=5)
    garbage = np.r_[signal[:11], np.full(203, np.nan)]
    clean, _ = run(network, signal, phones, feed_back=True, limit=20.0)
    blind, _ = run(network, garbage, phones, feed_back=True, limit=20.0)
    assert clean.tobytes() == blind.tobytes()


def growing(factor, order=1):
    """A relu network of one unit with y_t = factor x_{t-1}, for positive x."""
    network = drawn("relu", order=order, hidden_size=1, scale=0.0)
    with torch.no_grad():
        network.W[-1] = factor
        network.U[0] = 1.0
    return network


def test_a_free_run_ends_at_the_first_prediction_beyond_the_limit():
    phones = np.zeros(40, np.uint8)
    signal = np.r_[1.0, np.zeros(40)]
    found, end = run(growing(2.0), signal, phones, feed_back=True, limit=20.0)
    assert end == 4  # 2, 4, 8, 16 are within the limit, 32 is not
    assert found.tolist() == [2, 4, 8, 16, *[0] * 36]
    found, end = run(growing(2.0), signal, phones, feed_back=True, limit=16.0)
    assert end == 4  # the limit itself is within
    assert found[:5].tolist() == [2, 4, 8, 16, 0]


def test_the_limit_does_not_touch_teacher_forcing():
    signal = 2.0 ** np.arange(12)
    found, end = run(growing(2.0), signal, np.zeros(11, int), feed_back=False, limit=20.0)
    assert end == 11
    assert found.tolist() == signal[1:].tolist()


@pytest.mark.parametrize(
    ("hidden", "output"), [(np.nan, 1), (np.inf, 1), (np.inf, -1)], ids=["nan", "inf", "-inf"]
)
def test_a_free_run_ends_at_a_prediction_that_is_no_number(hidden, output):
    network = growing(1.0)
    phones = np.zeros(10, np.uint8)
    phones[6] = 7
    with torch.no_grad():
        network.V[7] = hidden
        network.U[0] = output
    found, end = run(network, np.r_[1.0, np.zeros(10)], phones, feed_back=True, limit=20.0)
    assert end == 6
    assert found[0] == output
    assert not found[6:].any()


def test_an_utterance_of_one_sample_to_predict():
    network = drawn("lstm", order=5, hidden_size=3)
    signal, phones = speech(1, 5)
    forced, end = run(network, signal, phones, feed_back=False)
    free, _ = run(network, signal, phones, feed_back=True)
    assert (end, forced.tobytes()) == (1, free.tobytes())


# --- many free runs at once ----------------------------------------------------------------------


def free_runs_plain(contexts, phones, weights, state, cell, hold_at):
    """The definition: one step at a time by the plain recurrence, predictions in later windows."""
    signal, order = contexts, contexts.shape[1]
    for t in range(phones.shape[1]):
        window = torch.cat((signal[:, -order:], signal[:, :1]), 1)
        h, state = recur_plain(window, phones[:, t : t + 1], weights, state, cell)
        y = (weights.U @ h[0] + weights.c).nan_to_num(hold_at).clamp(-hold_at, hold_at)
        signal = torch.cat((signal, y[:, None]), 1)
    return signal[:, order:]


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_free_runs_side_by_side_do_what_the_plain_recurrence_does(cell, shape, dtype):
    arguments, _ = problem(cell, shape, dtype, scale=0.3)
    contexts, phones = arguments["signal"][:, :ORDER], arguments["phones"]
    make = torch.Generator().manual_seed(1)
    U = torch.randn(shape[2], generator=make, dtype=torch.float64).to(dtype) / shape[2]
    weights = Weights(*(arguments[name] for name in WEIGHTS), U, U[:1])
    inputs = (contexts, phones, weights, arguments["state"], cell, 5.0)
    wanted = free_runs_plain(*inputs)
    before = {name: value.clone() for name, value in arguments.items()}
    found = free_runs(*inputs)
    assert found.dtype == dtype and found.shape == wanted.shape
    assert relative_error(found, wanted) <= TOLERANCE[dtype]
    assert all(torch.equal(arguments[name], before[name]) for name in before)


def test_a_run_among_others_stays_at_the_limit_and_the_others_go_on():
    network = growing(2.0)
    contexts = torch.tensor([[1.0], [0.125], [torch.nan], [torch.inf]])
    phones = torch.zeros(4, 6, dtype=torch.uint8)
    found = network.free_runs(contexts, phones, network.initial_state(4), hold_at=20.0)
    assert found.tolist() == [
        [2, 4, 8, 16, 20, 20],
        [0.25, 0.5, 1, 2, 4, 8],
        [20] * 6,
        [20] * 6,
    ]
    with torch.no_grad():
        network.U[0] = -1.0
    found = network.free_runs(contexts, phones, network.initial_state(4), hold_at=1.5)
    assert found[:, 0].tolist() == [-1.5, -0.25, 1.5, -1.5]


def test_each_of_many_free_runs_is_the_run_of_one():
    network = drawn("lstm", order=11, hidden_size=17, scale=0.25)
    runs = [speech(203, 11, seed=seed) for seed in range(5)]
    contexts = torch.stack([torch.tensor(signal[:11]).float() for signal, _ in runs])
    phones = torch.stack([torch.tensor(phones) for _, phones in runs])
    found = network.free_runs(contexts, phones, network.initial_state(5))
    for many, (signal, spoken) in zip(found, runs, strict=True):
        alone, end = run(network, signal, spoken, feed_back=True, limit=20.0, dtype=np.float32)
        assert end == 203
        np.testing.assert_allclose(many, alone, rtol=0, atol=1e-4)
