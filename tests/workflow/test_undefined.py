"""Speech of which no relative error is defined: left out and named, never worded as a failure."""

import csv
import html
import re

import numpy as np
from helpers.recordings import form, pcm16, riff
from helpers.trees import write
from helpers.workflow import changed, snakemake

SPEAKER = "TRAIN/DR1/FAAA0"


def corpus(folder):
    """Speech, digital silence, and utterances of one and of two samples to predict."""
    rng = np.random.default_rng(0)
    speech = {
        "SX1": (2000 * np.sin(np.arange(3000) / 9) + 300 * rng.normal(size=3000)).astype(np.int16),
        "SX2": np.zeros(3000, np.int16),
        "SX3": np.arange(17, dtype=np.int16),
        "SX4": np.arange(18, dtype=np.int16),
        "SX5": rng.integers(-900, 900, 700).astype(np.int16),
        "SX6": np.full(900, 3, np.int16),
    }
    for sentence, samples in speech.items():
        size, half = samples.size, samples.size // 2
        phones = f"0 {half} h#\n{half} {size} iy\n".encode()
        audio = riff(form(), pcm16(samples))
        write(folder / SPEAKER, sentence, WAV=audio, PHN=phones, WRD=None, TXT=None)
    return folder


def page_of(folder):
    """The words of the report, without its scripts and styles."""
    text = (folder / "results/report.html").read_text()
    text = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", text, flags=re.S)
    return html.unescape(re.sub(r"<[^>]+>", " ", text))


def test_constant_and_very_short_utterances_are_left_out_and_named(tmp_path):
    root = corpus(tmp_path / "corpus")
    config = changed(
        corpus={"root": str(root)},
        experiment={
            "utterances": [f"{SPEAKER}/SX{i}" for i in (1, 2, 3, 4)],
            "held_out": [f"{SPEAKER}/SX{i}" for i in (5, 6)],
            "hidden_sizes": [3],
        },
    )
    printed = snakemake(tmp_path, "all", config=config)
    page = page_of(tmp_path)
    for text in (page, printed.rsplit("\n\n", 2)[1]):
        assert not re.search(r"\b(nan|inf|blew up|\+nan)\b", text, re.I), text
        assert "every network" not in text and "No setting has a result" not in text
    assert "No setting diverged in training." in page
    assert f"{SPEAKER}/SX2, {SPEAKER}/SX3 and {SPEAKER}/SX6 have no NMSE" in page
    assert "Which hidden size?" in page and "Best: " in page
    with open(tmp_path / "results/runs/clipped/h3/s0/horizon.csv") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["samples"]) == 1492  # half of the longest, whatever the shortest
    assert all(np.isfinite(float(value)) for row in rows for value in row.values())


def test_an_experiment_on_constant_speech_alone_has_no_answer(tmp_path):
    root = corpus(tmp_path / "corpus")
    silent = [f"{SPEAKER}/SX2", f"{SPEAKER}/SX6"]  # each constant, at another value
    experiment = {"utterances": silent, "hidden_sizes": [3], "recipes": ["clipped"]}
    config = changed(corpus={"root": str(root)}, experiment=experiment)
    snakemake(tmp_path, "all", config=config)
    page = page_of(tmp_path)
    assert "What was to be learnt is constant" in page
    assert "No setting diverged in training." in page
    assert not re.search(r"\b(nan|inf)\b", page, re.I)
