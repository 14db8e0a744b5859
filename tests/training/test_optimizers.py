"""Optimisers, clipping, decay and noise, compared with their formulas."""

import math

import numpy as np
import pytest
import torch
from helpers.networks import drawn, weights_of
from helpers.speech import series
from helpers.training import (
    HIDDEN,
    MEAN,
    NOISES,
    ORDER,
    SHORT,
    STD,
    batch_of,
    flat,
    gradient_of,
    initial,
    run,
)

from rnnpipe.corpus.phones import NUM_CODES
from rnnpipe.model import Network
from rnnpipe.training.optimizers import clip, decay, make_optimizer
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.teacher_forced import noisy_weights, predict_batch

BIASES = ("b", "c", "d")


# --- optimisers, clipping, decay ------------------------------------------------------------------


def test_momentum_and_adam_step_as_their_formulas_say():
    one = series(40, ORDER)
    for recipe in (
        Recipe(optimizer="sgd", momentum=0.9, learning_rate=0.05, updates=1),
        Recipe(optimizer="adam", learning_rate=0.05, updates=1),
    ):
        network = drawn("gru").double()
        optimizer = make_optimizer(recipe, network)
        w = flat(network)
        velocity = first = second = np.zeros_like(w)
        for step in (1, 2, 3):
            predict_batch(network, recipe, batch_of(one, torch.float64), network.initial_state(1))
            g = gradient_of(network)
            optimizer.step()
            if recipe.optimizer == "sgd":
                velocity = 0.9 * velocity + g
                w = w - 0.05 * velocity
            else:
                first = 0.9 * first + 0.1 * g
                second = 0.999 * second + 0.001 * g**2
                mean, square = first / (1 - 0.9**step), second / (1 - 0.999**step)
                w = w - 0.05 * mean / (np.sqrt(square) + 1e-8)
            np.testing.assert_allclose(flat(network), w, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", ["tanh", "gru"])
@pytest.mark.parametrize("factor", [0.5, 2.0])
@pytest.mark.parametrize("kind", ["norm", "value", "none"])
def test_clipping_by_hand(kind, factor, cell):
    network, one = drawn(cell).double(), series(40, ORDER)
    predict_batch(
        network, Recipe(updates=1), batch_of(one, torch.float64), network.initial_state(1)
    )
    g = gradient_of(network)
    size = {"norm": np.linalg.norm(g), "value": np.abs(g).max(), "none": 1.0}[kind]
    norm, clipped = clip(network, Recipe(updates=1, clip=kind, clip_at=factor * size))
    assert norm == pytest.approx(np.linalg.norm(g), rel=1e-12)
    assert clipped == (factor < 1 and kind != "none")
    wanted = g
    if clipped:
        wanted = g * factor if kind == "norm" else g.clip(-factor * size, factor * size)
    np.testing.assert_allclose(gradient_of(network), wanted, rtol=1e-5, atol=0)


def test_the_history_holds_the_norm_before_clipping():
    options = {"updates": 1, "backpropagation": "whole_utterance", "optimizer": "sgd"}
    free = run(Recipe(**options))
    norm = free.history["gradient_norm"][0]
    held = run(Recipe(**options, clip="norm", clip_at=norm / 4))
    assert held.history["gradient_norm"][0] == norm
    assert held.history["clipped"].tolist() == [True]
    assert free.history["clipped"].tolist() == [False]
    start = flat(initial(Recipe(**options)))
    moved, moved_less = (flat(one.network) - start for one in (free, held))
    np.testing.assert_allclose(moved_less, moved / 4, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("cell", ["tanh", "gru", "lstm"])
def test_decay_shrinks_weights_and_not_biases(cell):
    network = drawn(cell)
    before = weights_of(network)
    decay(network, 0.25)
    for name, weight in weights_of(network).items():
        share = 1.0 if name in BIASES else 0.75
        np.testing.assert_allclose(weight, share * before[name], rtol=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_weight_decay_is_decoupled_from_the_gradient(optimizer):
    options = {"updates": 1, "optimizer": optimizer, "learning_rate": 0.125, "cell": "gru"}
    plain, decayed = (weights_of(run(Recipe(**options, weight_decay=x)).network) for x in (0, 0.5))
    start = weights_of(initial(Recipe(**options)))
    for name in start:
        lost = 0 if name in BIASES else 0.125 * 0.5 * start[name]
        np.testing.assert_allclose(decayed[name], plain[name] - lost, rtol=0, atol=1e-6)


# --- noise ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("cell", ["tanh", "lstm"])
def test_each_noise_changes_the_gradient_and_leaves_the_weights_clean(name, cell):
    one, network = series(40, ORDER), drawn(cell)
    before = {key: weight.clone() for key, weight in network.state_dict().items()}
    torch.manual_seed(0)
    gradients = []
    for recipe in (Recipe(updates=1), *[Recipe(updates=1, **{name: NOISES[name]})] * 2):
        predict_batch(network, recipe, batch_of(one), network.initial_state(1))
        gradients.append(gradient_of(network))
    assert all(torch.equal(before[key], weight) for key, weight in network.state_dict().items())
    # other noise each time
    assert len({gradient.tobytes() for gradient in gradients}) == 3


@pytest.mark.parametrize("name", NOISES)
def test_each_noise_changes_the_trained_network(name):
    plain, noisy = (
        run(Recipe(**SHORT, **options)).network for options in ({}, {name: NOISES[name]})
    )
    assert not np.array_equal(flat(plain), flat(noisy))


def test_weight_noise_has_the_stated_deviation_and_spares_the_biases():
    network = Network(50, NUM_CODES, 40, "gru")
    torch.manual_seed(0)
    with noisy_weights(network, 0.25):
        noises = weights_of(network)
    for name, noise in noises.items():
        if name in BIASES:
            assert not noise.any()
        else:
            assert abs(noise.std() / 0.25 - 1) < 4 / math.sqrt(2 * noise.size)
            assert abs(noise.mean()) < 4 * 0.25 / math.sqrt(noise.size)


def test_input_noise_does_not_touch_the_target():
    one = series(40, ORDER)
    network = Network(ORDER, NUM_CODES, HIDDEN, "tanh")  # all weights 0: it predicts 0
    recipe = Recipe(updates=1, input_noise=3.0)
    loss, _ = predict_batch(network, recipe, batch_of(one), network.initial_state(1))
    target = one.standardised(MEAN, STD)[ORDER:].astype(np.float64)
    assert loss.item() == pytest.approx(np.mean(target**2), rel=1e-6)
