"""The record of a training: snapshots, the first rise, divergence, and its files."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.speech import series
from helpers.training import HIDDEN, MEAN, ORDER, SHORT, STD, batch_of, flat, initial, run, saved

from rnnpipe.corpus.phones import NUM_CODES
from rnnpipe.model import Network
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.rises import RISE
from rnnpipe.training.runs import VERSION, load_second_moments, load_snapshots
from rnnpipe.training.teacher_forced import predict_batch

BIASES = ("b", "c", "d")


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


def test_adams_second_moments_are_those_of_the_gradients_before_each_snapshot(tmp_path):
    recipe = Recipe(**DESCENT | {"optimizer": "adam"}, learning_rate=0.01, updates=20)
    saved(tmp_path, run(recipe))
    moments = load_second_moments(tmp_path / "snapshots.safetensors")
    at = list(load_snapshots(tmp_path / "snapshots.safetensors"))
    assert at == [1, *moments] == [1, 3, 11, 21]
    network, squares, batch = initial(recipe), 0.0, batch_of(series(83, ORDER))
    adam = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(10):
        network.zero_grad()
        predict_batch(network, recipe, batch, network.initial_state(1))  # and the gradient
        squares = 0.999 * squares + 0.001 * network.W.grad.square()
        adam.step()
    wanted = squares / (1 - 0.999**10)
    torch.testing.assert_close(moments[11]["W"], wanted, rtol=1e-3, atol=0)
    saved(tmp_path, run(Recipe(**DESCENT, learning_rate=0.01, updates=2)))
    assert load_second_moments(tmp_path / "snapshots.safetensors") == {}


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
        loss, _ = predict_batch(network, Recipe(updates=1), batch, network.initial_state(1))
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


# --- divergence -----------------------------------------------------------------------------------


def strict(text):
    """Parse JSON, and refuse NaN and Infinity, which Python accepts."""

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
    # The update before still measured a normal error; its step made the training diverge.
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
        "tries": 0,
        "clipped_share": 0.0,
        "status": "ok",
        "diverged_at": None,
        "lowest_at": None,
        "risen_at": None,
        "version": VERSION,
        "git_commit": None,
    }
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "history.parquet"), found.history)
    back = Network.load(tmp_path / "model.safetensors")
    assert (back.mean, back.std) == (MEAN, STD)
    assert np.array_equal(flat(back), flat(found.network))
