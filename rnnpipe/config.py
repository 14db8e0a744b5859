"""Checking an experiment's configuration, with messages that help to correct it."""

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from rnnpipe.errors import RnnpipeError
from rnnpipe.training.recipes import Recipe

# JSON has only one kind of number: it accepts 100.0 as an integer, and does not know .nan.
_Validator = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: type(value) is int,
            "number": lambda _, value: (
                type(value) is int or (type(value) is float and math.isfinite(value))
            ),
        }
    ),
)


_NOT_GIVEN = object()  # None is a value too

# Keys by their former names.
RENAMED = {
    "experiment.only": "experiment.restrict",
    "reconstruct.sample": "reconstruct.feedback_noise",
    "report.utterances": "report.max_utterances",
}


class Sources:
    """Where a configuration comes from: files, and what the command line adds; for messages.

    Parameters
    ----------
    files : sequence of path
        Files in UTF-8; a later file overrides an earlier one.
    given : mapping, optional
        What --config gives, which overrides all files.
    """

    def __init__(self, files: Sequence[str | Path], given: Mapping[str, Any] | None = None) -> None:
        self.given = given or {}
        self.trees = {
            str(file): yaml.compose(Path(file).read_text("utf-8"), Loader=yaml.SafeLoader)
            for file in files
        }

    def locate(self, path: Sequence[Any]) -> str:
        """Find the place of a key; of several, the one that counts."""
        given = _given(self.given, path)
        for file, tree in reversed(self.trees.items()):
            line, node = _find(tree, path)
            # A section that the command line adds a key to is still that of the file.
            adds = isinstance(given, Mapping) and isinstance(node, yaml.MappingNode | None)
            if line is not None and (given is _NOT_GIVEN or adds):
                return f"{file}, line {line}"
        return "the configuration" if given is _NOT_GIVEN or not path else "--config"

    def repeated(self) -> Iterator[str]:
        """Find keys that a file has twice in one mapping; YAML would silently drop the first."""
        for file, tree in self.trees.items():
            for key, first, again in dict.fromkeys(_repeated(tree)):  # once, however often merged
                yield (
                    f"{file}, line {again}: the key {key!r} is already in line {first}; "
                    "only one of them would count, so put both together."
                )


def check_keys(text: str, place: str) -> None:
    """Check that no mapping in a YAML text has a key twice.

    Raises
    ------
    RnnpipeError
        If one has; the message names the place of the text and the key.
    """
    for key, *_ in _repeated(yaml.compose(text)):
        raise RnnpipeError(
            f"{place}: the key {key!r} is there twice; only one would count, so put both together."
        )


def check_config(config: Mapping[str, Any], schema: Mapping[str, Any], sources: Sources) -> None:
    """Check a configuration, and raise an error if it is not valid.

    Parameters
    ----------
    config : mapping
        The experiment.
    schema : mapping
        JSON schema; the `description` of a key says which values are valid.
    sources : Sources
        Where it comes from.

    Raises
    ------
    RnnpipeError
        With one line per problem: file, line, key, value, cause, remedy.
    """
    repeated = list(sources.repeated())
    if repeated:
        raise RnnpipeError("\n".join(repeated))
    errors = sorted(_Validator(schema).iter_errors(config), key=lambda e: list(map(str, e.path)))
    problems = [line for error in errors for line in _explain(error)]
    if not problems:
        problems = list(_contradictions(config, sources))
    if problems:
        lines = [f"{sources.locate(path)}: {cause}" for path, cause in problems]
        # Each message once: a size of 0.5 is not a whole number and also below 1.
        raise RnnpipeError("\n".join(dict.fromkeys(lines)))


