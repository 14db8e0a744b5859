"""The measures of stability on cases with known answers, and on trainings designed to fail."""

import dataclasses
import math
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from helpers.dynamics import measured
from helpers.networks import drawn, numpy_step, speech, weights_of
from helpers.speech import series
from torch.nn.utils import parameters_to_vector

from rnnpipe.corpus.timit import read_corpus
from rnnpipe.dynamics import curvature
from rnnpipe.dynamics.curvature import (
    BLOCKS,
    adam_limit,
    adam_root,
    error_and_gradient,
    lanczos,
    sharpness,
    step_limit,
)
from rnnpipe.dynamics.forecast import least_sharpness, warning
from rnnpipe.dynamics.gradients import gradient_by_lag, growth
from rnnpipe.dynamics.measure import measure
from rnnpipe.dynamics.stretches import Stretch, cut_stretches
from rnnpipe.findings import stability
from rnnpipe.kernels.recurrence import CELLS, carried_back, recur_plain, state_size
from rnnpipe.kernels.weights import Weights
from rnnpipe.model import Network
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.train import train
from rnnpipe.windows.experiment import describe
from rnnpipe.windows.series import load_series
from rnnpipe.windows.store import extract

ORDER, MEAN, STD = 7, -3.25, 600.0
SGD = {"cell": "tanh", "optimizer": "sgd", "backpropagation": "whole_utterance"}


def small(cell, hidden_size=4, seed=0, scale=0.8) -> Network:
    """A network of a few weights, in float64."""
    network = Network(3, 5, hidden_size, cell)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for weight in network.parameters():
            weight.uniform_(-scale, scale)
    return network.double()


def stretch(size, order=3, phones=5, seed=0) -> Stretch:
    make = torch.Generator().manual_seed(seed)
    signal = torch.randn(order + size, generator=make, dtype=torch.float64)
    return Stretch(signal, torch.randint(phones, (size,), generator=make, dtype=torch.int32))


def plain_error(network, one):
    """The error as a function of all weights in one vector, step by step in torch."""
    shapes = {name: weight.shape for name, weight in network.named_parameters()}

    def error(row):
        parts = row.split([math.prod(shape) for shape in shapes.values()])
        w = {name: part.view(shapes[name]) for name, part in zip(shapes, parts, strict=True)}
        weights = Weights(**w)
        state = row.new_zeros(1, state_size(network.cell, len(w["M"])))
        speech = one.signal[None], one.phones[None]
        h, _ = recur_plain(*speech, weights, state, network.cell)
        y = h[:, :, 0] @ w["U"] + w["c"]
        return ((y - one.signal[len(w["W"]) :]) ** 2).mean()

    return error


# --- curvature ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_sharpness_is_the_top_eigenvalue_of_the_dense_hessian(cell):
    network, one = small(cell), stretch(40)
    row = parameters_to_vector(network.parameters()).detach()
    hessian = torch.autograd.functional.hessian(plain_error(network, one), row)
    values, vectors = torch.linalg.eigh(hessian)
    found = sharpness(network, [one], error_and_gradient(network, [one])[1])
    assert found.value == pytest.approx(values[-1].item(), rel=1e-3)
    assert found.error <= 1e-3
    sizes = {name: weight.numel() for name, weight in network.named_parameters()}
    parts = dict(zip(sizes, (vectors[:, -1] ** 2).split(list(sizes.values())), strict=True))
    assert found.shares == pytest.approx({n: parts[n].sum().item() for n in BLOCKS}, abs=0.01)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert torch.equal(parameters_to_vector(network.parameters()), row), "weights stay as they are"


@pytest.mark.parametrize("cell", CELLS)
def test_a_difference_of_gradients_is_the_hessian_times_a_vector(cell):
    network, one = small(cell), stretch(40)
    row = parameters_to_vector(network.parameters()).detach()
    direction = torch.randn(len(row), generator=torch.Generator().manual_seed(3)).double()
    direction /= direction.norm()
    _, wanted = torch.autograd.functional.hvp(plain_error(network, one), row, direction)
    _, here = error_and_gradient(network, [one])
    torch.nn.utils.vector_to_parameters(
        row + curvature.DIFFERENCE * direction, network.parameters()
    )
    found = (error_and_gradient(network, [one])[1] - here) / curvature.DIFFERENCE
    assert ((found - wanted).norm() / wanted.norm()).item() < 1e-5


