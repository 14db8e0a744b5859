"""After a change of configuration or corpus, exactly the jobs that depend on it run again."""

import os
import re
import shutil
import subprocess
import sys
import time

import pandas as pd
import pytest
from helpers.workflow import (
    ALL_SETTINGS,
    EXTRACTION,
    GATHERING,
    REPOSITORY,
    SELECTION,
    SHARDS,
    TINY,
    changed,
    contents,
    downstream,
    planned,
    snakemake,
)

from rnnpipe.training.runs import VERSION


def test_nothing_changed_runs_nothing(run):
    said = snakemake(run, "all")
    assert "Nothing to be done" in said and "Teacher-forced" not in said


def test_sizes_on_the_command_line_are_numbers(run):
    said = snakemake(run, "models", "--config", "experiment={hidden_sizes: [6], recipes: [note]}")
    assert "1 of 2 steps" in said, said
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


def test_the_zoom_draws_the_waveforms_again(run):
    config = changed(report={"zoom_ms": 20})
    assert planned(run, config) == {"plot_waveforms": ALL_SETTINGS, "report": {()}}


def test_the_samples_of_the_measures_run_them_again(run):
    jobs = planned(run, changed(dynamics={"samples": 600}))
    assert jobs == {"dynamics": ALL_SETTINGS} | GATHERING


def test_a_recipe_that_runs_at_one_size_only_drops_the_others(run):
    config = changed(experiment={"restrict": {"clipped": {"hidden_sizes": [5]}}})
    assert planned(run, config) == GATHERING
    output = snakemake(run, "models", "--forceall", "--dry-run", config=config)
    assert re.search(r"^train +3$", output, re.MULTILINE)


def test_a_new_hidden_size_runs_its_own_jobs_and_what_gathers_them(run):
    config = changed(experiment={"hidden_sizes": [3, 4, 5]})
    new = {("note", "4", "0"), ("clipped", "4", "0")}
    assert planned(run, config) == downstream(new)


def test_a_key_of_one_recipe_runs_that_recipe_downstream(run):
    config = changed()
    config["recipes"]["clipped"]["learning_rate"] = 0.002
    assert planned(run, config) == downstream({s for s in ALL_SETTINGS if s[0] == "clipped"})


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
    assert planned(run, config) == {"report": {()}}  # which prints the configuration


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="has a GPU")
def test_auto_is_cpu_where_there_is_no_gpu(run):
    assert planned(run, changed(train={"device": "auto"})) == {"report": {()}}


def test_another_order_of_the_settings_reaches_the_tables(run):
    jobs = planned(run, changed(experiment={"recipes": ["clipped", "note"]}))
    assert jobs == GATHERING


def test_a_recipe_that_is_not_used_runs_nothing(run):
    config = changed()
    config["recipes"]["spare"] = {"updates": 7}
    assert planned(run, config) == {}


def test_the_free_run_limit_runs_the_reconstructions(run):
    jobs = planned(run, changed(reconstruct={"limit": 10}))
    gathering = GATHERING.keys() - {"plot_stability"}
    assert jobs.keys() == {"reconstruct", "baselines", "plot_waveforms"} | gathering


def test_another_utterance_runs_from_the_selection_on(run):
    jobs = planned(run, changed(experiment={"utterances": ["TRAIN/DR8/FXWH7/SI1023"]}))
    assert jobs == downstream(ALL_SETTINGS) | SELECTION


def test_sampling_runs_the_reconstructions_of_networks(run):
    jobs = planned(run, changed(reconstruct={"feedback_noise": "training"}))
    gathering = GATHERING.keys() - {"plot_stability"}
    assert jobs.keys() == {"reconstruct", "plot_waveforms"} | gathering


def test_other_held_out_utterances_train_nothing_again(run):
    jobs = planned(run, changed(experiment={"held_out": ["TRAIN/DR8/FXWH7/SI1023"]}))
    gathering = GATHERING.keys() - {"plot_stability"}
    measuring = {"held_out", "baselines", "reconstruct", "plot_waveforms"}
    assert jobs.keys() == measuring | gathering


def test_the_order_runs_from_extraction_on(run):
    jobs = planned(run, changed(windows={"order": 17}))
    assert jobs == downstream(ALL_SETTINGS) | EXTRACTION | SELECTION


