"""An echo state network: the read-out against numpy's least squares."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.networks import numpy_network, weights_of
from helpers.speech import series
from helpers.training import MEAN, ORDER, STD, initial, run, shipped

from rnnpipe.errors import RnnpipeError
from rnnpipe.kernels.recurrence import CELLS
from rnnpipe.training.recipes import Recipe

RECIPE = Recipe(backpropagation="none", ridge=1e-3, init="lecun")


def states_and_targets(network, utterances):
    """Hidden states of teacher-forced passes, unit by unit, and what they are to predict."""
    w, states, targets = weights_of(network), [], []
    for speech in utterances:
        signal = speech.standardised(MEAN, STD).astype(float)
        of_units = [
            numpy_network(network.cell, w | {"U": unit, "c": [0.0]}, signal, speech.phones)
            for unit in np.eye(network.hidden_size)
        ]
        states.append(np.transpose(of_units))
        targets.append(signal[ORDER:])
    return np.concatenate(states), np.concatenate(targets)


@pytest.mark.parametrize("cell", CELLS)
def test_only_the_output_is_trained_and_it_is_that_of_ridge_regression(cell):
    utterances, recipe = [series(83, ORDER), series(200, ORDER, 1)], replace(RECIPE, cell=cell)
    untrained, found = initial(recipe), run(recipe, utterances)
    h, target = states_and_targets(untrained, utterances)
    # Ridge regression is least squares with H more rows, which ask for weights of 0.
    N, H = h.shape
    rows = np.block([[h, np.ones((N, 1))], [np.sqrt(N * 1e-3) * np.eye(H), np.zeros((H, 1))]])
    best = np.linalg.lstsq(rows, np.append(target, np.zeros(H)), rcond=None)[0]
    trained, before = weights_of(found.network), weights_of(untrained)
    np.testing.assert_allclose(np.append(trained["U"], trained["c"]), best, atol=1e-4)
    error = np.mean((target - h @ best[:-1] - best[-1]) ** 2)
    assert found.final_mse == pytest.approx(error, rel=1e-4)
    for name in "WVMbd":
        np.testing.assert_array_equal(trained[name], before[name])
    assert found.history["gradient_norm"].tolist() == [0.0]


def test_noise_falls_on_what_drives_the_hidden_layer_and_not_on_the_targets():
    utterances = [series(2000, ORDER)]
    found = [run(replace(RECIPE, input_noise=noise), utterances) for noise in (0.0, 100.0)]
    assert found[0].final_mse < found[1].final_mse
    # With nothing but noise to go by, the best is the mean of the targets, and the phones' means.
    power = np.var(utterances[0].standardised(MEAN, STD)[ORDER:])
    assert found[1].final_mse == pytest.approx(power, rel=0.1)


def test_what_is_not_used_must_be_left_out():
    with pytest.raises(RnnpipeError, match="nothing else is trained: leave out clip, updates."):
        replace(RECIPE, updates=3, clip="norm")
    assert shipped("echo_state").num_updates([100, 300]) == 1
