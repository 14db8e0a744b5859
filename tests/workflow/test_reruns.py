"""After a change of configuration or corpus, exactly the jobs that depend on it run again."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import pandas as pd
import pytest
import yaml
from helpers.workflow import (
    ALL_SETTINGS,
    EXTRACTION,
    GATHERING,
    REGIONS,
    REPOSITORY,
    SELECTION,
    TINY,
    UTTERANCE,
    changed,
    contents,
    copy_regions,
    downstream,
    jobs_in,
    planned,
    ran,
    snakemake,
)

from rnnpipe.training.runs import VERSION


def test_nothing_changed_runs_nothing(run):
    said = snakemake(run, "all")
    assert "Nothing to be done" in said and "Teacher-forced" not in said


def test_sizes_on_the_command_line_are_numbers(run):
    said = snakemake(run, "models", "--config", "experiment={hidden_sizes: [6], recipes: [note]}")
    assert "train note h6 s0: MSE " in said, said
    assert (run / "results/runs/note/h6/s0/model.safetensors").exists()
    shutil.rmtree(run / "results/runs/note/h6")
    assert snakemake(run, "all").count("Nothing to be done") == 1


def test_a_report_key_runs_the_report_alone(run):
    before = contents(run)
    config = changed(report={"title": "Another title"})
    assert planned(run, config) == {"report": {()}}
    said = snakemake(run, "all")
    assert (run / "results/tables/mse.txt").read_text() in said
    assert "Another title" in (run / "results/report.html").read_text()
    assert contents(run) == before
    snakemake(run, "all", config=TINY)


def test_a_recipe_that_runs_at_one_size_only_drops_the_others(run):
    config = changed(experiment={"restrict": {"clipped": {"hidden_sizes": [5]}}})
    assert planned(run, config) == GATHERING
    output = snakemake(run, "models", "--forceall", "--dry-run", config=config)
    assert re.search(r"^train +3$", output, re.MULTILINE)


@pytest.mark.parametrize(
    "recipe",
    [
        {"updates": 20, "clip": "norm", "clip_at": 1},
        {"updates": 20, "clip": "norm", "clip_at": 1.0, "cell": "tanh", "momentum": 0},
        {"clip": "norm", "updates": 20, "epochs": None},
        {
            "updates": 20,
            "clip": "norm",
            "learning_rate": 0.001,
            "steps": 100,
            "schedule": "constant",
        },
    ],
)
def test_a_recipe_in_another_spelling_trains_nothing_again(run, recipe):
    config = changed()
    config["recipes"]["clipped"] = recipe
    assert planned(run, config) == {}


def test_keys_in_another_order_and_whole_numbers_with_a_point_run_nothing(run):
    config = {section: dict(reversed(TINY[section].items())) for section in reversed(TINY)}
    config["reconstruct"]["limit"], config["report"]["zoom_ms"] = 20.0, 40.0
    config["experiment"]["restrict"] = None
    assert planned(run, config) == {}


def test_keys_of_an_overlay_in_another_order_run_nothing(run):
    (run / "config.yaml").write_text(yaml.safe_dump(TINY))
    overlay = {key: TINY[key] for key in ("windows", "experiment", "recipes")}
    overlay["recipes"] = dict(reversed(overlay["recipes"].items()))
    for parts in (overlay, dict(reversed(overlay.items()))):
        (run / "mine.yaml").write_text(yaml.safe_dump(parts, sort_keys=False))
        assert jobs_in(snakemake(run, "--dry-run", "--configfile", "mine.yaml")) == {}


def test_a_renamed_recipe_trains_nothing_again(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run", symlinks=True)
    folder, runs = tmp_path / "run", tmp_path / "run/results/runs"
    config = changed(experiment={"recipes": ["note", "cut"]})
    config["recipes"]["cut"] = config["recipes"].pop("clipped")
    said = snakemake(folder, "models", config=config)
    for hidden in (3, 5):
        new, old = (
            json.loads((runs / f"{r}/h{hidden}/s0/run.json").read_text())
            for r in ("cut", "clipped")
        )
        # With the seconds of the training that made it.
        assert new == old | {"recipe": "cut", "taken_over_from": "clipped"}
        assert f"train cut h{hidden} s0: taken over from clipped, " in said
        log = folder / f"results/logs/train/cut-h{hidden}-s0.log"
        assert "the same training as that of clipped, taken over" in log.read_text()


@pytest.mark.parametrize(
    "change",
    [
        {"utterances": ["train/dr8/fxwh7/si102[2]", UTTERANCE]},
        {"on_bad_utterance": "skip", "layout": "ldc", "length": 640},
    ],
)
def test_the_same_speech_by_another_way_runs_nothing_after_the_selection(
    finished, tmp_path, change
):
    folder, config = tmp_path / "run", changed()
    shutil.copytree(finished, folder, symlinks=True)
    before = {path: path.stat().st_mtime for path in folder.glob("results/[rtf]*/**/*.*")}
    for section in config.values():
        section.update((key, change[key]) for key in section.keys() & change.keys())
    selecting = {"experiment", "report"}
    if "length" in change:
        selecting |= {"extract", "utterances", "held_out"}
    said = snakemake(folder, "all", config=config)
    assert ran(folder).keys() == selecting
    assert "The same speech is selected as before: " in said
    assert before == {path: path.stat().st_mtime for path in folder.glob("results/[rtf]*/**/*.*")}
    assert "Nothing to be done" in snakemake(folder, "all")


def test_only_speech_that_is_selected_trains_again(finished, tmp_path):
    copy_regions(finished, tmp_path / "corpus")
    only = {"recipes": ["clipped"], "hidden_sizes": [3]}
    config = changed(corpus={"root": "corpus"}, experiment=only)
    snakemake(tmp_path, "models", config=config)
    shutil.copytree(tmp_path / "corpus/TRAIN/DR8/FXWH7", tmp_path / "corpus/TRAIN/DR8/FNEW0")
    snakemake(tmp_path, "models")
    assert ran(tmp_path) == {"extract": {("TRAIN-DR8",)}, "utterances": {()}, "experiment": {()}}
    sound = tmp_path / "corpus" / f"{UTTERANCE}.WAV"
    content = bytearray(sound.read_bytes())
    content[-1] ^= 1
    sound.write_bytes(content)
    snakemake(tmp_path, "models")
    assert ran(tmp_path)["train"] == {("clipped", "3", "0")}


def test_another_order_of_the_settings_reaches_the_tables(run):
    jobs = planned(run, changed(experiment={"recipes": ["clipped", "note"]}))
    assert jobs == GATHERING


def test_a_recipe_that_is_not_used_runs_nothing(run):
    config = changed()
    config["recipes"]["spare"] = {"updates": 7}
    assert planned(run, config) == {}


def test_another_corpus_runs_everything(run, tmp_path):
    corpus = tmp_path / "mon corpus à moi's"
    shutil.copytree(run / "results/corpus/mini-timit", corpus)
    jobs = planned(run, changed(corpus={"root": str(corpus)}))
    assert jobs == downstream(ALL_SETTINGS) | EXTRACTION | SELECTION


@pytest.mark.parametrize("spelling", ["{}/", "{}//", "{}/.", "{}/TRAIN/.."])
def test_a_folder_in_another_spelling_is_no_other_corpus(finished, tmp_path, spelling):
    corpus = tmp_path / "corpus"
    copy_regions(finished, corpus)
    snakemake(tmp_path, "windows", config=changed(corpus={"root": str(corpus)}))
    config = changed(corpus={"root": spelling.format(corpus)})
    assert "Nothing to be done" in snakemake(tmp_path, "windows", "--dry-run", config=config)


def test_a_new_speaker_extracts_one_shard(finished, tmp_path):
    region = tmp_path / "corpus/TRAIN/DR8"
    copy_regions(finished, tmp_path / "corpus")
    config = changed(corpus={"root": "corpus"})
    snakemake(tmp_path, "windows", config=config)
    times = region.stat()
    shutil.copytree(region / "FXWH7", region / "FNEW0")
    os.utime(region, ns=(times.st_atime_ns, times.st_mtime_ns))  # as unpacking an archive does
    snakemake(tmp_path, "windows")
    assert ran(tmp_path)["extract"] == {("TRAIN-DR8",)}
    table = pd.read_parquet(tmp_path / "results/corpus/utterances.parquet")
    assert len(table) == 30


@pytest.mark.parametrize("what", ["TRAIN/DR8/FXWH7", "TRAIN/DR8", "TRAIN"])
def test_a_folder_dated_in_the_future_is_extracted_and_once_only(finished, tmp_path, what):
    copy_regions(finished, tmp_path / "corpus")
    folder = tmp_path / "corpus" / what
    later = time.time() + 1e8
    os.utime(folder, (later, later))
    snakemake(tmp_path, "windows", config=changed(corpus={"root": "corpus"}))
    assert len(list((tmp_path / "results/windows").glob("*.parquet"))) == len(REGIONS)
    assert "Nothing to be done" in snakemake(tmp_path, "windows")


def test_a_hidden_file_is_nothing_and_an_edited_one_is_extracted_again(finished, tmp_path):
    copy_regions(finished, tmp_path / "corpus")
    snakemake(tmp_path, "windows", config=changed(corpus={"root": "corpus"}))
    for folder in ("TRAIN/DR8/FXWH7", "TRAIN/DR8", "."):
        (tmp_path / "corpus" / folder / ".DS_Store").write_bytes(b"view")
    assert "Nothing to be done" in snakemake(tmp_path, "windows")
    labels = tmp_path / "corpus/TRAIN/DR8/FXWH7/SI1022.PHN"
    labels.write_text(labels.read_text().replace(" iy\n", " ih\n"))  # in place
    snakemake(tmp_path, "windows")
    assert ran(tmp_path)["extract"] == {("TRAIN-DR8",)}
    assert "Nothing to be done" in snakemake(tmp_path, "windows")


def test_a_new_speaker_of_a_flat_copy_extracts_one_shard(finished, tmp_path):
    mini = finished / "results/corpus/mini-timit"
    for speaker in (folder for region in REGIONS for folder in (mini / region).iterdir()):
        flat = f"{speaker.parent.name}-{speaker.name}".lower()
        shutil.copytree(speaker, tmp_path / "corpus" / flat)
    config = changed(corpus={"root": "corpus"})
    snakemake(tmp_path, "windows", config=config)
    shutil.copytree(tmp_path / "corpus/dr8-fxwh7", tmp_path / "corpus/dr8-fnew0")
    snakemake(tmp_path, "windows")
    assert ran(tmp_path)["extract"] == {("TRAIN-DR8",)}


def test_no_windows_of_another_corpus_stay_behind(finished, tmp_path):
    copy_regions(finished, tmp_path / "whole")
    shutil.copytree(tmp_path / "whole/TRAIN/DR8", tmp_path / "part/TRAIN/DR8")
    (tmp_path / "corpus").symlink_to("whole")
    config = changed(corpus={"root": "corpus"})
    snakemake(tmp_path, "windows", config=config)
    (tmp_path / "corpus").unlink()
    (tmp_path / "corpus").symlink_to("part")
    snakemake(tmp_path, "windows")
    windows = [path.name for path in (tmp_path / "results/windows").iterdir()]
    assert windows == ["TRAIN-DR8.parquet"]
    assert len(pd.read_parquet(tmp_path / "results/corpus/utterances.parquet")) == 10
    (tmp_path / "corpus").unlink()
    (tmp_path / "corpus").symlink_to("whole")
    snakemake(tmp_path, "windows")
    assert len(list((tmp_path / "results/windows").iterdir())) == len(REGIONS)


def test_a_comment_in_a_script_runs_nothing_and_an_older_version_of_training_is_named(
    finished, tmp_path
):
    shutil.copytree(finished, tmp_path / "run", symlinks=True)
    for part in ("Snakefile", "workflow", "profiles", "rnnpipe"):
        copy = shutil.copytree if (REPOSITORY / part).is_dir() else shutil.copy2
        copy(REPOSITORY / part, tmp_path / part)
    python = [sys.executable, "-m", "snakemake", "--snakefile", str(tmp_path / "Snakefile")]
    same = "--forcerun", "report", "--cores", "1", "all"  # the report is made by the copy

    def said(*arguments):
        ran = subprocess.run(
            [*python, *arguments], cwd=tmp_path / "run", text=True, capture_output=True
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    for script in (tmp_path / "workflow/scripts").glob("*.py"):
        script.write_text(script.read_text() + "\n# A comment.\n")
    assert "Nothing to be done" in said("--cores", "1", "all")
    assert "of training" not in said("--cores", "1", "all")
    runs = tmp_path / "rnnpipe/training/runs.py"
    raised = f"VERSION = {VERSION + 1}"
    runs.write_text(runs.read_text().replace(f"VERSION = {VERSION}", raised))
    named = f"4 of 4 networks were trained by version {VERSION} of training, which is now at"
    assert said("--cores", "1", "all").count(named) == 1
    assert said(*same).count(named) == 1
    assert named in (tmp_path / "run/results/report.html").read_text()
