"""Metrics, compared with numbers computed by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import floats, integers

from rnnpipe.reconstruction.metrics import (
    horizon_ms,
    log_spectral_distance_db,
    measure,
    mse,
    nmse,
    snr_db,
)

TARGET = np.array([1.0, 2.0, 3.0, 4.0])  # mean 2.5, variance (2.25 + 0.25 + 0.25 + 2.25) / 4 = 1.25
SQUARE = np.tile([1.0, -1.0], 800)  # variance 1, 1600 samples are 100 ms


@pytest.mark.parametrize(
    ("prediction", "wanted_mse", "wanted_nmse", "wanted_snr"),
    [
        ([1, 2, 3, 6], 1.0, 0.8, 0.9691001300805642),
        ([0, 0, 0, 0], 7.5, 6.0, -7.781512503836436),
        ([2.5, 2.5, 2.5, 2.5], 1.25, 1.0, 0.0),
        ([2, 1, 4, 3], 1.0, 0.8, 0.9691001300805642),
        ([1, 2, 3, 4], 0.0, 0.0, math.inf),
    ],
)
def test_errors_by_hand(prediction, wanted_mse, wanted_nmse, wanted_snr):
    prediction = np.array(prediction, np.float32)
    assert mse(TARGET, prediction) == wanted_mse
    assert nmse(TARGET, prediction) == wanted_nmse
    assert snr_db(TARGET, prediction) == pytest.approx(wanted_snr, abs=1e-15)


def test_sums_are_in_float64():
    target = np.full(3_000_001, 0.1, np.float32)
    wanted = float(np.float32(0.1)) ** 2
    assert mse(target, np.zeros_like(target)) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, -1 / 3, 1e9])
def test_nothing_can_be_compared_with_a_constant_target(value):
    target = np.full(7, value)
    assert math.isnan(horizon_ms(target, target + 1))
    assert math.isnan(log_spectral_distance_db(target, target + 1))
    assert math.isnan(nmse(target, target + 1))
    assert math.isnan(snr_db(target, target + 1))
    assert mse(target, target + 1) == pytest.approx(1)


def test_predictions_that_are_no_numbers():
    for bad in (math.nan, math.inf):
        prediction = TARGET.copy()
        prediction[2] = bad
        found = measure(TARGET, prediction)
        assert found["horizon_ms"] == 2 / 16
        assert not math.isfinite(found["mse"])
        assert not math.isfinite(found["nmse"])
        assert math.isnan(found["snr_db"]) if math.isnan(bad) else found["snr_db"] == -math.inf


def test_the_horizon_of_a_perfect_reconstruction_is_its_duration():
    assert horizon_ms(SQUARE, SQUARE) == 100


def test_a_first_sample_that_is_no_number_ends_the_horizon_at_once():
    assert horizon_ms(SQUARE, np.r_[math.nan, SQUARE[1:]]) == 0
    assert horizon_ms(SQUARE, np.r_[math.inf, SQUARE[1:]]) == 0
    assert horizon_ms(SQUARE, np.r_[20.0, SQUARE[1:]]) == 0  # 19^2 is beyond a tenth of 1600


def test_the_horizon_ends_where_the_error_so_far_passes_a_tenth_of_the_energy():
    # Silence adds 1 per sample: sample 160 reaches 160 of 1600, but does not exceed it.
    assert horizon_ms(SQUARE, 0 * SQUARE) == 10
    silent_from_800 = np.r_[SQUARE[:800], np.zeros(800)]
    assert horizon_ms(SQUARE, silent_from_800) == 60
    # The opposite sign adds 4 per sample: 160 with sample 40.
    assert horizon_ms(SQUARE, -SQUARE) == 2.5


def test_an_error_of_just_a_tenth_is_still_close():
    prediction = SQUARE.copy()
    prediction[9::10] = 0
    assert nmse(SQUARE, prediction) == 0.1
    assert horizon_ms(SQUARE, prediction) == 100


def test_the_horizon_is_relative_to_the_energy_about_the_mean():
    prediction = np.r_[SQUARE[:800], np.zeros(800)]
    assert horizon_ms(1000 * SQUARE + 512, 1000 * prediction + 512) == 60
    assert horizon_ms(SQUARE, prediction, threshold=0.5) == 100


def test_the_measures_bear_the_names_of_the_columns():
    found = measure(TARGET, np.array([1, 2, 3, 6]))
    assert list(found) == ["mse", "nmse", "snr_db", "horizon_ms"]
    assert found["mse"] == 1.0
    # Only the last of the four samples is wrong, and by more than a tenth of the energy, 5.
    assert found["horizon_ms"] == 3 / 16


@given(offset=floats(-1e4, 1e4), gain=floats(0.01, 100), seed=integers(0, 99))
def test_ratios_depend_neither_on_an_offset_nor_on_the_gain(offset, gain, seed):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=900)
    prediction = target + np.linspace(0, 1, 900) * rng.normal(size=900)
    before = measure(target, prediction)
    after = measure(gain * (target + offset), gain * (prediction + offset))
    assert after["mse"] == pytest.approx(gain**2 * before["mse"])
    for ratio in ("nmse", "snr_db", "horizon_ms"):
        assert after[ratio] == pytest.approx(before[ratio])
    louder = log_spectral_distance_db(gain * target, gain * prediction)
    assert louder == pytest.approx(log_spectral_distance_db(target, prediction))


SPEECH = np.random.default_rng(0).normal(size=800)
SILENCE = np.zeros(800)


@pytest.mark.parametrize(
    "target",
    [
        np.r_[np.zeros(400), SPEECH[:100]],  # speech behind the last whole frame
        np.r_[np.full(400, 1e-4), SPEECH[:100]],
        np.r_[1.0, np.zeros(799)],  # where the window is 0
        np.r_[1.0, np.zeros(99)],
        np.array([0.3]),
    ],
    ids=["silence and a tail", "an offset and a tail", "a first sample", "a short one", "a sample"],
)
def test_a_spectral_distance_needs_a_frame_that_is_not_constant(target):
    for prediction in (0 * target, target, SPEECH[: target.size]):
        assert math.isnan(log_spectral_distance_db(target, prediction))


@pytest.mark.parametrize(
    ("target", "prediction"),
    [
        (SPEECH, SILENCE),
        (SPEECH, SILENCE + 3),
        (SPEECH / 32768, SPEECH),
        (np.r_[SILENCE[:400], SPEECH[:400]], SPEECH),
        (np.r_[SILENCE[:300], 1.0, SILENCE[:499]], SPEECH),
    ],
    ids=["silence", "a constant", "far too loud", "speech for silence", "noise for a click"],
)
def test_a_spectral_distance_is_never_beyond_the_range_of_16_bits(target, prediction):
    assert 10 < log_spectral_distance_db(target, prediction) < 100


def test_a_constant_prediction_of_speech_has_every_measure():
    for constant in (0.0, 5.0):
        found = measure(SPEECH, SILENCE + constant)
        assert found["nmse"] == pytest.approx(1 + (constant - SPEECH.mean()) ** 2 / SPEECH.var())
        assert all(math.isfinite(value) for value in found.values())


def test_a_spectral_distance_is_a_ratio_in_db_and_deaf_to_sign_and_phase():
    noise = np.random.default_rng(0).normal(size=4000)
    assert log_spectral_distance_db(noise, noise) == 0
    assert log_spectral_distance_db(noise, -noise) == pytest.approx(0, abs=1e-9)
    assert log_spectral_distance_db(noise, 10 * noise) == pytest.approx(20, rel=1e-3)
    assert log_spectral_distance_db(noise[:100], noise[:100] * 2) == pytest.approx(
        20 * math.log10(2), rel=1e-3
    )
    shifted = np.roll(noise, 3)
    assert log_spectral_distance_db(noise, shifted) < log_spectral_distance_db(noise, noise[::-1])


def test_a_spectral_distance_stops_at_60_db_below_the_loudest():
    noise = np.random.default_rng(0).normal(size=4000)
    silence = np.zeros(4000)
    assert 40 < log_spectral_distance_db(noise, silence) < 60
    assert log_spectral_distance_db(noise, noise * 1e-9) == pytest.approx(
        log_spectral_distance_db(noise, silence)
    )