def test_the_error_and_gradient_are_those_of_all_stretches_together():
    network, stretches = small("gru"), [stretch(40), stretch(25, seed=1)]
    row = parameters_to_vector(network.parameters()).detach().requires_grad_()
    errors = [plain_error(network, one)(row) for one in stretches]
    wanted = (40 * errors[0] + 25 * errors[1]) / 65
    wanted.backward()
    error, gradient = error_and_gradient(network, stretches)
    assert error == pytest.approx(wanted.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, row.grad, rtol=0, atol=1e-12)


@pytest.mark.parametrize("values", [[5.0, 4.9, 1.0, -30.0], [0.0] * 4, [-3.0, -2.0, -1.0, -0.5]])
def test_lanczos_finds_the_largest_eigenvalue_not_the_farthest_from_zero(values):
    turn = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(1)))[0]
    turn = turn.double()
    turn = torch.linalg.qr(turn)[0]
    matrix = turn @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ turn.t()
    value, error, vector, products = lanczos(lambda v: matrix @ v, 4)
    assert value == pytest.approx(max(values), rel=1e-6, abs=1e-12)
    assert error <= 1e-3 and products <= 4
    np.testing.assert_allclose(matrix @ vector, value * vector, rtol=0, atol=1e-2)


def test_a_gradient_beyond_all_numbers_has_no_finite_sharpness():
    network = small("relu")
    with torch.no_grad():
        network.M.fill_(1e3)
    one = stretch(400)
    found = sharpness(network, [one], error_and_gradient(network, [one])[1])
    assert math.isinf(found.value)


@pytest.mark.parametrize(
    ("recipe", "norm", "limit"),
    [
        (Recipe(**SGD, updates=1, learning_rate=0.01), 50.0, 200.0),
        (Recipe(**SGD, updates=1, learning_rate=0.01, momentum=0.9), 50.0, 380.0),
        (Recipe(**SGD, updates=1, learning_rate=0.01, clip="norm", clip_at=2.0), 50.0, 5000.0),
        (Recipe(**SGD, updates=1, learning_rate=0.01, clip="norm", clip_at=2.0), 1.0, 200.0),
        (Recipe(**SGD, updates=1, learning_rate=0.01, clip="value"), 50.0, math.nan),
        (Recipe(updates=1, learning_rate=0.01), 50.0, math.nan),
    ],
)
def test_the_sharpness_that_an_optimiser_bears(recipe, norm, limit):
    assert step_limit(recipe, 0.01, norm) == pytest.approx(limit, nan_ok=True)


@pytest.mark.parametrize("optimiser", [{"momentum": 0.0}, {"momentum": 0.9}])
@pytest.mark.parametrize("side", [0.98, 1.02])
def test_descent_on_a_parabola_settles_below_the_limit_and_not_above(optimiser, side):
    limit = step_limit(Recipe(**SGD, updates=1, **optimiser), 0.01, 1.0)
    weight = torch.ones(1, dtype=torch.float64, requires_grad=True)
    descent = torch.optim.SGD([weight], 0.01, **optimiser)
    for _ in range(2000):
        descent.zero_grad()
        (side * limit * weight**2 / 2).sum().backward()
        descent.step()
    assert (abs(weight.item()) > 1) == (side > 1)


# --- gradients through time -----------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_carried_back_through_the_jacobians(cell):
    """Compute each Jacobian from the formulas, by differences."""
    T, H, steps = 9, 4, 6
    network = drawn(cell, hidden_size=H, scale=0.9)
    w = weights_of(network)
    rng = np.random.default_rng(5)
    signal, phones = speech(T, network.order, seed=5)
    a = [
        w["W"].T @ signal[t : t + network.order] + w["V"].T @ np.eye(62)[phones[t]] + w["b"]
        for t in range(T)
    ]
    states = [np.zeros(2 * H)]

    def step(t, state):
        return np.concatenate(numpy_step(cell, a[t], state[:H], state[H:], w))

    for t in range(T):
        states.append(step(t, states[-1]))
    ends, vectors = np.array([8, 6, 7]), rng.normal(size=(3, H))
    wanted = np.empty((steps + 1, 3))
    for i, end in enumerate(ends):
        v = np.concatenate([vectors[i], np.zeros(H)])
        for j in range(steps + 1):
            wanted[j, i] = np.linalg.norm(v[:H])
            state, t = states[end - j], end - j
            nudges = 1e-6 * np.eye(2 * H)
            jacobian = [(step(t, state + e) - step(t, state - e)) / 2e-6 for e in nudges]
            v = np.array(jacobian) @ v
    double = network.double()
    inputs = torch.tensor(signal), torch.tensor(phones)
    found = carried_back(*inputs, double.weights, cell, ends, vectors, steps)
    np.testing.assert_allclose(np.exp(found), wanted, rtol=1e-6, atol=1e-12)


