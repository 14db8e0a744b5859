"""Other experiments, interrupted ones, and the targets."""

import os
import re
import shutil
import signal
import subprocess
import time

import numpy as np
import pandas as pd
import soundfile
import yaml
from helpers.workflow import (
    REPOSITORY,
    TINY,
    UTTERANCE,
    changed,
    command,
    contents,
    copy_regions,
    snakemake,
)


def test_any_path_several_utterances_and_a_divergence(finished, tmp_path):
    corpus = tmp_path / "mon corpus à moi's $x" / "timit"
    copy_regions(finished, corpus, ("TEST/DR3", "TEST/DR7", "TRAIN/DR8"))
    config = changed(
        corpus={"root": str(corpus.parent)},
        experiment={
            "utterances": ["test/dr*/f*/sa1", UTTERANCE],
            "recipes": ["clipped", "wild"],
            "hidden_sizes": [3],
            "seeds": [0, 1],
            "restrict": {"clipped": {"seeds": [0]}},
        },
    )
    config["recipes"]["wild"] = config["recipes"]["note"] | {"learning_rate": 1000.0}
    said = snakemake(tmp_path, "all", config=config)
    assert said.count("rnnpipe: wild, 3 hidden units, seed 0: the step is too large: before") == 1
    assert "rnnpipe: clipped" not in said
    mse = pd.read_csv(tmp_path / "results/tables/mse.csv")
    networks = mse[~mse["recipe"].str.startswith("baseline:")]
    assert len(networks) == (1 + 2) * 2 * networks["utterance"].nunique()
    assert networks["utterance"].nunique() == 2
    wild = networks[networks["recipe"] == "wild"]
    assert set(wild["status"]) == {"diverged"}
    assert wild["diverged_at"].ge(2).all()
    assert set(networks[networks["recipe"] == "clipped"]["status"]) == {"ok"}
    settings = pd.read_csv(tmp_path / "results/tables/settings.csv").set_index("recipe")
    assert settings.loc["wild", "outcome"].str.contains("diverged at update").all()
    assert settings.loc["wild", "verdict"].str.startswith("step too large for the curvature").all()
    assert "diverged" in (tmp_path / "results/report.html").read_text()
    for path in tmp_path.glob("results/runs/wild/h3/s0/reconstructions/*.wav"):
        assert soundfile.info(path).subtype == "PCM_16"


def test_phones_are_learnt_and_others_held_out(finished, tmp_path):
    corpus = tmp_path / "corpus"
    copy_regions(finished, corpus, ["TRAIN/DR8"])
    labels = [line.split() for line in (corpus / f"{UTTERANCE}.PHN").read_text().splitlines()]
    start, end, label = labels[3]
    config = changed(
        corpus={"root": str(corpus)},
        experiment={
            "utterances": [f"{UTTERANCE}/{label}-{start}"],
            "held_out": ["TRAIN/DR8/FXWH7/SI1023"],
            "recipes": ["clipped", "closed"],
            "hidden_sizes": [3],
        },
        reconstruct={"feedback_noise": "training"},
    )
    closed = {"updates": 20, "warm_up": 0.25, "streams": 4, "steps": 10, "init": "orthogonal"}
    config["recipes"]["closed"] = closed | {"backpropagation": "closed_loop"}
    snakemake(tmp_path, "all", config=config)
    phone = f"{UTTERANCE}/{label}-{start}-{end}"
    mse = pd.read_csv(tmp_path / "results/tables/mse.csv")
    sets = mse.groupby("utterance")["set"].unique().map(list).to_dict()
    assert sets == {phone: ["train"], "TRAIN/DR8/FXWH7/SI1023": ["held_out"]}
    sound, _ = soundfile.read(corpus / f"{UTTERANCE}.WAV", dtype="int16")
    name = f"results/runs/closed/h3/s0/reconstructions/{phone.replace('/', '-')}"
    original, _ = soundfile.read(tmp_path / f"{name}.original.wav", dtype="int16")
    np.testing.assert_array_equal(original, sound[int(start) - 16 : int(end)])
    phones = pd.read_csv(tmp_path / "results/tables/phones.csv")
    learnt = phones[phones["set"] == "train"]
    assert set(learnt["phone"]) == {label}
    assert set(learnt["end"] - learnt["start"]) == {int(end) - int(start)}
    settings = pd.read_csv(tmp_path / "results/tables/settings.csv")
    assert settings["outcome"].str.contains("Of what was held out, its NMSE is").all()
    page = (tmp_path / "results/report.html").read_text()
    assert "on what was held out" in page and "Free runs are sampled" in page
    status, output = snakemake(
        tmp_path,
        "all",
        config=config | {"experiment": config["experiment"] | {"held_out": [UTTERANCE]}},
        check=False,
    )
    assert status != 0
    (line,) = [line for line in output.splitlines() if line.startswith("rnnpipe: ")]
    assert f"experiment.held_out: {UTTERANCE}: also in" in line


