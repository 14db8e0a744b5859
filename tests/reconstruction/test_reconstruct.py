"""Reconstructions from end to end: samples in, WAV files and a table out."""

import dataclasses

import numpy as np
import pytest
import soundfile
import torch
from helpers.networks import drawn
from helpers.speech import made_up, series

from rnnpipe.corpus.phones import Segment
from rnnpipe.kernels.recurrence import CELLS
from rnnpipe.reconstruction.metrics import measure
from rnnpipe.reconstruction.reconstruct import (
    feedback_noise,
    feedback_std,
    free_run,
    free_run_exponent,
    reconstruct_utterances,
    teacher_forced,
    write_wav,
)
from rnnpipe.windows.series import Series, load_series
from rnnpipe.windows.store import extract

KINDS = ("original", "teacher_forced", "free_running")


def reconstructed(network, utterances, folder, **how):
    """The table of errors; all of an utterance is one phone."""
    phones = {one.item: [Segment(0, 7 + one.phones.size, "iy")] for one in utterances}
    return reconstruct_utterances(network, utterances, phones, folder, **how)[0]


def exploding(order=7):
    """y_t = 2 x_{t-1} for positive x, 0 for negative."""
    network = drawn("relu", order=order, hidden_size=1, scale=0.0)
    with torch.no_grad():
        network.W[-1] = 2.0
        network.U[0] = 1.0
    return network


@pytest.mark.parametrize("cell", CELLS)
def test_teacher_forced_is_the_forward_pass(cell):
    network, one = drawn(cell), series(301, 7)
    signal = one.standardised(network.mean, network.std)
    with torch.no_grad():
        wanted, _ = network(
            torch.tensor(signal[None]),
            torch.tensor(one.phones[None], dtype=torch.int32),
            network.initial_state(1),
        )
    found = teacher_forced(network, signal, one.phones)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted[0], rtol=0, atol=1e-5)


def test_the_arguments_stay_as_they_are():
    network, one = drawn("gru"), series(301, 7)
    signal = one.standardised(network.mean, network.std)
    before = signal.copy()
    teacher_forced(network, signal, one.phones)
    free_run(network, signal[:7], one.phones)
    assert signal.tobytes() == before.tobytes()


def test_a_free_run_says_where_it_was_cut_off():
    phones = np.zeros(40, np.uint8)
    context = np.ones(7, np.float32)
    run = free_run(exploding(), context, phones, limit=20)
    assert run.stopped_at == 4
    assert run.samples.tolist() == [2, 4, 8, 16, *[0] * 36]
    assert free_run(exploding(), context, phones[:4], limit=20).stopped_at is None
    assert free_run(exploding(), -context, phones, limit=20).stopped_at is None


def test_files_and_table_of_two_utterances(tmp_path):
    network = drawn("tanh", scale=0.2)
    both = [series(301, 7, name="TRAIN/DR1/FABC0/SX1"), series(97, 7, 1, "TEST/DR2/MXYZ0/SI22")]
    table = reconstructed(network, both, tmp_path, limit=20)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        f"{one.item.replace('/', '-')}.{kind}.wav" for one in both for kind in KINDS
    )
    assert table.columns.tolist() == [
        "utterance",
        "reconstruction",
        "mse",
        "nmse",
        "snr_db",
        "horizon_ms",
        "stopped_at",
        "exponent",
    ]
    assert table["utterance"].tolist() == [one.item for one in both for _ in range(2)]
    assert table["reconstruction"].tolist() == ["teacher_forced", "free_running"] * 2
    assert table["stopped_at"].isna().all()
    for one, rows in zip(both, (table[:2], table[2:]), strict=True):
        signal = one.standardised(network.mean, network.std)
        predictions = (
            teacher_forced(network, signal, one.phones),
            free_run(network, signal[:7], one.phones).samples,
        )
        for prediction, row in zip(predictions, rows.to_dict("records"), strict=True):
            wanted = measure(signal[7:], prediction)
            assert {name: row[name] for name in wanted} == wanted
            path = f"{one.item.replace('/', '-')}.{row['reconstruction']}.wav"
            sound, rate = soundfile.read(tmp_path / path, dtype="int16")
            restored = np.rint(prediction.astype(np.float64) * network.std + network.mean)
            assert rate == 16000
            np.testing.assert_array_equal(sound[:7], one.samples[:7])
            np.testing.assert_array_equal(sound[7:], restored.clip(-32768, 32767))
        original, _ = soundfile.read(
            tmp_path / f"{one.item.replace('/', '-')}.original.wav", dtype="int16"
        )
        np.testing.assert_array_equal(original, one.samples)


