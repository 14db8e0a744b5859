"""How close a reconstruction is to its original.

All measures take the samples after the first k, which are given. Arrays are one-dimensional and in
standardised units, and sums are computed in float64.
"""

import math

import numpy as np

from rnnpipe.corpus.audio import SAMPLING_RATE

FRAME = SAMPLING_RATE // 40  # samples of a frame of the log-spectral distance


def mse(target: np.ndarray, prediction: np.ndarray) -> float:
    """Mean squared error, mean over t of (x_t - y_t)^2.

    Parameters
    ----------
    target, prediction : arrays, shape (T,)
        Original x and reconstruction y.
    """
    error = np.asarray(target, np.float64) - prediction
    return float(np.mean(error**2))


def nmse(target: np.ndarray, prediction: np.ndarray) -> float:
    """MSE over the variance of the target, mean((x - y)^2) / mean((x - mean(x))^2).

    Predicting the mean of the target gives 1. The result is nan if the target is constant.
    """
    target = np.asarray(target, np.float64)
    if np.ptp(target) == 0:  # np.var may return a rounding error above 0
        return math.nan
    return mse(target, prediction) / float(np.var(target))


def snr_db(target: np.ndarray, prediction: np.ndarray) -> float:
    """Signal-to-noise ratio in dB, -10 log10 NMSE; infinite if both are equal."""
    ratio = nmse(target, prediction)
    return math.inf if ratio == 0 else -10 * math.log10(ratio)


def horizon_ms(target: np.ndarray, prediction: np.ndarray, threshold: float = 0.1) -> float:
    """How long a reconstruction stays close to the original, in ms.

    The time at which the cumulative NMSE exceeds `threshold`, or the whole duration if it never
    does. The cumulative NMSE is the sum of (x - y)^2 so far, over the sum of (x - mean(x))^2 of the
    whole target. It reaches `nmse` at the end, and early errors in near-silence have little weight.
    The result is nan if the target is constant.
    """
    target = np.asarray(target, np.float64)
    if np.ptp(target) == 0:
        return math.nan
    cumulative = np.cumsum((target - prediction) ** 2)
    energy = np.sum((target - target.mean()) ** 2)
    # "not <=" instead of ">": a prediction that is nan ends the horizon too.
    passed = np.flatnonzero(~(cumulative <= threshold * energy))
    return (int(passed[0]) if passed.size else target.size) * 1000 / SAMPLING_RATE


def log_spectral_distance_db(target: np.ndarray, prediction: np.ndarray) -> float:
    """Log-spectral distance in dB, which ignores a shift in phase, as the ear does.

    The mean over frames (25 ms, Hann, every 10 ms) of sqrt(mean_f (10 log10 P_x(f) / P_y(f))^2)
    with the power spectra P of original and reconstruction (Gray & Markel, "Distance measures for
    speech processing", 1976). Powers more than 60 dB below the largest one of the original are
    raised to this floor; otherwise the logarithm would compare silence with silence. Signals
    shorter than a frame are padded. The result is nan if the original is constant, as a whole or in
    each frame: digital silence has no spectrum to compare with.
    """
    frames = [_frames(np.asarray(signal, np.float64)) for signal in (target, prediction)]
    # The window is 0 at both ends of a frame.
    if np.ptp(target) == 0 or not np.ptp(frames[0][:, 1:-1], axis=1).any():
        return math.nan
    spectra = [np.abs(np.fft.rfft(some * np.hanning(FRAME), axis=1)) ** 2 for some in frames]
    floor = max(spectra[0].max() * 1e-6, np.finfo(np.float64).tiny)
    x, y = (10 * np.log10(np.maximum(spectrum, floor)) for spectrum in spectra)
    return float(np.mean(np.sqrt(np.mean((x - y) ** 2, axis=1))))


def _frames(samples: np.ndarray) -> np.ndarray:
    """Frames of 25 ms, one every 10 ms, shape (frames, samples)."""
    samples = np.pad(samples, (0, max(0, FRAME - samples.size)))
    return np.lib.stride_tricks.sliding_window_view(samples, FRAME)[:: SAMPLING_RATE // 100]


def measure(target: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    """All measures of one reconstruction, by their column names in tables/mse.csv."""
    return {
        "mse": mse(target, prediction),
        "nmse": nmse(target, prediction),
        "snr_db": snr_db(target, prediction),
        "horizon_ms": horizon_ms(target, prediction),
    }
