"""The two tables with all results of an experiment."""

import math

import numpy as np
import pandas as pd
import pytest
from helpers.dynamics import measured
from helpers.speech import series

from rnnpipe.findings.means import SETTING
from rnnpipe.findings.standings import beaten, compared
from rnnpipe.findings.tables import gather
from rnnpipe.reconstruction import baselines
from rnnpipe.reconstruction.baselines import baseline_rows
from rnnpipe.reconstruction.metrics import measure
from rnnpipe.training.runs import read_run

QUIET = pd.DataFrame([measured(), measured(update=41, sharpness=12.0)])
RISING = pd.DataFrame([measured(sharpness=250.0), measured(update=4)])

UTTERANCES = ("TRAIN/DR1/FABC0/SX1", "TEST/DR2/MXYZ0/SI22")
KINDS = ("teacher_forced", "free_running")
RUN = {
    "recipe": "clipped",
    "hidden_size": 25,
    "seed": 3,
    "parameters": 901,
    "updates": 40,
    "samples": 6400,
    "wall_seconds": 1.6,
    "final_training_mse": 0.25,
    "tries": 0,
    "clipped_share": 0.125,
    "status": "ok",
    "diverged_at": None,
    "lowest_at": None,
    "risen_at": None,
}
DIVERGED = RUN | {
    "recipe": "wild",
    "status": "diverged",
    "diverged_at": 7,
    "lowest_at": 1,
    "risen_at": 4,
    "updates": 7,
    "final_training_mse": math.nan,
}


def rows(forced, free, stopped_at=math.nan, recipe=None) -> pd.DataFrame:
    """Reconstructions of two utterances whose NMSE are on average `forced` and `free`."""
    table = pd.DataFrame(
        [
            {
                "utterance": utterance,
                "reconstruction": kind,
                "mse": 2 * share * nmse,
                "nmse": share * nmse,
                "snr_db": 1.5,
                "horizon_ms": 2.5,
                "stopped_at": stopped_at if kind == "free_running" else math.nan,
                "exponent": -50.0 if kind == "free_running" else math.nan,
            }
            for utterance, share in zip(UTTERANCES, (0.5, 1.5), strict=True)
            for kind, nmse in zip(KINDS, (forced, free), strict=True)
        ]
    )
    return (
        table
        if recipe is None
        else table.drop(columns=["stopped_at", "exponent"]).assign(recipe=recipe)
    )


BASELINE = pd.concat(
    [
        rows(1.0, 1.0, recipe="baseline:silence"),
        rows(0.25, 1.5, recipe="baseline:persistence"),
        rows(0.1, 0.9, recipe="baseline:linear"),
    ]
)


FOLLOWED = pd.DataFrame(
    [("clipped", 25, 3, UTTERANCES[0], "free_running", "train", 200, 900, "iy", 1.0, 0.1)],
    columns=[
        *SETTING,
        "utterance",
        "reconstruction",
        "set",
        "start",
        "end",
        "phone",
        "power",
        "mse",
    ],
)


def test_the_columns_and_rows_of_the_two_tables():
    mse, settings = gather(
        [RUN, DIVERGED], [rows(0.2, 3.0), rows(5.0, 6.0, 11)], [QUIET, RISING], BASELINE, FOLLOWED
    )
    assert (
        mse.columns.tolist()
        == (
            "recipe hidden_size seed utterance reconstruction mse nmse snr_db horizon_ms status "
            "diverged_at stopped_at exponent set"
        ).split()
    )
    assert (
        settings.columns.tolist()
        == (
            "recipe hidden_size seed parameters updates wall_seconds samples_per_second "
            "final_training_mse tries clipped_share status diverged_at lowest_at risen_at "
            "sharpness sharpness_limit lyapunov verdict outcome"
        ).split()
    )
    # two reconstructions of two utterances by three baselines and two networks
    assert len(mse) == 2 * 2 * (3 + 2)
    assert not mse.duplicated(["recipe", "utterance", "reconstruction"]).any()
    assert set(mse["reconstruction"]) == set(KINDS)
    assert set(mse["utterance"]) == set(UTTERANCES)


