"""Training, compared with arithmetic by hand: first updates, history, seeds, plausibility."""

import math

import numpy as np
import pytest
import torch
from helpers.networks import drawn, sigmoid, weights_of
from helpers.speech import series
from helpers.training import (
    MEAN,
    NOISY,
    ORDER,
    SHORT,
    STD,
    batch_of,
    flat,
    gradient_of,
    initial,
    run,
    saved,
    shipped,
)

from rnnpipe.corpus.phones import NUM_CODES
from rnnpipe.errors import RnnpipeError
from rnnpipe.training.batches import Batch
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.teacher_forced import predict_batch
from rnnpipe.training.train import choose_device, train
from rnnpipe.windows.series import Series

BIASES = ("b", "c", "d")


# --- the first updates of the 2014 note -----------------------------------------------------------


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
    assert min(moved) > 1e-5  # the changes are far larger than the tolerance


def test_one_pass_in_float64_leaves_the_gradient_worked_out_by_hand():
    one, network = series(151, ORDER), drawn("sigmoid").double()
    signal = one.standardised(MEAN, STD).astype(np.float64)
    wanted_loss, wanted = back_propagated(weights_of(network), signal, one.phones)
    recipe = shipped("dumoulin2014")
    loss, _ = predict_batch(network, recipe, batch_of(one, torch.float64), network.initial_state(1))
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
        loss, _ = predict_batch(network, Recipe(updates=1), batch, network.initial_state(1))
        found.append([loss.item(), *(p.grad.clone() for p in network.parameters())])
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-13)
    for one, other in zip(found[0][1:], found[1][1:], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


# --- history, epochs, schedules -------------------------------------------------------------------


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
    assert 9 < found.history["epoch"].iloc[-1] <= 10  # less because of padding
    assert found.final_mse == pytest.approx(found.history["mse"][-10:].mean())


def test_less_than_an_update_is_one():
    assert len(run(Recipe(epochs=1, streams=50, steps=50)).history) == 1


@pytest.mark.parametrize(
    ("schedule", "start", "middle", "end"),
    [
        ("constant", 0.02, 0.02, 0.02),
        ("cosine", 0.02, 0.0101, 0.0002),
        ("steep_cosine", 0.02, 0.0002 + 0.0198 / 8**0.5, 0.0002),
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
        predict_batch(network, recipe, batch_of(one), network.initial_state(1))
        w = w - rate * gradient_of(network)
        torch.nn.utils.vector_to_parameters(torch.tensor(w).float(), network.parameters())
    np.testing.assert_allclose(flat(found.network), w, rtol=0, atol=1e-6)


# --- seeds ----------------------------------------------------------------------------------------


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


# --- sense ----------------------------------------------------------------------------------------


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
