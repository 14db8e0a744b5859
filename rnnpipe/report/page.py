"""The page itself. Everything is inlined: it opens offline and survives being mailed."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd
import yaml

from rnnpipe.errors import RnnpipeError
from rnnpipe.figures import style
from rnnpipe.files import replacing
from rnnpipe.findings import standings
from rnnpipe.findings.stability import NOTE_MSE, Start, answer, subject
from rnnpipe.findings.tables import LEVEL
from rnnpipe.findings.words import duration, significant, tenths
from rnnpipe.report import explorer, provenance, rows
from rnnpipe.report.sounds import KINDS, MEGABYTE, Sounds, outline, read_sound
from rnnpipe.windows.items import counted

Setting = tuple[str, int, int]  # recipe, hidden size, seed

TEMPLATES = Path(__file__).with_name("templates")
OPEN_SETTINGS = 6  # with more settings than this, only the best stand open
OPEN_GROUPS = 24  # with more settings than this, the recipes are folded too
UTTERANCE_ROWS = 1000  # a longer table by utterance is left to the CSV file
INLINED_CSV = 2 * MEGABYTE  # a larger file is not in the page


@dataclass(frozen=True)
class Made:
    """How the report was made.

    Parameters
    ----------
    config : mapping
        The experiment's config, shown as YAML.
    versions : mapping from str to str
        What made the page, and on what, by name.
    jobs : DataFrame
        From `rnnpipe.report.provenance.jobs`.
    graph : mapping from str to sequence of str
        The rules that each rule of the workflow needs.
    rejected : DataFrame
        The columns of corpus/rejected.csv.
    """

    config: Mapping
    versions: Mapping[str, str]
    jobs: pd.DataFrame
    graph: Mapping[str, Sequence[str]]
    rejected: pd.DataFrame


def write_report(
    path: str | Path,
    *,
    title: str,
    mse: pd.DataFrame,
    settings: pd.DataFrame,
    phones: Mapping[str, pd.DataFrame],
    tables: Mapping[str, Path],
    run_folders: Mapping[Setting, Path],
    utterances: Mapping[str, Sequence[tuple[int, int, str]]],
    order: int,
    drawn: Mapping[str, Path],
    starts: Sequence[Start],
    cures: Sequence[Mapping],
    corpus: Mapping,
    remarks: Sequence[str],
    made: Made,
) -> None:
    """Write the report page.

    The same input gives the same bytes. All text is escaped: a name that looks like HTML is shown
    as it is.

    Parameters
    ----------
    path : path
        The HTML file to write.
    title : str
        Heading of the page.
    mse : DataFrame
        The columns of tables/mse.csv, baselines included.
    settings : DataFrame
        The columns of tables/settings.csv; each row becomes a row and a section of the page.
    phones : mapping from {"phone", "phone_class"} to DataFrame
        From `rnnpipe.reconstruction.phone_errors.mean_phone_errors`.
    tables : mapping from str to path
        CSV files by name; those that are not too large are in the page, to be saved from it.
    run_folders : mapping from setting to path
        Folders that hold reconstructions/, by (recipe, hidden size, seed).
    utterances : mapping from str to sequence of (start, end, label)
        The utterances to look at and listen to, with their phones, in samples.
    order : int
        How many samples were given at the start of each.
    drawn : mapping from {"sizes", "training", "stability", "free_runs"} to path
        SVG files.
    starts : sequence of Start
        From `rnnpipe.findings.stability.at_start`, in the order of `settings`.
    cures : sequence of mapping
        From `rnnpipe.findings.stability.cures`.
    corpus : mapping
        name, root (None where built in), synthetic (bool), utterances (int), hours (float).
    remarks : sequence of str
        From `rnnpipe.findings.remarks`.
    made : Made
        How it was made.

    Raises
    ------
    RnnpipeError
        A figure or a WAV file is missing.
    """
    everyone = standings.standings(mse, settings)
    baselines = [row for row in everyone if row["baseline"]]
    entries = [row for row in everyone if not row["baseline"]]
    best = {kind: standings.best(entries, kind) for kind in style.RECONSTRUCTIONS}
    leaders = [row for row in best.values() if row]

    sounds = Sounds(run_folders)
    ranked = sorted(entries, key=lambda row: (row not in leaders, row["free_running"]["nmse"]))
    heard = sounds.gather([row["setting"] for row in ranked], list(utterances))
    for index, row in enumerate(entries):
        row["anchor"] = f"setting-{index + 1}"
        row["place"] = index + len(baselines)
        row["best"] = [kind for kind, leader in best.items() if leader is row]
        row["open"] = len(entries) <= OPEN_SETTINGS or bool(row["best"])
        row["folder"] = "results/runs/{}/h{}/s{}/reconstructions".format(*row["setting"])
        row["heard"] = [
            {"index": i, "utterance": utterance, "sounds": heard[row["setting"], utterance]}
            for i, utterance in enumerate(utterances)
            if (row["setting"], utterance) in heard
        ]
    groups: dict[str, list[dict]] = {}
    for row in entries:
        groups.setdefault(row["setting"][0], []).append(row)

    trained = mse.loc[mse["set"] == "train", "utterance"].unique()
    note = set(trained) == {standings.NOTE_UTTERANCE}
    answers = [
        standings.ladder(kind, best[kind], baselines, entries, note)
        for kind in style.RECONSTRUCTIONS
    ]
    for one in answers:
        one["strips"] = _strips(one, heard, run_folders)
    then_and_now = standings.then_and_now(mse, settings)
    if then_and_now:
        then_and_now["strips"] = _free_runs(then_and_now, heard, run_folders)

    page = _environment().get_template("report.html.j2").render(
        title=title,
        style=_template("report.css"),
        library=explorer.script(),
        scripts=[_template(name) for name in ("tables.js", "explorer.js", "report.js")],
        plot=explorer.plot(),
        sounds=sounds.blocks,
        utterances=[
            {"name": name, "phones": segments, "order": order}
            for name, segments in utterances.items()
        ],
        colours={
            "original": style.ORIGINAL,
            "teacher_forced": style.TEACHER_FORCED,
            "free_running": style.FREE_RUNNING,
        },
        kinds=KINDS,
        reconstructions=style.RECONSTRUCTIONS,
        corpus=corpus,
        duration=duration(corpus["hours"] * 3600),
        num_utterances=len(trained),
        subject=counted(trained),
        remarks=remarks,
        advice=standings.advise(entries, baselines),
        answers=answers,
        then_and_now=then_and_now,
        diverged=[row for row in entries if row["diverged"]],
        cut_off=[row for row in entries if row["cut_off"]],
        rows=entries,
        groups=groups,
        open_groups=len(entries) <= OPEN_GROUPS,
        baselines=baselines,
        columns=rows.measures(everyone),
        by_utterance=rows.by_utterance(mse) if mse["utterance"].nunique() > 1 else [],
        utterance_rows=UTTERANCE_ROWS,
        by_phone={key: rows.by_phone(table, entries, key) for key, table in phones.items()},
        files={name: _file(table) for name, table in tables.items()},
        drawn={name: _picture(figure) for name, figure in drawn.items()},
        training=rows.training(settings),
        why={
            "recipe": subject(starts),
            "answer": answer(starts),
            "settings": rows.verdicts(starts, settings),
            "cures": [rows.cure(row) for row in cures],
            "note_mse": NOTE_MSE,
        },
        made=made,
        config=_as_yaml(made.config),
        cost=provenance.by_rule(made.jobs),
        jobs=made.jobs.to_dict("records"),
        graph=provenance.layered(made.graph),
        rejected=made.rejected.fillna("").to_dict("records"),
        level=LEVEL,
    )  # fmt: skip
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _strips(one: Mapping, heard: Mapping, run_folders: Mapping[Setting, Path]) -> list[dict]:
    """The best setting's first utterance under its card: the original and what became of it."""
    shown = [key for key in heard if one["best"] and key[0] == one["best"]["setting"]]
    if not shown:
        return []
    setting, utterance = shown[0]
    sounds = [(setting, kind, KINDS[kind]) for kind in ("original", one["kind"])]
    return _drawn_sounds(utterance, sounds, heard, run_folders)


