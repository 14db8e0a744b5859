"""Training against arithmetic by hand: every update, batch, clip and schedule."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.networks import drawn, numpy_network, sigmoid, weights_of
from helpers.speech import series
from helpers.training import HIDDEN, MEAN, ORDER, STD, flat, gradient_of, initial, run, shipped

from rnnpipe.corpus.phones import NUM_CODES
from rnnpipe.errors import RnnpipeError
from rnnpipe.model import Network
from rnnpipe.training.batches import Batch, streams, whole_utterances
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.runs import load_snapshots, save_run
from rnnpipe.training.train import (
    RISE,
    choose_device,
    clip,
    decay,
    make_optimizer,
    noisy_weights,
    one_pass,
    train,
)
from rnnpipe.windows.series import Series

BIASES = ("b", "c", "d")
SHORT = {"streams": 3, "steps": 11, "updates": 6}


def batch_of(one: Series, dtype=torch.float32) -> Batch:
    """One whole utterance."""
    return Batch(
        torch.tensor(one.standardised(MEAN, STD)[None], dtype=dtype),
        torch.tensor(one.phones[None], dtype=torch.int32),
        torch.ones(1, one.phones.size, dtype=dtype),
        torch.tensor([True]),
    )


# --- the first updates of the 2014 note ---------------------------------------------------------


def back_propagated(w, signal, phones):
    """Loss of the note's network and its gradient, through the whole utterance, by hand."""
    T, H = phones.size, w["U"].size
    windows = np.array([signal[t : t + len(w["W"])] for t in range(T)])
    one_hot = np.eye(NUM_CODES)[phones]
    h = np.zeros((T + 1, H))  # h[t] is the state before sample t
    for t in range(T):
        h[t + 1] = sigmoid(windows[t] @ w["W"] + one_hot[t] @ w["V"] + h[t] @ w["M"] + w["b"])
    error = h[1:] @ w["U"] + w["c"] - signal[len(w["W"]) :]
    dy = 2 * error / T
    da = np.zeros((T + 1, H))  # da[t]: of the pre-activation at sample t; nothing follows the last
    for t in reversed(range(T)):
        dh = dy[t] * w["U"] + w["M"] @ da[t + 1]
        da[t] = dh * h[t + 1] * (1 - h[t + 1])
    da = da[:T]
    gradient = {
        "W": windows.T @ da,
        "V": one_hot.T @ da,
        "M": h[:T].T @ da,
        "b": da.sum(0),
        "U": h[1:].T @ dy,
        "c": dy.sum(keepdims=True),
    }
    return np.mean(error**2), gradient


def test_the_shipped_recipe_is_that_of_the_note():
    assert shipped("dumoulin2014") == Recipe(
        cell="sigmoid",
        init="uniform",
        init_scale=0.5,
        optimizer="sgd",
        learning_rate=0.01,
        momentum=0,
        schedule="constant",
        epochs=500,
        backpropagation="whole_utterance",
        clip="none",
        weight_decay=0,
        weight_noise=0,
        input_noise=0,
        dropout=0,
    )


