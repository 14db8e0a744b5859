"""The workflow as its users run it: real Snakemake, real files, in temporary folders."""

import copy
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from rnnpipe.model import Network

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
        "only": {},
    },
    "train": {"device": "cpu"},
    "dynamics": {"samples": 500},
    "reconstruct": {"limit": 20, "sample": "none"},
    "report": {"title": "Tiny", "zoom_ms": 40, "utterances": 1},
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


def changed(**sections):
    """TINY with some keys replaced."""
    config = copy.deepcopy(TINY)
    for section, keys in sections.items():
        config[section].update(keys)
    return config


def snakemake(folder, *arguments, config=None, check=True, env=None):
    """Run Snakemake as a user does, in `folder`; return its output."""
    if config is not None:
        (folder / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True))
    run = subprocess.run(
        command(*arguments),
        cwd=folder,
        env=os.environ | (env or {}),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert not check or run.returncode == 0, run.stdout
    return run.stdout if check else (run.returncode, run.stdout)


def command(*arguments):
    snakefile = ["--snakefile", str(REPOSITORY / "Snakefile")]
    return [sys.executable, "-m", "snakemake", *snakefile, "--cores", "2", *arguments]


def planned(folder, config):
    """Which jobs a changed configuration would run, as rule -> settings or folders it runs for."""
    output = snakemake(folder, "--dry-run", config=config)
    jobs = {}
    for block in re.findall(r"^(?:local)?rule \w+:\n(?: +.*\n)+", output, re.MULTILINE):
        rule = re.match(r"(?:local)?rule (\w+)", block)[1]
        wildcards = re.search(r"^ +wildcards: (.+)$", block, re.M)
        values = re.findall(r"\w+=([^,]+)", wildcards[1]) if wildcards else []
        jobs.setdefault(rule, set()).add(tuple(values))
    jobs.pop("all", None)
    return jobs


def contents(folder):
    """Bytes of everything that a rerun must reproduce."""
    patterns = ["tables/mse.csv", "runs/**/*.safetensors", "runs/**/*.wav", "runs/**/*.parquet"]
    patterns += ["windows/*.parquet", "corpus/*.parquet", "corpus/*.json", "figures/**/*.*"]
    paths = [path for pattern in patterns for path in (folder / "results").glob(pattern)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder in which `all` has run; its path has a space and an accent."""
    folder = tmp_path_factory.mktemp("résumé of a run")
    snakemake(folder, "all", config=TINY)
    return folder


@pytest.fixture
def run(finished):
    """The finished folder, with its configuration put back afterwards."""
    yield finished
    (finished / "config.yaml").write_text(yaml.safe_dump(TINY))


ALL_SETTINGS = {(recipe, hidden, "0") for recipe in ("note", "clipped") for hidden in ("3", "5")}
SHARDS = {(f"TRAIN-DR{region}",) for region in (1, 2, 4, 5, 6, 8)}
SHARDS |= {("TEST-DR3",), ("TEST-DR7",)}
EXTRACTION = {"extract": SHARDS, "utterances": {()}}
SELECTION = {"experiment": {()}, "held_out": {()}, "baselines": {()}}
GATHERING = {
    rule: {()} for rule in ("tables", "plot_curves", "plot_stability", "plot_free_runs", "report")
}


def downstream(settings):
    """Jobs that must run when the networks of `settings` are trained again."""
    rules = ("train", "dynamics", "reconstruct", "plot_waveforms")
    return {rule: settings for rule in rules} | GATHERING


# --- what a run leaves behind ---------------------------------------------------------------------


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
    assert settings["verdict"].eq("stable").all()
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


# --- rerun exactly what changed -------------------------------------------------------------------


def test_nothing_changed_runs_nothing(run):
    said = snakemake(run, "all")
    assert "Nothing to be done" in said and "Teacher-forced" not in said


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
    config = changed(experiment={"only": {"clipped": {"hidden_sizes": [5]}}})
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
    jobs = planned(run, changed(reconstruct={"sample": "training"}))
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


# --- other experiments ----------------------------------------------------------------------------


def test_any_path_several_utterances_and_a_divergence(finished, tmp_path):
    corpus = tmp_path / "mon corpus à moi's $x" / "timit"
    shutil.copytree(finished / "results/corpus/mini-timit", corpus)
    config = changed(
        corpus={"root": str(corpus.parent)},
        experiment={
            "utterances": ["test/dr*/f*/sa1", UTTERANCE],
            "recipes": ["clipped", "wild"],
            "hidden_sizes": [3],
            "seeds": [0, 1],
        },
    )
    config["recipes"]["wild"] = config["recipes"]["note"] | {"learning_rate": 1000.0}
    snakemake(tmp_path, "all", config=config)
    mse = pd.read_csv(tmp_path / "results/tables/mse.csv")
    networks = mse[~mse["recipe"].str.startswith("baseline:")]
    assert len(networks) == 2 * 2 * 2 * networks["utterance"].nunique()
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
    corpus = finished / "results/corpus/mini-timit"
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
        reconstruct={"sample": "training"},
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


def test_a_closed_loop_has_the_same_bytes_on_one_core_and_on_two(tmp_path):
    # As large as those that people train: small products are not split over threads anyhow.
    config = changed(experiment={"recipes": ["closed"], "hidden_sizes": [320]})
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
            # As on a terminal: a shell's background job inherits that Ctrl-C is ignored.
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
    assert re.search(r"^train +9$", output, re.MULTILINE)


# --- bad input ------------------------------------------------------------------------------------


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
    shutil.copytree(finished / "results/corpus/mini-timit", corpus)
    (corpus / "TRAIN/DR8/FXWH7/SI1023.PHN").unlink()
    cut_audio(corpus)
    config = changed(
        corpus={"root": str(corpus), "on_bad_utterance": "skip"},
        experiment={"utterances": ["TRAIN/DR8/FXWH7/SI1024"], "hidden_sizes": [3]},
        windows={"inventory": 39},
    )
    snakemake(tmp_path, "all", config=config)
    rejected = pd.read_csv(tmp_path / "results/corpus/rejected.csv")
    assert sorted(rejected["utterance"]) == [UTTERANCE, "TRAIN/DR8/FXWH7/SI1023"]
    assert rejected["text"].str.contains("SI102[23]").all()
    good = pd.read_parquet(tmp_path / "results/corpus/utterances.parquet")
    assert len(good) == 78
    page = (tmp_path / "results/report.html").read_text()
    assert "Utterances left out of the corpus (2)" in page
    model = Network.load(tmp_path / "results/runs/clipped/h3/s0/model.safetensors")
    assert model.num_phones == 40, "39 phones and none"


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


# --- the 2014 note --------------------------------------------------------------------------------


@pytest.mark.skipif(
    "RNNPIPE_TIMIT_ROOT" not in os.environ,
    reason="needs TRAIN/DR8/FCLT0/SI2068 of real TIMIT: set RNNPIPE_TIMIT_ROOT",
)
def test_the_2014_note_comes_out_as_published(tmp_path):
    shutil.copy(REPOSITORY / "config.yaml", tmp_path)
    preset = REPOSITORY / "workflow/presets/dumoulin2014.yaml"
    part = {
        "experiment": {"recipes": ["dumoulin2014", "clipped"], "hidden_sizes": [100], "seeds": [0]}
    }
    (tmp_path / "part.yaml").write_text(yaml.safe_dump(part))
    snakemake(tmp_path, "all", "--configfile", str(preset), "part.yaml")
    settings = pd.read_csv(tmp_path / "results/tables/settings.csv").set_index("recipe")
    mse = pd.read_csv(tmp_path / "results/tables/mse.csv").set_index(["recipe", "reconstruction"])
    assert 0.35 < settings.loc["dumoulin2014", "final_training_mse"] < 0.45, "the note: 0.426"
    persistence = mse.loc[("baseline:persistence", "teacher_forced"), "nmse"]
    assert persistence == pytest.approx(0.244, abs=0.005)
    assert mse.loc[("dumoulin2014", "teacher_forced"), "nmse"] > persistence
    assert mse.loc[("dumoulin2014", "free_running"), "nmse"] > 1
    assert settings.loc["clipped", "updates"] <= 3000
    assert mse.loc[("clipped", "teacher_forced"), "nmse"] <= 0.003
