"""Interventions on the note's training: what they change, and that they change nothing else."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.speech import series
from helpers.training import ORDER, batch_of, flat, gradient_of, initial, run
from torch.nn.utils import parameters_to_vector

from rnnpipe.dynamics.curvature import error_and_gradient, sharpness, step_root
from rnnpipe.dynamics.stretches import Stretch
from rnnpipe.errors import RnnpipeError
from rnnpipe.kernels.recurrence import step_plain
from rnnpipe.training.optimizers import precondition
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.teacher_forced import predict_batch

NOTE = Recipe(
    cell="sigmoid",
    init="uniform",
    init_scale=0.5,
    optimizer="sgd",
    learning_rate=0.01,
    backpropagation="whole_utterance",
    updates=5,
)
SPEECH = series(83, ORDER)


def drawn(recipe):
    """The network that a training starts from, as the training itself draws it."""
    network = initial(recipe)
    with torch.no_grad():
        for name, factor in (recipe.init_factors or {}).items():
            getattr(network, name).mul_(factor)
    return network


def stored_gradient(recipe):
    """The network of a recipe, with the gradient of its first pass in its weights."""
    network, batch = drawn(recipe), batch_of(SPEECH)
    predict_batch(network, recipe, batch, network.initial_state(1))
    return network


def test_initial_weights_are_scaled_by_block():
    recipe = replace(NOTE, init_factors={"U": 0.25, "M": 3.0}, updates=1)
    plain, scaled = (run(one).snapshots[1] for one in (replace(NOTE, updates=1), recipe))
    factors = dict.fromkeys(plain, 1.0) | recipe.init_factors
    for name, weight in plain.items():
        torch.testing.assert_close(scaled[name], factors[name] * weight)


def test_a_block_whose_rate_is_0_stays_as_drawn_and_another_takes_a_tenth_of_its_step():
    recipe = replace(NOTE, rate_factors={"M": 0, "U": 0.1}, updates=1)
    start = run(recipe).snapshots[1]
    plain, changed = (run(one).network.state_dict() for one in (replace(NOTE, updates=1), recipe))
    assert torch.equal(changed["M"], start["M"])
    torch.testing.assert_close(
        10 * (changed["U"] - start["U"]), plain["U"] - start["U"], rtol=1e-4, atol=1e-6
    )
    assert torch.equal(changed["W"], plain["W"])


def test_without_recurrent_weights_there_is_no_memory():
    recipe = replace(NOTE, init_factors={"M": 0}, rate_factors={"M": 0})
    assert not run(recipe).network.M.any()


@pytest.mark.parametrize("cell", ["sigmoid", "tanh", "gru"])
def test_a_gradient_that_does_not_go_through_time_takes_the_state_before_as_given(cell):
    recipe = replace(NOTE, cell=cell, through_time=False)
    found = gradient_of(stored_gradient(recipe))
    network, batch = initial(recipe), batch_of(SPEECH)
    state, outputs = network.initial_state(1), []
    for t in range(SPEECH.phones.size):
        window = batch.signal[:, t : t + ORDER]
        state = step_plain(window, batch.phones[:, t], network.weights, state.detach(), cell)
        outputs.append(state[0] @ network.U + network.c)
    loss = ((torch.cat(outputs) - batch.signal[0, ORDER:]) ** 2).mean()
    loss.backward()
    np.testing.assert_allclose(found, gradient_of(network), rtol=1e-4, atol=1e-6)
    assert not np.allclose(
        found, gradient_of(stored_gradient(replace(recipe, through_time=True))), rtol=1e-2
    )


def test_centred_units_make_the_training_of_a_network_that_has_them():
    """Independent arithmetic: the same descent on y = U (h - 1/2) + c'."""
    recipe = replace(NOTE, centred=True)
    found = run(recipe).network
    network, batch = initial(recipe), batch_of(SPEECH)
    with torch.no_grad():
        network.c += network.U.sum() / 2  # the same function to start from
    for _ in range(recipe.updates):
        network.zero_grad()
        state, outputs = network.initial_state(1), []
        for t in range(SPEECH.phones.size):
            window = batch.signal[:, t : t + ORDER]
            state = step_plain(window, batch.phones[:, t], network.weights, state, "sigmoid")
            outputs.append((state[0] - 0.5) @ network.U + network.c)
        ((torch.cat(outputs) - batch.signal[0, ORDER:]) ** 2).mean().backward()
        with torch.no_grad():
            for weight in network.parameters():
                if weight.numel():
                    weight -= recipe.learning_rate * weight.grad
    with torch.no_grad():
        network.c -= network.U.sum() / 2
    np.testing.assert_allclose(flat(found), flat(network), rtol=1e-4, atol=1e-6)


INTERVENTIONS = [{"rate_factors": {"U": 0.1, "M": 3.0}}, {"centred": True}, {}]


@pytest.mark.parametrize("changed", INTERVENTIONS)
def test_sharpness_is_measured_in_the_coordinates_of_the_step(changed):
    recipe = replace(NOTE, **changed)
    network = initial(recipe).double()
    batch = batch_of(SPEECH, torch.float64)
    one = Stretch(batch.signal[0], batch.phones[0])
    _, gradient = error_and_gradient(network, [one])
    root = step_root(network, recipe)
    network.d.grad = torch.zeros_like(network.d)
    precondition(network, recipe)
    step = parameters_to_vector([w.grad for w in network.parameters()])
    torch.testing.assert_close(root(root(gradient)), step, rtol=1e-9, atol=1e-9)
    # The largest eigenvalue of P H, by plain power iteration.
    weights = parameters_to_vector(network.parameters()).detach()
    vector = torch.randn(
        len(weights), dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    for _ in range(60):
        vector = vector / vector.norm()
        moved = torch.nn.utils.vector_to_parameters
        moved(weights + 1e-6 * vector, network.parameters())
        change = (error_and_gradient(network, [one])[1] - gradient) / 1e-6
        moved(weights, network.parameters())
        image = root(root(change))
        value, vector = float(image @ vector), image
    assert sharpness(network, [one], gradient, root).value == pytest.approx(value, rel=5e-3)


def test_the_rate_warms_up_from_a_hundredth():
    recipe = replace(NOTE, rate_warm_up=0.5, updates=101)
    rates = [recipe.learning_rate_at(progress) for progress in (0, 0.25, 0.5, 1)]
    assert rates == pytest.approx([0.0001, 0.00505, 0.01, 0.01])
    assert run(replace(recipe, updates=3)).history["learning_rate"].iloc[0] == pytest.approx(0.0001)


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"optimizer": "adam", "rate_factors": {"U": 0.1}}, "belong to the optimizer sgd"),
        ({"optimizer": "soap", "centred": True}, "belong to the optimizer sgd"),
        ({"centred": True, "rate_factors": {"c": 0.1}}, "may not name U or c"),
        ({"centred": True, "backpropagation": "truncated"}, "belong to whole_utterance"),
        ({"through_time": False, "backpropagation": "closed_loop"}, "belong to whole_utterance"),
        ({"through_time": False, "cell": "lstm"}, "lstm"),
    ],
)
def test_what_cannot_go_together_is_an_error(changed, cause):
    with pytest.raises(RnnpipeError, match=cause):
        replace(NOTE, **changed)
