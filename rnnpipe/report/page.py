"""The report page. Everything is inlined, so that it opens offline and can be sent by mail."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd
import yaml

from rnnpipe.errors import RnnpipeError
from rnnpipe.files import replacing
from rnnpipe.findings.answers import Ladder, ThenAndNow, advise, ladders, then_and_now
from rnnpipe.findings.rates import VERY_CLOSE
from rnnpipe.findings.stability import Cure, Start, answer, question, subject
from rnnpipe.findings.standings import CLOSE, LEVEL, Standing, Standings, standings
from rnnpipe.findings.words import duration, significant, tenths
from rnnpipe.reconstruction.sounds import read_sound
from rnnpipe.report import explorer, provenance, rows
from rnnpipe.report.sounds import MEGABYTE, Sounds, outline
from rnnpipe.vocabulary import (
    COLOURS,
    MODES,
    NOTE_MSE,
    NOTE_UTTERANCE,
    RECONSTRUCTIONS,
    SOUNDS,
    RunFile,
    Setting,
)
from rnnpipe.windows.items import counted

# Keys of the sounds in the page, by kind, for each setting and utterance that fits into it.
Heard = Mapping[tuple[Setting, str], Mapping[str, str]]

TEMPLATES = Path(__file__).with_name("templates")
OPEN_SETTINGS = 6  # with more settings than this, only the best are unfolded
OPEN_GROUPS = 24  # with more settings than this, the recipes are folded too
UTTERANCE_ROWS = 1000  # rows of the table by utterance; a longer one is complete only as CSV
INLINED_CSV = 2 * MEGABYTE  # a larger file is not in the page


@dataclass(frozen=True)
class Made:
    """How the report was made.

    Parameters
    ----------
    config : mapping
        The experiment's config, shown as YAML.
    versions : mapping from str to str
        Versions of the software, and the machine, by name.
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


@dataclass(frozen=True)
class Section:
    """A setting's row and section of the page.

    Parameters
    ----------
    standing : Standing
        Its results.
    anchor : str
        Id of its section.
    place : int
        Its row in the table, counted with the baselines above it.
    best : sequence of str
        The kinds of reconstruction in which it is the best.
    open : bool
        Whether its section is unfolded at first.
    heard : sequence of dict
        index, utterance, sounds (keys of the page's blocks by kind), and, of a setting that is
        unfolded, strips (outlines for print).
    """

    standing: Standing
    anchor: str
    place: int
    best: Sequence[str]
    open: bool
    heard: Sequence[Mapping]

    @property
    def setting(self) -> Setting:
        """The setting."""
        return self.standing.setting

    @property
    def folder(self) -> str:
        """Folder of its sounds."""
        return f"results/runs/{self.setting.folder}/{RunFile.RECONSTRUCTIONS}"