def test_the_first_updates_of_the_note_are_those_worked_out_by_hand():
    one = series(151, ORDER)
    signal = one.standardised(MEAN, STD).astype(np.float64)
    start = initial(shipped("dumoulin2014"), seed=4)
    w = weights_of(start)
    assert all(np.abs(w[name]).max() <= 0.5 for name in "WVMU")
    losses, norms = [], []
    for update in (1, 2, 3):
        loss, gradient = back_propagated(w, signal, one.phones)
        losses.append(loss)
        norms.append(math.sqrt(sum(np.sum(part**2) for part in gradient.values())))
        w |= {name: w[name] - 0.01 * part for name, part in gradient.items()}
        found = run(shipped("dumoulin2014", epochs=update), [one], seed=4)
        for name, weight in weights_of(found.network).items():
            np.testing.assert_allclose(weight, w[name], rtol=1e-4, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(found.history["mse"], losses, rtol=1e-5)
        np.testing.assert_allclose(found.history["gradient_norm"], norms, rtol=1e-5)
    moved = [
        np.abs(w[name] - start).max() for name, start in weights_of(start).items() if w[name].size
    ]
    assert min(moved) > 1e-5  # what is compared is far larger than what is allowed


def test_one_pass_in_float64_leaves_the_gradient_worked_out_by_hand():
    one, network = series(151, ORDER), drawn("sigmoid").double()
    signal = one.standardised(MEAN, STD).astype(np.float64)
    wanted_loss, wanted = back_propagated(weights_of(network), signal, one.phones)
    recipe = shipped("dumoulin2014")
    loss, _ = one_pass(network, recipe, batch_of(one, torch.float64), network.initial_state(1))
    assert loss.item() == pytest.approx(wanted_loss, rel=1e-13)
    for name, gradient in wanted.items():
        np.testing.assert_allclose(getattr(network, name).grad, gradient, rtol=0, atol=1e-13)


def test_padding_counts_neither_in_the_loss_nor_in_the_gradient():
    one, network = series(40, ORDER), drawn("gru").double()
    whole = batch_of(one, torch.float64)
    valid = whole.valid.clone()
    valid[:, 29:] = 0
    padded = Batch(whole.signal.clone(), whole.phones, valid, whole.fresh)
    padded.signal[:, ORDER + 29 :] = 1e6
    cut = Batch(whole.signal[:, : ORDER + 29], whole.phones[:, :29], valid[:, :29], whole.fresh)
    found = []
    for batch in (padded, cut):
        loss, _ = one_pass(network, Recipe(updates=1), batch, network.initial_state(1))
        found.append([loss.item(), *(p.grad.clone() for p in network.parameters())])
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-13)
    for one, other in zip(found[0][1:], found[1][1:], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


# --- history, epochs, schedules -----------------------------------------------------------------


def test_the_columns_of_the_history():
    history = run(Recipe(**SHORT)).history
    assert history.columns.tolist() == [
        "update",
        "epoch",
        "mse",
        "gradient_norm",
        "clipped",
        "learning_rate",
        "free_nmse",
    ]
    assert history["update"].tolist() == [1, 2, 3, 4, 5, 6]
    assert history["clipped"].dtype == bool
    assert history["free_nmse"].isna().all()


def test_an_epoch_of_whole_utterances_is_an_update_for_each():
    utterances = [series(83, ORDER), series(41, ORDER, 1)]
    recipe = Recipe(backpropagation="whole_utterance", epochs=3, optimizer="sgd")
    found = run(recipe, utterances)
    assert len(found.history) == 6
    assert found.samples == 3 * (83 + 41)
    assert found.history["epoch"].tolist()[1::2] == [1.0, 2.0, 3.0]
    firsts = found.history["epoch"].to_numpy()[::2] - [0, 1, 2]
    assert {round(first * 124) for first in firsts} <= {83, 41}
    assert found.final_mse == pytest.approx(found.history["mse"][-2:].mean())


def test_an_epoch_of_streams_is_as_many_samples_as_the_utterances_have():
    recipe = Recipe(streams=3, steps=11, epochs=10)
    found = run(recipe, [series(330, ORDER)])
    assert len(found.history) == 100  # 33 samples each
    assert found.history["epoch"].iloc[-1] == found.samples / 330
    assert 9 < found.history["epoch"].iloc[-1] <= 10  # less what was padding
    assert found.final_mse == pytest.approx(found.history["mse"][-10:].mean())


def test_less_than_an_update_is_one():
    assert len(run(Recipe(epochs=1, streams=50, steps=50)).history) == 1


@pytest.mark.parametrize(
    ("schedule", "start", "middle", "end"),
    [
        ("constant", 0.02, 0.02, 0.02),
        ("cosine", 0.02, 0.0101, 0.0002),
        ("exponential", 0.02, 0.002, 0.0002),
    ],
)
def test_the_course_of_the_learning_rate(schedule, start, middle, end):
    recipe = Recipe(schedule=schedule, learning_rate=0.02, final_learning_rate=0.01, updates=201)
    assert [recipe.learning_rate_at(at) for at in (0, 0.5, 1)] == pytest.approx(
        [start, middle, end]
    )
    rates = run(recipe, hidden_size=1).history["learning_rate"]
    assert rates[0] == start
    assert rates[100] == pytest.approx(middle)
    assert rates[200] == pytest.approx(end)
    assert (rates.diff()[1:] <= 0).all()


def test_the_learning_rate_of_the_history_is_that_of_the_step():
    one = series(83, ORDER)
    recipe = Recipe(
        optimizer="sgd",
        backpropagation="whole_utterance",
        learning_rate=0.1,
        schedule="exponential",
        final_learning_rate=0.01,
        updates=2,
    )
    found = run(recipe, [one])
    assert found.history["learning_rate"].tolist() == pytest.approx([0.1, 0.001])
    network = initial(recipe)
    w = flat(network)
    for rate in (0.1, 0.001):
        one_pass(network, recipe, batch_of(one), network.initial_state(1))
        w = w - rate * gradient_of(network)
        torch.nn.utils.vector_to_parameters(torch.tensor(w).float(), network.parameters())
    np.testing.assert_allclose(flat(found.network), w, rtol=0, atol=1e-6)


# --- optimisers, clipping, decay ----------------------------------------------------------------


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
            one_pass(network, recipe, batch_of(one, torch.float64), network.initial_state(1))
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
    one_pass(network, Recipe(updates=1), batch_of(one, torch.float64), network.initial_state(1))
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


# --- noise --------------------------------------------------------------------------------------


NOISES = {"input_noise": 0.3, "weight_noise": 0.1, "dropout": 0.4}


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("cell", ["tanh", "lstm"])
def test_each_noise_changes_the_gradient_and_leaves_the_weights_clean(name, cell):
    one, network = series(40, ORDER), drawn(cell)
    before = {key: weight.clone() for key, weight in network.state_dict().items()}
    torch.manual_seed(0)
    gradients = []
    for recipe in (Recipe(updates=1), *[Recipe(updates=1, **{name: NOISES[name]})] * 2):
        one_pass(network, recipe, batch_of(one), network.initial_state(1))
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
    loss, _ = one_pass(network, recipe, batch_of(one), network.initial_state(1))
    target = one.standardised(MEAN, STD)[ORDER:].astype(np.float64)
    assert loss.item() == pytest.approx(np.mean(target**2), rel=1e-6)


# --- seeds --------------------------------------------------------------------------------------

NOISY = Recipe(**SHORT, **NOISES, clip="norm", schedule="cosine", final_learning_rate=0.1)


def saved(folder, found) -> dict[str, bytes]:
    setting = {"recipe": "r", "hidden_size": HIDDEN, "seed": 0}
    names = ("model.safetensors", "snapshots.safetensors", "history.parquet", "run.json")
    paths = [folder / name for name in names]
    save_run(found, setting, *paths)
    return {path.name: path.read_bytes() for path in paths}


def test_equal_seeds_give_equal_bytes_and_others_do_not(tmp_path):
    one, two, other = (
        saved(tmp_path / str(i), run(NOISY, [series(83, ORDER), series(41, ORDER, 1)], seed))
        for i, seed in enumerate((5, 5, 6))
    )
    for name in ("model.safetensors", "snapshots.safetensors", "history.parquet"):
        assert one[name] == two[name]
        assert one[name] != other[name]


def test_a_training_neither_feels_nor_moves_the_state_of_torch():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = run(NOISY)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert np.array_equal(flat(one.network), flat(run(NOISY).network))


# --- snapshots and the first rise -----------------------------------------------------------------

DESCENT = {"optimizer": "sgd", "backpropagation": "whole_utterance"}


def test_snapshots_are_the_weights_that_their_updates_start_from(tmp_path):
    recipe = Recipe(**DESCENT, learning_rate=0.01, updates=20)
    found = run(recipe)
    saved(tmp_path, found)
    snapshots = load_snapshots(tmp_path / "snapshots.safetensors")
    assert list(snapshots) == [1, 3, 11, 21], "at 0, 10, 50 and 100 % of the updates"
    assert (found.lowest_at, found.risen_at) == (None, None)
    for update, weights in snapshots.items():
        start = run(replace(recipe, updates=update - 1)) if update > 1 else None
        wanted = (start.network if start else initial(recipe)).state_dict()
        assert all(torch.equal(weights[name], wanted[name]) for name in wanted), update


def test_the_first_rise_is_kept_from_the_lowest_error_to_its_double():
    found = run(Recipe(**DESCENT, learning_rate=0.6, updates=60))
    errors = found.history["mse"].to_numpy()
    lowest = np.minimum.accumulate(errors)
    risen_at = int(np.argmax(errors[1:] >= RISE * lowest[:-1])) + 2
    assert found.risen_at == risen_at <= len(errors)
    assert found.lowest_at == int(np.argmin(errors[:risen_at])) + 1
    assert {found.lowest_at, found.risen_at} <= set(found.snapshots)
    batch = batch_of(series(83, ORDER))
    for update in (found.lowest_at, found.risen_at):
        network = initial(Recipe(updates=1))
        network.load_state_dict(found.snapshots[update])
        loss, _ = one_pass(network, Recipe(updates=1), batch, network.initial_state(1))
        assert loss.item() == pytest.approx(errors[update - 1], rel=1e-5)


def test_the_luck_of_a_batch_is_no_rise():
    """A loud utterance after a quiet one: the error of an update jumps, that of a pass does not."""
    quiet, loud = series(60, ORDER), series(60, ORDER, 1)
    quiet = replace(quiet, samples=quiet.samples // 100)
    found = run(Recipe(**DESCENT, learning_rate=1e-4, updates=20), [quiet, loud])
    errors = found.history["mse"].to_numpy()
    assert (errors[1:] > RISE * errors[:-1]).any()
    assert found.risen_at is None


def test_a_gradient_beyond_all_numbers_is_a_rise_at_once(tmp_path):
    recipe = Recipe(**DESCENT, cell="relu", init="uniform", init_scale=1e30, updates=5)
    found = run(recipe)
    assert (found.diverged_at, found.lowest_at, found.risen_at) == (1, 1, 1)
    assert list(found.snapshots) == [1]


# --- batches ------------------------------------------------------------------------------------

SIZES = (90, 41, 7, 203)


def numbered(order):
    """Utterances in which a sample says who it is: 1000 x (1 + utterance) + position."""
    made = [
        Series(
            str(u),
            (1000 * (1 + u) + np.arange(order + size)).astype(np.int16),
            ((np.arange(size) * 7 + u) % NUM_CODES).astype(np.uint8),
        )
        for u, size in enumerate(SIZES)
    ]
    return made


@pytest.mark.parametrize("carry_state", [True, False])
@pytest.mark.parametrize("steps", [1, 11, 90, 300])
def test_streams_read_utterances_from_end_to_end(steps, carry_state):
    order, num_streams = 5, 4
    made = numbered(order)
    recipe = Recipe(updates=1, streams=num_streams, steps=steps, carry_state=carry_state)
    torch.manual_seed(0)
    batches = streams(recipe, made, SIZES, 0, 1, torch.device("cpu"))
    before = [None] * num_streams
    read, begun = set(), set()
    for _ in range(60 + 2000 // steps):
        batch = next(batches)
        assert batch.signal.shape == (num_streams, order + steps)
        assert batch.phones.shape == batch.valid.shape == (num_streams, steps)
        for i in range(num_streams):
            count = int(batch.valid[i].sum())
            assert batch.valid[i].tolist() == [1.0] * count + [0.0] * (steps - count)
            assert count >= 1
            code = int(batch.signal[i, 0])
            u, position = code // 1000 - 1, code % 1000
            size = SIZES[u]
            assert count == min(steps, size - position)
            # contexts, targets and phones are those of one utterance at one place
            there = made[u].samples[position : position + order + count]
            assert batch.signal[i, : order + count].tolist() == there.tolist()
            heard = made[u].phones[position : position + count]
            assert batch.phones[i, :count].tolist() == heard.tolist()
            assert not batch.signal[i, order + count :].any()

            ended = before[i] is None or before[i][1] + steps >= SIZES[before[i][0]]
            if not ended:
                assert (u, position) == (before[i][0], before[i][1] + steps)
            elif before[i] is not None:
                assert position == 0
                begun.add(u)
            assert bool(batch.fresh[i]) == (ended or not carry_state)
            before[i] = u, position
            read.add(u)
    assert read == begun == set(range(len(SIZES)))


def test_streams_start_at_different_places():
    made = numbered(5)
    recipe = Recipe(updates=1, streams=200, steps=3)
    torch.manual_seed(0)
    first = next(streams(recipe, made, SIZES, 0, 1, torch.device("cpu"))).signal[:, 0].numpy()
    shares = np.bincount(first.astype(int) // 1000, minlength=5)[1:] / 200
    assert shares == pytest.approx(np.array(SIZES) / sum(SIZES), abs=0.12)
    assert len(set(first)) > 100


def test_a_carried_state_makes_chunks_one_long_pass():
    one = series(83, ORDER)
    network = drawn("lstm").double()
    signal = one.standardised(MEAN, STD)
    wanted = numpy_network("lstm", weights_of(network), signal.astype(float), one.phones)
    recipe = Recipe(updates=1, streams=3, steps=11)
    torch.manual_seed(0)
    batches = streams(recipe, [one], [83], MEAN, STD, torch.device("cpu"))
    # Where each stream is; None until it starts at the beginning: the state of the first start,
    # anywhere in the utterance, knows nothing of what was before.
    state, positions = network.initial_state(3), [None] * 3
    compared = 0
    for number in range(20):
        batch = next(batches)
        state = torch.where(batch.fresh[:, None], 0.0, state)
        with torch.no_grad():
            predictions, state = network(batch.signal.double(), batch.phones, state)
        for i in range(3):
            if number and batch.fresh[i]:
                positions[i] = 0
            if positions[i] is not None:
                count = int(batch.valid[i].sum())
                there = slice(positions[i], positions[i] + count)
                found = predictions[i, :count]
                np.testing.assert_allclose(found, wanted[there], rtol=0, atol=1e-12)
                positions[i] += 11
                compared += count
    assert compared > 300


@pytest.mark.parametrize("carry_state", [True, False])
def test_a_training_carries_the_state_from_update_to_update(carry_state):
    utterances = [series(83, ORDER), series(41, ORDER, 1)]
    options = {"streams": 3, "steps": 11, "carry_state": carry_state}
    # Steps too small to move a weight: what is left of the training are its batches and states.
    recipe = Recipe(**options, updates=20, optimizer="sgd", learning_rate=1e-30)
    found = run(recipe, utterances, seed=4)
    losses = []
    torch.manual_seed(4)
    network = Network(ORDER, NUM_CODES, HIDDEN, recipe.cell)
    network.initialise(recipe.init, recipe.init_scale)
    batches = streams(recipe, utterances, [83, 41], MEAN, STD, torch.device("cpu"))
    state = network.initial_state(3)
    for _ in range(20):
        batch = next(batches)
        state = state * ~batch.fresh[:, None]
        with torch.no_grad():
            predictions, state = network(batch.signal, batch.phones, state)
        error = (predictions - batch.signal[:, ORDER:])[batch.valid == 1].double()
        losses.append((error**2).mean().item())
    np.testing.assert_allclose(found.history["mse"], losses, rtol=1e-5)


def test_whole_utterances_come_once_an_epoch_and_never_mixed():
    made = numbered(5)
    torch.manual_seed(0)
    batches = whole_utterances(made, 0, 1, torch.device("cpu"))
    orders = []
    for _ in range(6):
        orders.append([])
        for _ in SIZES:
            batch = next(batches)
            u = int(batch.signal[0, 0]) // 1000 - 1
            assert batch.signal[0].tolist() == made[u].samples.tolist()
            assert batch.phones[0].tolist() == made[u].phones.tolist()
            assert batch.valid.all() and batch.fresh.all()
            orders[-1].append(u)
        assert sorted(orders[-1]) == [0, 1, 2, 3]
    assert len(set(map(tuple, orders))) > 1


# --- divergence ---------------------------------------------------------------------------------


def strict(text):
    """JSON without the NaN and Infinity that Python would let pass."""

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("cell", ["relu", "tanh", "lstm"])
def test_a_training_that_diverges_ends_there_with_sane_weights(cell, tmp_path):
    found = run(Recipe(cell=cell, optimizer="sgd", learning_rate=1e4, updates=50, streams=2))
    assert 1 < found.diverged_at < 50
    assert found.history["update"].tolist() == list(range(1, found.diverged_at + 1))
    assert all(weight.isfinite().all() for weight in found.network.parameters())
    last = found.history["mse"].iloc[-1]
    assert not last <= 1000
    assert (found.history["mse"][:-1] <= 1000).all()
    assert math.isnan(found.final_mse)
    summary = strict(saved(tmp_path, found)["run.json"])
    assert summary["status"] == "diverged"
    assert summary["diverged_at"] == summary["updates"] == found.diverged_at
    assert summary["final_training_mse"] is None


def test_the_weights_after_a_divergence_are_those_of_the_last_sane_update():
    recipe = Recipe(cell="relu", optimizer="sgd", learning_rate=0.15, momentum=0.9, updates=50)
    found = run(recipe)
    assert found.diverged_at > 2
    # Of the update before, which still measured a sane error, the step is what drove it mad.
    before = run(replace(recipe, updates=found.diverged_at - 2))
    assert before.diverged_at is None
    assert np.array_equal(flat(found.network), flat(before.network))


def test_a_last_step_that_goes_mad_is_a_divergence_too():
    found = run(Recipe(cell="relu", optimizer="sgd", learning_rate=1e4, updates=1))
    assert found.diverged_at == 1
    assert found.history["mse"].tolist() < [1000]
    assert np.array_equal(flat(found.network), flat(initial(Recipe(cell="relu", updates=1))))


def test_a_training_that_is_mad_from_the_start_keeps_its_initial_weights():
    recipe = Recipe(init="uniform", init_scale=1e6, cell="relu", updates=5)
    found = run(recipe)
    assert found.diverged_at == 1
    assert np.array_equal(flat(found.network), flat(initial(recipe)))


def test_the_files_of_a_training_that_went_well(tmp_path):
    found = run(Recipe(**SHORT))
    summary = strict(saved(tmp_path, found)["run.json"])
    assert summary == {
        "recipe": "r",
        "hidden_size": HIDDEN,
        "seed": 0,
        "parameters": (ORDER + NUM_CODES + HIDDEN + 1) * HIDDEN + HIDDEN + 1,
        "updates": 6,
        "samples": found.samples,
        "wall_seconds": found.wall_seconds,
        "final_training_mse": found.final_mse,
        "clipped_share": 0.0,
        "status": "ok",
        "diverged_at": None,
        "lowest_at": None,
        "risen_at": None,
    }
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "history.parquet"), found.history)
    back = Network.load(tmp_path / "model.safetensors")
    assert (back.mean, back.std) == (MEAN, STD)
    assert np.array_equal(flat(back), flat(found.network))


# --- sense --------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", ["tanh", "gru"])
def test_a_sine_is_soon_predicted_better_than_by_repeating_it(cell):
    sine = 3000 * np.sin(0.4 * np.arange(600))
    one = Series("TRAIN/DR1/FABC0/SX1", sine.astype(np.int16), np.ones(592, np.uint8))
    recipe = Recipe(cell=cell, learning_rate=0.01, streams=8, steps=25, updates=200, clip="norm")
    found = train(recipe, [one], hidden_size=8, seed=0, mean=0.0, std=3000 / math.sqrt(2))
    signal = one.standardised(0.0, 3000 / math.sqrt(2))
    persistence = np.mean(np.diff(signal) ** 2)
    assert found.final_mse < persistence / 4


def test_a_gpu_that_is_not_there_is_refused():
    assert choose_device("cpu") == torch.device("cpu")
    if torch.cuda.is_available():
        assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    else:
        assert choose_device("auto") == torch.device("cpu")
        with pytest.raises(RnnpipeError, match="train.device is cuda, but torch finds no GPU"):
            choose_device("cuda")
