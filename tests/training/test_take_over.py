"""The results of a recipe that was renamed are taken over, and no others."""

import json
from dataclasses import replace

import pytest
from helpers.training import run

from rnnpipe.training.recipes import Recipe
from rnnpipe.training.runs import digest_of_training, save_run, take_over
from rnnpipe.vocabulary import RunFile, Setting
from rnnpipe.windows.experiment import Experiment

RECIPE = Recipe(backpropagation="none", ridge=0.01)
EXPERIMENT = Experiment(("a",), 5, 62, 0.5, 100.0, 400, "5a")
OLD, NEW = Setting("old", 5, 0), Setting("new", 5, 0)
DIGEST = digest_of_training(RECIPE, EXPERIMENT, OLD, "cpu")
KEPT = [RunFile.MODEL, RunFile.SNAPSHOTS, RunFile.HISTORY]


@pytest.fixture
def runs(tmp_path):
    save_run(run(RECIPE), OLD, tmp_path / OLD.folder, "abc", DIGEST)
    return tmp_path


def test_the_files_move_to_the_new_name(runs):
    assert take_over(DIGEST, NEW, runs, ["new"]) == "old"
    for name in KEPT:
        assert (runs / NEW.folder / name).read_bytes() == (runs / OLD.folder / name).read_bytes()
    old, new = (json.loads((runs / s.folder / RunFile.SUMMARY).read_text()) for s in (OLD, NEW))
    assert new == old | {"recipe": "new", "taken_over_from": "old"}


def test_a_recipe_in_use_keeps_its_results_to_itself(runs):
    assert take_over(DIGEST, NEW, runs, ["new", "old"]) is None
    assert not (runs / NEW.folder).exists()


@pytest.mark.parametrize(
    "other",
    [
        digest_of_training(replace(RECIPE, ridge=0.02), EXPERIMENT, OLD, "cpu"),
        digest_of_training(RECIPE, replace(EXPERIMENT, speech="5b"), OLD, "cpu"),
        digest_of_training(RECIPE, replace(EXPERIMENT, order=6), OLD, "cpu"),
        digest_of_training(RECIPE, EXPERIMENT, OLD._replace(seed=1), "cpu"),
        digest_of_training(RECIPE, EXPERIMENT, OLD, "cuda"),
        None,
    ],
)
def test_another_training_is_not_taken_over(runs, other):
    assert take_over(other, NEW, runs, ["new"]) is None


def test_the_name_is_no_part_of_a_training():
    assert digest_of_training(RECIPE, EXPERIMENT, NEW, "cpu") == DIGEST


@pytest.mark.parametrize("damaged", [*KEPT, RunFile.SUMMARY])
def test_a_folder_with_a_missing_or_damaged_file_is_not_taken_over(runs, damaged):
    file = runs / OLD.folder / damaged
    if damaged == RunFile.SUMMARY:
        file.write_text("{")
    else:
        file.unlink()
    assert take_over(DIGEST, NEW, runs, ["new"]) is None
    assert not (runs / NEW.folder / RunFile.SUMMARY).exists()
