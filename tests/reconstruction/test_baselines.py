"""The baselines, compared with least squares on explicit windows and with plain loops."""

import numpy as np
import pytest

from rnnpipe.reconstruction import baselines
from rnnpipe.reconstruction.baselines import BLOCK, fit_linear, linear, persistence, silence


def coloured(size, seed):
    """Noise whose neighbouring samples are similar, with a mean other than 0."""
    rng = np.random.default_rng(seed)
    return (0.3 + np.convolve(rng.normal(size=size + 2), [0.5, 0.8, 0.3], "valid")).astype(
        np.float32
    )


def windows(signal, order):
    """Rows 1, x_{t-1}, ..., x_{t-k}."""
    return np.array(
        [np.r_[1.0, signal[t - order : t][::-1]] for t in range(order, signal.size)], np.float64
    )


def loop(signal, order, weights, limit=20.0):
    """A free run of the linear predictor, one sample at a time."""
    samples = list(map(float, signal[:order]))
    for _ in range(signal.size - order):
        y = weights[0] + sum(w * x for w, x in zip(weights[1:], samples[::-1], strict=False))
        if not abs(y) <= limit:
            break
        samples.append(y)
    samples += [0.0] * (signal.size - len(samples))
    return np.array(samples[order:])


def test_silence_is_the_mean_of_standardised_speech():
    for prediction in silence(coloured(23, 0), 7):
        assert prediction.tolist() == [0.0] * 16


def test_persistence_repeats_the_previous_sample_or_the_last_given_one():
    forced, free = persistence(np.array([1, 2, 3, 4, 5, 6], np.float32), 2)
    assert forced.tolist() == [2, 3, 4, 5]
    assert free.tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize("order", [1, 2, 7])
def test_the_fit_is_that_of_least_squares_on_all_windows(order):
    signals = [coloured(BLOCK + 513, 1), coloured(61, 2), coloured(order + 1, 3)]
    rows = np.concatenate([windows(signal, order) for signal in signals])
    targets = np.concatenate([signal[order:] for signal in signals]).astype(np.float64)
    wanted = np.linalg.lstsq(rows, targets, rcond=None)[0]
    np.testing.assert_allclose(fit_linear(signals, order), wanted, rtol=0, atol=1e-10)


def test_a_high_order_on_a_smooth_signal_predicts_as_well_as_least_squares():
    smooth = np.convolve(coloured(4103, 4), np.hanning(12), "valid").astype(np.float32)
    smooth /= smooth.std()
    rows, targets = windows(smooth, 60), smooth[60:].astype(np.float64)
    best = np.mean((rows @ np.linalg.lstsq(rows, targets, rcond=None)[0] - targets) ** 2)
    forced, _ = linear(smooth, 60, fit_linear([smooth], 60))
    assert np.mean((forced - targets) ** 2) <= best * (1 + 1e-4)


@pytest.mark.parametrize("order", [1, 2, 7])
def test_teacher_forced_is_the_product_of_windows_and_weights(order):
    signal = coloured(203, 5)
    weights = np.random.default_rng(6).normal(size=order + 1)
    forced, _ = linear(signal, order, weights)
    np.testing.assert_allclose(forced, windows(signal, order) @ weights, rtol=0, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 7])
def test_free_running_is_a_loop_over_its_own_predictions(order):
    signal = coloured(203, 5)
    weights = np.random.default_rng(6).uniform(-1, 1, order + 1) / order
    _, free = linear(signal, order, weights)
    assert free.any()
    np.testing.assert_allclose(free, loop(signal, order, weights), rtol=0, atol=1e-12)


def test_a_resonance_is_recovered_and_runs_on_by_itself():
    # x_t = 0.02 + 2 cos(0.3) r x_{t-1} - r^2 x_{t-2}, a damped oscillation about 0.22
    wanted = np.array([0.02, 2 * 0.999 * np.cos(0.3), -(0.999**2)])
    signal = np.r_[1.0, 0.4, loop(np.r_[1.0, 0.4, np.zeros(400)], 2, wanted)]
    weights = fit_linear([signal], 2)
    np.testing.assert_allclose(weights, wanted, rtol=0, atol=1e-9)
    forced, free = linear(signal, 2, weights)
    np.testing.assert_allclose(forced, signal[2:], rtol=0, atol=1e-9)
    np.testing.assert_allclose(free, signal[2:], rtol=0, atol=1e-6)


def test_an_unstable_predictor_is_cut_off_where_it_passes_the_limit():
    signal = np.ones(5000, np.float32)
    forced, free = linear(signal, 1, np.array([0.0, 2.0]), 20.0)
    assert free[:5].tolist() == [2, 4, 8, 16, 0]
    assert not free[4:].any()
    assert forced.tolist() == [2.0] * 4999
    _, free = linear(signal, 1, np.array([0.0, -2.0]), 16.0)
    assert free[:5].tolist() == [-2, 4, -8, 16, 0]
    assert np.isfinite(free).all()


def test_every_baseline_gives_float64_of_the_length_to_predict():
    signal = coloured(50, 7)
    weights = fit_linear([signal], 7)
    for both in (
        baselines.silence(signal, 7),
        baselines.persistence(signal, 7),
        baselines.linear(signal, 7, weights),
    ):
        assert [(one.dtype, one.shape) for one in both] == [(np.float64, (43,))] * 2
