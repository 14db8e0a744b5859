"""Valid configurations, and the messages for invalid ones."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import yaml
from snakemake.utils import update_config

from rnnpipe.config import Sources, check_config, check_keys
from rnnpipe.errors import RnnpipeError
from rnnpipe.training.recipes import Recipe

PROJECT = Path(__file__).parents[1]
SHIPPED = (PROJECT / "config.yaml").read_text()
SCHEMA = yaml.safe_load((PROJECT / "workflow/schemas/config.schema.yaml").read_text())
PRESETS = sorted((PROJECT / "workflow/presets").glob("*.yaml"))


def complaints(*texts, folder, given=None) -> list[str]:
    """The messages for a configuration in files 0.yaml, 1.yaml, ..., and on the command line.

    A later file overrides an earlier one, as Snakemake merges --configfile.
    """
    config, files = {}, []
    for i, text in enumerate(texts):
        files.append(folder / f"{i}.yaml")
        files[-1].write_text(text, "utf-8")
        update_config(config, yaml.safe_load(text) or {})
    update_config(config, given or {})
    try:
        check_config(config, SCHEMA, Sources(files, given))
    except RnnpipeError as error:
        return [line.replace(f"{folder}/", "") for line in str(error).splitlines()]
    return []


def line_of(text: str, start: str) -> int:
    """Number of the only line that starts so, from 1."""
    [number] = [i for i, line in enumerate(text.splitlines(), 1) if line.startswith(start)]
    return number


# --- what is shipped ----------------------------------------------------------------------------


def test_the_default_configuration_fits(tmp_path):
    assert complaints(SHIPPED, folder=tmp_path) == []


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.name)
def test_each_preset_fits_over_the_default(preset, tmp_path):
    assert complaints(SHIPPED, preset.read_text(), folder=tmp_path) == []


def test_there_are_presets():
    assert "dumoulin2014.yaml" in [path.name for path in PRESETS]


def test_the_schema_knows_the_fields_of_a_recipe_and_no_others():
    known = SCHEMA["$defs"]["recipe"]["properties"]
    assert list(known) == [field.name for field in fields(Recipe)]


def test_the_schema_allows_what_a_recipe_takes():
    hints = get_type_hints(Recipe)
    for name, rule in SCHEMA["$defs"]["recipe"]["properties"].items():
        if "$ref" in rule:
            rule = SCHEMA["$defs"][rule["$ref"].rsplit("/")[-1]]
        hint = hints[name]
        if "enum" in rule:
            assert rule["enum"] == list(get_args(hint))
        else:
            python = {"integer": int, "number": float, "boolean": bool, "null": type(None)}
            python["object"] = Mapping[str, float]
            types = [rule["type"]] if isinstance(rule["type"], str) else rule["type"]
            assert {python[one] for one in types} == set(get_args(hint) or [hint])


def test_every_default_of_a_recipe_fits():
    recipe = {
        field.name: field.default for field in fields(Recipe) if field.default is not None
    } | {"updates": 1}
    config = yaml.safe_load(SHIPPED)
    config["recipes"]["defaults"] = recipe
    check_config(config, SCHEMA, Sources([]))


def test_every_rule_of_the_schema_says_what_it_expects():
    def walk(rule):
        if isinstance(rule, dict):
            if {"type", "enum"} & rule.keys():
                assert "description" in rule, rule
            for value in rule.values():
                walk(value)

    walk(SCHEMA)


# --- what is wrong ------------------------------------------------------------------------------

GOOD = """\
corpus: {layout: auto, nltk_split: TRAIN, on_bad_utterance: fail,
  root: null}
windows: {inventory: 61,
  order: 200,
  length: 3200}
experiment:
  utterances: [TRAIN/DR8/FXWH7/SI1022]
  held_out: []
  recipes: [note, clipped]
  hidden_sizes: [25, 50]
  seeds: [0]
  restrict: {}
train:
  device: auto
dynamics: {samples: 6000}
reconstruct: {feedback_noise: none,
  limit: 20}
report:
  title: "A title"
  zoom_ms: 40
  max_utterances: 5
recipes:
  note:
    cell: sigmoid
    learning_rate: 0.01
    epochs: 500
  clipped: &clipped
    optimizer: adam
    updates: 2000
    streams: 32
  gated:
    <<: *clipped
    cell: gru
