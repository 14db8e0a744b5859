"""Where a free run gets lost, whether it finds back, and what is said about it."""

import pandas as pd
import pytest

from rnnpipe.findings.lost import describe, find_losses
from rnnpipe.vocabulary import Setting

OWN, OTHER = Setting("closed_loop", 160, 0), Setting("closed_loop", 160, 1)
SECOND = 16_000


def phones(errors, setting=OWN, utterance="SX1", **about):
    """Rows of tables/phones.csv: phones of 0.1 s with (label, power, error over power)."""
    about = {"utterance": utterance, "reconstruction": "free_running", "set": "train"} | about
    return pd.DataFrame(
        [
            setting._asdict()
            | about
            | {"start": i * SECOND // 10, "end": (i + 1) * SECOND // 10, "phone": label}
            | {"power": power, "mse": share * power}
            for i, (label, power, share) in enumerate(errors)
        ]
    )


def test_the_first_phone_whose_error_is_half_its_power_is_where_it_gets_lost():
    table = phones(
        [("h#", 0.001, 1), ("ow", 2, 0.1), ("k", 0.3, 1.2), ("ey", 2, 1), ("ix", 1, 0.1)]
    )
    [loss] = find_losses(table, OWN)
    assert (loss.utterance, loss.phone, loss.back) == ("SX1", "k", "ix")
    assert (loss.begin, loss.until, loss.share) == pytest.approx((0.2, 0.4, 0.4))


def test_near_silence_is_neither_lost_nor_a_proof_of_being_back():
    quiet = ("tcl", 0.01, 5)
    assert find_losses(phones([quiet, ("iy", 1, 0.1), quiet]), OWN) == []
    [loss] = find_losses(phones([("iy", 1, 1), quiet, ("ae", 1, 2)]), OWN)
    assert loss.back == "" and loss.share == pytest.approx(2 / 3)


def test_an_error_that_is_no_number_is_lost():
    [loss] = find_losses(phones([("iy", 1, 0.1), ("ae", 1, float("nan"))]), OWN)
    assert loss.phone == "ae"


def test_only_the_settings_own_free_runs_of_training_utterances_count():
    lost = [("iy", 1, 2)]
    table = pd.concat(
        [
            phones([("iy", 1, 0)]),
            phones(lost, setting=OTHER),
            phones(lost, utterance="SX2", set="held_out"),
            phones(lost, utterance="SX3", reconstruction="teacher_forced"),
            phones(lost, utterance="SX4"),
        ]
    )
    assert [loss.utterance for loss in find_losses(table, OWN)] == ["SX4"]


def test_the_sentence_names_the_utterance_that_is_lost_longest_and_what_to_try():
    table = pd.concat(
        [
            phones([("iy", 1, 0.1), ("ae", 1, 2), ("n", 1, 0.1)], utterance="SX1"),
            phones([("dx", 1, 2), ("ey", 1, 2), ("n", 1, 2)], utterance="SX2"),
        ]
    )
    assert describe(find_losses(table, OWN), closed_loop=True) == (
        "The free run of SX2 gets lost in the dx at 0.00 s and does not find back; more epochs or "
        "hidden units may carry it through."
    )
    assert describe(find_losses(table[table["utterance"] == "SX1"], OWN), closed_loop=False) == (
        "The free run of SX1 gets lost in the ae at 0.10 s and finds back in the n at 0.20 s; the "
        "recipe closed_loop trains on the network's own samples, against this."
    )
