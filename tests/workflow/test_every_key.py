"""Every key of config.yaml, changed: exactly these jobs run again, and the README says so.

The jobs are those that a dry run plans. It cannot know whether another way to select or to cut the
corpus comes out with the same speech; tests/workflow/test_reruns.py shows that nothing runs again
in that case.
"""

import dataclasses
import re
import shutil

import pytest
import yaml
from helpers.workflow import (
    ALL_SETTINGS,
    EXTRACTION,
    GATHERING,
    REPOSITORY,
    SELECTION,
    TINY,
    changed,
    downstream,
    planned,
)

from rnnpipe.training.recipes import Recipe

REPORT = {"report": {()}}  # which prints the configuration
NETWORKS = downstream(ALL_SETTINGS)
FROM_SPEECH = EXTRACTION | SELECTION | NETWORKS
# What follows the reconstructions; of the figures, one is about training only.
MEASURED = {rule: jobs for rule, jobs in GATHERING.items() if rule != "plot_stability"}
RECONSTRUCTED = {rule: ALL_SETTINGS for rule in ("reconstruct", "plot_waveforms")} | MEASURED
CLIPPED = downstream({setting for setting in ALL_SETTINGS if setting[0] == "clipped"})

# Another value of each key, and the jobs that it runs. `nltk_split` is not read with another
# layout, but nobody can say so before the corpus has been read.
KEYS = {
    "corpus.layout": ("ldc", FROM_SPEECH),
    "corpus.nltk_split": ("TEST", FROM_SPEECH),
    "corpus.on_bad_utterance": ("skip", FROM_SPEECH),
    "windows.order": (17, FROM_SPEECH),
    "windows.length": (640, FROM_SPEECH),
    "windows.inventory": (39, FROM_SPEECH),
    "experiment.utterances": (["TRAIN/DR8/FXWH7/SI1023"], SELECTION | NETWORKS),
    "experiment.held_out": (
        ["TRAIN/DR8/FXWH7/SI1023"],
        {"held_out": {()}, "baselines": {()}} | RECONSTRUCTED,
    ),
    "experiment.recipes": (["clipped"], GATHERING),
    "experiment.hidden_sizes": (
        [3, 4, 5],
        downstream({("note", "4", "0"), ("clipped", "4", "0")}),
    ),
    "experiment.seeds": ([0, 1], downstream({(*s[:2], "1") for s in ALL_SETTINGS})),
    "experiment.restrict": ({"clipped": {"hidden_sizes": [5]}}, GATHERING),
    "train.device": ("auto", NETWORKS if shutil.which("nvidia-smi") else REPORT),
    "train.tensorboard": (False, REPORT),
    "dynamics.samples": (600, {"dynamics": ALL_SETTINGS} | GATHERING),
    "reconstruct.limit": (10, {"baselines": {()}} | RECONSTRUCTED),
    "reconstruct.feedback_noise": ("training", RECONSTRUCTED),
    "report.title": ("Another", REPORT),
    "report.zoom_ms": (20, {"plot_waveforms": ALL_SETTINGS} | REPORT),
    "report.max_utterances": (2, {"plot_waveforms": ALL_SETTINGS} | REPORT),
    "report.figure_width_mm": (
        [89],
        {rule: GATHERING[rule] for rule in ("plot_curves", "plot_stability", "plot_free_runs")}
        | {"plot_waveforms": ALL_SETTINGS}
        | REPORT,
    ),
}
# Another value of each key of a recipe, with the keys that it cannot do without.
RECIPE = {
    "cell": "gru",
    "init": "hidden",
    "init_scale": 0.9,
    "init_factors": {"init_factors": {"U": 0.5}},
    "optimizer": "soap",
    "learning_rate": 0.002,
    "momentum": {"momentum": 0.5, "optimizer": "sgd"},
    "rate_factors": {"rate_factors": {"M": 0.1}, "optimizer": "sgd"},
    "rate_warm_up": 0.1,
    "schedule": "cosine",
    "final_learning_rate": 0.5,
    "epochs": {"epochs": 1, "updates": None},
    "updates": 21,
    "backpropagation": "closed_loop",
    "through_time": {"through_time": False, "backpropagation": "whole_utterance"},
    "centred": {"centred": True, "backpropagation": "whole_utterance", "optimizer": "sgd"},
    "streams": 16,
    "steps": 50,
    "carry_state": False,
    "warm_up": 0.1,
    "mixing": 0.5,
    "scheduled_sampling": {"scheduled_sampling": True, "backpropagation": "closed_loop"},
    "error_bound": 9.0,
    "reset_error": 0.4,
    "ridge": {"ridge": 0.1, "backpropagation": "none", "updates": None, "clip": "none"},
    "clip": "value",
    "clip_at": 2.0,
    "weight_decay": 0.1,
    "weight_noise": 0.1,
    "input_noise": 0.1,
    "dropout": 0.1,
}


def keys_of_the_default():
    config = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    return {f"{part}.{key}" for part in config if part != "recipes" for key in config[part]}


def test_no_key_is_left_out():
    assert KEYS.keys() | {"corpus.root"} == keys_of_the_default()  # another root: test_reruns.py
    assert RECIPE.keys() == {field.name for field in dataclasses.fields(Recipe)}


def test_the_readme_says_the_same():
    table = (REPOSITORY / "README.md").read_text().split("\n## What runs again")[1]
    said, groups = {}, {"the results": set(GATHERING), "all that follows": {"baselines", *NETWORKS}}
    for keys, text in re.findall(r"^\| ([^|\n]+) \| ([^|\n]+) \|$", table, re.M):
        row = {"report"} | quoted(text)
        row |= {job for words, jobs in groups.items() if words in text for job in jobs}
        said |= dict.fromkeys(quoted(keys) or {keys}, row)
    follows = {key: set(jobs) for key, (_, jobs) in KEYS.items()}
    follows |= {"a key of a recipe": set(CLIPPED), "corpus.root": set(FROM_SPEECH)}
    follows["train.device"] = set(NETWORKS)
    # The values above leave settings out and add none, so that there is nothing to train.
    for key in ("experiment.recipes", "experiment.restrict"):
        follows[key] |= set(CLIPPED)
    assert {key: said[key] for key in follows} == follows


def quoted(text):
    return set(re.findall(r"`([a-z_.]+)`", text))


@pytest.mark.parametrize("key", KEYS)
def test_a_changed_key_runs_what_it_says(run, key):
    part, name = key.split(".")
    value, jobs = KEYS[key]
    assert planned(run, changed(**{part: {name: value}})) == jobs


@pytest.mark.parametrize("key", RECIPE)
def test_a_changed_key_of_a_recipe_runs_the_recipe_and_what_follows(run, key):
    config, value = changed(), RECIPE[key]
    config["recipes"]["clipped"] |= value if isinstance(value, dict) else {key: value}
    assert config != TINY
    assert planned(run, config) == CLIPPED
