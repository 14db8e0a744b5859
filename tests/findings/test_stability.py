"""The answer to why the error goes up: it follows the numbers, and names its exceptions."""

import math

import pandas as pd
import pytest
from helpers.dynamics import measured

from rnnpipe.findings.stability import Start, answer, at_start, cures, question, reached, subject
from rnnpipe.vocabulary import Setting


def start(hidden, seed=0, *, sharpness=50.0, lyapunov=-0.5, rises=False, **changed) -> Start:
    given = {
        "growth": math.nan,
        "limit": 200.0,
        "block": "U",
        "share": 70.0,
        "diverges": False,
        "trains": True,
    }
    setting = Setting(changed.pop("recipe", "note"), hidden, seed)
    return Start(setting, sharpness=sharpness, lyapunov=lyapunov, rises=rises, **(given | changed))


def note(**largest):
    """Three sizes and two seeds; the error rises at the largest, with these measures."""
    rising = {"sharpness": 300.0, "rises": True} | largest
    return [
        start(size, seed, **(rising if size == 400 else {"sharpness": size / 2}))
        for size in (25, 100, 400)
        for seed in (0, 1)
    ]


def test_a_step_too_large_is_the_answer_where_it_predicts_what_happens():
    assert answer(note()) == (
        "With note the error rises at 400 hidden units and at no other size or seed; it trains on "
        "after that. It goes not with an exploding gradient but with a step too large for the "
        "curvature: before training, sharpness above the limit predicts whether the error rises "
        "in 6 of 6 settings, an exponent above 0 in 4 of 6 settings. That a network has 400 hidden "
        "units or more predicts it in 6 of 6 settings too: to tell apart what goes together here "
        "takes an intervention. The Lyapunov exponent is −0.5 nats a "
        "step: at every size a gradient fades on its way back through time. Sharpness goes from "
        "12.5 at 25 hidden units to 300 at 400, where the optimiser bears 200. 70 % of its "
        "direction lies in the output weights (U)."
    )


def test_an_exploding_gradient_is_the_answer_where_that_predicts_it():
    said = answer(note(sharpness=150.0, lyapunov=0.3, diverges=True, trains=False))
    assert "the training diverges after that. It goes with a gradient that explodes" in said
    assert "above 0 predicts whether the error rises in 6 of 6 settings, sharpness above" in said
    assert "−0.5 to +0.3 nats a step; a gradient grows on its way back through time at 400" in said


def test_a_prediction_that_fails_is_named():
    starts = note()
    starts[4] = start(400, 0, sharpness=199.0, rises=True, trains=False)
    starts[2] = start(100, 0, sharpness=201.0)
    said = answer(starts)
    assert "does not tell the two explanations apart: each predicts" in said
    assert "whether the error rises in 4 of 6 settings" in said
    starts[2] = start(100, 0)
    said = answer(starts)
    assert "in 5 of 6 settings, an exponent above 0 in 4 of 6" in said
    assert "The prediction fails at 400 (seed 0) hidden units." in said
    assert "it trains on at 400 (seed 1) hidden units, it stays high at 400 (seed 0)" in said


def test_where_nothing_rises_nothing_is_explained():
    assert question([start(25), start(100)]) == "Does the error go up with more hidden units?"
    assert answer([start(25), start(100)]) == "No, it never rises: not in any of 2 settings."
    assert question([start(25), start(25, 1)]) == "Does the error go up?"
    assert answer([start(25)]) == "No, it never rises."


def test_the_question_presumes_no_more_than_what_happened():
    assert question(note()) == "Why does the error go up with more hidden units?"
    smallest = [start(25, rises=True), start(100)]
    assert question(smallest) == "Why does the error go up?"
    other = start(5, recipe="clipped")  # says nothing about the recipe in question
    assert question([*smallest, other]) == "Why does the error go up?"


