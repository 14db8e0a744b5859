"""Errors phone by phone, compared with sums by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis.strategies import floats, integers, permutations

from rnnpipe.corpus.phones import Segment
from rnnpipe.reconstruction.metrics import log_spectral_distance_db, mse, nmse
from rnnpipe.reconstruction.phone_errors import gather_phone_errors, mean_phone_errors, phone_errors
from rnnpipe.vocabulary import Setting

PHONES = [Segment(0, 40, "h#"), Segment(40, 700, "s"), Segment(700, 1500, "iy")]
ORDER = 50


def sounds(seed=0):
    rng = np.random.default_rng(seed)
    target = 1000 * rng.normal(size=1500)
    return target, target + 300 * rng.normal(size=1500)


def test_each_phone_has_its_own_error_and_its_share_of_the_whole():
    target, prediction = sounds()
    rows = phone_errors(target[ORDER:], prediction[ORDER:], PHONES, ORDER)
    assert [row["phone"] for row in rows] == ["s", "iy"]
    assert [row["phone_class"] for row in rows] == ["fricative", "vowel"]
    assert [(row["start"], row["end"]) for row in rows] == [(50, 700), (700, 1500)]
    whole = nmse(target[ORDER:], prediction[ORDER:])
    assert sum(row["nmse_share"] for row in rows) == pytest.approx(whole)
    x, y = target[700:], prediction[700:]
    power = np.mean((x - target[ORDER:].mean()) ** 2)
    assert rows[1]["mse"] == pytest.approx(mse(x, y))
    assert rows[1]["power"] == pytest.approx(power)
    assert rows[1]["nmse"] == pytest.approx(mse(x, y) / power)
    assert rows[1]["spectral_db"] == log_spectral_distance_db(x, y)


def test_a_constant_phone_has_no_ratio():
    target, prediction = sounds()
    target[700:] = 3.0
    rows = phone_errors(target[ORDER:], prediction[ORDER:], PHONES, ORDER)
    assert np.isnan(rows[1]["nmse"]) and np.isnan(rows[1]["spectral_db"])
    assert np.isfinite(list(rows[0].values())[4:]).all()
    assert rows[1]["nmse_share"] > 0  # its error counts in the utterance all the same
    silent = phone_errors(np.zeros(1450), np.ones(1450), PHONES, ORDER)
    assert all(np.isnan(row["nmse"]) and np.isnan(row["nmse_share"]) for row in silent)


@given(offset=floats(-20, 20), gain=floats(0.01, 100), seed=integers(0, 99))
def test_ratios_depend_neither_on_an_offset_nor_on_the_gain(offset, gain, seed):
    target, prediction = sounds(seed)
    before, after = (
        pd.DataFrame(phone_errors(x[ORDER:], y[ORDER:], PHONES, ORDER))
        for x, y in (
            (target, prediction),
            (gain * (target / 1000 + offset), gain * (prediction / 1000 + offset)),
        )
    )
    for ratio in ("nmse", "nmse_share"):
        np.testing.assert_allclose(after[ratio], before[ratio], rtol=1e-6)


def test_the_tables_of_all_settings_are_joined():
    target, prediction = sounds()
    what = {"utterance": "TRAIN/A", "reconstruction": "free_running"}
    rows = phone_errors(target[ORDER:], prediction[ORDER:], PHONES, ORDER)
    own = pd.DataFrame([what | row for row in rows] + [what | {"utterance": "B"} | rows[0]])
    table = gather_phone_errors([Setting("r", 5, 0), Setting("r", 5, 1)], [own, own], ["B"])
    assert table["seed"].tolist() == [0, 0, 0, 1, 1, 1]
    assert table["set"].tolist() == ["train", "train", "held_out"] * 2
    assert table["mse"].tolist() == own["mse"].tolist() * 2


def test_means_by_phone_are_those_over_all_samples_of_it():
    target, prediction = sounds()
    target[1400:] = 7.0  # digital silence
    phones = [*PHONES[:2], Segment(700, 1000, "iy"), Segment(1000, 1400, "ae")]
    phones += [Segment(1400, 1450, "ae"), Segment(1450, 1500, "h#")]
    about = {"recipe": "r", "hidden_size": 5, "seed": 0, "reconstruction": "free_running"}
    rows = phone_errors(target[ORDER:], prediction[ORDER:], phones, ORDER)
    segments = pd.DataFrame(rows).assign(**about)
    # Held-out utterances do not count.
    segments = pd.concat([segments.assign(set="train"), segments.assign(set="held_out", mse=9.0)])
    classes = mean_phone_errors(segments, "phone_class").set_index("phone_class")
    vowels = classes.loc["vowel"]
    assert (vowels["segments"], vowels["samples"]) == (3, 750)
    assert vowels["mse"] == pytest.approx(mse(target[700:1450], prediction[700:1450]))
    power = np.mean((target[700:1450] - target[ORDER:].mean()) ** 2)
    assert vowels["nmse"] == pytest.approx(vowels["mse"] / power)
    assert classes["nmse_share"].sum() == pytest.approx(nmse(target[50:], prediction[50:]))
    # A segment without a spectrum does not count in its mean.
    distances = [row["spectral_db"] for row in rows[1:3]]
    assert vowels["spectral_db"] == pytest.approx(np.average(distances, weights=[300, 400]))
    assert np.isnan(classes.loc["silence", "spectral_db"])
    by_phone = mean_phone_errors(segments, "phone")
    assert by_phone["phone"].tolist() == ["s", "iy", "ae", "h#"]


@settings(max_examples=24)
@given(order=permutations(range(4)))
def test_means_by_phone_do_not_depend_on_the_order_of_the_utterances(order):
    about = {"recipe": "r", "hidden_size": 5, "seed": 0, "reconstruction": "free_running"}
    tables = []
    for utterance in range(4):
        target, prediction = sounds(utterance)
        rows = phone_errors(target[ORDER:], prediction[ORDER:], PHONES, ORDER)
        tables.append(pd.DataFrame(rows).assign(**about, utterance=f"U{utterance}", set="train"))
    for key in ("phone", "phone_class"):
        before = mean_phone_errors(pd.concat(tables), key)
        after = mean_phone_errors(pd.concat([tables[i] for i in order]), key)
        pd.testing.assert_frame_equal(before, after)