def _explain(error: ValidationError) -> Iterator[tuple[list, str]]:
    """Turn an error of the schema into pairs of place and cause."""
    path, key = list(error.absolute_path), ".".join(map(str, error.path))
    value: Any = error.instance
    schema: Mapping[str, Any] = error.schema  # type: ignore[assignment]  # ours are not booleans
    if error.validator == "additionalProperties":
        known = list(schema["properties"])
        for unknown in sorted(set(value) - set(known), key=str):
            new = RENAMED.get(_dotted([*path, unknown]))
            if new:
                yield [*path, unknown], f"{_dotted([*path, unknown])!r} is called {new!r} now."
                continue
            nearest = difflib.get_close_matches(str(unknown), known, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"known: {', '.join(known)}."
            yield [*path, unknown], f"unknown key {_dotted([*path, unknown])!r}; {hint}"
    elif error.validator == "required":
        renamed = {RENAMED.get(_dotted([*path, key])) for key in value}
        for missing in sorted(set(schema["required"]) - set(value)):
            if _dotted([*path, missing]) not in renamed:
                yield path, f"the key {_dotted([*path, missing])!r} is missing."
    elif error.validator == "propertyNames" or "propertyNames" in list(error.absolute_schema_path):
        name = error.instance
        yield [*path, name], f"{_dotted([*path, name])!r}: {schema['description']}."
    else:
        expected = schema.get("description", error.message)
        yield path, f"{key} is {value!r}; it must be {expected}{_number_in_text(value, schema)}."


def _number_in_text(text: Any, schema: Mapping[str, Any]) -> str:
    """Explain a common surprise: for YAML, 1e-3 is text and not a number."""
    wanted = schema.get("type", "")  # a type or a list of them
    if not isinstance(text, str) or not ("number" in wanted or "integer" in wanted):
        return ""
    try:
        number = float(text)
    except ValueError:
        return ""
    if not math.isfinite(number):
        return ""
    written = yaml.safe_dump(int(number) if number.is_integer() else number).split()[0]
    return f" (YAML reads {text} as text; write {written})"


def one_spelling(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return a configuration with its keys in the order of the schema, and 20 for 20.0.

    Names that a user gives, which the schema does not know, follow in alphabetical order.
    """
    if isinstance(value, Mapping):
        known = schema.get("properties", {})
        order = [key for key in known if key in value] + sorted(value.keys() - known.keys())
        return {key: one_spelling(value[key], known.get(key, {})) for key in order}
    if isinstance(value, list):
        return [one_spelling(item, {}) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _contradictions(config: Mapping[str, Any], sources: Sources) -> Iterator[tuple[list, str]]:
    """Find errors that a schema cannot: names that do not exist, keys that exclude each other."""
    for name in config["recipes"]:
        if not isinstance(name, str):
            yield ["recipes", name], f"the recipe's name {name!r} is not text; put it in quotes."
    known = list(map(str, config["recipes"]))
    experiment = config["experiment"]
    named = [(["recipes", i], name) for i, name in enumerate(experiment["recipes"])]
    named += [(["restrict", name], name) for name in experiment["restrict"] or ()]
    for path, name in named:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"known: {', '.join(known)}."
            yield ["experiment", *path], f"there is no recipe {name!r}; {hint}"
    for name, recipe in config["recipes"].items():
        if recipe.get("epochs") and recipe.get("updates"):
            yield _both_lengths(["recipes", name], sources)
            continue
        try:
            Recipe.from_config(recipe)
        except RnnpipeError as error:
            yield ["recipes", name], f"recipes.{name}: {error}"


def _both_lengths(recipe: list, sources: Sources) -> tuple[list, str]:
    """Say which of the two lengths of a training was there first, and how to leave it out."""
    lengths = [[*recipe, key] for key in ("updates", "epochs")]
    added, other = sorted(lengths, key=lambda path: _rank(sources, path))
    return added, (
        f"{_dotted(added)}: a recipe needs either epochs or updates, and {sources.locate(other)} "
        f"gives {other[-1]}; leave one out, or write {other[-1]}: null beside {added[-1]}."
    )


def _rank(sources: Sources, path: Sequence[Any]) -> tuple[int, bool]:
    """Rank the source of a key: --config, then the files, the last one first; merged keys last."""
    if _given(sources.given, path) is not _NOT_GIVEN:
        return 0, False
    for rank, tree in enumerate(reversed(sources.trees.values()), 1):
        line, above = _find(tree, path)[0], _find(tree, path[:-1])[0]
        if line is not None and above is not None:
            return rank, line < above  # what is merged stands above the mapping
    return 99, False


def _dotted(path: Sequence[Any]) -> str:
    return ".".join(map(str, path))


def _given(part: Any, path: Sequence[Any]) -> Any:
    """Return what a nested mapping holds at a path; `_NOT_GIVEN` if it does not have it."""
    for key in path:
        if not isinstance(part, Mapping):
            return part  # a list is given as a whole
        part = part.get(key, _NOT_GIVEN)
    return part


def _repeated(node: yaml.Node | None) -> Iterator[tuple[str, int, int]]:
    """Find the keys that a mapping has twice, with the lines of both."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated(item)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in lines and key.value != "<<":
                yield key.value, lines[key.value], line
            lines[key.value] = line
            yield from _repeated(value)


def _find(
    node: yaml.Node | None, path: Sequence[Any]
) -> tuple[int, yaml.Node | None] | tuple[None, None]:
    """Return the line and the value at a path."""
    line = 1
    for part in path:
        if isinstance(node, yaml.SequenceNode):
            if not isinstance(part, int) or part >= len(node.value):
                return None, None
            node = node.value[part]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            pairs = _pairs(node)
            if str(part) not in pairs:
                return None, None
            key, node = pairs[str(part)]
            line = key.start_mark.line + 1
        else:
            return None, None
    return line, node


def _pairs(node: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Keys of a mapping; merged keys (YAML's "<<") have the lines of the merged mapping."""
    own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    merged: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        if key.value == "<<":
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in reversed(sources):  # an earlier one has priority
                merged |= _pairs(source)
        else:
            # YAML reads some names as other values: null, true, 1_0.
            own[str(yaml.SafeLoader("").construct_object(key, deep=True))] = key, value
    return merged | own