def test_another_corpus_runs_everything(run, tmp_path):
    corpus = tmp_path / "mon corpus à moi's"
    shutil.copytree(run / "results/corpus/mini-timit", corpus)
    jobs = planned(run, changed(corpus={"root": str(corpus)}))
    assert jobs == downstream(ALL_SETTINGS) | EXTRACTION | SELECTION


@pytest.mark.parametrize("spelling", ["{}/", "{}//", "{}/.", "{}/TRAIN/.."])
def test_a_folder_in_another_spelling_is_no_other_corpus(finished, tmp_path, spelling):
    corpus = tmp_path / "corpus"
    shutil.copytree(finished / "results/corpus/mini-timit", corpus)
    snakemake(tmp_path, "windows", config=changed(corpus={"root": str(corpus)}))
    config = changed(corpus={"root": spelling.format(corpus)})
    assert "Nothing to be done" in snakemake(tmp_path, "windows", "--dry-run", config=config)


def test_a_new_speaker_extracts_one_shard(finished, tmp_path):
    region = tmp_path / "corpus/TRAIN/DR8"
    shutil.copytree(finished / "results/corpus/mini-timit", tmp_path / "corpus")
    config = changed(corpus={"root": "corpus"})
    snakemake(tmp_path, "windows", config=config)
    times = region.stat()
    shutil.copytree(region / "FXWH7", region / "FNEW0")
    os.utime(region, ns=(times.st_atime_ns, times.st_mtime_ns))  # as unpacking an archive does
    output = snakemake(tmp_path, "windows")
    assert re.findall(r"wildcards: shard=(.+)", output) == ["TRAIN-DR8"]
    table = pd.read_parquet(tmp_path / "results/corpus/utterances.parquet")
    assert len(table) == 90


@pytest.mark.parametrize("what", ["TRAIN/DR8/FXWH7", "TRAIN/DR8", "TRAIN"])
def test_a_folder_dated_in_the_future_is_extracted_and_once_only(finished, tmp_path, what):
    shutil.copytree(finished / "results/corpus/mini-timit", tmp_path / "corpus")
    folder = tmp_path / "corpus" / what
    later = time.time() + 1e8
    os.utime(folder, (later, later))
    snakemake(tmp_path, "windows", config=changed(corpus={"root": "corpus"}))
    assert len(list((tmp_path / "results/windows").glob("*.parquet"))) == len(SHARDS)
    assert "Nothing to be done" in snakemake(tmp_path, "windows")


def test_a_hidden_file_is_nothing_and_an_edited_one_is_extracted_again(finished, tmp_path):
    shutil.copytree(finished / "results/corpus/mini-timit", tmp_path / "corpus")
    snakemake(tmp_path, "windows", config=changed(corpus={"root": "corpus"}))
    for folder in ("TRAIN/DR8/FXWH7", "TRAIN/DR8", "."):
        (tmp_path / "corpus" / folder / ".DS_Store").write_bytes(b"view")
    assert "Nothing to be done" in snakemake(tmp_path, "windows")
    labels = tmp_path / "corpus/TRAIN/DR8/FXWH7/SI1022.PHN"
    labels.write_text(labels.read_text().replace(" iy\n", " ih\n"))  # in place
    assert re.findall("wildcards: shard=(.+)", snakemake(tmp_path, "windows")) == ["TRAIN-DR8"]
    assert "Nothing to be done" in snakemake(tmp_path, "windows")


def test_a_new_speaker_of_a_flat_copy_extracts_one_shard(finished, tmp_path):
    for speaker in (finished / "results/corpus/mini-timit").glob("T*/DR*/*"):
        flat = f"{speaker.parent.name}-{speaker.name}".lower()
        shutil.copytree(speaker, tmp_path / "corpus" / flat)
    config = changed(corpus={"root": "corpus"})
    snakemake(tmp_path, "windows", config=config)
    shutil.copytree(tmp_path / "corpus/dr8-fxwh7", tmp_path / "corpus/dr8-fnew0")
    output = snakemake(tmp_path, "windows")
    assert re.findall(r"wildcards: shard=(.+)", output) == ["TRAIN-DR8"]


def test_no_windows_of_another_corpus_stay_behind(finished, tmp_path):
    mini = finished / "results/corpus/mini-timit"
    shutil.copytree(mini, tmp_path / "whole")
    shutil.copytree(mini / "TRAIN/DR8", tmp_path / "part/TRAIN/DR8")
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
    assert len(list((tmp_path / "results/windows").iterdir())) == 8


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
