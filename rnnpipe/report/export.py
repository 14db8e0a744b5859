"""The tables outside the page: Markdown and LaTeX for a paper, plain text for a terminal."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from rnnpipe.files import replacing
from rnnpipe.findings.standings import Baseline, Standing, standings
from rnnpipe.findings.words import significant, tenths
from rnnpipe.report import rows
from rnnpipe.vocabulary import RECONSTRUCTIONS

RECIPES_IN_A_COLUMN = 2  # with two numbers each
ROWS_ON_A_PAGE = 55
NARROW_CAPTION = (
    "NMSE of every setting and baseline, teacher-forced and free-running, and the time in ms for "
    "which a free run stays close; means over the utterances. A dagger marks a training that "
    "diverged."
)
CAPTIONS = {
    "mse": "Error of every setting and baseline, teacher-forced and free-running: MSE in "
    "standardised units, NMSE, SNR and horizon; means over the utterances.",
    "by_phone": "MSE by phone of the best setting of each recipe, in standardised units.",
    "by_phone_class": "MSE by class of phone of the best setting of each recipe, in standardised "
    "units.",
}


def write_exports(
    folder: str | Path,
    mse: pd.DataFrame,
    settings: pd.DataFrame,
    phones: Mapping[str, pd.DataFrame],
) -> None:
    """Write mse, by_phone and by_phone_class as .md and .tex, and mse as .txt, into a folder.

    Parameters
    ----------
    folder : path
        Where the CSV files are.
    mse, settings : DataFrame
        The columns of tables/mse.csv and tables/settings.csv.
    phones : mapping from {"phone", "phone_class"} to DataFrame
        From `rnnpipe.reconstruction.phone_errors.mean_phone_errors`.
    """
    everyone = standings(mse, settings)
    lines: list[Baseline | Standing] = [*everyone.baselines, *everyone.settings]
    written = {
        "mse.txt": text(lines),
        "mse.md": markdown(*_by_setting(lines), CAPTIONS["mse"]),
        "mse.tex": latex(*_narrow_by_setting(lines), NARROW_CAPTION),
    }
    for key, table in phones.items():
        name, found = f"by_{key}", rows.by_phone(table, everyone, key)
        written[f"{name}.md"] = markdown(*_by_phone(found, key), CAPTIONS[name])
        written[f"{name}.tex"] = "\n".join(
            latex(*_narrow_by_phone(found, key, some), CAPTIONS[name])
            for some in _parts(range(len(found["groups"])), RECIPES_IN_A_COLUMN)
        )
    for name, content in written.items():
        with replacing(Path(folder, name)) as temporary:
            temporary.write_text(content, encoding="utf-8")


def _narrow_by_setting(
    everyone: Sequence[Baseline | Standing],
) -> tuple[list[tuple[str, str]], list[list[str]]]:
    """The columns of `_by_setting` that fit a column of text; a dagger marks a divergence."""
    held_out = any(row.unheard for row in everyone)
    # With held-out speech, no room is left for the training error.
    header = [("", "recipe"), ("", "units"), ("", "seed")] + [("", "training")] * (not held_out)
    for name in RECONSTRUCTIONS.values():
        header += [(name, "NMSE")] + [(name, "held out")] * held_out
    header.append(("Free-running", "ms"))
    body = []
    for row in everyone:
        recipe, units, seed, training = _network(row)
        diverged = isinstance(row, Standing) and row.diverged
        line = [recipe + " †" * diverged, units, seed] + [training] * (not held_out)
        for kind in RECONSTRUCTIONS:
            line.append(significant(row.measured[kind].nmse))
            if held_out:
                line.append(significant(row.unheard[kind].nmse))
        body.append([*line, tenths(row.measured["free_running"].horizon_ms)])
    return header, body


def _narrow_by_phone(
    table: Mapping, key: str, recipes: Sequence[int]
) -> tuple[list[tuple[str, str]], list[list[str]]]:
    """The columns of some recipes; `_by_phone` names the settings that represent them."""
    header = [("", "class" if key == "phone_class" else key), ("", "n"), ("", "silence")]
    for recipe in recipes:
        group = table["groups"][recipe]["recipe"]
        header += [(group, "forced"), (group, "free")]
    columns = [2 * recipe + kind for recipe in recipes for kind in range(2)]
    body = [
        [row["name"], str(row["segments"]),
         *(text.strip("\u2007\u2008")
           for text in (row["power"], *(row["columns"][i] for i in columns)))]
        for row in table["rows"]
    ]  # fmt: skip
    return header, body


def _by_setting(everyone: Sequence[Baseline | Standing]) -> tuple[list[str], list[list[str]]]:
    header = ["recipe", "hidden", "seed", "training MSE"]
    held_out = any(row.unheard for row in everyone)
    for short in ("teacher-forced", "free-running"):
        header += [f"{short} MSE", f"{short} NMSE", f"{short} SNR (dB)"]
        header += [f"{short} NMSE, held out"] * held_out
    header += ["free-running horizon (ms)", "status"]
    body = []
    for row in everyone:
        line = _network(row)
        for kind in RECONSTRUCTIONS:
            own = row.measured[kind]
            line += [significant(own.mse), significant(own.nmse), tenths(own.snr_db)]
            if held_out:
                line.append(significant(row.unheard[kind].nmse))
        line.append(tenths(row.measured["free_running"].horizon_ms))
        line.append(_status(row))
        body.append(line)
    return header, body


def _network(row: Baseline | Standing) -> list[str]:
    """Recipe or name, hidden size, seed and training MSE; a baseline has only a name."""
    if isinstance(row, Baseline):
        return [row.name, "", "", ""]
    return [
        row.setting.recipe,
        str(row.setting.hidden_size),
        str(row.setting.seed),
        significant(row.training_mse),
    ]


def _status(row: Baseline | Standing) -> str:
    if isinstance(row, Baseline):
        return "baseline"
    if row.diverged:
        return f"diverged at {row.diverged_at}"
    return "free run cut off" if row.cut_off else "ok"


def _by_phone(table: Mapping, key: str) -> tuple[list[str], list[list[str]]]:
    header = [key.replace("_", " "), *(["class"] if key == "phone" else []), "segments", "silence"]
    for group in table["groups"]:
        for kind, name in RECONSTRUCTIONS.items():
            about = group["names"].get(kind, "no result")
            header.append(f"{group['recipe']} {name.lower()} ({about})")
    body = [
        [row["name"], *([row["phone_class"]] if key == "phone" else []), str(row["segments"]),
         *(text.strip("\u2007\u2008") for text in (row["power"], *row["columns"]))]
        for row in table["rows"]
    ]  # fmt: skip
    return header, body


def markdown(header: Sequence[str], body: Sequence[Sequence[str]], caption: str) -> str:
    """Write a table as Markdown. Special characters in names are escaped."""
    lines = [header, ["---"] * len(header), *body]
    written = [
        "| " + " | ".join(cell if cell == "---" else _in_markdown(cell) for cell in line) + " |"
        for line in lines
    ]
    return "\n".join([caption, "", *written, ""])


def _in_markdown(cell: str) -> str:
    """Escape every special character with a backslash (CommonMark, 2.4), and join lines."""
    one_line = " ".join(cell.split())
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&$^])", r"\\\1", one_line)


def latex(header: Sequence[tuple[str, str]], body: Sequence[Sequence[str]], caption: str) -> str:
    """Write a table as LaTeX, as wide as a column of text; needs the package booktabs.

    A long table becomes several, because a table that breaks over pages cannot be set in two
    columns. The first line of the header names groups of columns.
    """
    columns = pd.MultiIndex.from_tuples([_one_line(name) for name in header])
    pieces = []
    for number, part in enumerate(_parts(body, ROWS_ON_A_PAGE)):
        table = pd.DataFrame([_one_line(line) for line in part], columns=columns)
        written = table.to_latex(
            index=False, escape=True, multicolumn_format="c",
            caption=caption if not number else f"{caption} (continued)",
            column_format="@{\\extracolsep{\\fill}}l" + "r" * (len(header) - 1) + "@{}",
        )  # fmt: skip
        written = written.replace("\\begin{tabular}", "\\begin{tabular*}{\\columnwidth}")
        pieces.append(written.replace("\\end{tabular}", "\\end{tabular*}"))
    whole = "".join(pieces)
    for sign, command in {"∞": r"$\infty$", "−": "$-$", "–": "--", "†": r"$\dagger$"}.items():
        whole = whole.replace(sign, command)
    small = "\\begin{table}\n\\scriptsize\\setlength{\\tabcolsep}{1pt}"
    return "% needs \\usepackage{booktabs}\n" + whole.replace("\\begin{table}", small)


def _parts(items: Sequence, size: int) -> list[Sequence]:
    return [items[first : first + size] for first in range(0, len(items), size)]


def _one_line(cells: Sequence[str]) -> list[str]:
    return [" ".join(cell.split()) for cell in cells]


def text(everyone: Sequence[Baseline | Standing]) -> str:
    """Write the table by setting as plain text, narrow enough for a terminal."""
    held_out = any(row.unheard for row in everyone)
    errors = ["MSE", "NMSE"] + ["held out"] * held_out
    lines = [["recipe", "hidden", "seed", "training", *errors * 2, "horizon ms", "status"]]
    for row in everyone:
        line = [" ".join(cell.split()) for cell in _network(row)]
        for kind in RECONSTRUCTIONS:
            own = row.measured[kind]
            line += [significant(own.mse), significant(own.nmse)]
            if held_out:
                line.append(significant(row.unheard[kind].nmse))
        lines.append([*line, tenths(row.measured["free_running"].horizon_ms), _status(row)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    groups = []
    for first, name in zip((4, 4 + len(errors)), RECONSTRUCTIONS.values(), strict=True):
        others = sum(widths[first + 1 : first + len(errors)]) + 2 * (len(errors) - 1)
        widths[first] = max(widths[first], len(name) - others)
        groups.append(name.rjust(widths[first] + others))
    written = ["  ".join([" " * (sum(widths[:4]) + 6), *groups])]
    for line in lines:
        cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
        cells[0], cells[-1] = line[0].ljust(widths[0]), line[-1]
        written.append("  ".join(cells).rstrip())
    return "\n".join([*written, ""])
