"""Bad input: all problems are reported together, in plain lines."""

import shutil
import subprocess
import sys

import pandas as pd
import pytest
from helpers.speech import made_up
from helpers.workflow import (
    REPOSITORY,
    UTTERANCE,
    changed,
    copy_regions,
    snakemake,
)

from rnnpipe.model import Network
from rnnpipe.windows.store import extract


def cut_audio(corpus):
    path = corpus / f"{UTTERANCE}.WAV"
    path.write_bytes(path.read_bytes()[:20000])


def swap_labels(corpus):
    path = corpus / f"{UTTERANCE}.PHN"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[1], lines[0], *lines[2:]]))


def test_all_that_is_wrong_with_a_corpus_is_said_in_one_run(finished, tmp_path):
    corpus = tmp_path / "corpus"
    shutil.copytree(finished / "results/corpus/mini-timit", corpus)
    cut_audio(corpus)
    swap_labels(corpus)
    (corpus / "TRAIN/DR8/FXWH7/SI1023.PHN").unlink()
    shutil.copytree(corpus / "TEST/DR3", corpus / "TEST/DR9")
    config = changed(corpus={"root": str(corpus)})
    status, output = snakemake(tmp_path, "all", config=config, check=False)
    assert status != 0
    assert "Traceback" not in output
    said = [line for line in output.splitlines() if line.startswith("rnnpipe: ")]
    assert any("SI1022.WAV" in line and "sample_count" in line for line in said)
    assert any("SI1022.PHN, line 2" in line for line in said)
    assert any("SI1023.PHN: no such file" in line for line in said)
    assert any("TEST/DR9" in line for line in said)
    assert not list(tmp_path.glob("results/windows/TRAIN-DR8*")), "nothing half-written"
    assert not list(tmp_path.glob("results/**/*.partial*"))
    assert not (tmp_path / "results/corpus/utterances.parquet").exists()


def test_bad_utterances_are_left_out_and_listed_where_that_is_asked_for(finished, tmp_path):
    corpus = tmp_path / "corpus"
    copy_regions(finished, corpus)
    (corpus / "TRAIN/DR8/FXWH7/SI1023.PHN").unlink()
    cut_audio(corpus)
    config = changed(
        corpus={"root": str(corpus), "on_bad_utterance": "skip"},
        experiment={"utterances": ["TRAIN/DR8/FXWH7/SI1024"], "hidden_sizes": [3]},
        windows={"inventory": 39},
    )
    printed = snakemake(tmp_path, "all", config=config)
    assert printed.count("rnnpipe: left out 2 of 20 utterances, and results/corpus/rej") == 1
    rejected = pd.read_csv(tmp_path / "results/corpus/rejected.csv")
    assert sorted(rejected["utterance"]) == [UTTERANCE, "TRAIN/DR8/FXWH7/SI1023"]
    assert rejected["text"].str.contains("SI102[23]").all()
    good = pd.read_parquet(tmp_path / "results/corpus/utterances.parquet")
    assert len(good) == 18
    page = (tmp_path / "results/report.html").read_text()
    assert "Utterances left out of the corpus (2)" in page
    model = Network.load(tmp_path / "results/runs/clipped/h3/s0/model.safetensors")
    assert model.num_phones == 40, "39 phones and none"


def left_out(folder, rejected, good):
    """What the job `utterances` says of a shard; its problems are (utterance, text)."""
    shards = folder / "results/corpus/shards"
    shards.mkdir(parents=True)
    extract(
        [made_up(f"TRAIN/DR1/FABC0/SX{i}", 40) for i in range(good)],
        shards / "TRAIN-DR1.parquet",
        folder / "results/windows/TRAIN-DR1.parquet",
        order=7,
        length=32,
    )
    table = pd.DataFrame(rejected, columns=["utterance", "text"])
    table.to_csv(shards / "TRAIN-DR1.csv", index=False)
    script = REPOSITORY / "workflow/scripts/utterances.py"
    code = f"""
import runpy, sys, types
some = types.SimpleNamespace
files = some(tables=['results/corpus/shards/TRAIN-DR1.parquet'],
             rejected=['results/corpus/shards/TRAIN-DR1.csv'])
made = some(utterances='results/utterances.parquet', rejected='results/rejected.csv')
params = some(root='corpus', windows='results/windows')
sys.path[:0] = [{str(script.parent)!r}, {str(REPOSITORY)!r}]
snakemake = some(input=files, output=made, params=params, log=['job.log'])
runpy.run_path({str(script)!r}, dict(snakemake=snakemake))
"""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, text=True, capture_output=True
    ).stderr


@pytest.mark.parametrize(
    ("rejected", "good", "said"),
    [
        ([], 2, None),
        ([("SX8", "no phones")], 2, "left out 1 of 3 utterances"),
        ([("SX8", "no phones"), ("SX8", "no samples")], 2, "left out 1 of 3 utterances"),
        ([("SX8", "cut"), ("SX9", "cut"), ("", "a table of speakers")], 1, "left out 2 of 3"),
        ([(f"SX{i}", "cut") for i in range(15)], 11, "left out 15 of 26 utterances"),
        ([("SX8", "cut")], 0, "corpus: no utterance could be read (corpus.root)"),
    ],
)
def test_the_utterances_that_are_left_out_are_counted_once_each(tmp_path, rejected, good, said):
    printed = left_out(tmp_path, rejected, good)
    assert "Traceback" not in printed
    if said is None:
        assert printed == ""
    else:
        assert f"rnnpipe: {said}" in printed
        assert printed.count("left out") == 1


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (changed(corpus={"root": "/no/such/timit"}), ["/no/such/timit: no such folder"]),
        (changed(corpus={"root": "$NO_SUCH_VARIABLE"}), ["$NO_SUCH_VARIABLE", "environment"]),
        (changed(windows={"order": 0}), ["config.yaml, line", "windows.order is 0"]),
        (changed(windows={"ordr": 9}), ["unknown key 'windows.ordr'", "'order'"]),
        (changed(experiment={"hidden_sizes": ["many"]}), ["experiment.hidden_sizes", "'many'"]),
        (changed(experiment={"recipes": ["cliped"]}), ["no recipe 'cliped'", "'clipped'"]),
    ],
)
def test_a_bad_configuration_is_one_clear_line(tmp_path, config, words):
    status, output = snakemake(tmp_path, "all", config=config, check=False)
    assert status != 0
    assert "Traceback" not in output
    (line,) = [line for line in output.splitlines() if line.startswith("rnnpipe: ")]
    for word in words:
        assert word in line
    assert not (tmp_path / "results").exists()


def test_an_unknown_utterance_is_answered_with_the_nearest(finished, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder)
    config = changed(experiment={"utterances": ["TRAIN/DR8/FXWH7/SI1029"]})
    status, output = snakemake(folder, "all", config=config, check=False)
    assert status != 0
    (line,) = [line for line in output.splitlines() if line.startswith("rnnpipe: ")]
    assert "'TRAIN/DR8/FXWH7/SI1029'" in line and "TRAIN/DR8/FXWH7/SI1022" in line
