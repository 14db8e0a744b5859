"""When an error has risen: whole utterances at once, batches beyond chance, a closed loop never."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.speech import series
from helpers.training import ORDER, batch_of, initial, run
from scipy.stats import binomtest

from rnnpipe.training.recipes import Recipe
from rnnpipe.training.rises import RISE, Rises, Seen
from rnnpipe.training.teacher_forced import predict_batch

TRAININGS, UPDATES = 4000, 300
BATCHES = Recipe(backpropagation="truncated", updates=UPDATES)
WHOLE = Recipe(backpropagation="whole_utterance", updates=UPDATES)
CLOSED = Recipe(backpropagation="closed_loop", updates=UPDATES)
PASS = 7  # updates, of the recorded training


def recorded():
    """The errors of a training of the default experiment, which goes down to its end."""
    return np.loadtxt(Path(__file__).with_name("noisy_errors.txt"))


def risen_at(errors, recipe=BATCHES, pass_length=PASS):
    """The first update at which the error has risen, from 1; None if it never does."""
    rises = Rises(recipe, pass_length)
    for update, error in enumerate(errors, 1):
        if rises.add(error) is Seen.RISEN:
            return update
    return None


@functools.cache
def recorded_noise():
    """The logarithms of these errors, without their level."""
    windows = np.lib.stride_tricks.sliding_window_view(np.log(recorded()), 51)
    return windows[:, 25] - np.median(windows, axis=1)


def as_recorded(rng):
    """Stretches of what is recorded, put together anew."""
    noise = recorded_noise()
    starts = rng.integers(len(noise) - 20, size=UPDATES // 20)
    return np.concatenate([noise[start : start + 20] for start in starts])


def wide(rng):
    """Errors that spread over a factor of twenty."""
    return rng.normal(0, 0.8, UPDATES)


def slow(rng):
    """Errors whose luck lasts for several updates."""
    noise = rng.normal(0, 0.3, UPDATES)
    for t in range(1, UPDATES):
        noise[t] += 0.7 * noise[t - 1]
    return noise


def spikes(rng):
    """Errors that jump tenfold at once, and need ten updates to come back."""
    noise = rng.normal(0, 0.2, UPDATES)
    for start in rng.integers(UPDATES, size=4):
        noise[start : start + 10] += np.log(10) * np.linspace(1, 0, 10)[: UPDATES - start]
    return noise


@pytest.mark.parametrize("noise", [as_recorded, wide, slow, spikes])
def test_noise_on_the_way_down_is_a_rise_in_less_than_one_training_of_a_thousand(noise):
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(TRAININGS):
        level = -rng.uniform(0, 2) * np.log(1 + np.arange(UPDATES) / 30)  # it never goes up
        alarms += risen_at(np.exp(level + noise(rng))) is not None
    assert binomtest(alarms, TRAININGS).proportion_ci(method="wilson").high < 0.001


def test_the_recorded_training_doubles_its_error_within_a_pass_and_has_not_risen():
    errors = recorded()
    passes = errors[: len(errors) // PASS * PASS].reshape(-1, PASS).mean(1)
    lowest = np.minimum.accumulate(passes)
    doubled = np.flatnonzero(passes[1:] >= RISE * lowest[:-1])
    assert len(doubled), "one pass after the lowest so far"
    assert np.median(errors[-50:]) < lowest[doubled[0]], "and then it ends lower"
    assert risen_at(errors) is None


@pytest.mark.parametrize("factor", [3, 10])
def test_a_level_that_stays_higher_has_risen_within_two_windows(factor):
    noise = np.exp(as_recorded(np.random.default_rng(1)))
    step = np.where(np.arange(UPDATES) < 150, 1, factor)
    assert 150 < risen_at(noise * step) <= 250


def test_batches_that_have_risen_are_worse_on_the_whole_utterance():
    found = run(Recipe(optimizer="adam", learning_rate=0.05, streams=3, steps=11, updates=600))
    assert found.diverged_at is None and found.lowest_at < found.risen_at < 600
    errors = []
    for update in (found.lowest_at, found.risen_at):
        network = initial(Recipe(updates=1))
        network.load_state_dict(found.snapshots[update])
        loss, _ = predict_batch(
            network, Recipe(updates=1), batch_of(series(83, ORDER)), network.initial_state(1)
        )
        errors.append(loss.item())
    assert errors[1] > RISE * errors[0]


def test_the_error_of_whole_utterances_has_risen_at_once_unless_there_is_noise_on_it():
    errors = [1.0, 0.5, 0.7, 1.0, 0.4]
    assert risen_at(errors, WHOLE, 1) == 4
    assert risen_at(np.repeat(errors, 3), WHOLE, 3) == 12
    assert risen_at(errors, replace(WHOLE, dropout=0.1), 1) is None


def test_a_closed_loop_gets_harder_and_has_not_risen():
    errors = np.where(np.arange(UPDATES) < 100, 0.01, 1.0)
    assert risen_at(errors) is not None
    assert risen_at(errors, CLOSED) is None


def test_a_long_pass_is_judged_as_a_whole():
    """Quiet and loud utterances in turn, each longer than a window."""
    errors = np.tile(np.repeat([0.1, 1.0], 80), 5)
    assert risen_at(errors, pass_length=160) is None
    assert risen_at(errors, pass_length=1) is not None