def linear(M) -> Network:
    """A network whose relu units are always active: its recurrence is linear, with matrix M."""
    network = Network(3, 5, len(M), "relu").double()
    with torch.no_grad():
        network.M.copy_(torch.as_tensor(M))
        network.b.fill_(100.0)
        network.U.fill_(1.0)
    return network


@pytest.mark.parametrize("radius", [0.5, 0.97, 1.03])
def test_the_exponent_of_a_linear_recurrence_is_the_log_of_its_spectral_radius(radius):
    M = np.random.default_rng(2).uniform(0, 1, (6, 6))
    M *= radius / np.abs(np.linalg.eigvals(M)).max()
    assert growth(linear(M), [stretch(300)]).exponent == pytest.approx(math.log(radius), abs=1e-6)


def test_the_exponent_of_several_stretches_is_their_mean_by_length():
    network, stretches = small("tanh"), [stretch(400), stretch(100, seed=1)]
    one, two = (growth(network, [part]).exponent for part in stretches)
    both = growth(network, stretches).exponent
    assert both == pytest.approx((4 * one + two) / 5, rel=0.02)


@pytest.mark.parametrize("short", [[1], [1, 1, 1], [2], [3, 1]])
def test_short_stretches_beside_a_long_one_leave_its_exponent_defined(short):
    network, long = small("tanh"), stretch(400)
    alone = growth(network, [long]).exponent
    both = growth(network, [*(stretch(size, seed=size) for size in short), long]).exponent
    assert both == pytest.approx(alone, rel=0.05)


def test_growth_for_a_time_is_seen_where_the_mean_hides_it():
    """Two units together grow; in another phone one of them is shut, and the other fades."""
    M = np.array([[0.9, 0.1], [0.1, 1.05]])
    network, one = linear(M), stretch(2000)
    with torch.no_grad():
        network.V[1, 1] = -1e300
    phones = torch.ones_like(one.phones)
    phones[800:1100] = 0
    found = growth(network, [Stretch(one.signal, phones)])
    assert found.exponent < -0.05
    assert found.largest == pytest.approx(100 * math.log(np.linalg.eigvalsh(M)[-1]), rel=1e-3)
    assert found.exponent < found.high <= found.largest


def test_units_that_are_shut_carry_nothing_back():
    network = linear(np.eye(3))
    with torch.no_grad():
        network.b.fill_(-100.0)
    assert growth(network, [stretch(50)]).exponent == -math.inf
    _, norms = gradient_by_lag(network, [stretch(50)])
    assert (norms == 0).all()


def test_the_gradient_by_lag_of_a_linear_recurrence_is_a_power_of_its_weight():
    network, one = linear(np.array([[0.9]])), stretch(1500)
    lags, norms = gradient_by_lag(network, [one])
    assert (lags[0], lags[-1], norms.shape[1]) == (1, 1000, 64)
    with torch.no_grad():
        y, _ = network(one.signal[None], one.phones[None], network.initial_state(1))
    errors = (y[0] - one.signal[3:]).numpy()[np.linspace(1000, 1499, 64).astype(int)]
    wanted = 2 * np.abs(errors) * 0.9 ** lags[:, None]
    np.testing.assert_allclose(norms, wanted, rtol=1e-9)


def test_a_short_utterance_has_the_lags_that_it_has():
    lags, norms = gradient_by_lag(small("lstm"), [stretch(30)])
    assert lags[-1] == 29 and norms.shape == (len(lags), 64)
    lags, norms = gradient_by_lag(small("gru"), [stretch(1)])
    assert lags.size == 0 and norms.shape[0] == 0
    assert np.isnan(growth(small("gru"), [stretch(1)])).all()


# --- on what it is measured -----------------------------------------------------------------------


def test_the_stretches_are_the_middles_of_utterances_spread_over_the_list():
    utterances = [series(9000, ORDER, seed=i) for i in range(10)]
    stretches = cut_stretches(utterances, MEAN, STD, 8000)
    assert [one.phones.numel() for one in stretches] == [4000, 4000]
    for one, source in zip(stretches, (utterances[0], utterances[5]), strict=True):
        whole = source.standardised(MEAN, STD)
        np.testing.assert_array_equal(one.signal, whole[2500 : 2500 + ORDER + 4000])
        np.testing.assert_array_equal(one.phones, source.phones[2500:6500])


