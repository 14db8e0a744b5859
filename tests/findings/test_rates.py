"""How often free runs stay close to their originals."""

import math

import numpy as np
import pandas as pd
import pytest

from rnnpipe.findings.rates import rates

NO = math.nan


def free_runs(recipe, hidden_size, nmse, **about):
    about = {"reconstruction": "free_running", "set": "train", "status": "ok"} | about
    table = pd.DataFrame({"recipe": recipe, "hidden_size": hidden_size, "nmse": nmse})
    return table.assign(**{"stopped_at": NO} | about)


def test_close_and_very_close_free_runs_are_counted_by_recipe_and_size():
    table = pd.concat(
        [
            free_runs("baseline:silence", NO, [1.0]),
            free_runs("closed_loop", 160, [0.005, 0.01, 0.05, 0.1, 0.3]),
            free_runs("closed_loop", 160, [0.001], reconstruction="teacher_forced"),
            free_runs("closed_loop", 160, [0.001], set="held_out"),
            free_runs("closed_loop", 320, [0.001]),
            free_runs("clipped", 160, [0.001], status="diverged"),
            free_runs("clipped", 160, [0.001], stopped_at=7),
            free_runs("clipped", 160, [NO]),
        ]
    )
    found = rates(table)
    assert found[["recipe", "hidden_size", "free_runs", "close", "very_close"]].values.tolist() == [
        ["closed_loop", 160, 5, 4, 2],
        ["closed_loop", 320, 1, 1, 1],
        ["clipped", 160, 3, 0, 0],
    ]
    assert found["rate"].tolist() == [0.8, 1.0, 0.0]


@pytest.mark.parametrize(("close", "runs"), [(0, 1), (16, 17), (17, 17), (5, 40)])
def test_the_interval_holds_the_rates_that_a_normal_test_would_not_reject(close, runs):
    [row] = rates(free_runs("a", 1, [0.0] * close + [1.0] * (runs - close))).to_dict("records")
    # Wilson's bounds are where |share - p| is 1.96 standard errors of p itself.
    for bound in (row["low"], row["high"]):
        error = 1.959964 * math.sqrt(bound * (1 - bound) / runs)
        assert abs(close / runs - bound) == pytest.approx(error, abs=1e-6)
    assert row["low"] <= close / runs <= row["high"] + 1e-12
    assert np.isfinite([row["low"], row["high"]]).all()
