"""Training on a network's own samples: the streams, the gradients, and the results."""

import copy
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.networks import drawn, numpy_network, numpy_step, weights_of
from helpers.speech import series
from helpers.training import MEAN, ORDER, STD, flat, gradient_of, run, shipped

from rnnpipe.corpus.phones import encode
from rnnpipe.corpus.timit import find_utterances, read_utterance
from rnnpipe.errors import RnnpipeError
from rnnpipe.kernels.closed_loop import roll_out_plain
from rnnpipe.kernels.recurrence import CELLS
from rnnpipe.reconstruction.metrics import nmse
from rnnpipe.reconstruction.reconstruct import free_run
from rnnpipe.training import closed_loop
from rnnpipe.training.batches import as_tensors
from rnnpipe.training.closed_loop import (
    LOSS_FLOOR,
    TRUE_SHARE,
    ClosedLoop,
    Streams,
    arrange,
    beginnings,
    feedback_share,
    roll_on,
    true_places,
)
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.train import Training, train
from rnnpipe.vocabulary import POWER_FLOOR
from rnnpipe.windows.series import Series

RECIPE = Recipe(
    backpropagation="closed_loop", optimizer="soap", streams=5, steps=11, updates=8, warm_up=0.25
)


def speech_of(*utterances, room=11):
    signals, phones = as_tensors(utterances, MEAN, STD)
    return arrange(signals, phones, room), signals, phones


def rolled(network, recipe, speech, streams, share, threads=1):
    return roll_on(network, recipe, speech, streams, share, threads)


def at_places(speech, network, places):
    """Streams at (utterance, position), with true windows and random states."""
    utterance, position = (torch.tensor(part) for part in zip(*places, strict=True))
    at = (speech.begins[utterance] + position)[:, None] + torch.arange(speech.order)
    size = network.initial_state(1).shape[1]
    state = torch.rand(len(places), size, generator=torch.manual_seed(3)) - 0.5
    return Streams(utterance, position, speech.signal[at], state.to(network.M))


# --- where the streams are ----------------------------------------------------------------------


def test_the_share_of_the_true_samples_falls_by_the_same_factor_until_there_is_none():
    at_once = replace(RECIPE, warm_up=0.5, mixing=0.0)
    assert [feedback_share(at_once, p) for p in (0.0, 0.49, 0.5, 1.0)] == [0, 0, 1, 1]
    slowly = replace(RECIPE, warm_up=0.2, mixing=0.6)
    assert feedback_share(slowly, 0.19) == 0
    true = 1 - np.array([feedback_share(slowly, p) for p in np.linspace(0.2, 0.799, 7)])
    np.testing.assert_allclose(true[1:] / true[:-1], true[1] / true[0], rtol=1e-9)
    np.testing.assert_allclose(true[[0, -1]], TRUE_SHARE, rtol=0.01)
    assert [feedback_share(slowly, p) for p in (0.81, 1.0)] == [1, 1]


def test_utterances_lie_in_a_row_with_room_between():
    one, other = series(83, ORDER), series(41, ORDER, 1)
    speech, signals, phones = speech_of(one, other)
    assert speech.sizes.tolist() == [83, 41]
    for begin, signal, codes in zip(speech.begins, signals, phones, strict=True):
        assert torch.equal(speech.signal[begin : begin + signal.numel()], signal)
        assert torch.equal(speech.phones[begin + ORDER : begin + signal.numel()], codes)
    squares = signals[0].double().numpy() ** 2
    power = np.convolve(squares, np.ones(201) / 201, "same")[: squares.size] + POWER_FLOOR
    wanted = [
        squares[max(0, t - 100) : t + 101].sum() / 201 + POWER_FLOOR for t in range(squares.size)
    ]
    np.testing.assert_allclose(speech.power[: squares.size], wanted, rtol=1e-5)
    assert power.size