def test_what_is_short_is_measured_whole():
    one = series(300, ORDER)
    (found,) = cut_stretches([one], MEAN, STD, 8000)
    np.testing.assert_array_equal(found.signal, one.standardised(MEAN, STD))
    (found,) = cut_stretches([one] * 3, MEAN, STD, 100)
    assert found.phones.numel() == 100


# --- trainings built to fail, and the verdict on them ---------------------------------------------


def judged(recipe, one, hidden_size=30):
    """Train for real, measure for real, and judge."""
    run = train(recipe, [one], hidden_size=hidden_size, seed=0, mean=MEAN, std=STD)
    stretches = cut_stretches([one], MEAN, STD, 100_000)
    table = measure(run.network, recipe, stretches, run.snapshots, run.history)
    return run, table, *stability.judge(table, run.lowest_at)


@pytest.fixture
def start(monkeypatch):
    """Make trainings start from normally distributed weights with these standard deviations."""

    def use(**stds):
        def initialise(network, init, scale):
            with torch.no_grad():
                for name, std in stds.items():
                    getattr(network, name).normal_(0, std)

        monkeypatch.setattr(Network, "initialise", initialise)

    return use


def test_a_network_built_to_explode_through_time_is_named_so(start):
    start(M=2.5 / 30**0.5, W=0.01, U=1e-3)
    recipe = Recipe(**SGD, updates=5, learning_rate=1e-12)
    run, table, kind, sentence = judged(recipe, series(100, ORDER))
    assert run.risen_at is None
    assert (table["lyapunov"] > 0.1).all()
    assert (table["sharpness"] < table["limit"]).all()
    assert (table["gradient_median"].str[-1] > 1e3 * table["gradient_median"].str[0]).all()
    assert kind == stability.TIME
    assert f"exponent {stability.signed(table['lyapunov'].iloc[-1])} nats" in sentence


def test_huge_output_weights_on_a_contracting_recurrence_are_a_step_too_large(start):
    start(M=0.1 / 30**0.5, W=0.1, U=20.0)
    recipe = Recipe(**SGD, updates=50, learning_rate=0.01)
    run, table, kind, sentence = judged(recipe, series(300, ORDER))
    assert run.risen_at is not None
    assert (table["lyapunov"] < -1).all()
    before = table[table["update"] == run.lowest_at].iloc[0]
    assert before["sharpness"] > before["limit"] == pytest.approx(200)
    assert kind == stability.STEP
    assert f"sharpness {before['sharpness']:.3g} over the limit 200" in sentence
    assert f"in {stability.sharpest_block(before)[0]}" in sentence


def test_both_at_once_are_named_both(start):
    start(M=2.5 / 30**0.5, W=0.1, U=20.0)
    recipe = Recipe(**SGD, updates=50, learning_rate=0.001)
    _, _, kind, sentence = judged(recipe, series(60, ORDER))
    assert kind == stability.BOTH
    assert "over the limit 2e+03" in sentence and "nats a step" in sentence


def test_a_quiet_training_is_stable():
    recipe = Recipe(**SGD, updates=20, learning_rate=0.001)
    run, table, kind, sentence = judged(recipe, series(300, ORDER), hidden_size=5)
    assert run.risen_at is None and sorted(run.snapshots) == table["update"].tolist() == [
        1,
        3,
        11,
        21,
    ]
    assert kind == sentence == stability.STABLE
    assert table["limit"].tolist() == [2000.0] * 4


@pytest.mark.parametrize(
    ("numbers", "rises", "kind"),
    [
        ({}, False, stability.STABLE),
        ({"sharpness": 300.0}, False, stability.STABLE),  # the error never rises
        ({"lyapunov": 0.1}, False, stability.TIME),
        ({"sharpness": 300.0}, True, stability.STEP),
        ({"lyapunov": 0.1}, True, stability.TIME),
        ({"sharpness": 300.0, "lyapunov": 0.1}, True, stability.BOTH),
        ({"sharpness": math.inf, "lyapunov": 0.1}, True, stability.TIME),
        ({}, True, stability.UNDECIDED),
        ({"sharpness": 300.0, "limit": math.nan}, True, stability.UNDECIDED),
    ],
)
def test_the_rule_of_the_verdict(numbers, rises, kind):
    found, sentence = stability.judge(pd.DataFrame([measured(**numbers)]), 1 if rises else None)
    assert found == kind
    assert sentence.startswith(kind)


