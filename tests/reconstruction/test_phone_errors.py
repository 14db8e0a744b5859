"""Errors phone by phone, compared with sums by hand."""

import numpy as np
import pandas as pd
import pytest

from rnnpipe.corpus.phones import Segment
from rnnpipe.reconstruction.metrics import log_spectral_distance_db, mse, nmse
from rnnpipe.reconstruction.phone_errors import gather_phone_errors, mean_phone_errors, phone_errors
from rnnpipe.reconstruction.sounds import write_wav
from rnnpipe.vocabulary import Setting

PHONES = [Segment(0, 40, "h#"), Segment(40, 700, "s"), Segment(700, 1500, "iy")]
ORDER = 50


def sounds(seed=0):
    rng = np.random.default_rng(seed)
    target = 1000 * rng.normal(size=1500)
    return target, target + 300 * rng.normal(size=1500)


def test_each_phone_has_its_own_error_and_its_share_of_the_whole():
    target, prediction = sounds()
    rows = phone_errors(target, prediction, PHONES, ORDER)
    assert [row["phone"] for row in rows] == ["s", "iy"]
    assert [row["phone_class"] for row in rows] == ["fricative", "vowel"]
    assert [(row["start"], row["end"]) for row in rows] == [(50, 700), (700, 1500)]
    whole = nmse(target[ORDER:], prediction[ORDER:])
    assert sum(row["nmse_share"] for row in rows) == pytest.approx(whole)
    x, y = target[700:], prediction[700:]
    assert rows[1]["nmse"] == pytest.approx(np.sum((x - y) ** 2) / np.sum(x**2))
    assert rows[1]["spectral_db"] == log_spectral_distance_db(x, y)


def test_silence_has_no_ratio():
    rows = phone_errors(np.zeros(1500), np.ones(1500), PHONES, ORDER)
    assert all(np.isnan(row["nmse"]) and np.isnan(row["nmse_share"]) for row in rows)


def test_all_settings_are_gathered_from_their_audio(tmp_path):
    target, prediction = sounds()
    for seed in (0, 1):
        for kind, sound in (
            ("original", target),
            ("teacher_forced", target),
            ("free_running", prediction),
        ):
            write_wav(tmp_path / str(seed) / f"TRAIN-A.{kind}.wav", sound, 0.0, 1.0)
    table = gather_phone_errors(
        [Setting("r", 5, 0), Setting("r", 5, 1)],
        [tmp_path / "0", tmp_path / "1"],
        {"TRAIN/A": PHONES},
        ORDER,
        std=2.0,
    )
    assert len(table) == 2 * 2 * 2
    assert set(table["seed"]) == {0, 1}
    forced = table[table["reconstruction"] == "teacher_forced"]
    assert (forced["nmse"] == 0).all()
    free = table[(table["reconstruction"] == "free_running") & (table["seed"] == 0)]
    assert free["nmse_share"].sum() == pytest.approx(nmse(target[50:], prediction[50:]), rel=1e-2)
    one = free.iloc[1]
    x, y = target[one["start"] : one["end"]], prediction[one["start"] : one["end"]]
    assert one["mse"] == pytest.approx(mse(x, y) / 4, rel=1e-2)
    assert one["power"] == pytest.approx(np.mean(x**2) / 4, rel=1e-2)


def test_means_by_phone_are_those_over_all_samples_of_it():
    target, prediction = sounds()
    phones = [*PHONES[:2], Segment(700, 1000, "iy"), Segment(1000, 1500, "ae")]
    about = {"recipe": "r", "hidden_size": 5, "seed": 0, "reconstruction": "free_running"}
    segments = pd.DataFrame(phone_errors(target, prediction, phones, ORDER)).assign(**about)
    # Held-out utterances do not count.
    segments = pd.concat([segments.assign(set="train"), segments.assign(set="held_out", mse=9.0)])
    classes = mean_phone_errors(segments, "phone_class").set_index("phone_class")
    vowels = classes.loc["vowel"]
    assert (vowels["segments"], vowels["samples"]) == (2, 800)
    assert vowels["mse"] == pytest.approx(mse(target[700:], prediction[700:]))
    assert vowels["nmse"] == pytest.approx(vowels["mse"] / np.mean(target[700:] ** 2))
    assert classes["nmse_share"].sum() == pytest.approx(nmse(target[50:], prediction[50:]))
    by_phone = mean_phone_errors(segments, "phone")
    assert by_phone["phone"].tolist() == ["s", "iy", "ae"]
    assert by_phone["phone_class"].tolist() == ["fricative", "vowel", "vowel"]