def _free_runs(
    then_and_now: Mapping, heard: Mapping, run_folders: Mapping[Setting, Path]
) -> list[dict]:
    """The note's utterance under the table of then and now: the original, and free runs of it."""
    utterance = then_and_now["utterance"]
    settings = [row["setting"] for row in then_and_now["free_runs"]]
    if not all((setting, utterance) in heard for setting in settings):
        return []
    sounds = [(settings[0], "original", "Original")]
    sounds += [(row["setting"], "free_running", row["name"]) for row in then_and_now["free_runs"]]
    return _drawn_sounds(utterance, sounds, heard, run_folders)


def _drawn_sounds(
    utterance: str,
    sounds: Sequence[tuple[Setting, str, str]],
    heard: Mapping,
    run_folders: Mapping[Setting, Path],
) -> list[dict]:
    """Outlines and players of (setting, kind, label), as loud beside each other as they are."""
    samples = [read_sound(run_folders[key], utterance, kind)[0] for key, kind, _ in sounds]
    loudest = abs(samples[0].astype(float)).max()
    return [
        {"kind": kind, "label": label, "outline": outline(one.astype(float), loudest=loudest),
         "sound": heard[setting, utterance][kind], "utterance": utterance}
        for one, (setting, kind, label) in zip(samples, sounds, strict=True)
    ]  # fmt: skip


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"significant": significant, "tenths": tenths, "as_json": _as_json}
    return environment


def _as_json(value: object) -> str:
    """JSON that can stand in an element of script: nothing in it closes one."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c")


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _picture(path: Path) -> str:
    if not Path(path).is_file():
        raise RnnpipeError(
            f"{path}: the report needs this figure, and it is not there. Draw the figures again."
        )
    return f"data:image/svg+xml;base64,{_base64(path)}"


def _file(path: Path) -> dict:
    """A link to a CSV file: the file itself, or where it lies beside the page."""
    path = Path(path)
    inlined = path.stat().st_size <= INLINED_CSV
    link = f"data:text/csv;base64,{_base64(path)}" if inlined else f"tables/{path.name}"
    return {"name": path.name, "link": link, "inlined": inlined}


def _base64(path: Path) -> str:
    return base64.b64encode(Path(path).read_bytes()).decode("ascii")


def _as_yaml(config: Mapping) -> str:
    plain = json.loads(json.dumps(config, default=str))  # paths and the like as text
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