def test_the_verdict_is_that_of_the_moment_before_the_rise():
    table = pd.DataFrame(
        [measured(), measured(update=5, sharpness=250.0), measured(update=9, lyapunov=3.0)]
    )
    kind, sentence = stability.judge(table, 5)
    assert kind == stability.STEP
    assert sentence == (
        "step too large for the curvature (sharpness 250 over the limit 200, 75 % of it in U)"
    )


# --- adam ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["tanh", "gru"])
def test_the_sharpness_of_adam_is_that_of_the_hessian_between_roots_of_its_moments(cell):
    network, one = small(cell), stretch(30)
    generator = torch.Generator().manual_seed(3)
    moments = {
        name: torch.rand(weight.shape, generator=generator, dtype=torch.float64)
        for name, weight in network.named_parameters()
        if weight.numel()
    }
    weights = parameters_to_vector(network.parameters()).detach()
    H = torch.autograd.functional.hessian(plain_error(network, one), weights)
    root = torch.cat([moments[n].ravel() for n, w in network.named_parameters() if w.numel()])
    D = torch.diag(root.sqrt().rsqrt())
    _, gradient = error_and_gradient(network, [one])
    found = sharpness(network, [one], gradient, adam_root(network, moments))
    assert found.value == pytest.approx(float(torch.linalg.eigvalsh(D @ H @ D)[-1]), rel=2e-3)


@pytest.mark.parametrize(("times", "stable"), [(0.97, True), (1.03, False)])
def test_adam_on_a_parabola_is_stable_up_to_its_limit(times, stable):
    """Adam's rule, with a second moment that stays at 1."""
    curvature = times * adam_limit(Recipe(optimizer="adam", updates=1), 0.01, 0.0)
    weight, mean, sizes = 1.0, 0.0, []
    for step in range(1, 2001):
        mean = 0.9 * mean + 0.1 * curvature * weight
        weight -= 0.01 * mean / (1 - 0.9**step)
        sizes.append(abs(weight))
    assert (max(sizes[-100:]) < 1e-3) == stable
    assert stable or sizes[-1] > 1e3


def test_a_training_by_adam_comes_to_the_edge_of_its_stability():
    """As Cohen et al. (2022) found: curvature grows until the step is just small enough."""
    recipe = Recipe(**SGD | {"optimizer": "adam"}, learning_rate=0.03, updates=600)
    run = train(recipe, [series(300, ORDER)], hidden_size=20, seed=0, mean=MEAN, std=STD)
    stretches = cut_stretches([series(300, ORDER)], MEAN, STD, 100_000)
    table = measure(run.network, recipe, stretches, run.snapshots, run.history, run.second_moments)
    assert math.isnan(table["adam_sharpness"].iloc[0])
    share = table["adam_sharpness"] / table["adam_limit"]
    assert 0.7 < share.iloc[-1] < 1.3, share.tolist()


def test_the_verdict_on_adam_compares_in_its_own_coordinates():
    numbers = measured(limit=math.nan, adam_sharpness=5000.0, adam_limit=7600.0)
    assert stability.judge(pd.DataFrame([numbers]), None) == (
        stability.STABLE,
        "stable (sharpness 5e+03 in adam's coordinates, where it bears 7.6e+03)",
    )
    over = pd.DataFrame([numbers | {"adam_sharpness": 9000.0}])
    assert stability.judge(over, 1)[0] == stability.STEP
    kind, sentence = stability.judge(pd.DataFrame([numbers]), 1)
    assert kind == stability.UNDECIDED and "bears 7.6e+03; Lyapunov" in sentence


# --- before training -----------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_the_curvature_of_the_output_is_a_bound_that_the_sharpness_exceeds(cell):
    network, one = small(cell), stretch(40)
    w = {name: weight.detach() for name, weight in network.named_parameters()}
    state = network.initial_state(1)
    h, _ = recur_plain(one.signal[None], one.phones[None], Weights(**w), state, cell)
    states = h[:, :, 0]

    def error(output):
        return ((states @ output[:-1] + output[-1] - one.signal[network.order :]) ** 2).mean()

    dense = torch.autograd.functional.hessian(error, torch.cat((w["U"], w["c"])))
    bound = least_sharpness(network, [one])
    assert bound == pytest.approx(float(torch.linalg.eigvalsh(dense)[-1]), rel=1e-10)
    _, gradient = error_and_gradient(network, [one])
    assert bound <= sharpness(network, [one], gradient).value * (1 + 1e-3)


