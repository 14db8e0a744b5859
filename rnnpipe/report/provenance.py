"""How a report was made: the machine, the code, the cost of every job, and the graph of rules."""

import os
import platform
import re
import subprocess
import tomllib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

SETTING = re.compile(r"(?P<recipe>.+)-h(?P<hidden>\d+)-s(?P<seed>\d+)$")


def machine() -> dict[str, str]:
    """Name the processor, memory, system and Python version, as far as they can be found."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        models = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.M)
        processor = models[0] if models else processor
    told = {"Processor": f"{processor}, {os.cpu_count()} cores"}
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        told["Memory"] = f"{size / 2**30:.1f} GiB"
    told["System"] = f"{platform.system()} {platform.release()}"
    told["Python"] = platform.python_version()
    return told


def versions(code: str | Path) -> dict[str, str]:
    """Versions of what computed the results; rnnpipe may run from its folder, without a package."""
    told = {}
    for name in ("rnnpipe", "snakemake", "torch", "numba"):
        try:
            told[name] = version(name)
        except PackageNotFoundError:
            told[name] = "not installed"
    if told["rnnpipe"] == "not installed":
        with suppress(
            OSError, ValueError, KeyError, AttributeError
        ):  # no such file, or not of this kind
            project = tomllib.loads(Path(code, "pyproject.toml").read_text("utf-8"))["project"]
            if project.get("name", "rnnpipe") == "rnnpipe":
                told["rnnpipe"] = project["version"]
    return told


def commit(folder: str | Path) -> str | None:
    """The git commit of a folder, and whether files have changed since; None without git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
        return done.stdout.strip()

    try:
        if not git("ls-files", "Snakefile"):  # a repository around an installed copy
            return None
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + (" and uncommitted changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None


def jobs(folder: str | Path, settings: Collection[tuple[str, int, int]]) -> pd.DataFrame:
    """Read what Snakemake measured for each job.

    Parameters
    ----------
    folder : path
        results/benchmarks, with one file per job. The file of the report is left out: it is of the
        report before this one.
    settings : collection of (recipe, hidden size, seed)
        Files of other settings, left by earlier experiments, are ignored.

    Returns
    -------
    DataFrame
        rule, job (what it ran for, or empty), seconds (wall time) and megabytes (largest resident
        memory; nan for a job too short to measure).
    """
    rows = []
    for path in sorted(Path(folder).rglob("*.tsv")):
        if path.stem == "report":
            continue
        parts = path.relative_to(folder).with_suffix("").parts
        setting = SETTING.match(parts[-1]) if len(parts) > 1 else None
        if setting and (setting["recipe"], int(setting["hidden"]), int(setting["seed"])) not in (
            settings
        ):
            continue
        measured = pd.read_csv(path, sep="\t", na_values=["-", "NA"]).iloc[-1]
        rows.append((parts[0], "/".join(parts[1:]), measured["s"], measured["max_rss"]))
    table = pd.DataFrame(rows, columns=["rule", "job", "seconds", "megabytes"])
    return table.astype({"seconds": float, "megabytes": float})


def by_rule(table: pd.DataFrame) -> list[dict]:
    """Add up the jobs of each rule, the longest first."""
    groups = table.groupby("rule")
    summed = pd.DataFrame(
        {
            "jobs": groups.size(),
            "seconds": groups["seconds"].sum(),
            "longest": groups["seconds"].max(),
            "megabytes": groups["megabytes"].max(),
        }
    ).sort_values("seconds", ascending=False)
    return [
        {
            "rule": rule,
            "jobs": int(row["jobs"]),
            "seconds": row["seconds"],
            "longest": row["longest"],
            "megabytes": row["megabytes"],
        }
        for rule, row in summed.iterrows()
    ]


def layered(needs: Mapping[str, Sequence[str]]) -> dict:
    """Lay out the graph of rules: each rule in a column after all rules that it needs.

    Parameters
    ----------
    needs : mapping from str to sequence of str
        The rules whose files each rule reads.

    Returns
    -------
    dict
        columns and rows (their numbers), nodes (name, column, row) and edges (from, to, as nodes).
        An edge is left out if a longer path connects the same nodes.
    """
    column: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in column:
            column[name] = 1 + max((depth(other) for other in needs.get(name, ())), default=-1)
        return column[name]

    for name in needs:
        depth(name)
    above: dict[str, set[str]] = {}
    for name in sorted(column, key=column.__getitem__):
        direct = set(needs.get(name, ()))
        above[name] = direct.union(*(above[other] for other in direct))
    nodes: dict[str, dict] = {}
    height: dict[int, int] = {}
    for name in sorted(column, key=column.__getitem__):
        row = height.get(column[name], 0)
        height[column[name]] = row + 1
        nodes[name] = {"name": name, "column": column[name], "row": row}
    most = max(height.values(), default=0)
    for node in nodes.values():  # centre each column
        node["row"] += (most - height[node["column"]]) / 2
    edges = [
        (nodes[other], nodes[name])
        for name in nodes
        for other in needs.get(name, ())
        if not any(other in above[between] for between in needs[name])
    ]
    return {"columns": len(height), "rows": most, "nodes": list(nodes.values()), "edges": edges}
