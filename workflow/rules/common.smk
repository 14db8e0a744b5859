# What all rules share: the checked configuration, the names of files, and the settings.

import os
import shlex
import shutil
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import yaml
from snakemake.io import apply_wildcards
from snakemake.utils import update_config

# Use the library beside this workflow, installed or not; jobs find it in the same way.
sys.path[:0] = [str(Path(workflow.basedir)), str(Path(workflow.basedir) / "workflow")]

import console
from rnnpipe.config import Sources, check_config, check_keys, one_spelling
from rnnpipe.corpus.layouts import fingerprint, find_shards
from rnnpipe.corpus.synth import minitimit_shards
from rnnpipe.errors import RnnpipeError
from rnnpipe.training.recipes import GROUP, Recipe
from rnnpipe.training.runs import older_version, read_run
from rnnpipe.vocabulary import SETTING_FOLDER, RunFile, Setting

# Snakemake inserts the path of Python into a shell command without quotes; it may contain spaces.
sys.executable = shlex.quote(sys.executable)

MINI_TIMIT = "results/corpus/mini-timit"
UTTERANCES = "results/corpus/utterances.parquet"
REJECTED = "results/corpus/rejected.csv"
EXPERIMENT = "results/corpus/experiment.json"
HELD_OUT = "results/corpus/held_out.json"
# The two selections are checkpoints. When one is done, Snakemake decides again about the jobs that
# have it as an input, and about no others. So rules that do not read them have them as inputs too.
SELECTED = ancient([EXPERIMENT, HELD_OUT])
RUN = f"results/runs/{SETTING_FOLDER}"
MODEL = f"{RUN}/{RunFile.MODEL}"
SNAPSHOTS = f"{RUN}/{RunFile.SNAPSHOTS}"
HISTORY = f"{RUN}/{RunFile.HISTORY}"
SUMMARY = f"{RUN}/{RunFile.SUMMARY}"
DYNAMICS = f"{RUN}/{RunFile.DYNAMICS}"
ERRORS = f"{RUN}/{RunFile.ERRORS}"
PHONES = f"{RUN}/{RunFile.PHONES}"
RECONSTRUCTIONS = f"{RUN}/{RunFile.RECONSTRUCTIONS}"
HORIZON = f"{RUN}/{RunFile.HORIZON}"
WAVEFORMS = f"results/figures/waveforms/{SETTING_FOLDER}"
TABLES = "results/tables"
FIGURES = "results/figures"
REPORT = "results/report.html"


def corpus_root():
    """The folder of the corpus: corpus.root with variables and ~ expanded, or the mini-TIMIT."""
    root = config["corpus"]["root"]
    if root is None:
        return MINI_TIMIT
    # Names on disk have the bytes of UTF-8, also where the locale is another.
    root = os.fsdecode(root.encode("utf-8", "surrogateescape"))
    filled = root if os.path.exists(root) else os.path.expanduser(os.path.expandvars(root))
    if not filled or ("$" in filled and not os.path.exists(filled)):
        raise RnnpipeError(
            f"corpus.root is {root!r}: set this environment variable to the folder of your TIMIT."
        )
    if "{" in filled or "}" in filled:
        raise RnnpipeError(
            f"{filled}: braces are wildcards in Snakemake; name a link without them."
        )
    return os.path.normpath(filled)  # a slash at the end makes no other corpus


def config_files():
    """The files of the configuration; a later one overrides an earlier one."""
    named = [str(file) for file in workflow.config_settings.configfiles]
    default = [file for file in map(str, workflow.configfiles) if file not in named]
    return [os.path.relpath(file) for file in default + named]


def given_on_command_line():
    """What --config gives. Snakemake itself reads the numbers in a nested value as text."""
    given = {}
    for entry in workflow.config_settings.config_args or []:
        key, _, value = entry.partition("=")
        try:
            check_keys(value, f"--config {key}")
            update_config(given, {key: yaml.safe_load(value)})
        except yaml.YAMLError:  # then it is a text
            update_config(given, {key: value})
    return given


try:
    schema = yaml.safe_load(
        (Path(workflow.basedir) / "workflow/schemas/config.schema.yaml").read_text("utf-8")
    )
    given = given_on_command_line()
    update_config(config, given)
    check_config(config, schema, Sources(config_files(), given))
    # A job depends on values, not on how they are written.
    spelt = one_spelling(config, schema)
    config.clear()  # keys would keep the order that they have
    config |= spelt
    config["experiment"]["restrict"] = config["experiment"]["restrict"] or {}
    if config["train"].get("tensorboard") and find_spec("tensorboard") is None:
        raise RnnpipeError("train.tensorboard needs a package: pip install 'rnnpipe[tensorboard]'.")
    CORPUS = corpus_root()
    how = {key: config["corpus"][key] for key in ("layout", "nltk_split")}
    # The folders that each shard is made from.
    if CORPUS == MINI_TIMIT:
        SHARDS, LEADS_TO = dict.fromkeys(minitimit_shards(), ()), None
    else:
        # If a link now leads to another copy, the corpus has changed.
        SHARDS, LEADS_TO = find_shards(CORPUS, **how), os.path.realpath(CORPUS)