def test_the_size_at_which_trouble_starts_is_told_from_one_forward_pass():
    """It is told for one size, and trainings of others keep to it."""
    note = SGD | {"cell": "sigmoid", "init": "uniform", "init_scale": 0.5}
    recipe, one = Recipe(**note, learning_rate=0.05, updates=30), series(300, ORDER)
    given = {"seed": 0, "mean": MEAN, "std": STD}
    told = warning(recipe, [one], hidden_size=200, **given)
    size = int(re.search(r"begins at about (\d+) hidden units", told)[1])
    rate = float(re.search(r"with 200, at a learning rate of ([\d.]+) or less", told)[1])
    for hidden_size, learning_rate, rises in (
        (round(1.2 * size), 0.05, True),
        (round(0.5 * size), 0.05, False),
        (200, 1.2 * rate, True),
        (200, 0.5 * rate, False),
    ):
        changed = dataclasses.replace(recipe, learning_rate=learning_rate)
        found = train(changed, [one], hidden_size=hidden_size, **given)
        assert (found.risen_at is not None) == rises, (hidden_size, learning_rate)
        said = warning(changed, [one], hidden_size=hidden_size, **given)
        assert (said is not None) == rises


@pytest.mark.parametrize(
    "changed",
    [{"optimizer": "adam"}, {"clip": "value"}, {"clip": "norm", "clip_at": 1e-6}, {"centred": True},
     {"rate_factors": {"U": 0.1}}, {"backpropagation": "closed_loop"},
     {"cell": "relu", "init": "uniform", "init_scale": 1e30}],
)  # fmt: skip
def test_nothing_is_told_where_no_limit_is_known_or_the_step_is_small(changed):
    recipe = Recipe(**(SGD | {"learning_rate": 10.0, "updates": 5} | changed))
    assert warning(recipe, [series(300, ORDER)], hidden_size=8, seed=0, mean=MEAN, std=STD) is None


# --- the 2014 note --------------------------------------------------------------------------------


@pytest.mark.skipif(
    "RNNPIPE_TIMIT_ROOT" not in os.environ,
    reason="needs TRAIN/DR8/FCLT0/SI2068 of real TIMIT: set RNNPIPE_TIMIT_ROOT",
)
@pytest.mark.parametrize(("hidden_size", "rises"), [(200, False), (300, True)])
def test_curvature_before_training_tells_at_which_size_the_note_fails(hidden_size, rises, tmp_path):
    corpus = read_corpus(os.environ["RNNPIPE_TIMIT_ROOT"], min_samples=201)
    note = [one for one in corpus if one.utterance == "TRAIN/DR8/FCLT0/SI2068"]
    paths = [tmp_path / "utterances.parquet", tmp_path / "windows.parquet"]
    extract(note, *paths, order=200, length=3200)
    one = load_series(paths[1:], [note[0].utterance])
    about = describe(one, 62, {one[0].item: note[0].phones})
    config = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text())
    recipe = Recipe.from_config(config["recipes"]["dumoulin2014"] | {"epochs": 8})
    run = train(recipe, one, hidden_size=hidden_size, seed=0, mean=about.mean, std=about.std)
    stretches = cut_stretches(one, about.mean, about.std, 100_000)
    start = measure(run.network, recipe, stretches, {1: run.snapshots[1]}, run.history).iloc[0]
    assert (run.risen_at is not None) == rises
    told = warning(recipe, one, hidden_size=hidden_size, seed=0, mean=about.mean, std=about.std)
    assert (told is not None) == rises, "from one forward pass"
    assert (start["sharpness"] > start["limit"]) == rises
    assert start["lyapunov"] < -0.3, "no gradient explodes through time"
    assert stability.sharpest_block(start)[0] == "U"


def test_a_few_short_utterances_do_not_take_the_place_of_the_long_ones():
    speech = [series(size, 5) for size in (1, 9000, 2, 9000, 300)]
    sizes = [stretch.phones.numel() for stretch in cut_stretches(speech, 0.0, 1.0, 8000)]
    assert sizes == [4000, 4000]
    alone = [stretch.phones.numel() for stretch in cut_stretches(speech[:1], 0.0, 1.0, 8000)]
    assert alone == [1]