def write_report(
    path: str | Path,
    *,
    title: str,
    mse: pd.DataFrame,
    settings: pd.DataFrame,
    rates: pd.DataFrame,
    phones: Mapping[str, pd.DataFrame],
    tables: Mapping[str, Path],
    run_folders: Mapping[Setting, Path],
    utterances: Mapping[str, Sequence[tuple[int, int, str]]],
    order: int,
    drawn: Mapping[str, Path],
    starts: Sequence[Start],
    cures: Sequence[Cure],
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
    rates : DataFrame
        From `rnnpipe.findings.rates.rates`.
    phones : mapping from {"phone", "phone_class"} to DataFrame
        From `rnnpipe.reconstruction.phone_errors.mean_phone_errors`.
    tables : mapping from str to path
        CSV files by name; those that are not too large are in the page, and can be saved from it.
    run_folders : mapping from setting to path
        Folders that hold reconstructions/, by (recipe, hidden size, seed).
    utterances : mapping from str to sequence of (start, end, label)
        The utterances that are drawn and played, with their phones, in samples.
    order : int
        Number of given samples at the start of each.
    drawn : mapping from {"sizes", "training", "stability", "free_runs"} to path
        SVG files.
    starts : sequence of Start
        From `rnnpipe.findings.stability.at_start`, in the order of `settings`.
    cures : sequence of Cure
        From `rnnpipe.findings.stability.cures`.
    corpus : mapping
        name, root (None if built in), synthetic (bool), utterances (int), hours (float).
    remarks : sequence of str
        From `rnnpipe.findings.remarks`.
    made : Made
        How the report was made.

    Raises
    ------
    RnnpipeError
        If a figure or a WAV file is missing.
    """
    everyone = standings(mse, settings)
    best = {kind: everyone.best(kind) for kind in RECONSTRUCTIONS}
    sounds = Sounds(run_folders)
    heard = sounds.gather(_by_interest(everyone, best), list(utterances))
    sections = [
        _section(index, row, everyone, best, list(utterances), heard, run_folders)
        for index, row in enumerate(everyone.settings)
    ]
    groups: dict[str, list[Section]] = {}
    for section in sections:
        groups.setdefault(section.setting.recipe, []).append(section)

    trained = mse.loc[mse["set"] == "train", "utterance"].unique()
    note = set(trained) == {NOTE_UTTERANCE}
    cards = ladders(everyone, note=note)
    now = then_and_now(mse, settings)

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
        colours=COLOURS,
        kinds=SOUNDS,
        reconstructions=RECONSTRUCTIONS,
        modes=MODES,
        corpus=corpus,
        duration=duration(corpus["hours"] * 3600),
        num_utterances=len(trained),
        subject=counted(trained),
        held_out=counted(mse.loc[mse["set"] == "held_out", "utterance"].unique()),
        remarks=remarks,
        advice=advise(everyone),
        answers=[(card, _strips(card, heard, run_folders)) for card in cards],
        then_and_now=now,
        then_and_now_strips=_free_runs(now, heard, run_folders) if now else [],
        anchors={section.setting: section.anchor for section in sections},
        diverged=[section for section in sections if section.standing.diverged],
        cut_off=[section for section in sections if section.standing.cut_off],
        sections=sections,
        groups=groups,
        open_groups=len(sections) <= OPEN_GROUPS,
        baselines=everyone.baselines,
        silence=[row.name for row in everyone.baselines].index("silence"),
        columns=rows.measures([*everyone.baselines, *everyone.settings]),
        how_often=rows.how_often(rates),
        close=CLOSE,
        very_close=VERY_CLOSE,
        by_utterance=rows.by_utterance(mse) if mse["utterance"].nunique() > 1 else [],
        utterance_rows=UTTERANCE_ROWS,
        by_phone={key: rows.by_phone(table, everyone, key) for key, table in phones.items()},
        files={name: _file(table) for name, table in tables.items()},
        drawn={name: _picture(figure) for name, figure in drawn.items()},
        training=rows.training(settings),
        why={
            "question": question(starts),
            "recipe": subject(starts),
            "rises": any(start.rises for start in starts),
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


def _by_interest(everyone: Standings, best: Mapping[str, Standing | None]) -> list[Setting]:
    """Settings in the order in which their sounds are added to the page."""
    leaders = list(best.values())
    ranked = sorted(
        everyone.settings,
        key=lambda row: (row not in leaders, row.judged["free_running"].nmse),
    )
    return [row.setting for row in ranked]


def _section(
    index: int,
    row: Standing,
    everyone: Standings,
    best: Mapping[str, Standing | None],
    utterances: Sequence[str],
    heard: Heard,
    run_folders: Mapping[Setting, Path],
) -> Section:
    leads = [kind for kind, leader in best.items() if leader is row]
    unfolded = len(everyone.settings) <= OPEN_SETTINGS or bool(leads)
    sounds = [(row.setting, kind, label) for kind, label in SOUNDS.items()]
    return Section(
        row,
        anchor=f"setting-{index + 1}",
        place=index + len(everyone.baselines),
        best=leads,
        open=unfolded,
        heard=[
            {
                "index": i,
                "utterance": utterance,
                "sounds": heard[row.setting, utterance],
                "strips": _drawn_sounds(utterance, sounds, heard, run_folders) if unfolded else [],
            }
            for i, utterance in enumerate(utterances)
            if (row.setting, utterance) in heard
        ],
    )


def _strips(card: Ladder, heard: Heard, run_folders: Mapping[Setting, Path]) -> list[dict]:
    """The best setting's first utterance, below its card: the original and the reconstruction."""
    shown = [key for key in heard if card.best and key[0] == card.best.setting]
    if not shown:
        return []
    setting, utterance = shown[0]
    sounds = [(setting, kind, SOUNDS[kind]) for kind in ("original", card.kind)]
    return _drawn_sounds(utterance, sounds, heard, run_folders)


def _free_runs(now: ThenAndNow, heard: Heard, run_folders: Mapping[Setting, Path]) -> list[dict]:
    """The note's utterance, below the table of then and now: the original, and free runs of it."""
    settings = [row.setting for row in now.free_runs]
    if not all((setting, now.utterance) in heard for setting in settings):
        return []
    sounds = [(settings[0], "original", SOUNDS["original"])]
    sounds += [(row.setting, "free_running", row.name) for row in now.free_runs]
    return _drawn_sounds(now.utterance, sounds, heard, run_folders)


def _drawn_sounds(
    utterance: str,
    sounds: Sequence[tuple[Setting, str, str]],
    heard: Heard,
    run_folders: Mapping[Setting, Path],
) -> list[dict]:
    """Outlines and players of (setting, kind, label); all outlines have the same scale."""
    samples = [
        read_sound(Path(run_folders[key], RunFile.RECONSTRUCTIONS), utterance, kind)
        for key, kind, _ in sounds
    ]
    loudest = abs(samples[0].astype(float)).max()
    return [
        {"kind": kind, "label": label, "outline": outline(sound.astype(float), loudest=loudest),
         "sound": heard[setting, utterance][kind], "utterance": utterance}
        for sound, (setting, kind, label) in zip(samples, sounds, strict=True)
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
    """JSON that is safe inside a script element: nothing in it can close the element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c")


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _picture(path: Path) -> str:
    if not Path(path).is_file():
        raise RnnpipeError(f"{path}: this figure of the report is missing. Draw the figures again.")
    return f"data:image/svg+xml;base64,{_base64(path)}"


def _file(path: Path) -> dict:
    """A link to a CSV file: to its content in the page, or to the file beside the page."""
    path = Path(path)
    inlined = path.stat().st_size <= INLINED_CSV
    link = f"data:text/csv;base64,{_base64(path)}" if inlined else f"tables/{path.name}"
    return {"name": path.name, "link": link, "inlined": inlined}


def _base64(path: Path) -> str:
    return base64.b64encode(Path(path).read_bytes()).decode("ascii")


def _as_yaml(config: Mapping) -> str:
    plain = json.loads(json.dumps(config, default=str))  # paths and the like as text
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)