"""
UNITS = "it must be a whole number from 1 to 10000"
COUNT = "it must be a whole number from 1 to 1000000"

# Original text -> replacement, then the line numbers and messages that are expected.
BAD = """
order: 200 -> ordr: 200
    4: unknown key 'windows.ordr'; did you mean 'order'?
    3: the key 'windows.order' is missing.
report: -> raport:
    18: unknown key 'raport'; did you mean 'report'?
    1: the key 'report' is missing.
epochs -> epoch
    26: unknown key 'recipes.note.epoch'; did you mean 'epochs'?
device: auto -> device: auto\\n  qqq: 1
    15: unknown key 'train.qqq'; known: device, tensorboard.
order: 200 -> order: -200
    4: windows.order is -200; it must be a whole number from 1 to 1000000.
held_out: [] -> held_out: TRAIN/DR8
    8: experiment.held_out is 'TRAIN/DR8'; it must be a list of utterances or of globs, or [] for \
none.
held_out: [] -> held_out: [3]
    8: experiment.held_out.0 is 3; it must be an utterance or a glob.
feedback_noise: none -> feedback_noise: trainig
    16: reconstruct.feedback_noise is 'trainig'; it must be none, training or a number from 0 to \
1000000.
feedback_noise: none -> feedback_noise: -0.1
    16: reconstruct.feedback_noise is -0.1; it must be none, training or a number from 0 to 1000000.
feedback_noise: none -> feedback_noise: null
    16: reconstruct.feedback_noise is None; it must be none, training or a number from 0 to 1000000.
feedback_noise: none -> feedback_noise: 1e-2
    16: reconstruct.feedback_noise is '1e-2'; it must be none, training or a number from 0 to \
1000000 (YAML reads 1e-2 as text; write 0.01).
length: 3200 -> length: 0
    5: windows.length is 0; it must be a whole number from 1 to 1000000.
order: 200 -> order: 0.5
    4: windows.order is 0.5; it must be a whole number from 1 to 1000000.
order: 200 -> order: 200.0
    4: windows.order is 200.0; it must be a whole number from 1 to 1000000.
order: 200 -> order: true
    4: windows.order is True; it must be a whole number from 1 to 1000000.
order: 200 -> order: many
    4: windows.order is 'many'; it must be a whole number from 1 to 1000000.
order: 200 -> order: inf
    4: windows.order is 'inf'; it must be a whole number from 1 to 1000000.
order: 200 -> order:
    4: windows.order is None; it must be a whole number from 1 to 1000000.
limit: 20 -> limit: .inf
    17: reconstruct.limit is inf; it must be a number above 0 and up to 1000000.
limit: 20 -> limit: 0
    17: reconstruct.limit is 0; it must be a number above 0 and up to 1000000.
rate: 0.01 -> rate: .nan
    25: recipes.note.learning_rate is nan; it must be a number above 0 and up to 1000000.
rate: 0.01 -> rate: 1e-2
    25: recipes.note.learning_rate is '1e-2'; it must be a number above 0 and up to 1000000 \
(YAML reads 1e-2 as text; write 0.01).
rate: 0.01 -> rate: 1e-6
    25: recipes.note.learning_rate is '1e-6'; it must be a number above 0 and up to 1000000 \
(YAML reads 1e-6 as text; write 1.0e-06).
epochs: 500 -> epochs: 5e2
    26: recipes.note.epochs is '5e2'; it must be a whole number from 1 to 1000000000 \
(YAML reads 5e2 as text; write 500).
cell: sigmoid -> cell: sigmod
    24: recipes.note.cell is 'sigmod'; it must be sigmoid, tanh, relu, gru or lstm.
seeds: [0] -> seeds: [4294967296]
    11: experiment.seeds.0 is 4294967296; it must be a whole number from 0 to 4294967295.
length: 3200 -> length: 300000000
    5: windows.length is 300000000; it must be a whole number from 1 to 1000000.
rate: 0.01 -> rate: 1.0e+38
    25: recipes.note.learning_rate is 1e+38; it must be a number above 0 and up to 1000000.
