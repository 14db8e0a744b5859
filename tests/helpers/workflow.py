"""The workflow as its users run it: real Snakemake, real files, in temporary folders."""

import atexit
import copy
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[2]
UTTERANCE = "TRAIN/DR8/FXWH7/SI1022"
TINY = {
    "corpus": {
        "root": None,
        "layout": "auto",
        "nltk_split": "TRAIN",
        "on_bad_utterance": "fail",
    },
    "windows": {"order": 16, "length": 320, "inventory": 61},
    "experiment": {
        "utterances": [UTTERANCE],
        "held_out": [],
        "recipes": ["note", "clipped"],
        "hidden_sizes": [3, 5],
        "seeds": [0],
        "restrict": {},
    },
    "train": {"device": "cpu"},
    "dynamics": {"samples": 500},
    "reconstruct": {"limit": 20, "feedback_noise": "none"},
    "report": {"title": "Tiny", "zoom_ms": 40, "max_utterances": 1, "figure_width_mm": []},
    "recipes": {
        "note": {
            "cell": "sigmoid",
            "init": "uniform",
            "init_scale": 0.5,
            "optimizer": "sgd",
            "learning_rate": 0.01,
            "epochs": 3,
            "backpropagation": "whole_utterance",
        },
        "clipped": {"updates": 20, "clip": "norm"},
    },
}
NETWORKS = [f"results/runs/{r}/h{h}/s0" for r in ("note", "clipped") for h in (3, 5)]


ALL_SETTINGS = {(recipe, hidden, "0") for recipe in ("note", "clipped") for hidden in ("3", "5")}
SHARDS = {(f"TRAIN-DR{region}",) for region in (1, 2, 4, 5, 6, 8)}
SHARDS |= {("TEST-DR3",), ("TEST-DR7",)}
REGIONS = ("TRAIN/DR1", "TRAIN/DR8")
EXTRACTION = {"extract": SHARDS, "utterances": {()}}
SELECTION = {"experiment": {()}, "held_out": {()}, "baselines": {()}}
GATHERING = {
    rule: {()} for rule in ("tables", "plot_curves", "plot_stability", "plot_free_runs", "report")
}


def changed(**sections):
    """TINY with some keys replaced."""
    config = copy.deepcopy(TINY)
    for section, keys in sections.items():
        config[section].update(keys)
    return config


def copy_regions(finished, corpus, regions=REGIONS):
    """Copy regions of the mini-TIMIT, a speaker each: enough where no more is asked for."""
    for region in regions:
        shutil.copytree(finished / "results/corpus/mini-timit" / region, corpus / region)


def snakemake(folder, *arguments, config=None, check=True, env=None):
    """Run Snakemake as a user does, in `folder`; return its output."""
    if config is not None:
        (folder / "config.yaml").write_text(
            yaml.safe_dump(config, allow_unicode=True, sort_keys=False)
        )
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace") as said:
        options, process = command(*arguments)[3:], server()
        asked = [str(folder), options, os.environ | (env or {}), said.name]
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        status, output = int(process.stdout.readline()), said.read()
    assert not check or status == 0, output
    return output if check else (status, output)


@functools.cache
def server():
    """The process whose forks run Snakemake; it ends with this one."""
    path = Path(__file__).with_name("forking.py")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, str(path)], text=True, **pipes)
    atexit.register(process.stdin.close)
    return process


def command(*arguments):
    snakefile = ["--snakefile", str(REPOSITORY / "Snakefile")]
    return [sys.executable, "-m", "snakemake", *snakefile, "--cores", "2", *arguments]


def planned(folder, config):
    """The jobs that a changed configuration would run, by rule: their settings or folders."""
    return jobs_in(snakemake(folder, "--dry-run", config=config))


def ran(folder, which=-1):
    """The jobs of the last run in a folder, or of another one, in the same form."""
    logs = sorted((folder / ".snakemake/log").glob("*.log"))
    return jobs_in(logs[which].read_text("utf-8"))


def jobs_in(output):
    """The jobs that Snakemake names in its output or its log."""
    jobs, kinds = {}, "(?:local)?(?:rule|checkpoint)"
    for block in re.findall(rf"^{kinds} \w+:\n(?: +.*\n)+", output, re.MULTILINE):
        rule = re.match(rf"{kinds} (\w+)", block)[1]
        wildcards = re.search(r"^ +wildcards: (.+)$", block, re.M)
        values = re.findall(r"\w+=([^,]+)", wildcards[1]) if wildcards else []
        jobs.setdefault(rule, set()).add(tuple(values))
    for target in ("all", "windows", "models", "reconstructions"):
        jobs.pop(target, None)
    return jobs


def contents(folder):
    """Bytes of everything that a rerun must reproduce."""
    patterns = ["tables/mse.csv", "runs/**/*.safetensors", "runs/**/*.wav", "runs/**/*.parquet"]
    patterns += ["windows/*.parquet", "corpus/*.parquet", "corpus/*.json", "figures/**/*.*"]
    paths = [path for pattern in patterns for path in (folder / "results").glob(pattern)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def downstream(settings):
    """Jobs that must run when the networks of `settings` are trained again."""
    rules = ("train", "dynamics", "reconstruct", "plot_waveforms")
    return {rule: settings for rule in rules} | GATHERING
