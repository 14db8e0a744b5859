"""The report: one HTML page that says how well each setting did, shows it and plays it.

Everything is inlined, so that the page opens offline and survives being attached to a mail.
"""

import base64
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
import soundfile
import yaml

from rnnpipe import figures
from rnnpipe.corpus.audio import SAMPLING_RATE
from rnnpipe.errors import RnnpipeError
from rnnpipe.files import replacing
from rnnpipe.items import counted
from rnnpipe.stability import NOTE_MSE, Start, answer, signed, subject
from rnnpipe.tables import LEVEL, compared

Setting = tuple[str, int, int]  # recipe, hidden size, seed

TEMPLATES = Path(__file__).parent / "templates"
SOUNDS = {
    "original": "Original",
    "teacher_forced": "Teacher-forced",
    "free_running": "Free-running",
}
OPEN_SETTINGS = 6  # with more settings than this, only the best stand open
UTTERANCE_ROWS = 1000  # a longer table by utterance is left to the CSV file


def write_report(
    path: str | Path,
    *,
    title: str,
    mse: pd.DataFrame,
    settings: pd.DataFrame,
    run_folders: Mapping[Setting, Path],
    waveform_figures: Mapping[tuple[Setting, str], Path],
    curve_figure: Path,
    size_figure: Path,
    stability_figure: Path,
    starts: Sequence[Start],
    cures: Sequence[Mapping],
    config: Mapping,
    versions: Mapping[str, str],
    corpus: Mapping,
    remarks: Sequence[str] = (),
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
    run_folders : mapping from setting to path
        Folders that hold reconstructions/, by (recipe, hidden size, seed).
    waveform_figures : mapping from (setting, utterance) to path
        PNG files; what stands here is shown and gets its three players, other utterances are in
        the tables alone.
    curve_figure, size_figure, stability_figure : path
        SVG files.
    starts : sequence of Start
        From `rnnpipe.stability.at_start`, in the order of `settings`.
    cures : sequence of mapping
        From `rnnpipe.stability.cures`.
    config : mapping
        The experiment's config, shown as YAML.
    versions : mapping from str to str
        What made the page, by name.
    corpus : mapping
        name, root (None where built in), synthetic (bool), utterances (int), rejected (int, how
        many were left out), hours (float).
    remarks : sequence of str
        From `rnnpipe.remarks`.

    Raises
    ------
    RnnpipeError
        A figure or a WAV file is missing.
    """
    standings = _standings(mse, settings)
    baselines = [row for row in standings if row["baseline"]]
    rows = [row for row in standings if not row["baseline"]]
    best = {kind: _best(rows, kind) for kind in figures.RECONSTRUCTIONS}
    for index, row in enumerate(rows):
        row["anchor"] = f"setting-{index + 1}"
        row["best"] = [kind for kind, leader in best.items() if leader is row]
        row["open"] = len(rows) <= OPEN_SETTINGS or bool(row["best"])
        row["shown"] = [
            {
                "utterance": utterance,
                "figure": _data_uri(figure, "image/png"),
                "players": _players(run_folders[setting], utterance),
            }
            for (setting, utterance), figure in waveform_figures.items()
            if setting == row["setting"]
        ]

    groups: dict[str, list[dict]] = {}
    for row in rows:
        groups.setdefault(row["setting"][0], []).append(row)

    trained = mse.loc[mse["set"] == "train", "utterance"].unique()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    page = environment.get_template("report.html.j2").render(
        title=title,
        style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        script=(TEMPLATES / "report.js").read_text(encoding="utf-8"),
        colours={
            "original": figures.ORIGINAL,
            "teacher_forced": figures.TEACHER_FORCED,
            "free_running": figures.FREE_RUNNING,
        },
        corpus=corpus,
        duration=_duration(corpus["hours"]),
        num_utterances=len(trained),
        subject=counted(trained),
        remarks=remarks,
        answers=[_answer(kind, best[kind], baselines, rows) for kind in figures.RECONSTRUCTIONS],
        diverged=[row for row in rows if row["diverged"]],
        cut_off=[row for row in rows if row["cut_off"]],
        rows=rows,
        groups=groups,
        baselines=baselines,
        columns=_columns(standings),
        by_utterance=_by_utterance(mse) if mse["utterance"].nunique() > 1 else [],
        utterance_rows=UTTERANCE_ROWS,
        size_figure=_data_uri(size_figure, "image/svg+xml"),
        curve_figure=_data_uri(curve_figure, "image/svg+xml"),
        training=_training(settings),
        why={
            "recipe": subject(starts),
            "answer": answer(starts),
            "figure": _data_uri(stability_figure, "image/svg+xml"),
            "settings": _verdicts(starts, settings),
            "cures": [_cure(row) for row in cures],
            "note_mse": NOTE_MSE,
        },
        config=_as_yaml(config),
        versions=versions,
        level=LEVEL,
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _standings(mse: pd.DataFrame, settings: pd.DataFrame) -> list[dict]:
    """One entry a baseline and a setting: its means, and how it stands against the baselines."""
    means = figures.mean_over_utterances(mse)
    measured = {
        (row["recipe"], _whole(row["hidden_size"]), _whole(row["seed"]), row["reconstruction"]): row
        for row in means.to_dict("records")
    }
    nothing = dict.fromkeys(["mse", "nmse", "snr_db", "horizon_ms"], math.nan) | {"cut_off": 0}

    def entry(recipe: str, hidden: int | None, seed: int | None, **more) -> dict:
        found = {
            kind: measured.get((recipe, hidden, seed, kind), nothing) | {"beats": ""}
            for kind in figures.RECONSTRUCTIONS
        }
        return found | {"setting": (recipe, hidden, seed), "training_mse": math.nan} | more

    names = means.loc[means["recipe"].str.startswith("baseline:"), "recipe"].drop_duplicates()
    baselines = [
        entry(name, None, None, name=name.removeprefix("baseline:"), baseline=True)
        for name in names
    ]
    rows = []
    for row in settings.to_dict("records"):
        recipe, hidden, seed = row["recipe"], int(row["hidden_size"]), int(row["seed"])
        new = entry(recipe, hidden, seed, baseline=False)
        new["name"] = f"{recipe}, {hidden} hidden units, seed {seed}"
        new["training_mse"] = row["final_training_mse"]
        new["diverged"] = row["status"] == "diverged"
        new["diverged_at"] = _whole(row["diverged_at"])
        new["outcome"], new["verdict"] = row["outcome"], row["verdict"]
        new["cut_off"] = new["free_running"]["cut_off"]
        for kind in figures.RECONSTRUCTIONS:
            others = {base["name"]: base[kind]["nmse"] for base in baselines}
            new[kind] = new[kind] | compared(new[kind]["nmse"], others)
        rows.append(new)
    return baselines + rows


def _best(rows: Sequence[dict], kind: str) -> dict | None:
    """The setting of lowest NMSE among those that went through.

    A free run that was cut off does not count: it is silent from there on, which scores better
    than much that speaks.
    """
    able = [row for row in rows if _went_through(row, kind) and np.isfinite(row[kind]["nmse"])]
    return min(able, key=lambda row: row[kind]["nmse"], default=None)


def _went_through(row: dict, kind: str) -> bool:
    return not row["diverged"] and not (kind == "free_running" and row["cut_off"])


def _answer(kind: str, best: dict | None, baselines: Sequence[dict], rows: Sequence[dict]) -> dict:
    """The card at the top of the page: the best setting of one kind among the baselines."""
    nmse = {base["name"]: base[kind]["nmse"] for base in baselines}
    contenders = [(base["name"], base[kind]["nmse"], False) for base in baselines]
    if best is not None:
        contenders.append((f"{best['setting'][0]}, {best['setting'][1]}", best[kind]["nmse"], True))
    contenders = sorted((c for c in contenders if 0 < c[1] < math.inf), key=lambda c: c[1])
    # Where each stands on a logarithmic scale, in per cent of its width.
    scale = [math.log10(value) for _, value, _ in contenders]
    # Never less than a tenth of a decade wide, so that differences of no account stay small.
    low = min(scale, default=0)
    width = max(max(scale, default=0) - low, 0.1)
    return {
        "kind": kind,
        "best": best,
        "sentence": _sentence(kind, best, nmse, rows),
        "ladder": [
            {"name": name, "nmse": _significant(value), "ours": ours, "at": round(at, 1)}
            for (name, value, ours), at in zip(
                contenders, [100 * (s - low) / width for s in scale], strict=True
            )
        ],
    }


def _sentence(
    kind: str, best: dict | None, baselines: Mapping[str, float], rows: Sequence[dict]
) -> str:
    """What the best result means, in plain words."""
    if best is None:
        return "No setting has a result: every one diverged or was cut off."
    nmse = best[kind]["nmse"]
    verdict = f"It is {best[kind]['against']}."
    if kind == "teacher_forced":
        name, strongest = min(baselines.items(), key=lambda item: item[1])
        if nmse < strongest * (1 - LEVEL):
            times = _significant(strongest / nmse, 2)
            return (
                f"{verdict} Its error is {times} times smaller than that of the best one, {name}."
            )
        return f"{verdict} The best of them, {name}, reaches {_significant(strongest)}."
    silence = baselines.get("silence", 1.0)
    if nmse >= silence * (1 - LEVEL):
        return (
            f"{verdict} Left to itself, no network here comes closer to the original than silence."
        )
    through = [row for row in rows if _went_through(row, kind)]
    better = sum(row[kind]["nmse"] < silence * (1 - LEVEL) for row in through)
    are = "is" if better == 1 else "are"
    return f"{verdict} {better} of {len(rows)} settings {are} closer to the original than silence."


def _columns(standings: Sequence[dict]) -> dict[str, list[str]]:
    """The columns of the table as text, aligned at the decimal point, in the order of the rows."""
    columns = {"training_mse": _aligned(row["training_mse"] for row in standings)}
    for kind in figures.RECONSTRUCTIONS:
        for measure in ("mse", "nmse"):
            columns[f"{kind}.{measure}"] = _aligned(row[kind][measure] for row in standings)
        for measure in ("snr_db", "horizon_ms"):
            columns[f"{kind}.{measure}"] = [_tenths(row[kind][measure]) for row in standings]
    return columns


def _by_utterance(mse: pd.DataFrame) -> list[dict]:
    """Rows of the folded table: one a setting (or baseline) and utterance."""
    keys = ["recipe", "hidden_size", "seed", "utterance", "set"]
    table = []
    for (recipe, hidden, seed, utterance, set_), group in mse.groupby(
        keys, dropna=False, sort=False
    ):
        name = utterance if set_ == "train" else f"{utterance} (held out)"
        row = {"utterance": name, "hidden": _whole(hidden), "seed": _whole(seed)}
        row["recipe"] = recipe.removeprefix("baseline:")
        row["baseline"] = recipe.startswith("baseline:")
        row["diverged"] = (group["status"] == "diverged").any()
        for measured in group.to_dict("records"):
            stop = measured["stopped_at"]
            row[measured["reconstruction"]] = {
                "nmse": _significant(measured["nmse"]),
                "snr_db": _tenths(measured["snr_db"]),
                "horizon_ms": _tenths(measured["horizon_ms"]),
                "cut_off_at": "" if pd.isna(stop) else f"{stop / SAMPLING_RATE:.3f}",
            }
        table.append(row)
    return table


def _training(settings: pd.DataFrame) -> list[dict]:
    """Rows of the table on how the settings trained."""
    return [
        {
            "recipe": row["recipe"],
            "hidden": int(row["hidden_size"]),
            "seed": int(row["seed"]),
            "parameters": f"{int(row['parameters']):,}",
            "updates": f"{int(row['updates']):,}",
            "seconds": _tenths(row["wall_seconds"]),
            "speed": f"{row['samples_per_second']:,.0f}",
            "clipped": "–" if math.isnan(share := row["clipped_share"]) else f"{share:.1%}",
            "status": row["status"],
            "diverged_at": _whole(row["diverged_at"]),
        }
        for row in settings.to_dict("records")
    ]


def _verdicts(starts: Sequence[Start], settings: pd.DataFrame) -> list[dict]:
    """Rows of the table that holds what was predicted before training against what happened."""
    return [
        {
            "recipe": start.recipe,
            "hidden": start.hidden_size,
            "seed": start.seed,
            "sharpness": _significant(start.sharpness),
            "limit": _significant(start.limit),
            "block": "–" if math.isnan(start.share) else f"{start.block} {start.share:.0f} %",
            "lyapunov": signed(start.lyapunov),
            "step": "–" if math.isnan(start.limit) else "rises" if start.step else "never rises",
            "time": "rises" if start.time else "never rises",
            "rises": "rises" if start.rises else "never rises",
            "verdict": verdict,
        }
        for start, verdict in zip(starts, settings["verdict"], strict=True)
    ]


def _cure(row: Mapping) -> dict:
    """A row of the table of cures, as text."""
    seeds = row["seeds"]

    def of_seeds(count: int) -> str:
        return {0: "no", seeds: "yes"}.get(count, f"{count} of {seeds} seeds")

    return {
        "recipe": row["recipe"],
        "hidden": row["hidden_size"],
        "seeds": seeds,
        "trains": of_seeds(row["trained"]),
        "rises": of_seeds(row["rising"]),
        "final_mse": _significant(row["final_mse"]),
        "reached": "never" if math.isnan(row["reached"]) else f"{row['reached']:.0f}",
        "sharpness": _significant(row["sharpness"]),
        "limit": _significant(row["limit"]),
    }


def _players(run_folder: Path, utterance: str) -> list[dict]:
    """The three sounds of an utterance, as FLAC, which is lossless and half the size of WAV."""
    players = []
    for kind, label in SOUNDS.items():
        name = f"{utterance.replace('/', '-')}.{kind}.wav"
        wav = Path(run_folder) / "reconstructions" / name
        if not wav.is_file():
            raise RnnpipeError(
                f"{wav}: the report needs this sound, and it is not there. "
                "Run the reconstructions again."
            )
        samples, rate = soundfile.read(wav, dtype="int16")
        flac = io.BytesIO()
        soundfile.write(flac, samples, rate, format="FLAC", subtype="PCM_16")
        players.append(
            {
                "kind": kind,
                "label": label,
                "seconds": f"{len(samples) / rate:.2f}",
                "source": _base64(flac.getvalue(), "audio/flac"),
            }
        )
    return players


def _data_uri(path: Path, kind: str) -> str:
    if not Path(path).is_file():
        raise RnnpipeError(
            f"{path}: the report needs this figure, and it is not there. Draw the figures again."
        )
    return _base64(Path(path).read_bytes(), kind)


def _base64(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _as_yaml(config: Mapping) -> str:
    plain = json.loads(json.dumps(config, default=str))  # paths and the like as text
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def _whole(value: float | None) -> int | None:
    """Undo what a CSV file with gaps does to whole numbers."""
    return None if value is None or pd.isna(value) else int(value)


def _significant(value: float, digits: int = 3) -> str:
    """A number with that many significant digits, "–" where there is none."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value and not 1e-5 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    # Rounded first, because 0.9996 has its digits where 1.00 has them.
    exponent = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}")))) if value else 0
    return f"{value:.{max(0, digits - 1 - exponent)}f}".replace("-", "−")


def _aligned(values: Iterable[float]) -> list[str]:
    """Three significant digits each, filled up on the right so that the points align.

    The fill is made of spaces as wide as a digit and as wide as a point.
    """
    texts = [_significant(value) for value in values]
    fractions = [len(text.partition(".")[2]) if text[-1].isdigit() else 0 for text in texts]
    longest = max(fractions, default=0)
    return [
        text + ("\u2008" if longest and "." not in text else "") + "\u2007" * (longest - fraction)
        for text, fraction in zip(texts, fractions, strict=True)
    ]


def _tenths(value: float) -> str:
    if math.isnan(value):
        return "–"
    # Adding 0 turns the -0 that a small negative number rounds to into 0.
    return (
        _significant(value) if math.isinf(value) else f"{round(value, 1) + 0:.1f}".replace("-", "−")
    )


def _duration(hours: float) -> str:
    for unit, length in (("h", 1), ("min", 1 / 60)):
        if hours >= length:
            return f"{hours / length:.1f} {unit}"
    return f"{hours * 3600:.1f} s"
