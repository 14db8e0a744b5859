"""The version of training: recorded, and raised with every change of what a recipe makes."""

import json

import pytest
from helpers.speech import series
from helpers.training import ORDER, SHORT, flat, run

from rnnpipe.training.recipes import Recipe
from rnnpipe.training.runs import VERSION, older_version, save_run
from rnnpipe.vocabulary import Setting

# The sum of the squared weights after a few updates of each kind of training. If one of these
# numbers changes, raise `rnnpipe.training.runs.VERSION` and write the new ones here.
WEIGHTS = {
    2: {
        "whole_utterance": 9.84245,
        "truncated": 9.81431,
        "closed_loop": 311.279,
        "none": 40.2401,
    }
}
RECIPES = {
    "whole_utterance": Recipe(backpropagation="whole_utterance", optimizer="sgd", updates=3),
    "truncated": Recipe(**SHORT, clip="norm", input_noise=0.1, weight_decay=0.1),
    "closed_loop": Recipe(**SHORT, backpropagation="closed_loop", optimizer="soap", init="lecun"),
    "none": Recipe(backpropagation="none", ridge=0.01),
}


@pytest.mark.parametrize("kind", RECIPES)
def test_a_recipe_makes_the_networks_of_this_version(kind):
    weights = flat(run(RECIPES[kind], [series(400, ORDER)]).network)
    assert sum(weights**2) == pytest.approx(WEIGHTS[VERSION][kind], rel=1e-4), (
        "the same recipe makes another network: raise VERSION in rnnpipe/training/runs.py"
    )


def test_version_and_commit_are_recorded(tmp_path):
    save_run(run(RECIPES["none"]), Setting("r", 5, 0), tmp_path, commit="abc and more")
    about = json.loads((tmp_path / "run.json").read_text())
    assert (about["version"], about["git_commit"]) == (VERSION, "abc and more")


def test_networks_of_an_older_version_are_counted():
    new, old, older = {"version": VERSION}, {"version": VERSION - 1}, {}
    assert older_version([new, new]) is None
    assert older_version([old]).startswith(f"The network was trained by version {VERSION - 1} of")
    said = older_version([new, old, older])
    assert said == (
        f"2 of 3 networks were trained by an earlier version, version {VERSION - 1} of training, "
        f"which is now at {VERSION}: --forcerun train trains again."
    )
