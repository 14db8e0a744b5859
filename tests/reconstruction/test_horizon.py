"""The error of free runs by number of samples since the true past."""

import numpy as np
import pytest
import torch

from rnnpipe.model import Network
from rnnpipe.reconstruction.horizon import horizon_errors
from rnnpipe.windows.series import Series

ORDER, SIZE = 5, 40
MEAN, STD = 30.0, 400.0


@pytest.fixture
def network():
    torch.manual_seed(3)
    network = Network(ORDER, 62, 6, "tanh", mean=MEAN, std=STD)
    network.initialise("fan_in", 1.0)
    return network


def utterance(seed):
    rng = np.random.default_rng(seed)
    samples = rng.normal(MEAN, STD, ORDER + SIZE).round().astype(np.int16)
    return Series(f"TRAIN/DR1/FABC0/SX{seed}", samples, rng.integers(0, 62, SIZE).astype(np.uint8))


def squared_errors(network, one, start, length):
    """Errors of one run that starts from the true past at `start`, one sample at a time."""
    weights = {name: value.double().numpy() for name, value in network.state_dict().items()}
    x = ((one.samples - MEAN) / STD).astype(np.float64)
    heard, h, errors = x.copy(), np.zeros(6), []
    for t in range(start + length):
        window = heard[t : t + ORDER]
        drive = window @ weights["W"] + weights["V"][one.phones[t]] + weights["b"]
        h = np.tanh(drive + h @ weights["M"])
        said = h @ weights["U"] + weights["c"][0]
        if t >= start:
            heard[ORDER + t] = said
            errors.append((said - x[ORDER + t]) ** 2)
    return np.array(errors)


def by_stretch(errors, ends):
    """Means over the stretches that end after these numbers of samples."""
    return [errors[a:b].mean() for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def test_runs_leave_the_true_past_all_over_the_utterances(network):
    series = [utterance(1), utterance(2)]
    found = horizon_errors(network, series, 20.0)
    length = SIZE // 2  # a run may not be longer than that, so that it can start at many places
    starts = range(SIZE - length + 1)  # fewer places than runs: a run starts at each
    errors = [squared_errors(network, one, start, length) for one in series for start in starts]
    speech = np.concatenate([(one.samples[ORDER:] - MEAN) / STD for one in series])
    expected = np.mean(errors, axis=0) / speech.var()
    ends = found["samples"].tolist()
    assert ends[0] == 1 and ends[-1] == length and ends == sorted(set(ends))
    np.testing.assert_allclose(found["nmse"], by_stretch(expected, ends), rtol=1e-4)


def test_silence_and_persistence_stand_beside_the_network(network):
    one = utterance(4)
    found = horizon_errors(network, [one], 20.0)
    x = (one.samples - MEAN) / STD
    starts, length = np.arange(SIZE - SIZE // 2 + 1), SIZE // 2
    truth = np.stack([x[ORDER + start :][:length] for start in starts])
    last = x[ORDER + starts - 1][:, None]
    variance = x[ORDER:].var()
    for name, said in (("silence", 0 * last), ("persistence", last)):
        errors = ((truth - said) ** 2).mean(0) / variance
        np.testing.assert_allclose(found[name], by_stretch(errors, found["samples"]), rtol=1e-5)


def test_a_run_that_leaves_all_bounds_stays_at_the_limit(network):
    with torch.no_grad():
        network.c.fill_(1e9)
    one = utterance(5)
    found = horizon_errors(network, [one], 3.0)
    x = (one.samples - MEAN) / STD
    first = np.mean((x[ORDER : ORDER + SIZE - SIZE // 2 + 1] - 3.0) ** 2) / x[ORDER:].var()
    assert found["nmse"][0] == pytest.approx(first, rel=1e-5)


def test_a_short_utterance_does_not_cut_the_horizon_of_the_others(network):
    long, short = utterance(1), Series("TRAIN/DR1/FABC0/SX9", *cut(utterance(2), 6))
    found = horizon_errors(network, [long, short], 20.0)
    ends, length = found["samples"].tolist(), SIZE // 2
    assert ends[-1] == length
    runs = [squared_errors(network, long, start, length) for start in range(SIZE - length + 1)]
    runs += [np.append(squared_errors(network, short, at, 3), [np.nan] * 17) for at in range(4)]
    speech = np.concatenate([(one.samples[ORDER:] - MEAN) / STD for one in (long, short)])
    expected = np.nanmean(runs, axis=0) / speech.var()
    np.testing.assert_allclose(found["nmse"], by_stretch(expected, ends), rtol=1e-4)


@pytest.mark.parametrize("sizes", [[1], [1, 1], [1, 2, 3], [2] * 70, [1, SIZE], [SIZE, 2, 1]])
def test_short_utterances_have_the_horizon_that_they_have(network, sizes):
    found = horizon_errors(network, [shortened(i, size) for i, size in enumerate(sizes)], 20.0)
    assert found["samples"].tolist()[0] == 1
    assert found["samples"].tolist()[-1] == max(1, max(sizes) // 2)
    defined = sizes != [1]  # of a single sample there is no variance
    assert np.isfinite(found).all(axis=None) == defined
    assert not np.isinf(found).any(axis=None)


def test_a_constant_utterance_does_not_undo_the_others(network):
    flat = Series("TRAIN/DR1/FABC0/SX9", np.full(ORDER + 9, 30, np.int16), np.zeros(9, np.uint8))
    assert np.isfinite(horizon_errors(network, [flat, utterance(1)], 20.0)).all(axis=None)


def shortened(seed, size):
    """An utterance of which `size` samples are to be predicted."""
    return Series(f"TRAIN/DR1/FABC0/SX{seed}", *cut(utterance(seed), size))


def test_of_constant_speech_there_is_no_ratio(network):
    silent = Series("TRAIN/DR1/FABC0/SX1", np.zeros(ORDER + 9, np.int16), np.zeros(9, np.uint8))
    found = horizon_errors(network, [silent], 20.0)
    assert found["samples"].tolist() == [1, 2, 3, 4]
    assert found[["nmse", "silence", "persistence"]].isna().all(axis=None)


def cut(one, size):
    """The samples and phones of the first `size` samples to predict."""
    return one.samples[: ORDER + size], one.phones[:size]