@pytest.mark.parametrize(
    ("lowest", "highest"),
    [(-2, 2), (0, 1), (30_000, 30_002), (-32_768, 32_767), (-400, 3)],
    ids=["two steps", "one step", "a large offset", "all of 16 bits", "a gain and an offset"],
)
def test_errors_by_phone_are_those_of_the_predictions_and_not_of_the_audio(
    tmp_path, lowest, highest
):
    # Rounded to audio, predictions of quiet speech lose most of what they are; of loud, they clip.
    samples = np.random.default_rng(0).integers(lowest, highest + 1, 307).astype(np.int16)
    one = Series("TRAIN/DR1/FABC0/SX1", samples, np.zeros(300, np.uint8))
    network = drawn("tanh", scale=0.2)
    network.mean, network.std = float(samples.mean()), float(samples.std())
    phones = [Segment(0, 90, "iy"), Segment(90, 200, "s"), Segment(200, 307, "n")]
    errors, by_phone = reconstruct_utterances(
        network, [one], {one.item: phones}, tmp_path, limit=20
    )
    shares = by_phone.groupby("reconstruction")["nmse_share"].sum()
    for row in errors.itertuples():
        assert shares[row.reconstruction] == pytest.approx(row.nmse, rel=1e-6)


def test_the_original_is_written_back_to_the_last_bit_over_the_whole_16_bit_range(tmp_path):
    samples = np.arange(-32768, 32768, dtype=np.int64).astype(np.int16)
    one = Series("TRAIN/DR1/FABC0/SX1", samples, np.zeros(samples.size - 7, np.uint8))
    reconstructed(drawn("tanh", scale=0.1), [one], tmp_path, limit=20)
    path = tmp_path / "TRAIN-DR1-FABC0-SX1.original.wav"
    np.testing.assert_array_equal(soundfile.read(path, dtype="int16")[0], samples)
    info = soundfile.info(path)
    assert (info.format, info.subtype, info.channels) == ("WAV", "PCM_16", 1)


def test_a_run_that_blew_up_is_valid_audio_with_its_end_in_the_table(tmp_path):
    one = Series("TRAIN/DR1/FABC0/SX1", np.full(60, 500, np.int16), np.zeros(53, np.uint8))
    network = exploding()
    network.mean, network.std = 0.0, 500.0
    table = reconstructed(network, [one], tmp_path, limit=20)
    assert table["stopped_at"].tolist()[1] == 7 + 4
    assert np.isnan(table["stopped_at"][0])
    sound, _ = soundfile.read(tmp_path / "TRAIN-DR1-FABC0-SX1.free_running.wav", dtype="int16")
    assert sound.tolist() == [500] * 7 + [1000, 2000, 4000, 8000] + [0] * 49


def test_a_network_of_nans_still_gets_its_files_and_rows(tmp_path):
    network = drawn("tanh")
    with torch.no_grad():
        network.c.fill_(np.nan)
    table = reconstructed(network, [series(97, 7)], tmp_path, limit=20)
    assert np.isnan(table["mse"][0])
    assert table["stopped_at"][1] == 7
    assert np.isfinite(table["mse"][1])
    assert len(list(tmp_path.iterdir())) == 3
    for path in tmp_path.iterdir():
        assert soundfile.info(path).frames == 104


def test_samples_beyond_16_bits_are_clipped_and_a_nan_is_0(tmp_path):
    samples = np.array([0, 1, -1, 1e30, -1e30, np.inf, -np.inf, np.nan, 0.0026])
    write_wav(tmp_path / "one.wav", samples, 12.0, 1000.0)
    sound, _ = soundfile.read(tmp_path / "one.wav", dtype="int16")
    assert sound.tolist() == [12, 1012, -988, 32767, -32768, 32767, -32768, 0, 15]


def test_the_same_network_writes_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        reconstructed(drawn("lstm"), [series(97, 7)], tmp_path / name, limit=20)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


