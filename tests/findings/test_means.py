"""Means over utterances: what counts in them, and what does not."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers, permutations

from rnnpipe.findings.answers import NO_VALUE, advise, ladders
from rnnpipe.findings.means import baseline_nmse, best, mean_over_utterances
from rnnpipe.findings.remarks import remarks
from rnnpipe.findings.standings import standings
from rnnpipe.vocabulary import RECONSTRUCTIONS, Setting

SPEECH, SILENT = "TRAIN/DR1/FABC0/SX1", "TRAIN/DR1/FABC0/SX2"


def mse(utterances, recipes=("baseline:silence", "r")) -> pd.DataFrame:
    """NMSE 0.5 of speech; none of what is silent, whose MSE is known."""
    rows = [
        {
            "recipe": recipe, "hidden_size": number, "seed": number, "utterance": utterance,
            "reconstruction": kind, "mse": 0.3, "nmse": math.nan if utterance == SILENT else 0.5,
            "horizon_ms": math.nan if utterance == SILENT else 7.0, "status": "ok",
            "stopped_at": pd.NA, "set": which,
        }
        for recipe in recipes
        for number in [pd.NA if recipe.startswith("baseline") else 5]
        for utterance, which in utterances.items()
        for kind in RECONSTRUCTIONS
    ]  # fmt: skip
    whole = dict.fromkeys(("hidden_size", "seed", "stopped_at"), "Int64")
    return pd.DataFrame(rows).astype(whole)


SETTINGS = pd.DataFrame(
    [
        {"recipe": "r", "hidden_size": 5, "seed": 5, "final_training_mse": 0.1, "status": "ok",
         "diverged_at": pd.NA, "tries": 0, "outcome": "", "verdict": ""},
    ]
)  # fmt: skip


def test_a_constant_utterance_is_left_out_of_the_means_and_named():
    table = mse({SPEECH: "train", SILENT: "train"})
    means = mean_over_utterances(table)
    assert means["nmse"].tolist() == [0.5] * 4
    assert means["horizon_ms"].tolist() == [7.0] * 4
    assert means["utterances"].tolist() == [1] * 4
    assert not means["failed"].any()
    assert best(means, "free_running") == Setting("r", 5, 5)
    [said] = remarks(table, "none")
    assert said.startswith(f"{SILENT} has no NMSE and is left out of the means")


@pytest.mark.parametrize("count", [2, 5, 6, 9])
def test_of_many_constant_utterances_a_remark_names_a_few(count):
    names = [f"TRAIN/DR1/FABC0/SX{i}" for i in range(10, 10 + count)]
    table = mse({SPEECH: "train"} | dict.fromkeys(names, "train"))
    table.loc[table["utterance"].isin(names), ["nmse", "horizon_ms"]] = math.nan
    means = mean_over_utterances(table)
    assert means["nmse"].tolist() == [0.5] * 4 and means["utterances"].tolist() == [1] * 4
    [said] = remarks(table, "none")
    assert said.count("SX") == min(count, 5) and ("others" in said) == (count > 5)
    assert "have no NMSE and are left out" in said


def test_a_divergence_beside_a_constant_utterance_is_still_one_and_only_one():
    table = mse({SPEECH: "train", SILENT: "train"}, recipes=("baseline:silence", "r", "wild"))
    wild = table["recipe"] == "wild"
    table.loc[wild, ["mse", "nmse", "horizon_ms"]] = math.nan
    table.loc[wild, "status"] = "diverged"
    means = mean_over_utterances(table)
    assert means["diverged"].tolist() == [False] * 4 + [True] * 2
    assert means["nmse"].isna().tolist() == [False] * 4 + [True] * 2
    assert best(means, "teacher_forced") == Setting("r", 5, 5)
    [said] = remarks(table, "none")
    assert said.startswith(f"{SILENT} has no NMSE")


def test_without_any_defined_error_there_is_no_answer_and_no_divergence():
    everyone = standings(mse({SILENT: "train"}), SETTINGS)
    assert len(everyone.means) == 4
    assert math.isnan(baseline_nmse(everyone.means, "free_running")["silence"])
    for advice in advise(everyone):
        assert advice.sentence == NO_VALUE
        assert advice.word in ("None of these", "No answer")


def test_held_out_speech_that_is_constant_is_compared_with_nothing():
    said = remarks(mse({SPEECH: "train", SILENT: "held_out"}), "none")
    assert not any("nan" in sentence for sentence in said)
    assert sum("cannot be compared" in sentence for sentence in said) == 2


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_network_without_a_finite_error_is_not_left_out(value):
    table = mse({SPEECH: "train", "TRAIN/DR1/FABC0/SX3": "train"})
    lost = (table["recipe"] == "r") & (table["utterance"] == SPEECH)
    table.loc[lost, ["mse", "nmse"]] = value
    means = mean_over_utterances(table)
    own = means[means["recipe"] == "r"]
    assert (own["utterances"] == 2).all()
    assert not np.isfinite(own["nmse"].astype(float)).any()


def test_the_marks_of_both_reconstructions_stand_on_one_scale():
    table = mse({SPEECH: "train"})
    ours = table["recipe"] == "r"
    free = table["reconstruction"] == "free_running"
    table.loc[~ours, "nmse"] = 1.0
    table.loc[ours & ~free, "nmse"], table.loc[ours & free, "nmse"] = 0.001, 0.1
    cards = ladders(standings(table, SETTINGS), note=False)
    marks = {(card.kind, rung.whose): rung.at for card in cards for rung in card.rungs}
    assert marks == {
        ("teacher_forced", "ours"): 0.0,
        ("free_running", "ours"): 66.7,  # two of three decades
        ("teacher_forced", "baseline"): 100.0,
        ("free_running", "baseline"): 100.0,
    }


@settings(max_examples=12)
@given(order=permutations(range(6)), seed=integers(0, 99))
def test_means_and_answers_do_not_depend_on_the_order_of_the_utterances(order, seed):
    names = [f"TRAIN/DR1/FABC0/SX{i}" for i in (1, 3, 4, 5, 6)] + [SILENT]
    table = mse(dict.fromkeys(names, "train"), recipes=("baseline:silence", "r", "s"))
    drawn = np.random.default_rng(seed).uniform(0.1, 2, len(table))
    table["nmse"], table["mse"] = table["nmse"] * drawn, table["mse"] * drawn
    table.loc[table["recipe"] == "s", ["hidden_size", "seed"]] = 7
    place = {names[i]: rank for rank, i in enumerate(order)}
    both = pd.concat([SETTINGS, SETTINGS.assign(recipe="s", hidden_size=7, seed=7)])
    found = []
    for rows in (table, table.sort_values("utterance", key=lambda name: name.map(place))):
        rows = rows.sort_values("recipe", kind="stable")  # the settings keep their order
        everyone = standings(rows, both)
        means = mean_over_utterances(rows).set_index(["recipe", "reconstruction"]).sort_index()
        said = [*advise(everyone), *(card.sentence for card in ladders(everyone, note=False))]
        found.append((means, said, best(mean_over_utterances(rows), "free_running")))
    pd.testing.assert_frame_equal(found[0][0], found[1][0])
    assert found[0][1:] == found[1][1:]