[25, 50] -> [25, -50]
    10: experiment.hidden_sizes.1 is -50; it must be a whole number from 1 to 10000.
[25, 50] -> [25, 25]
    10: experiment.hidden_sizes is [25, 25]; it must be a list of different sizes, such as [25, \
100].
restrict: {} -> restrict: {cliped: {seeds: [0]}}
    12: there is no recipe 'cliped'; did you mean 'clipped'?
restrict: {} -> restrict: {note: {sizes: [1]}}
    12: unknown key 'experiment.restrict.note.sizes'; did you mean 'seeds'?
restrict: {} -> restrict: {note: {seeds: 1}}
    12: experiment.restrict.note.seeds is 1; it must be a list of different seeds, such as [0, 1, \
2].
samples: 6000 -> samples: 0
    15: dynamics.samples is 0; it must be a whole number from 1 to 1000000.
seeds: [0] -> seeds: 0
    11: experiment.seeds is 0; it must be a list of different seeds, such as [0, 1, 2].
device: auto -> # auto
    13: train is None; it must be a section with the key device.
root: null -> root: 3
    2: corpus.root is 3; it must be the path of a TIMIT tree, or null for the synthetic \
mini-TIMIT.
[note, clipped] -> [note, cliped]
    9: there is no recipe 'cliped'; did you mean 'clipped'?
[note, clipped] -> [xyz]
    9: there is no recipe 'xyz'; known: note, clipped, gated.
epochs: 500 -> epochs: 500\\n    updates: 3
    27: recipes.note.updates: a recipe needs either epochs or updates, and 0.yaml, line 26 \
gives epochs; leave one out, or write epochs: null beside updates.
epochs: 500 -> # 500
    23: recipes.note: A recipe needs either epochs or updates, and not both.
cell: gru -> momentum: 0.9
    31: recipes.gated: momentum belongs to the optimizer sgd; adam has its own.
note: -> 2014:
    23: the recipe's name 2014 is not text; put it in quotes.
    9: there is no recipe 'note'; known: 2014, clipped, gated.
restrict: {} -> only: {}
    12: 'experiment.only' is called 'experiment.restrict' now.
feedback_noise: none -> sample: none
    16: 'reconstruct.sample' is called 'reconstruct.feedback_noise' now.
max_utterances: 5 -> max_utterances: 5\\n  figure_width_mm: 12
    22: report.figure_width_mm is 12; it must be a width in mm, from 60 to 400, or a list of these.
max_utterances: 5 -> max_utterances: 5\\n  figure_width_mm: [89, wide]
    22: report.figure_width_mm.1 is 'wide'; it must be a width in mm, from 60 to 400.
device: auto -> device: auto\\n  tensorboard: 1
    15: train.tensorboard is 1; it must be true or false.
max_utterances: 5 -> utterances: 5
    21: 'report.utterances' is called 'report.max_utterances' now.
note: -> null:
    23: the recipe's name None is not text; put it in quotes.
    9: there is no recipe 'note'; known: None, clipped, gated.
note: -> yes:
    23: the recipe's name True is not text; put it in quotes.
    9: there is no recipe 'note'; known: True, clipped, gated.
note: -> 1_0:
    23: the recipe's name 10 is not text; put it in quotes.
    9: there is no recipe 'note'; known: 10, clipped, gated.
note: -> "":
    23: 'recipes.': a recipe's name consists of letters, digits, "_" and "-".
note: -> baseline:silence:
    23: 'recipes.baseline:silence': a recipe's name consists of letters, digits, "_" and "-".
note: -> my note:
    23: 'recipes.my note': a recipe's name consists of letters, digits, "_" and "-".