@pytest.mark.parametrize("noise_std", [0.0, 0.3], ids=["exact", "sampled"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_free_run_does_not_peek_at_what_it_is_to_reconstruct(tmp_path, cell, noise_std):
    network, one = drawn(cell, scale=0.2), series(301, 7)
    garbage = np.random.default_rng(1).integers(-32768, 32768, 301).astype(np.int16)
    replaced = Series(one.item, np.concatenate([one.samples[:7], garbage]), one.phones)
    for name, given in (("true", one), ("garbage", replaced)):
        reconstructed(network, [given], tmp_path / name, limit=20, noise_std=noise_std, seed=3)
    true, other = (
        {path.name.split(".")[1]: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("true", "garbage")
    )
    assert true["free_running"] == other["free_running"]
    assert true["teacher_forced"] != other["teacher_forced"]


@pytest.mark.parametrize(("gain", "grows"), [(0.1, False), (8.0, True)])
@pytest.mark.parametrize("cell", ["tanh", "gru", "lstm"])
def test_the_exponent_says_whether_two_free_runs_meet_or_part(cell, gain, grows):
    network, one = drawn(cell, scale=0.2, hidden_size=50), series(301, 7)
    with torch.no_grad():  # with a large gain, random recurrent weights are chaotic
        network.M.normal_(0, gain / 50**0.5, generator=torch.manual_seed(0))
    contexts = [one.standardised(network.mean, network.std)[:7]]
    contexts.append(contexts[0] + np.float32(1e-3))
    runs = [free_run(network, context, one.phones, limit=1e9) for context in contexts]
    apart = np.abs(runs[0].samples - runs[1].samples)
    rate = free_run_exponent(network, contexts[0], one.phones, runs[0])
    assert (apart[-50:].max() > 1e-3) == grows
    assert (rate > 0) == grows


@pytest.mark.parametrize("noise_std", [0.0, 0.3], ids=["exact", "sampled"])
def test_a_phone_is_reconstructed_from_the_samples_before_it_alone(tmp_path, noise_std):
    utterance = made_up("TRAIN/DR1/FABC0/SX1", 300)
    phone, given = f"{utterance.utterance}/ow-100-260", slice(93, 100)
    garbage = np.random.default_rng(1).integers(-32768, 32768, 300).astype(np.int16)
    garbage[given] = utterance.samples[given]
    sounds = {}
    for name, samples in (("true", utterance.samples), ("garbage", garbage)):
        windows = tmp_path / name / "windows"
        one = dataclasses.replace(utterance, samples=samples)
        extract([one], tmp_path / name / "table", windows, order=7, length=32)
        folder, network = tmp_path / name / "wav", drawn("tanh", scale=0.2)
        how = {"limit": 20, "noise_std": noise_std, "seed": 3}
        reconstructed(network, load_series([windows], [phone]), folder, **how)
        sounds[name] = {p.name.split(".")[-2]: p.read_bytes() for p in folder.iterdir()}
        assert (folder / "TRAIN-DR1-FABC0-SX1-ow-100-260.free_running.wav").exists()
    assert sounds["true"]["free_running"] == sounds["garbage"]["free_running"]
    assert sounds["true"]["original"] != sounds["garbage"]["original"]


def test_noise_is_fed_back_with_the_prediction():
    network, phones = exploding(), np.zeros(4, np.uint8)
    noise = np.array([0.5, -1, 0, 0.25], np.float32)
    run = free_run(network, np.ones(7, np.float32), phones, noise=noise)
    assert run.samples.tolist() == [2.5, 4, 8, 16.25]


def test_noise_has_its_deviation_and_depends_only_on_seed_and_utterance():
    one = feedback_noise("TRAIN/A", 20_000, 0.3, 1)
    assert one.dtype == np.float32 and one.std() == pytest.approx(0.3, rel=0.03)
    assert one.tobytes() == feedback_noise("TRAIN/A", 20_000, 0.3, 1).tobytes()
    for other in (
        feedback_noise("TRAIN/B", 20_000, 0.3, 1),
        feedback_noise("TRAIN/A", 20_000, 0.3, 2),
    ):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.05
    assert not feedback_noise("TRAIN/A", 20, 0.0, 1).any()


def test_the_noise_is_as_large_as_the_training_error_where_that_is_asked_for():
    assert feedback_std("none", 0.25) == 0
    assert feedback_std("training", 0.25) == 0.5
    assert feedback_std("training", np.nan) == 0
    assert feedback_std(0.1, np.nan) == 0.1