except RnnpipeError as error:
    # Print only the message, without the traceback that Snakemake prints for an exception.
    sys.exit(f"rnnpipe: {error}")

WINDOWS = [f"results/windows/{shard}.parquet" for shard in SHARDS]

# Recipe, hidden size and seed of every network, in the order of the report.
grid = config["experiment"]
SETTINGS = [
    Setting(recipe, hidden, seed)
    for recipe in grid["recipes"]
    for hidden in grid["restrict"].get(recipe, {}).get("hidden_sizes", grid["hidden_sizes"])
    for seed in grid["restrict"].get(recipe, {}).get("seeds", grid["seeds"])
]

# A training on a GPU needs one unit of the resource `gpu`. profiles/default has one unit, so that
# one training at a time uses the GPU. Looking for nvidia-smi is fast; asking torch takes seconds.
DEVICE = config["train"]["device"]
if DEVICE == "auto" and shutil.which("nvidia-smi") is None:
    DEVICE = "cpu"

# Jobs get recipes without what only repeats a default or is spelt in another way, so that a change
# of spelling runs nothing again.
RECIPES = {name: Recipe.from_config(config["recipes"][name]) for name in grid["recipes"]}


def is_closed_loop(recipe):
    """Whether a recipe trains on its own samples, and therefore on a CPU."""
    return RECIPES[recipe].backpropagation == "closed_loop"


def device_to_train(recipe):
    """Where a recipe trains; what is "auto" to the user is a CPU where there is no GPU."""
    return "cpu" if is_closed_loop(recipe) else DEVICE


def threads_to_train(recipe):
    """CPU threads of a training, the same on any machine; results do not depend on them.

    The recurrence cannot be split over threads, and several settings run in parallel. Only the
    streams of a closed loop are computed in groups, a thread a group.
    """
    return 2 if is_closed_loop(recipe) and RECIPES[recipe].streams > GROUP else 1


# The configuration that the report prints: recipes that are used, and what they change.
used = config["experiment"]["recipes"]
USED_CONFIG = config | {"recipes": {name: RECIPES[name].changes() for name in used}}


def per_setting(path):
    """Fill the recipe, hidden size and seed into `path`, for every setting in order."""
    return [path.format(recipe=r, hidden=h, seed=s) for r, h, s in SETTINGS]


given_widths = config["report"].get("figure_width_mm", [])
PAPER_WIDTHS = given_widths if isinstance(given_widths, list) else [given_widths]


def figure(name):
    """The files of a figure: SVG for the screen, PNG for programs without SVG."""

    def drawn(suffix):
        labels = {"figure": name.replace("_", " "), "format": suffix.upper()}
        path, caption = f"{FIGURES}/{name}.{suffix}", f"../report/{name}.rst"
        return report(path, caption=caption, category="Figures", labels=labels)

    return [drawn("svg"), drawn("png")]


DRAWN = ("mse_over_hidden_size", "training_curves", "stability", "free_runs")


def papers(name):
    """The folder of the versions of a figure for papers, as wide as report.figure_width_mm says."""
    return f"{FIGURES}/papers/{name}"


def rule_graph(wildcards):
    """The rules that each rule needs: those that make the files that it reads."""
    example = dict(zip(("recipe", "hidden", "seed"), map(str, SETTINGS[0])))
    example["shard"] = next(iter(SHARDS))

    def files(names):
        for name in names:
            asked = name(SimpleNamespace(**example)) if callable(name) else name
            for file in [asked] if isinstance(asked, str) else asked:
                yield apply_wildcards(str(file), example)

    makers = {file: rule_.name for rule_ in workflow.rules for file in files(rule_.output)}
    return {
        rule_.name: sorted({makers[file] for file in files(rule_.input) if file in makers})
        for rule_ in workflow.rules
        if rule_.output and rule_.name not in ("trials", "threshold")  # a study of its own
    }


def name_older_networks():
    """Say at the start of a run if networks are by an older version of training."""
    made = [Path(path) for path in per_setting(SUMMARY)]
    older = older_version([read_run(path) for path in made if path.exists()])
    if older:
        print(f"rnnpipe: {older}", file=sys.stderr)


if workflow.is_main_process:
    console.attach(workflow.output_settings)
    name_older_networks()

STARTED = time.time()


def print_table():
    """Print the errors of all settings at the end of a run that made the report."""
    made = Path(REPORT).exists() and Path(REPORT).stat().st_mtime >= STARTED
    if made:
        table = Path(TABLES, "mse.txt").read_text("utf-8")
        sys.stdout.reconfigure(errors="replace")  # an old terminal may have no dash or no infinity
        print(f"\n{table}\nEverything else is in {REPORT}.")


wildcard_constraints:
    shard=r"(TRAIN|TEST)-[^/]+",
    recipe=r"[A-Za-z0-9_-]+",
    hidden=r"\d+",
    seed=r"\d+",