def test_a_closed_loop_has_the_same_bytes_on_one_core_and_on_two(finished, tmp_path):
    # As large as real ones, because small products are never split over threads.
    copy_regions(finished, tmp_path / "corpus", ["TRAIN/DR8"])
    config = changed(
        corpus={"root": str(tmp_path / "corpus")},
        experiment={"recipes": ["closed"], "hidden_sizes": [320]},
    )
    closed = {"updates": 12, "warm_up": 0.25, "streams": 48, "steps": 150, "optimizer": "soap"}
    config["recipes"]["closed"] = closed | {"backpropagation": "closed_loop"}
    config["windows"]["order"] = 200
    networks = []
    for cores in ("1", "2"):
        folder = tmp_path / cores
        folder.mkdir()
        snakemake(folder, "models", "--cores", cores, config=config)
        networks.append(folder / "results/runs/closed/h320/s0/model.safetensors")
    one, two = (network.read_bytes() for network in networks)
    assert one == two


def test_killed_and_run_again_leaves_the_same_bytes(finished, tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(TINY))
    output = subprocess.DEVNULL
    process = subprocess.Popen(
        command("all"), cwd=tmp_path, start_new_session=True, stdout=output, stderr=output
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("results/runs/*/*/*/model.safetensors")):
        assert time.monotonic() < deadline, "no network was trained in two minutes"
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "results/report.html").exists()
    snakemake(tmp_path, "--unlock")
    snakemake(tmp_path, "all")
    again, first = contents(tmp_path), contents(finished)
    assert again.keys() == first.keys()
    assert [path for path in first if first[path] != again[path]] == []


def test_after_ctrl_c_the_same_command_goes_on(finished, tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(changed(experiment={"hidden_sizes": [3]})))
    with open(tmp_path / "said", "w") as said:
        process = subprocess.Popen(
            command("all"),
            cwd=tmp_path,
            start_new_session=True,
            stdout=said,
            stderr=said,
            # As on a terminal; a background job of a shell would inherit that Ctrl-C is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        deadline = time.monotonic() + 120
        while not (tmp_path / "results/corpus/.mini-timit.partial").exists():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) != 0
    assert "rnnpipe: interrupted" in (tmp_path / "said").read_text()
    assert not (tmp_path / "results/corpus/mini-timit").exists()
    snakemake(tmp_path, "windows")
    for path in tmp_path.glob("results/windows/*"):
        assert path.read_bytes() == (finished / "results/windows" / path.name).read_bytes()


def test_the_targets_stop_at_their_stage(tmp_path):
    snakemake(tmp_path, "windows", config=TINY)
    made = {path.name for path in tmp_path.glob("results/*")}
    assert made == {"corpus", "windows", "logs", "benchmarks"}
    models = snakemake(tmp_path, "models", "--dry-run")
    assert "rule train" in models and "rule reconstruct" not in models
    reconstructions = snakemake(tmp_path, "reconstructions", "--dry-run")
    assert "rule reconstruct" in reconstructions and "rule plot" not in reconstructions


def test_snakemakes_own_report_has_the_figures_and_tables(finished):
    snakemake(finished, "all", "--report", "snakemake-report.html")
    page = (finished / "snakemake-report.html").read_text()
    for name in ("mse.csv", "settings.csv", "by_phone_class.csv", "mse_over_hidden_size.svg",
                 "stability.svg", "free_runs.png"):  # fmt: skip
        assert name in page
    assert "Waveforms" in page and UTTERANCE.replace("/", "-") in page


def test_the_default_experiment_is_sound(tmp_path):
    shutil.copy(REPOSITORY / "config.yaml", tmp_path)
    output = snakemake(tmp_path, "--dry-run")
    assert re.search(r"^train +5$", output, re.MULTILINE)