"""
CASES = re.findall(r"^(\S.*) -> (.*)\n((?:    .*\n)+)", BAD, re.MULTILINE)


@pytest.mark.parametrize(("old", "new", "said"), CASES, ids=[new for _, new, _ in CASES])
def test_a_bad_configuration_gets_its_file_line_key_and_remedy(old, new, said, tmp_path):
    assert GOOD.count(old) == 1
    wanted = [f"0.yaml, line {line.strip()}" for line in said.splitlines()]
    text = GOOD.replace(old, new.replace("\\n", "\n"))
    assert sorted(complaints(text, folder=tmp_path)) == sorted(wanted)


def test_the_good_configuration_of_these_tests_is_good(tmp_path):
    assert complaints(GOOD, folder=tmp_path) == []


def test_all_that_is_wrong_is_said_at_once(tmp_path):
    text = GOOD.replace("200", "no").replace("auto", "gpu").replace("  limit: 20}", "  }")
    causes = [line.split(": ")[1] for line in complaints(text, folder=tmp_path)]
    assert len(causes) == len(set(causes)) >= 3
    assert "the key 'reconstruct.limit' is missing." in causes


def test_several_missing_keys_are_each_named_once(tmp_path):
    text = GOOD.replace("  order: 200,\n  length: 3200}\n", "  }\n")
    assert complaints(text, folder=tmp_path) == [
        "0.yaml, line 3: the key 'windows.length' is missing.",
        "0.yaml, line 3: the key 'windows.order' is missing.",
    ]


# --- where it is wrong --------------------------------------------------------------------------


def test_a_bad_key_of_an_overlay_is_found_in_the_overlay(tmp_path):
    overlay = "# mine\nwindows:\n  order: 0\n"
    assert complaints(GOOD, overlay, folder=tmp_path) == [
        f"1.yaml, line 3: windows.order is 0; {COUNT}."
    ]


def test_a_bad_key_under_an_overlay_is_found_in_the_base(tmp_path):
    bad = GOOD.replace("order: 200", "order: 0")
    overlay = "windows:\n  length: 100\n"
    assert complaints(bad, overlay, folder=tmp_path) == [
        f"0.yaml, line 4: windows.order is 0; {COUNT}."
    ]
    assert complaints(bad, "", folder=tmp_path) == [f"0.yaml, line 4: windows.order is 0; {COUNT}."]


def test_an_item_of_a_list_on_several_lines_is_found_on_its_own(tmp_path):
    text = GOOD.replace("hidden_sizes: [25, 50]", "hidden_sizes:\n    - 25\n    - 0")
    assert complaints(text, folder=tmp_path) == [
        f"0.yaml, line {line_of(text, '    - 0')}: experiment.hidden_sizes.1 is 0; {UNITS}."
    ]


MERGES = {
    "of one": ("{<<: *a}", "a"),
    "of a list": ("{<<: [*c, *a]}", "a"),
    "where an earlier one wins": ("{<<: [*a, *b]}", "a"),
    "of a merge": ("{<<: *d}", "a"),
    "under a key of its own": ("{<<: *b, streams: 0}", "it"),
}


@pytest.mark.parametrize("name", MERGES)
def test_a_merged_key_is_found_where_it_stands(name, tmp_path):
    it, holder = MERGES[name]
    sizes = {"a": 1, "b": 1} | {holder: 0}
    text = (
        GOOD
        + f"  a: &a {{streams: {sizes['a']}, updates: 1}}\n"
        + f"  b: &b {{streams: {sizes['b']}, updates: 1}}\n"
        + "  c: &c {steps: 3}\n"
        + "  d: &d {<<: *a, steps: 4}\n"
        + f"  it: {it}\n"
    )
    found = [line for line in complaints(text, folder=tmp_path) if "recipes.it" in line]
    assert found == [
        f"0.yaml, line {line_of(text, f'  {holder}:')}: recipes.it.streams is 0; {COUNT}."
    ]


def test_a_configuration_in_json_is_located_too(tmp_path):
    text = json.dumps(yaml.safe_load(GOOD.replace("order: 200", "order: 0")), indent=2)
    line = line_of(text, '    "order"')
    said = complaints(text, folder=tmp_path)
    assert said == [f"0.yaml, line {line}: windows.order is 0; {COUNT}."]


# --- recipes ------------------------------------------------------------------------------------


def test_a_recipe_refuses_what_it_does_not_know():
    with pytest.raises(RnnpipeError, match="A recipe has no learning_rat, stepz"):
        Recipe.from_config({"updates": 1, "stepz": 3, "learning_rat": 1})


@pytest.mark.parametrize("length", [{}, {"epochs": 1, "updates": 1}], ids=str)
def test_a_recipe_needs_one_length(length):
    with pytest.raises(RnnpipeError, match="either epochs or updates, and not both"):
        Recipe(**length)


# --- where a value comes from -------------------------------------------------------------------


def test_what_the_command_line_gives_is_not_blamed_on_a_file(tmp_path):
    given = {"train": {"device": "gpu"}, "experiment": {"hidden_sizes": [8, "many"]}}
    said = complaints(SHIPPED, folder=tmp_path, given=given)
    assert [line.split(":")[0] for line in said] == ["--config"] * 2
    assert "train.device is 'gpu'; it must be auto, cpu or cuda" in said[1]
    # What it leaves alone is still blamed on the file.
    wrong = SHIPPED.replace("zoom_ms: 40", "zoom_ms: wide")
    [line] = complaints(wrong, folder=tmp_path, given={"report": {"title": "x"}})
    assert line.startswith(f"0.yaml, line {line_of(wrong, '  zoom_ms')}: ")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"windows": {"order": 0}}, "windows.order is 0"),
        ({"windows": {"order": 0.5}}, "windows.order is 0.5"),
        ({"windows": {"ordr": 3}}, "unknown key 'windows.ordr'"),
        ({"recipes": {"clipped": {"learning_rate": -1}}}, "recipes.clipped.learning_rate is -1"),
        ({"experiment": {"restrict": {"clipped": {"seeds": [-1]}}}}, "seeds.0 is -1"),
        ({"train": {"device": None}}, "train.device is None"),
        ({"windows": {"ordr": None}}, "unknown key 'windows.ordr'"),
        ({"windows": None}, "windows is None; it must be a section"),
        ({"windows": 16}, "windows is 16; it must be a section"),
        ({"report": {"title": {"de": "x"}}}, "report.title is {'de': 'x'}; it must be a text"),
        ({"experiment": {"hidden_sizes": {"a": 3}}}, "experiment.hidden_sizes is {'a': 3}"),
        ({"windws": {"order": 3}}, "unknown key 'windws'; did you mean 'windows'?"),
    ],
    ids=str,
)
def test_every_kind_of_value_that_the_command_line_gives_is_said_to_be_its_own(
    given, said, tmp_path
):
    [line] = complaints(SHIPPED, folder=tmp_path, given=given)
    assert line.startswith("--config: ") and said in line


def test_what_a_file_says_is_not_blamed_on_the_command_line(tmp_path):
    wrong = SHIPPED.replace("order: 200", "order: null")
    assert wrong != SHIPPED
    given = {"windows": {"length": 100}, "train": {"device": "cpu"}}
    [line] = complaints(wrong, folder=tmp_path, given=given)
    assert line.startswith(f"0.yaml, line {line_of(wrong, '  order:')}: windows.order is None")


@pytest.mark.parametrize(
    ("text", "key", "first", "again"),
    [
        ("recipes:\n  a:\n    steps: 1\n    'steps': 2\n", "steps", 3, 4),
        ("experiment:\n  restrict:\n    a: {}\n    b: {}\n    a: {}\n", "a", 3, 5),
        ('{"windows": {"order": 9,\n"length": 8,\n"order": 9}}', "order", 1, 3),
        ("\ufeffreport:\n  title: Größe\n  title: x\n", "title", 2, 3),
        ("report:\n  title:\n  - a: 1\n    a: 2\n", "a", 3, 4),
        ("experiment: {}\ntrain: {}\nexperiment: {}\n", "experiment", 1, 3),
        ("recipes:\n  a:\n    steps: 1\n    streams: 2\n    steps: 3\n", "steps", 3, 5),
        ("windows: {order: 9,\n  order: 8}\n", "order", 1, 2),
        ("a: &a\n  b: 1\n  b: 2\nc:\n  <<: *a\nd: *a\n", "b", 2, 3),
    ],
)
def test_a_key_that_is_there_twice_is_named_with_both_lines(text, key, first, again, tmp_path):
    [line] = complaints(SHIPPED, text, folder=tmp_path)
    assert line.startswith(f"1.yaml, line {again}: the key {key!r} is already in line {first}")


def test_a_merged_mapping_may_be_overridden(tmp_path):
    text = "recipes:\n  a: &a {updates: 3}\n  b: {<<: *a, updates: 4}\n"
    assert complaints(SHIPPED, text, folder=tmp_path) == []


@pytest.mark.parametrize(
    ("overlay", "given", "where", "other", "remedy"),
    [
        ("recipes: {dumoulin2014: {updates: 20}}", None, "1.yaml, line 1", "epochs", "updates"),
        ("recipes:\n  clipped:\n    epochs: 2", None, "1.yaml, line 3", "updates", "epochs"),
        ("{}", {"recipes": {"clipped": {"epochs": 2}}}, "--config", "updates", "epochs"),
        ("recipes: {x: {updates: 2,\n  epochs: 3}}", None, "1.yaml, line 1", "epochs", "updates"),
        (
            "recipes:\n  x: &x {updates: 2}\n  y: {<<: *x, epochs: 3}",
            None,
            "1.yaml, line 3",
            "updates",
            "epochs",
        ),
        (
            "recipes:\n  x: &x {epochs: 2}\n  y:\n    <<: *x\n    updates: 3",
            None,
            "1.yaml, line 5",
            "epochs",
            "updates",
        ),
    ],
)
def test_of_two_lengths_it_is_said_where_the_other_is(
    overlay, given, where, other, remedy, tmp_path
):
    [line] = complaints(SHIPPED, overlay, folder=tmp_path, given=given)
    assert line.startswith(f"{where}: recipes.")
    assert line.endswith(f"gives {other}; leave one out, or write {other}: null beside {remedy}.")
    assert re.search(rf"and .*[01].yaml, line \d+ gives {other}", line)


@pytest.mark.parametrize(
    "overlay",
    [
        "recipes: {dumoulin2014: {updates: 20, epochs: null}}",
        "recipes:\n  clipped:\n    epochs: 2\n    updates: null",
        "recipes:\n  x: &x {updates: 2}\n  y: {<<: *x, epochs: 3, updates: null}",
    ],
)
def test_the_other_length_is_left_out_with_null(overlay, tmp_path):
    assert complaints(SHIPPED, overlay, folder=tmp_path) == []


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte-order mark"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("report:\n  title: Größe\n  zoom: 3\n", "line 3: unknown key 'report.zoom'"),
        ("# Länge\nwindows: {order: 'zwölf'}\n", r"line 2: windows.order is 'zw\xf6lf'"),
        ("recipes:\n  größer: {updates: 3}\n", r"line 2: 'recipes.gr\xf6\xdfer': a recipe"),
    ],
)
def test_a_message_about_a_text_in_any_language_is_one_line_in_any_locale(
    text, said, mark, tmp_path
):
    (tmp_path / "0.yaml").write_text(SHIPPED, "utf-8")
    (tmp_path / "1.yaml").write_bytes(mark + text.encode())
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from test_config import complaints\n"
        "texts = [Path(file).read_text('utf-8') for file in sys.argv[2:]]\n"
        "sys.exit('\\n'.join(complaints(*texts, folder=Path(sys.argv[2]).parent)))"
    )
    env = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    files = [str(tmp_path / f"{i}.yaml") for i in range(2)]
    command = [sys.executable, "-c", code, str(Path(__file__).parent), *files]
    run = subprocess.run(command, env=env, capture_output=True, text=True)
    [line] = run.stderr.splitlines()
    assert f"1.yaml, {said}" in line


def test_files_are_utf_8_whatever_the_locale(tmp_path):
    (tmp_path / "0.yaml").write_bytes("report: {title: Größe, zoom: 3}\n".encode())
    code = (
        "from rnnpipe.config import Sources\n"
        f"print(Sources([{str(tmp_path / '0.yaml')!r}]).locate(['report', 'title']))"
    )
    env = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert run.stdout.strip() == f"{tmp_path}/0.yaml, line 1", run.stderr


@pytest.mark.parametrize(
    "text", ["{device: cpu, device: cuda}", "{a: {b: 1, c: 2, b: 3}}", "[{a: 1, a: 1}]"]
)
def test_a_key_that_is_twice_in_a_value_of_the_command_line_is_named(text):
    with pytest.raises(RnnpipeError, match="^--config train: the key '.*' is there twice"):
        check_keys(text, "--config train")
    check_keys("{device: cpu, recipes: [a, a]}", "--config train")
    check_keys("", "--config train")
