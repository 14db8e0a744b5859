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
    tables = {"mse": _by_setting([*everyone.baselines, *everyone.settings])}
    for key, table in phones.items():
        tables[f"by_{key}"] = _by_phone(rows.by_phone(table, everyone, key), key)
    for name, (header, body) in tables.items():
        for suffix, write in ((".md", markdown), (".tex", latex)):
            with replacing(Path(folder, f"{name}{suffix}")) as temporary:
                temporary.write_text(write(header, body, CAPTIONS[name]), encoding="utf-8")
    with replacing(Path(folder, "mse.txt")) as temporary:
        temporary.write_text(text([*everyone.baselines, *everyone.settings]), encoding="utf-8")


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


def latex(header: Sequence[str], body: Sequence[Sequence[str]], caption: str) -> str:
    """Write a table as LaTeX for the packages booktabs and longtable."""
    lines = [[" ".join(cell.split()) for cell in line] for line in (header, *body)]
    table = pd.DataFrame(lines[1:], columns=lines[0])
    columns = "l" + "r" * (len(header) - 1)
    written = table.to_latex(
        index=False, escape=True, caption=caption, longtable=True, column_format=columns
    )
    for sign, command in {"∞": r"$\infty$", "−": "$-$", "–": "--"}.items():
        written = written.replace(sign, command)
    return f"% needs \\usepackage{{booktabs,longtable}}\n{written}"


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
