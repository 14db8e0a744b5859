"""The roll-out on its own samples against its plain twin, differences, and a list that grows."""

import numpy as np
import pytest
import torch

from rnnpipe.kernels.closed_loop import exponent, exponent_plain, roll_out, roll_out_plain
from rnnpipe.kernels.recurrence import CELLS, NUM_GATES, state_size
from rnnpipe.kernels.weights import Weights

# Steps, streams, hidden units, window, phones: rolls that are shorter and longer than the window.
SHAPES = [(1, 1, 1, 1, 1), (13, 3, 5, 29, 4), (37, 5, 33, 11, 6)]
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}


def problem(shape, dtype=torch.float64, seed=0, scale=1.0, cell="tanh"):
    """Inputs of a roll-out, its weights, and the weights of a loss over its predictions."""
    R, B, H, k, P = shape
    G = H * NUM_GATES[cell]
    make = torch.Generator().manual_seed(seed)

    def normal(*size):
        return torch.randn(*size, generator=make, dtype=torch.float64).to(dtype)

    share = torch.rand(R, B, generator=make, dtype=torch.float64).to(dtype)
    phones = torch.randint(P, (R, B), generator=make, dtype=torch.int32)
    inputs = (normal(k + R, B), share, phones, normal(B, state_size(cell, H)))
    weights = Weights(
        W=normal(k, G) / (k + H) ** 0.5,
        V=normal(P, G),
        M=normal(H, G) / H**0.5,
        d=normal(H if cell == "gru" else 0),
        b=normal(G),
        U=scale * normal(H) / H**0.5,
        c=normal(1),
    )
    return inputs, weights, normal(R, B)


def results(function, inputs, weights, loss_weights, cell="tanh"):
    """Predictions, samples fed back, last state, and the gradients of a weighted sum."""
    weights = Weights(*(weight.clone().requires_grad_() for weight in weights))
    y, fed, state = function(*inputs, weights, cell)
    (y * loss_weights).sum().backward()
    assert not (fed.requires_grad or state.requires_grad)
    gradients = {f"d{name}": w.grad for name, w in weights._asdict().items() if w.numel()}
    return {"y": y.detach(), "fed": fed, "state": state} | gradients


def relative_error(found, wanted) -> float:
    return ((found - wanted).norm() / wanted.norm().clamp_min(1e-30)).item()


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_the_fast_roll_out_does_what_the_plain_one_does(cell, shape, dtype):
    given = problem(shape, dtype, cell=cell)
    wanted = results(roll_out_plain, *given, cell)
    found = results(roll_out, *given, cell)
    assert {what: relative_error(found[what], wanted[what]) for what in wanted} == pytest.approx(
        dict.fromkeys(wanted, 0.0), abs=TOLERANCE[dtype]
    )


@pytest.mark.parametrize("fed_back", [0.0, 1.0], ids=["teacher forced", "free running"])
def test_at_both_ends_of_the_share_the_two_agree_too(fed_back):
    inputs, weights, loss_weights = problem((37, 5, 33, 11, 6))
    inputs = (inputs[0], torch.full_like(inputs[1], fed_back), *inputs[2:])
    wanted = results(roll_out_plain, inputs, weights, loss_weights)
    found = results(roll_out, inputs, weights, loss_weights)
    assert max(relative_error(found[what], wanted[what]) for what in wanted) < 1e-10
    wanted_feed = found["y"] if fed_back else inputs[0][11:]
    assert torch.equal(found["fed"][11:], wanted_feed)


def test_the_plain_roll_out_is_a_list_that_grows():
    (signal, share, phones, state), weights, _ = problem((9, 2, 4, 3, 5))
    y, fed, last = roll_out_plain(signal, share, phones, state, weights, "tanh")
    W, V, M, _, b, U, c = (weight.numpy() for weight in weights)
    for stream in range(2):
        samples, h = signal[:3, stream].tolist(), state[stream].numpy()
        for t in range(9):
            h = np.tanh(samples[-3:] @ W + V[phones[t, stream]] + b + h @ M)
            assert y[t, stream].item() == pytest.approx(h @ U + c[0], abs=1e-13)
            m = share[t, stream].item()
            samples.append(m * (h @ U + c[0]) + (1 - m) * signal[3 + t, stream].item())
        np.testing.assert_allclose(fed[:, stream], samples, rtol=0, atol=1e-13)
        np.testing.assert_allclose(last[stream], h, rtol=0, atol=1e-13)


@pytest.mark.parametrize("cell", CELLS)
def test_the_compiled_gradient_is_the_slope(cell):
    inputs, weights, _ = problem((7, 2, 3, 4, 3), seed=1, cell=cell)
    names = [name for name, weight in weights._asdict().items() if weight.numel()]

    def predictions(*values):
        given = weights._replace(**dict(zip(names, values, strict=True)))
        return roll_out(*inputs, given, cell)[0]

    values = [getattr(weights, name).requires_grad_() for name in names]
    assert torch.autograd.gradcheck(predictions, values)


