"""The files that a run writes."""

import numpy as np
import pandas as pd
import pytest
import soundfile
from helpers.workflow import (
    NETWORKS,
    UTTERANCE,
)


def test_a_run_leaves_what_the_readme_promises(finished):
    results = finished / "results"
    for network in NETWORKS:
        for name in (
            *("model.safetensors", "snapshots.safetensors", "history.parquet", "run.json"),
            "dynamics.parquet",
        ):
            assert (finished / network / name).is_file()
    mse = pd.read_csv(results / "tables/mse.csv")
    assert list(mse.columns[:11]) == [
        *("recipe", "hidden_size", "seed", "utterance", "reconstruction"),
        *("mse", "nmse", "snr_db", "horizon_ms", "status", "diverged_at"),
    ]
    baselines = {"baseline:silence", "baseline:persistence", "baseline:linear"}
    assert set(mse["recipe"]) == {"note", "clipped"} | baselines
    assert len(mse) == 2 * (4 + 3)
    assert np.isfinite(mse["nmse"]).all()
    settings = pd.read_csv(results / "tables/settings.csv")
    assert len(settings) == 4
    assert settings["outcome"].str.len().gt(20).all()
    assert np.isfinite(settings[["sharpness", "lyapunov"]]).all(axis=None)
    assert settings["verdict"].str.startswith("stable").all()
    page = (results / "report.html").read_text()
    assert page.count("data-setting=") == 4
    for name in ("mse.txt", "mse.md", "mse.tex", "by_phone.csv", "by_phone_class.tex"):
        assert (results / "tables" / name).stat().st_size > 100
    waveforms = [f"waveforms/{r}/h{h}/s0/{UTTERANCE.replace('/', '-')}"
                 for r in ("note", "clipped") for h in (3, 5)]  # fmt: skip
    names = ["mse_over_hidden_size", "training_curves", "stability", "free_runs", *waveforms]
    for name in names:
        for suffix in ("svg", "png"):
            assert (results / f"figures/{name}.{suffix}").stat().st_size > 1000


def test_the_audio_is_the_utterance_and_its_reconstructions(finished):
    source = finished / f"results/corpus/mini-timit/{UTTERANCE}.WAV"
    truth, _ = soundfile.read(source, dtype="int16")
    for network in NETWORKS:
        name = f"{network}/reconstructions/{UTTERANCE.replace('/', '-')}"
        for kind in ("original", "teacher_forced", "free_running"):
            path = finished / f"{name}.{kind}.wav"
            info = soundfile.info(path)
            assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
            sound, _ = soundfile.read(path, dtype="int16")
            assert sound.size == truth.size
            assert np.array_equal(sound[:16], truth[:16]), "the first k samples are given"
            assert np.array_equal(sound, truth) == (kind == "original")


def test_the_table_says_what_the_audio_holds(finished):
    mse = pd.read_csv(finished / "results/tables/mse.csv")
    row = mse[(mse.recipe == "clipped") & (mse.hidden_size == 5)].iloc[0]
    folder = finished / "results/runs/clipped/h5/s0/reconstructions"
    name = UTTERANCE.replace("/", "-")
    original, _ = soundfile.read(folder / f"{name}.original.wav", dtype="int16")
    forced, _ = soundfile.read(folder / f"{name}.{row.reconstruction}.wav", dtype="int16")
    error = (original[16:].astype(float) - forced[16:]) ** 2
    assert row.nmse == pytest.approx(error.mean() / original[16:].var(), rel=1e-2)
