"""How every setting stands against the baselines, and what follows from it."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from rnnpipe.figures.style import RECONSTRUCTIONS
from rnnpipe.findings.means import mean_over_utterances
from rnnpipe.findings.tables import CLOSE, LEVEL, compared
from rnnpipe.findings.words import significant, tenths, whole

NOTE_UTTERANCE = "TRAIN/DR8/FCLT0/SI2068"
# What the 2014 note published of it: 100 units, order 200; NMSE measured on its audio files.
NOTE = {"training_mse": (0.426,), "teacher_forced": (0.485, 0.517), "free_running": (3.74,)}
NOTE_RECIPE = "dumoulin2014"


def standings(mse: pd.DataFrame, settings: pd.DataFrame) -> list[dict]:
    """Gather one entry a baseline and a setting: its means, and what it beats.

    Parameters
    ----------
    mse, settings : DataFrame
        The columns of tables/mse.csv and tables/settings.csv.

    Returns
    -------
    list of dict
        The baselines, then the settings in the order of `settings`. A dict holds, by
        reconstruction, the measures of `mean_over_utterances` and the words of `compared`; and the
        setting itself, its name, training MSE, status, outcome and verdict.
    """
    means = mean_over_utterances(mse)
    measured = {
        (row["recipe"], whole(row["hidden_size"]), whole(row["seed"]), row["reconstruction"]): row
        for row in means.to_dict("records")
    }
    nothing = dict.fromkeys(["mse", "nmse", "snr_db", "horizon_ms"], math.nan) | {"cut_off": 0}

    def entry(recipe: str, hidden: int | None, seed: int | None, **more) -> dict:
        found = {
            kind: measured.get((recipe, hidden, seed, kind), nothing) | {"beats": ""}
            for kind in RECONSTRUCTIONS
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
        new["diverged_at"] = whole(row["diverged_at"])
        new["outcome"], new["verdict"] = row["outcome"], row["verdict"]
        new["cut_off"] = new["free_running"]["cut_off"]
        for kind in RECONSTRUCTIONS:
            others = {base["name"]: base[kind]["nmse"] for base in baselines}
            new[kind] = new[kind] | compared(new[kind]["nmse"], others)
            beaten = sum(new[kind]["nmse"] < (1 - LEVEL) * nmse for nmse in others.values())
            many = f"{beaten} of {len(others)}"
            new[kind]["beats"] = {0: "none", len(others): "all"}.get(beaten, many)
        rows.append(new)
    return baselines + rows


def best(rows: Sequence[dict], kind: str) -> dict | None:
    """Pick the setting of lowest NMSE among those that went through.

    A free run that was cut off does not count: it is silent from there on, which scores better
    than much that speaks.
    """
    able = [row for row in rows if went_through(row, kind) and np.isfinite(row[kind]["nmse"])]
    return min(able, key=lambda row: row[kind]["nmse"], default=None)


def went_through(row: Mapping, kind: str) -> bool:
    """Whether a setting neither diverged nor, free running, was cut off."""
    return not row["diverged"] and not (kind == "free_running" and row["cut_off"])


def advise(rows: Sequence[dict], baselines: Sequence[dict]) -> list[dict]:
    """Answer the two questions that a reader comes with, each in a word and a sentence.

    Which hidden size: that of the recipe and size whose NMSE, averaged over the seeds, is lowest;
    free running where that is closer to the original than silence, else teacher-forced. Sizes at
    which a seed failed do not count.
    """
    silence = next(base["free_running"] for base in baselines if base["name"] == "silence")
    kind = "free_running"
    sizes = _by_size(rows, kind)
    if not sizes or min(sizes.values()) >= silence["nmse"] * (1 - LEVEL):
        kind = "teacher_forced"
        sizes = _by_size(rows, kind)
    return [_which_size(rows, sizes, kind), _does_it_talk(best(rows, "free_running"), silence)]


def _by_size(rows: Sequence[dict], kind: str) -> dict[tuple[str, int], float]:
    """NMSE averaged over the seeds by recipe and hidden size, where every seed went through."""
    groups: dict[tuple[str, int], list[float]] = {}
    for row in rows:
        nmse = row[kind]["nmse"] if went_through(row, kind) else math.nan
        groups.setdefault(row["setting"][:2], []).append(nmse)
    means = {group: float(np.mean(values)) for group, values in groups.items()}
    return {group: mean for group, mean in means.items() if math.isfinite(mean)}


def _which_size(rows: Sequence[dict], sizes: Mapping[tuple[str, int], float], kind: str) -> dict:
    question = {"question": "Which hidden size?"}
    if not sizes:
        return question | {"word": "None of these", "sentence": "Every size failed with some seed."}
    recipe, size = chosen = min(sizes, key=sizes.get)
    seeds = sum(row["setting"][:2] == chosen for row in rows)
    mean = f", the mean of {seeds} seeds" if seeds > 1 else ", with one seed"
    nmse = significant(sizes[chosen])
    said = [f"{RECONSTRUCTIONS[kind]}, it has the lowest error: NMSE {nmse}{mean}."]
    tried = sorted({row["setting"][1] for row in rows if row["setting"][0] == recipe})
    near = [
        other for (name, other), nmse in sizes.items()
        if name == recipe and other < size and nmse <= 1.1 * sizes[chosen]
    ]  # fmt: skip
    if near:
        said.append(f"{min(near)} units come within a tenth of it.")
    elif len(tried) > 1 and size == tried[-1]:
        said.append("It is the largest tried: a larger one may do better.")
    return question | {"word": f"{size} units, {recipe}", "sentence": " ".join(said)}


def _does_it_talk(row: dict | None, silence: Mapping) -> dict:
    question = {"question": "Does it talk?"}
    if row is None:
        sentence = "On its own, every network diverged or blew up."
        return question | {"word": "No", "sentence": sentence}
    own = row["free_running"]
    nmse = significant(own["nmse"])
    if own["nmse"] < CLOSE:
        sentence = (
            f"On its own, the best network follows the original: NMSE {nmse}, an SNR of "
            f"{tenths(own['snr_db'])} dB."
        )
        return question | {"word": "Yes", "sentence": sentence}
    sentence = (
        f"On its own, the best network has an NMSE of {nmse}; saying nothing at all has "
        f"{significant(silence['nmse'])}."
    )
    better = own["nmse"] < silence["nmse"] * (1 - LEVEL)
    return question | {"word": "In part" if better else "No", "sentence": sentence}


def ladder(kind: str, leader: dict | None, baselines: Sequence[dict], rows: Sequence[dict],
           note: bool) -> dict:  # fmt: skip
    """Set the best setting of one kind among the baselines and, on its utterance, the note.

    Returns
    -------
    dict
        kind, best, sentence, and ladder: name, nmse, kind ("ours", "note" or "baseline"), and at,
        the place on a logarithmic scale in per cent of its width.
    """
    nmse = {base["name"]: base[kind]["nmse"] for base in baselines}
    rungs = [(name, value, significant(value), "baseline") for name, value in nmse.items()]
    if leader is not None:
        value = leader[kind]["nmse"]
        name = f"{leader['setting'][0]}, {leader['setting'][1]} units"
        rungs.append((name, value, significant(value), "ours"))
    if note:
        published = NOTE[kind]
        value = float(np.exp(np.mean(np.log(published))))
        rungs.append(("the 2014 note", value, "–".join(f"{one:g}" for one in published), "note"))
    rungs = sorted((rung for rung in rungs if 0 < rung[1] < math.inf), key=lambda rung: rung[1])
    scale = [math.log10(rung[1]) for rung in rungs]
    # Never less than a tenth of a decade wide, so that differences of no account stay small.
    low = min(scale, default=0)
    width = max(max(scale, default=0) - low, 0.1)
    return {
        "kind": kind,
        "best": leader,
        "sentence": _sentence(kind, leader, nmse, rows),
        "ladder": [
            {"name": name, "nmse": text, "kind": whose, "at": round(100 * (at - low) / width, 1)}
            for (name, _, text, whose), at in zip(rungs, scale, strict=True)
        ],
    }


def _sentence(
    kind: str, leader: dict | None, baselines: Mapping[str, float], rows: Sequence[dict]
) -> str:
    """What the best result means, in plain words."""
    if leader is None:
        return "No setting has a result: every one diverged or was cut off."
    nmse = leader[kind]["nmse"]
    verdict = f"It is {leader[kind]['against']}."
    if kind == "teacher_forced":
        name, strongest = min(baselines.items(), key=lambda item: item[1])
        if nmse < strongest * (1 - LEVEL):
            times = significant(strongest / nmse, 2)
            return f"{verdict} Its error is {times} times smaller than the best baseline's, {name}."
        return f"{verdict} The best of them, {name}, reaches {significant(strongest)}."
    silence = baselines.get("silence", 1.0)
    if nmse >= silence * (1 - LEVEL):
        return (
            f"{verdict} Left to itself, no network here comes closer to the original than silence."
        )
    through = [row for row in rows if went_through(row, kind)]
    better = sum(row[kind]["nmse"] < silence * (1 - LEVEL) for row in through)
    are = "is" if better == 1 else "are"
    return f"{verdict} {better} of {len(rows)} settings {are} closer to the original than silence."


def then_and_now(mse: pd.DataFrame, settings: pd.DataFrame) -> dict | None:
    """Set the note's published numbers beside this experiment's on the note's utterance.

    Returns
    -------
    dict or None
        None where the utterance is not in the experiment. Else columns (a name each) and rows
        (label and a text a column): the note, its recipe here, and the best of each kind here; and
        free_runs, the entries to hear free running: the note's recipe, where it is here, and the
        best.
    """
    own = mse[mse["utterance"] == NOTE_UTTERANCE]
    if own.empty:
        return None
    entries = [row for row in standings(own, settings) if not row["baseline"]]
    columns = {"the note, 100 units, published": NOTE}
    repeated = best([row for row in entries if row["setting"][0] == NOTE_RECIPE], "teacher_forced")
    again = [row for row in entries if row["setting"][:2] == (NOTE_RECIPE, 100)]
    chosen = [again[0] if again else repeated, *(best(entries, kind) for kind in RECONSTRUCTIONS)]
    for row in filter(None, chosen):
        columns[row["name"]] = {
            "training_mse": (row["training_mse"],),
            **{kind: (row[kind]["nmse"],) for kind in RECONSTRUCTIONS},
        }
    labels = {"training_mse": "Training MSE"}
    labels |= {kind: f"{name} NMSE" for kind, name in RECONSTRUCTIONS.items()}
    rows = []
    for key, label in labels.items():
        texts = [" to ".join(map(significant, column[key])) for column in columns.values()]
        rows.append((label, texts))
    heard = {row["setting"]: row for row in (chosen[0], chosen[-1]) if row}
    return {
        "utterance": NOTE_UTTERANCE,
        "columns": list(columns),
        "rows": rows,
        "free_runs": list(heard.values()),
    }