def test_a_roll_out_in_two_halves_is_one_roll_out():
    (signal, share, phones, state), weights, _ = problem((20, 3, 5, 7, 4))
    y, fed, last = roll_out(signal, share, phones, state, weights, "tanh")
    first, window, middle = roll_out(signal[:15], share[:8], phones[:8], state, weights, "tanh")
    halves = torch.cat((window[8:], signal[15:]))
    second, _, end = roll_out(halves, share[8:], phones[8:], middle, weights, "tanh")
    torch.testing.assert_close(torch.cat((first, second)), y, rtol=0, atol=1e-12)
    torch.testing.assert_close(end, last, rtol=0, atol=1e-12)


def test_what_is_not_fed_back_is_not_read():
    (signal, share, phones, state), weights, _ = problem((20, 3, 5, 7, 4))
    free = torch.ones_like(share)
    garbage = torch.cat((signal[:7], torch.full_like(signal[7:], 1e6)))
    y, fed, _ = roll_out(signal, free, phones, state, weights, "tanh")
    other, other_fed, _ = roll_out(garbage, free, phones, state, weights, "tanh")
    assert torch.equal(y, other)
    assert torch.equal(fed, other_fed)


def test_arrays_that_do_not_lie_in_order_are_read_right_and_stay_as_they_are():
    inputs, weights, loss_weights = problem((13, 3, 5, 7, 4))
    wanted = results(roll_out, inputs, weights, loss_weights)
    before = [tensor.clone() for tensor in (*inputs, *weights)]
    scattered = [x.t().contiguous().t() if x.dim() == 2 else x for x in (*inputs, *weights)]
    found = results(roll_out, scattered[:4], Weights(*scattered[4:]), loss_weights)
    assert all(torch.equal(found[what], wanted[what]) for what in wanted)
    assert all(map(torch.equal, scattered, before))


def test_the_fast_tanh_of_float32_is_a_tanh():
    # One unit that passes its input on: y is the tanh itself.
    x = torch.cat((torch.linspace(-12, 12, 100_001), torch.tensor([1e-30, 1e-6, 88.0, 1e30])))
    signal = torch.stack((x, x))
    one, none = torch.ones(1, 1), torch.zeros(1, 1)
    weights = Weights(one, none, none, none[:0, 0], none[0], one[0], none[0])
    phones = torch.zeros(1, x.numel(), dtype=torch.int32)
    share, state = torch.ones(1, x.numel()), torch.zeros(x.numel(), 1)
    y, _, _ = roll_out(signal, share, phones, state, weights, "tanh")
    error = (y[0].double() - torch.tanh(x.double())).abs()
    assert error.max() < 3e-7
    assert y.abs().max() <= 1


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_a_loop_that_explodes_is_not_hidden_and_spoils_its_own_stream_alone(dtype):
    inputs, weights, loss_weights = problem((13, 3, 5, 7, 4), dtype)
    signal = inputs[0].clone()
    signal[2, 1] = np.nan
    found = results(roll_out, (signal, *inputs[1:]), weights, loss_weights)
    assert found["y"][:, 1].isnan().all()
    assert found["y"][:, [0, 2]].isfinite().all()
    assert found["dM"].isnan().any()


def test_a_second_derivative_is_refused_rather_than_wrong():
    inputs, weights, _ = problem((5, 2, 3, 4, 3))
    weights = Weights(*(weight.requires_grad_() for weight in weights))
    y, _, _ = roll_out(*inputs, weights, "tanh")
    (first,) = torch.autograd.grad((y**2).sum(), weights[2], create_graph=True)
    with pytest.raises(RuntimeError):
        torch.autograd.grad((first**2).sum(), weights[2])


# --- the exponent -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_the_fast_exponent_is_the_plain_one(cell, dtype):
    (signal, _, phones, state), weights, _ = problem((43, 1, 9, 5, 4), dtype, cell=cell)
    samples, phones = signal[:, 0].contiguous(), phones[:, 0].contiguous()
    v, e = torch.ones(5, dtype=dtype), state[0]
    wanted = exponent_plain(samples, phones, weights, cell, v, e)
    found = exponent(samples.numpy(), phones.numpy(), weights, cell, v.numpy(), e.numpy())
    assert found == pytest.approx(wanted, abs=10 * TOLERANCE[dtype])
    assert torch.equal(v, torch.ones(5, dtype=dtype)), "what is handed in stays as it is"


def repeating(W) -> Weights:
    """One unit that reads the window through W, has no state, and is the output."""
    none = torch.zeros(1, 1, dtype=torch.float64)
    W = torch.tensor(W, dtype=torch.float64)[:, None]
    return Weights(W, none, none, none[:0, 0], none[0], none[0] + 1, none[0])


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.1])
def test_a_loop_that_repeats_a_share_of_its_last_sample_has_the_logarithm_of_that(factor):
    # Around 0, where tanh is its argument: y_t = factor y_{t-1}.
    weights, still = repeating([0.0, 0.0, factor]), np.zeros(200, np.int32)
    found = exponent(np.zeros(203), still, weights, "tanh", np.ones(3), np.ones(1))
    assert found == pytest.approx(np.log(factor), abs=0.01)


def test_an_error_that_dies_in_full_has_no_finite_exponent():
    weights, still = repeating([0.0]), np.zeros(8, np.int32)
    assert exponent(np.zeros(9), still, weights, "tanh", np.ones(1), np.ones(1)) == -np.inf
