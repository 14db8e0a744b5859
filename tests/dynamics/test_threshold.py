"""The trials of `snakemake threshold`: trainings as all others, with measures that hold."""

import numpy as np
import pytest
import torch
from helpers.speech import series
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from rnnpipe.dynamics import threshold
from rnnpipe.dynamics.curvature import error_and_gradient
from rnnpipe.dynamics.stretches import cut_stretches
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.train import train

SPEECH, MEAN, STD = series(150, order=7), -3.25, 600.0


@pytest.fixture(scope="module")
def made():
    """All trials, with small networks."""
    with pytest.MonkeyPatch.context() as smaller:
        smaller.setattr(threshold, "HIDDEN_SIZES", (10, 25))
        return threshold.trials(SPEECH, MEAN, STD, seed=5)


def test_one_utterance_of_each_speaker_is_chosen_and_ten_speakers_of_many():
    ids = [f"TRAIN/DR1/M{n:02}/{text}" for n in range(21) for text in ("SA1", "SX9", "SI7", "SI30")]
    assert threshold.chosen(ids[:8][::-1]) == ["TRAIN/DR1/M00/SI30", "TRAIN/DR1/M01/SI30"]
    own = threshold.chosen(ids)
    assert len(own) == 10 and own == sorted(set(own)) and own[0] == "TRAIN/DR1/M00/SI30"
    assert threshold.chosen(["TRAIN/DR1/M00/SA1"]) == []


@pytest.mark.parametrize("limits", [0.3, 1.6, 4.0])
def test_a_trial_is_the_beginning_of_a_training(limits):
    stretches = cut_stretches([SPEECH], MEAN, STD, 150)
    drawn = threshold._draw(7, stretches, 3, 20, {"U": 1})
    rate = limits * 2 / drawn.measures["sharpness"]
    recipe = Recipe(
        cell="sigmoid",
        init="uniform",
        init_scale=0.5,
        optimizer="sgd",
        learning_rate=rate,
        updates=threshold.UPDATES,
        backpropagation="whole_utterance",
    )
    run = train(recipe, [SPEECH], hidden_size=20, seed=3, mean=MEAN, std=STD)
    before = parameters_to_vector(drawn.network.parameters()).clone()
    fate = threshold.descend(drawn, rate)
    assert (run.risen_at is not None) == fate["risen"] == (limits > 1)
    if fate["risen"]:
        assert run.risen_at == fate["updates"]
    assert torch.equal(before, parameters_to_vector(drawn.network.parameters()))


def test_the_first_update_multiplies_the_gradient_by_what_the_curvature_says(made):
    calm = made[(made["part"] == "law") & (made["learning_rate"] * made["sharpness"] < 0.4)]
    assert len(calm) >= 5
    predicted = 1 - calm["learning_rate"] * calm["sharpness"]
    np.testing.assert_allclose(calm["factor"], predicted, atol=0.05)
    assert (calm["flips"] == 0).all()


def test_without_the_leading_direction_a_rise_comes_much_later_if_at_all():
    stretches = cut_stretches([SPEECH], MEAN, STD, 150)
    drawn = threshold._draw(7, stretches, 3, 20, {"U": 1})
    rate = 1.6 * 2 / drawn.measures["sharpness"]
    whole, without = (threshold.descend(drawn, rate, way) for way in (None, drawn.leading))
    assert whole["risen"] and whole["flips"] == whole["updates"] - 1
    assert without["updates"] > 4 * whole["updates"]
    assert without["factor"] == pytest.approx(1, abs=0.05) and without["flips"] == 0


def test_the_second_eigenvalue_is_that_of_the_hessian():
    drawn = threshold._draw(7, cut_stretches([SPEECH], MEAN, STD, 150), 3, 3, {"U": 4})
    size = len(drawn.leading)
    hessian = torch.stack([_times(drawn, row) for row in torch.eye(size, dtype=torch.float64)])
    values = torch.linalg.eigvalsh((hessian + hessian.t()) / 2)
    assert drawn.measures["sharpness"] == pytest.approx(values[-1].item(), rel=1e-3)
    assert drawn.measures["next_sharpness"] == pytest.approx(values[-2].item(), rel=1e-3)


def _times(drawn, vector, length=1e-5):
    at = parameters_to_vector(drawn.network.parameters()).detach().clone()
    sides = []
    for sign in (1, -1):
        vector_to_parameters(at + sign * length * vector, drawn.network.parameters())
        sides.append(error_and_gradient(drawn.network, drawn.stretches)[1])
    vector_to_parameters(at, drawn.network.parameters())
    return (sides[0] - sides[1]) / (2 * length)


def test_all_parts_are_there_and_surgery_is_on_what_has_risen(made):
    law = made[made["part"] == "law"]
    grid = len(threshold.LEARNING_RATES) * 2
    assert len(law) == grid * len(threshold.OUTPUT_FACTORS)
    assert 0 < law["risen"].sum() < len(law)
    removed = made[made["part"] == "surgery"]["removed"].value_counts()
    assert removed.to_dict() == dict.fromkeys(("leading", "random"), law["risen"].sum())
    square = made[made["part"] == "two_by_two"]
    shares = square["learning_rate"] * square["sharpness"] / 2
    np.testing.assert_allclose(shares, [0.5, 2, 0.5, 2])
    assert (made["least_sharpness"] <= made["sharpness"] * 1.001).all()