def test_a_diverged_setting_stands_in_both_tables():
    mse, settings = gather(
        [RUN, DIVERGED], [rows(0.2, 3.0), rows(5.0, 6.0, 11)], [QUIET, RISING], BASELINE, FOLLOWED
    )
    wild = mse[mse["recipe"] == "wild"]
    assert wild["status"].tolist() == ["diverged"] * 4
    assert wild["diverged_at"].tolist() == [7] * 4
    assert wild["stopped_at"].tolist() == [pd.NA, 11, pd.NA, 11]
    others = mse[mse["recipe"] != "wild"]
    assert (others["status"] == "ok").all()
    assert others["diverged_at"].isna().all()
    assert settings["status"].tolist() == ["ok", "diverged"]
    assert settings["diverged_at"].tolist() == [pd.NA, 7]
    assert settings["outcome"][1] == "Training diverged at update 7."
    assert settings["verdict"].tolist() == [
        "stable",
        "step too large for the curvature (sharpness 250 over the limit 200, 75 % of it in U)",
    ]
    assert settings["risen_at"].tolist() == [pd.NA, 4]
    assert settings["sharpness"].tolist() == [10.0, 250.0]
    assert math.isnan(settings["final_training_mse"][1])


def test_numbers_go_into_the_tables_unchanged():
    mse, settings = gather([RUN], [rows(0.2, 3.0, 11)], [QUIET], BASELINE, FOLLOWED)
    found = mse[mse["recipe"] == "clipped"].reset_index(drop=True)
    wanted = rows(0.2, 3.0, 11)
    for column in ("utterance", "reconstruction", "mse", "nmse", "snr_db", "horizon_ms"):
        assert found[column].tolist() == wanted[column].tolist()
    assert found[["hidden_size", "seed"]].drop_duplicates().values.tolist() == [[25, 3]]
    baseline = mse[mse["recipe"].str.startswith("baseline:")]
    assert baseline[["hidden_size", "seed", "stopped_at"]].isna().all(axis=None)
    [setting] = settings.to_dict("records")
    assert setting["samples_per_second"] == 4000
    for column in ("parameters", "updates", "wall_seconds", "final_training_mse", "clipped_share"):
        assert setting[column] == RUN[column]


@pytest.mark.parametrize("runs", [[RUN], [DIVERGED], [RUN, DIVERGED]], ids=len)
def test_whole_numbers_stay_whole_in_the_files(runs, tmp_path):
    parts = [rows(0.2, 3.0, 11) for _ in runs]
    for part in parts:  # through files, as in the workflow
        part.to_csv(tmp_path / "part.csv", index=False)
    mse, settings = gather(
        runs,
        [pd.read_csv(tmp_path / "part.csv") for _ in runs],
        [RISING] * len(runs),
        BASELINE,
        FOLLOWED,
    )
    lines = mse.to_csv(index=False).splitlines()
    assert lines[1].startswith("baseline:silence,,,TRAIN/DR1/FABC0/SX1,teacher_forced,")
    assert lines[-1].startswith(f"{runs[-1]['recipe']},25,3,TEST/DR2/MXYZ0/SI22,free_running,")
    diverged_at = runs[-1]["diverged_at"] or ""
    assert lines[-1].endswith(f",{runs[-1]['status']},{diverged_at},11,-50.0,train")
    assert f",{runs[-1]['status']},{diverged_at}," in settings.to_csv(index=False).splitlines()[-1]