def test_true_places_have_the_window_and_the_state_of_a_teacher_forced_pass():
    utterances = [series(260, ORDER), series(41, ORDER, 1)]
    speech, signals, phones = speech_of(*utterances)
    network = drawn("tanh")
    torch.manual_seed(0)
    places = true_places(network, speech)
    assert sorted(set(places.utterance.tolist())) == [0, 1]
    assert len(set(np.diff(places.position[places.utterance == 0]).tolist())) == 1
    w = weights_of(network)
    for u, p, window, state in zip(
        places.utterance, places.position, places.window, places.state, strict=True
    ):
        assert torch.equal(window, signals[u][p : p + ORDER])
        h = np.zeros(network.hidden_size)
        for t in range(p):
            past = signals[u][t : t + ORDER].double().numpy()
            a = past @ w["W"] + w["V"][phones[u][t]] + w["b"]
            h, _ = numpy_step("tanh", a, h, 0, w)
        np.testing.assert_allclose(state, h, rtol=0, atol=1e-5)


def test_a_beginning_is_where_a_free_run_begins():
    utterances = [series(83, ORDER), series(41, ORDER, 1)]
    speech, signals, _ = speech_of(*utterances)
    streams = beginnings(drawn("tanh"), speech, 20)
    assert set(streams.utterance.tolist()) == {0, 1}
    assert not streams.position.any() and not streams.state.any()
    for u, window in zip(streams.utterance, streams.window, strict=True):
        assert torch.equal(window, signals[u][:ORDER])


def test_a_lost_stream_is_put_back_and_one_at_the_end_begins_anew(monkeypatch):
    utterances = [series(83, ORDER), series(41, ORDER, 1)]
    signals, phones = as_tensors(utterances, MEAN, STD)
    seen = []
    truly = closed_loop.roll_on

    def watched(network, recipe, speech, streams, share, threads):
        found = truly(network, recipe, speech, streams, share, threads)
        seen.append((streams, found[2], found[3], share))
        return found

    monkeypatch.setattr(closed_loop, "roll_on", watched)
    recipe = replace(RECIPE, reset_error=3.0)
    passes = ClosedLoop(drawn("tanh", scale=0.3), recipe, 60, signals, phones)
    for _ in range(60):
        passes.next_pass()
    counts = {"on": 0, "lost": 0, "lost to the beginning": 0, "ended": 0}
    for (_, after, lost, share), (begun, *_) in zip(seen[:-1], seen[1:], strict=True):
        for i in range(RECIPE.streams):
            u, p = begun.utterance[i], begun.position[i]
            true_window = torch.equal(begun.window[i], signals[u][p : p + ORDER])
            if after.position[i] >= (83, 41)[after.utterance[i]]:
                counts["ended"] += 1
                assert p == 0 and true_window and not begun.state[i].any()
            elif lost[i] and share:
                assert true_window
                begins = p == 0 and not begun.state[i].any()
                counts["lost to the beginning" if begins else "lost"] += 1
            else:
                counts["on"] += 1
                assert p == after.position[i] and u == after.utterance[i]
                assert torch.equal(begun.window[i], after.window[i])
                assert torch.equal(begun.state[i], after.state[i])
    assert min(counts.values()) > 3
    assert counts["lost"] > counts["lost to the beginning"]


# --- what they learn from -----------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_a_pass_on_true_samples_has_the_error_of_teacher_forcing(cell):
    one = series(83, ORDER)
    speech, (signal,), _ = speech_of(one)
    network = drawn(cell)
    streams = beginnings(network, speech, 3)
    error, samples, after, _ = rolled(network, RECIPE, speech, streams, 0.0)
    wanted = numpy_network(cell, weights_of(network), signal.double().numpy(), one.phones)[:11]
    target = signal[ORDER : ORDER + 11].double().numpy()
    assert samples == 33
    assert error == pytest.approx(np.mean((wanted - target) ** 2), rel=1e-5)
    assert torch.equal(after.window[0], signal[11 : 11 + ORDER])
    assert after.position.tolist() == [11, 11, 11]