def test_growth_for_a_time_is_not_hidden_by_the_mean():
    fades = [start(25, rises=True, growth=-2.0), start(100, rises=True, growth=-5.0)]
    assert "fades on its way back through time, over any 100 samples by a factor of 7.4" in answer(
        fades
    )
    grows = [fades[0], start(100, rises=True, growth=1.5)]
    assert "through time, but over some 100 samples it grows by a factor of 4.5." in answer(grows)


def test_hidden_size_is_no_rival_where_it_predicts_less():
    starts = [start(100, 0), start(100, 1, sharpness=300.0, rises=True), start(50)]
    assert "or more predicts it" not in answer(starts)


def test_without_a_known_limit_the_step_is_not_judged():
    said = answer([start(25, limit=math.nan, rises=True)])
    assert "With note the error rises at each of 1 setting" in said
    assert "no limit of the sharpness is known" in said and "bears" not in said


def test_where_no_gradient_is_finite_there_is_no_curvature():
    said = answer([start(25, sharpness=math.inf, share=math.nan, lyapunov=2.0, rises=True)])
    assert said.endswith(
        "on its way back through time. No gradient is finite, and so no curvature."
    )


def test_the_question_is_about_the_recipe_whose_error_rises_most_often():
    starts = [start(25, recipe="a"), start(25, recipe="b", rises=True), start(25, recipe="c")]
    assert subject(starts) == "b"
    assert subject(starts[:1] + starts[2:]) == "a"


def run(**changed):
    return {"recipe": "note", "hidden_size": 25, "seed": 0, "status": "ok", "lowest_at": None,
            "risen_at": None, "final_training_mse": 0.3} | changed  # fmt: skip


def test_what_a_setting_starts_from_and_what_becomes_of_it():
    table = pd.DataFrame(
        [measured(mse=1.5), measured(update=4, mse=0.9), measured(update=9, mse=3)]
    )
    found = at_start(run(), table)
    assert (found.sharpness, found.limit, found.lyapunov) == (10.0, 200.0, -1.0)
    assert (found.block, found.share) == ("U", 75.0)
    assert (found.step, found.time, found.rises, found.trains) == (False, False, False, True)
    assert at_start(run(lowest_at=4, risen_at=9), table).trains
    assert not at_start(run(lowest_at=4, risen_at=9, final_training_mse=0.95), table).trains
    gone = at_start(run(lowest_at=4, risen_at=9, status="diverged"), table)
    assert gone.rises and gone.diverges and not gone.trains


def history(*errors, per_epoch=1):
    updates = range(1, len(errors) + 1)
    epochs = [update / per_epoch for update in updates]
    return pd.DataFrame({"update": updates, "epoch": epochs, "mse": errors})


def test_the_update_that_reaches_an_error_is_one_whose_pass_does():
    assert reached(history(1, 0.5, 0.4, 0.3), 0.426) == 3
    assert reached(history(1, 0.1, 0.9, 0.5, 0.3, 0.3, per_epoch=2), 0.426) == 5
    assert reached(history(1, 0.5), 0.426) == math.inf


def test_cures_stand_side_by_side_at_the_sizes_that_fail():
    starts = [
        start(100),
        *(start(400, seed, rises=True, trains=seed == 0) for seed in (0, 1)),
        start(100, recipe="half"),
        start(400, recipe="half", limit=400.0),
    ]
    runs = [run(final_training_mse=error) for error in (0.4, 0.3, 0.5, 0.4, 0.35)]
    histories = [history(1, 0.4), history(1, 0.4), history(1, 0.5), history(1), history(1, 1, 0.4)]
    rows = cures(starts, runs, histories)
    assert [(row.hidden_size, row.recipe) for row in rows] == [(400, "note"), (400, "half")]
    first, second = rows
    assert (first.seeds, first.trained, first.rising) == (2, 1, 2)
    assert first.final_mse == pytest.approx(0.4)
    assert math.isnan(first.reached), "half of the seeds never get there"
    assert (second.rising, second.limit, second.reached) == (0, 400.0, 3.0)
    assert cures(starts[:1], runs[:1], histories[:1]) == []