# --- outcomes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forced", "free", "said"),
    [
        (
            0.2,
            3.0,
            "Teacher forced it is better than silence and persistence, worse than linear; "
            "free running it is worse than every baseline.",
        ),
        (
            0.05,
            0.02,
            "Teacher forced it is better than every baseline; "
            "free running it is better than every baseline, and close to the original.",
        ),
        (
            0.2505,
            0.95,
            "Teacher forced it is better than silence, level with persistence, "
            "worse than linear; "
            "free running it is better than silence and persistence, worse than linear.",
        ),
        (
            0.5,
            1.005,
            "Teacher forced it is better than silence, worse than persistence and linear; "
            "free running it is better than persistence, level with silence, worse than linear.",
        ),
        (
            7.0,
            math.inf,
            "Teacher forced it is worse than every baseline; "
            "free running it is worse than every baseline.",
        ),
        (
            math.nan,
            0.1,
            "Teacher forced it is without a value; free running it is better than every baseline.",
        ),
    ],
)
def test_what_the_outcome_says(forced, free, said):
    _, settings = gather([RUN], [rows(forced, free)], [QUIET], BASELINE, FOLLOWED)
    assert settings["outcome"].tolist() == [said]


def test_the_outcome_says_of_how_many_tries_it_is_the_best_and_where_it_gets_lost():
    lost = FOLLOWED.assign(mse=1.0)
    _, settings = gather([RUN | {"tries": 50}], [rows(0.05, 0.2)], [QUIET], BASELINE, lost)
    assert settings["outcome"].tolist() == [
        "Teacher forced it is better than every baseline; free running it is better than every "
        "baseline. Its weights made the best of 50 free runs tried in training. The free run of "
        f"{UTTERANCES[0]} gets lost in the iy at 0.01 s and does not find back; more epochs or "
        "hidden units may carry it through."
    ]


def test_a_diverged_training_is_all_that_its_outcome_says():
    _, settings = gather([DIVERGED], [rows(0.01, 0.01)], [RISING], BASELINE, FOLLOWED)
    assert settings["outcome"].tolist() == ["Training diverged at update 7."]


def test_level_means_within_a_hundredth():
    for nmse, word in ((0.989, "better than"), (0.991, "level with"), (1.009, "level with")):
        assert compared(nmse, {"silence": 1.0, "linear": 0.1}).startswith(f"{word} silence")
    assert compared(1.011, {"silence": 1.0}) == "worse than every baseline"
    # of the baseline, not of 1
    assert compared(0.102, {"linear": 0.1}) == "worse than every baseline"


@pytest.mark.parametrize(
    ("nmse", "beats"),
    [(0.05, "all"), (0.2, "2 of 3"), (0.5, "1 of 3"), (2, "none"), (math.nan, "none")],
)
def test_which_baselines_are_beaten(nmse, beats):
    marks = {"silence": 1.0, "persistence": 0.25, "linear": 0.1}
    assert beaten(nmse, marks) == beats


# --- baselines and runs -------------------------------------------------------------------------


def test_the_rows_of_the_baselines():
    both = [series(301, 7, name=UTTERANCES[0]), series(97, 7, 1, UTTERANCES[1])]
    table = baseline_rows(both, [], 3.5, 800.0, limit=20)
    signals = [one.standardised(3.5, 800.0) for one in both]
    weights = baselines.fit_linear(signals, 7)
    assert len(table) == 3 * 2 * 2
    for row in table.to_dict("records"):
        signal = signals[UTTERANCES.index(row["utterance"])]
        prediction = {
            "baseline:silence": baselines.silence(signal, 7),
            "baseline:persistence": baselines.persistence(signal, 7),
            "baseline:linear": baselines.linear(signal, 7, weights),
        }[row["recipe"]][KINDS.index(row["reconstruction"])]
        wanted = measure(signal[7:], prediction)
        assert {name: row[name] for name in wanted} == wanted
    by_recipe = table[table["reconstruction"] == "teacher_forced"].groupby("recipe")["nmse"].mean()
    assert by_recipe["baseline:linear"] < by_recipe["baseline:persistence"]
    energy = np.mean(signals[0][7:].astype(np.float64) ** 2)
    assert table["mse"][0] == pytest.approx(energy, rel=1e-12)


def test_a_number_that_a_run_does_not_have_is_a_nan(tmp_path):
    path = tmp_path / "run.json"
    path.write_text('{"final_training_mse": null, "diverged_at": 4}')
    run = read_run(path)
    assert math.isnan(run["final_training_mse"])
    assert run["diverged_at"] == 4