@pytest.mark.parametrize("cell", CELLS)
def test_a_pass_on_its_own_samples_has_the_error_of_a_free_run(cell):
    one = series(83, ORDER)
    speech, (signal,), _ = speech_of(one)
    network = drawn(cell, scale=0.3)
    streams = beginnings(network, speech, 3)
    error, _, after, _ = rolled(network, RECIPE, speech, streams, 1.0)
    free = free_run(network, signal[:ORDER].numpy(), one.phones[:11], limit=1e9).samples
    target = signal[ORDER : ORDER + 11].numpy()
    assert error == pytest.approx(np.mean((free - target) ** 2), rel=1e-5)
    np.testing.assert_allclose(after.window[0], free[-ORDER:], rtol=0, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_is_the_slope_of_the_loss(cell):
    one = series(83, ORDER)
    network = drawn(cell, scale=0.3).double()
    speech, *_ = speech_of(one)
    speech = replace(speech, signal=speech.signal.double(), power=speech.power.double())
    streams = at_places(speech, network, [(0, 3), (0, 40), (0, 77)])  # 6 of 11 samples are left
    rolled(network, replace(RECIPE, error_bound=1e9), speech, streams, 0.7)
    gradient = gradient_of(network)

    def loss() -> float:
        at = ORDER + streams.position[:, None] + torch.arange(11)
        true, mix = speech.signal[at], torch.full((11, 3), 0.7, dtype=torch.float64)
        signal = torch.cat((streams.window, true), dim=1).t()
        with torch.no_grad():
            y, *_ = roll_out_plain(
                signal, mix, speech.phones[at].t(), streams.state, network.weights, cell
            )
        squares = ((y.t() - true) ** 2).numpy()
        errors = np.array([squares[0].mean(), squares[1].mean(), squares[2, :6].mean()])
        return np.average(np.log(errors + LOSS_FLOOR), weights=[11, 11, 6])

    weights = torch.nn.utils.parameters_to_vector(network.parameters()).detach()
    for i in range(0, len(weights), 17):
        losses = []
        for step in (1e-6, -1e-6):
            moved = weights.clone()
            moved[i] += step
            torch.nn.utils.vector_to_parameters(moved, network.parameters())
            losses.append(loss())
        slope = (losses[0] - losses[1]) / 2e-6
        assert gradient[i] == pytest.approx(slope, abs=1e-7, rel=1e-5)


def test_the_bound_on_the_error_does_not_hide_a_divergence():
    recipe = replace(RECIPE, optimizer="sgd", learning_rate=1e6, clip="none", init_scale=1e3)
    found = run(recipe, [series(83, ORDER)])
    assert found.diverged_at is not None
    assert not found.history["mse"].iloc[-1] <= 1000


def test_what_runs_over_the_end_does_not_count():
    one = series(83, ORDER)
    speech, *_ = speech_of(one)
    network = drawn("tanh")
    streams = at_places(speech, network, [(0, 3), (0, 77)])  # 6 of 11 samples are left to one
    error, samples, *_ = rolled(network, RECIPE, speech, streams, 1.0)
    gradient = gradient_of(network)
    assert samples == 11 + 6
    speech.signal[ORDER + 83 :] = 1e3
    again, *_ = rolled(network, RECIPE, speech, streams, 1.0)
    assert error == again
    assert np.array_equal(gradient, gradient_of(network))


def test_an_error_counts_up_to_its_bound_and_pulls_no_more_beyond():
    one = series(83, ORDER)
    speech, *_ = speech_of(one)
    network = drawn("tanh")
    streams = at_places(speech, network, [(0, 3), (0, 40)])
    error, *_ = rolled(network, replace(RECIPE, error_bound=1e-12), speech, streams, 1.0)
    assert error == pytest.approx(1e-12)
    assert not gradient_of(network).any()


def test_a_stream_is_lost_where_its_error_passes_a_share_of_the_power():
    one = series(83, ORDER)
    speech, *_ = speech_of(one)
    network = drawn("tanh")
    streams = at_places(speech, network, [(0, p) for p in range(0, 70, 3)])
    recipe = replace(RECIPE, streams=len(streams.position))
    share = []
    for reset_error in (1e-9, 0.5, 1.0, 1e9):
        *_, lost = rolled(network, replace(recipe, reset_error=reset_error), speech, streams, 1.0)
        share.append(lost.float().mean().item())
    assert share == sorted(share, reverse=True)
    assert share[0] == 1 and share[-1] == 0
    network.U.data.fill_(torch.nan)
    assert rolled(network, replace(recipe, reset_error=1e9), speech, streams, 1.0)[3].all()


def test_noise_falls_on_the_windows_and_not_on_the_targets():
    one = series(83, ORDER)
    speech, (signal,), _ = speech_of(one)
    network = drawn("tanh")
    network.U.data.zero_()  # it predicts about c = 0.5 for any input
    streams = beginnings(network, speech, 2)
    errors = [
        rolled(network, replace(RECIPE, input_noise=noise), speech, streams, 1.0)[0]
        for noise in (0.0, 10.0)
    ]
    assert errors[0] == errors[1]
    network = drawn("tanh")
    errors = [
        rolled(network, replace(RECIPE, input_noise=noise), speech, streams, 1.0)[0]
        for noise in (0.0, 10.0)
    ]
    assert errors[0] != errors[1]


# --- the training -------------------------------------------------------------------------------


def test_equal_seeds_give_equal_bytes_on_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(closed_loop, "GROUP", 2)
    recipe = replace(RECIPE, input_noise=0.01, clip="norm")
    utterances = [series(260, ORDER), series(41, ORDER, 1)]
    found = [
        run(recipe, utterances, seed=seed, threads=count)
        for count, seed in ((1, 0), (2, 0), (1, 1))
    ]
    one, two, other = map(flat, (one.network for one in found))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
    assert found[0].history.equals(found[1].history)
    assert found[0].history["update"].tolist() == list(range(1, 9))


def test_the_network_is_tried_on_the_way_and_the_best_kept(monkeypatch):
    one = series(260, ORDER)
    signal = one.standardised(MEAN, STD)
    passed = []
    truly = Training.step

    def watched(training, rate):
        truly(training, rate)
        passed.append(copy.deepcopy(training.network))

    def tried(network) -> float:
        return nmse(signal[ORDER:], free_run(network, signal[:ORDER], one.phones).samples)

    monkeypatch.setattr(Training, "step", watched)
    monkeypatch.setattr("rnnpipe.training.train.FREE_RUNS", 5)
    # Steps so large that the last network is not always the best.
    recipe = replace(RECIPE, learning_rate=0.01, updates=20)
    ends = []
    for seed in range(5):
        passed.clear()
        found = run(recipe, [one], seed=seed)
        errors = found.history.set_index("update")["free_nmse"].dropna()
        assert errors.index.tolist() == [4, 8, 12, 16, 20]
        for update, error in errors.items():  # before the step
            assert error == tried(passed[update - 2])
        assert tried(found.network) == min(errors.min(), tried(passed[-1]))
        ends.append(np.array_equal(flat(found.network), flat(passed[-1])))
    assert any(ends) and not all(ends)


def test_scheduled_sampling_feeds_back_a_true_sample_or_a_predicted_one(monkeypatch):
    shares = []

    def roll_out(signal, share, *rest):
        shares.append(share)
        return plain(signal, share, *rest)

    plain = closed_loop.roll_out
    monkeypatch.setattr(closed_loop, "roll_out", roll_out)
    network, speech, places = drawn(cell="tanh"), speech_of(series(600, ORDER))[0], [(0, 50)] * 40
    recipe = replace(RECIPE, streams=40, steps=50, scheduled_sampling=True)
    for share in (0.0, 0.3, 1.0):
        shares.clear()
        rolled(network, recipe, speech, at_places(speech, network, places), share)
        drawn_shares = torch.cat([part.ravel() for part in shares])
        assert set(drawn_shares.tolist()) <= {0.0, 1.0}
        assert drawn_shares.mean().item() == pytest.approx(share, abs=0.05)


def test_contradictions_are_refused():
    for wrong, message in (
        ({"dropout": 0.1}, "The closed loop supports neither dropout nor weight_noise."),
        ({"weight_noise": 0.1}, "The closed loop supports neither dropout nor weight_noise."),
        ({"ridge": 0.1}, "ridge belongs to backpropagation none."),
        (
            {"scheduled_sampling": True, "backpropagation": "truncated"},
            "scheduled_sampling belongs to backpropagation closed_loop.",
        ),
    ):
        with pytest.raises(RnnpipeError, match=message):
            replace(RECIPE, **wrong)


def test_a_training_that_goes_mad_is_a_divergence():
    recipe = replace(RECIPE, optimizer="sgd", learning_rate=1e38, updates=50)
    found = run(recipe)
    assert found.diverged_at is not None
    assert np.isfinite(flat(found.network)).all()


@pytest.mark.slow
def test_the_closed_loop_holds_every_free_run_and_teacher_forcing_does_not():
    rng = np.random.default_rng(0)
    samples = np.convolve(rng.normal(0, 900, 411), np.hanning(12), "valid").astype(np.int16)
    one = Series("TRAIN/DR1/FABC0/SX1", samples, (1 + np.arange(380) // 95).astype(np.uint8))
    mean, std = samples.mean(), samples.std()
    signal = one.standardised(mean, std)
    options = {"updates": 500, "learning_rate": 3e-3, "optimizer": "soap", "clip": "norm"}
    options |= {"schedule": "cosine", "final_learning_rate": 0.01, "init": "orthogonal"}
    options |= {"streams": 16, "steps": 50, "warm_up": 0.2, "input_noise": 0.01}
    found = {"truncated": [], "closed_loop": []}
    for how, errors in found.items():
        recipe = Recipe(backpropagation=how, **options)
        for seed in range(3):
            network = train(recipe, [one], hidden_size=48, seed=seed, mean=mean, std=std).network
            errors.append(nmse(signal[20:], free_run(network, signal[:20], one.phones).samples))
    # With teacher forcing, a run may follow by chance, even by the rounding of a processor.
    assert max(found["closed_loop"]) < 0.02
    assert max(found["truncated"]) > 0.1


@pytest.mark.skipif(
    "RNNPIPE_TIMIT_ROOT" not in os.environ,
    reason="needs TRAIN/DR8/FCLT0/SI2068 of real TIMIT: set RNNPIPE_TIMIT_ROOT",
)
def test_one_vowel_of_the_note_s_utterance_is_reconstructed_to_the_ear():
    files = {one.utterance: one for one in find_utterances(os.environ["RNNPIPE_TIMIT_ROOT"])}
    utterance = read_utterance(files["TRAIN/DR8/FCLT0/SI2068"])
    [start, end] = next((one.start, one.end) for one in utterance.phones if one.label == "ow")
    order, codes = 240, encode(utterance.phones, utterance.samples.size)
    vowel = utterance.samples[start:end]
    one = Series(utterance.utterance, vowel, codes[start + order : end])
    mean, std = vowel.mean(), vowel.std()
    recipe = shipped("closed_loop", epochs=None, updates=1000, streams=24, steps=100)
    found = train(recipe, [one], hidden_size=100, seed=0, mean=mean, std=std)
    signal = one.standardised(mean, std)
    free = free_run(found.network, signal[:order], one.phones).samples
    assert nmse(signal[order:], free) < 0.001
