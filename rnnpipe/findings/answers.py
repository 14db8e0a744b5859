"""The answers of the report's first screen: which size, does it talk, and how good is the best."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from rnnpipe.findings import means
from rnnpipe.findings.standings import CLOSE, LEVEL, Standing, Standings, standings
from rnnpipe.findings.words import significant, tenths
from rnnpipe.vocabulary import NOTE, NOTE_RECIPE, NOTE_UTTERANCE, RECONSTRUCTIONS

# If all speech trained on is constant.
NO_VALUE = "What was to be learnt is constant, and no error can be compared with it."


class Advice(NamedTuple):
    """A question of the reader, its answer in a few words, and the reason in a sentence or two."""

    question: str
    word: str
    sentence: str


def advise(everyone: Standings) -> list[Advice]:
    """Answer the two main questions of a reader, each in a few words and a sentence.

    The hidden size is that of the recipe and size with the lowest NMSE, averaged over the seeds.
    This is the free-running NMSE if it is better than that of silence, otherwise the teacher-forced
    one. Sizes at which a seed failed do not count.
    """
    marks = means.baseline_nmse(everyone.means, "free_running")
    kind = "free_running"
    sizes = _by_size(everyone.settings, kind)
    if not sizes or min(sizes.values()) >= marks["silence"] * (1 - LEVEL):
        kind = "teacher_forced"
        sizes = _by_size(everyone.settings, kind)
    return [
        _which_size(everyone, sizes, kind),
        _does_it_talk(everyone.best("free_running"), marks["silence"], everyone.where),
    ]


def _by_size(rows: Sequence[Standing], kind: str) -> dict[tuple[str, int], float]:
    """NMSE averaged over seeds, by recipe and hidden size; only sizes at which no seed failed."""
    groups: dict[tuple[str, int], list[float]] = {}
    for row in rows:
        nmse = row.judged[kind].nmse if row.went_through(kind) else math.nan
        groups.setdefault(row.setting[:2], []).append(nmse)
    averages = {group: float(np.mean(values)) for group, values in groups.items()}
    return {group: mean for group, mean in averages.items() if math.isfinite(mean)}


def _which_size(everyone: Standings, sizes: Mapping[tuple[str, int], float], kind: str) -> Advice:
    question, rows = "Which hidden size?", everyone.settings
    if not sizes:
        defined = any(math.isfinite(row.judged[kind].nmse) for row in rows)
        why = "Every size failed with some seed." if defined else NO_VALUE
        return Advice(question, "None of these", why)
    recipe, size = chosen = min(sizes, key=sizes.__getitem__)
    seeds = sum(row.setting[:2] == chosen for row in rows)
    mean = f", the mean of {seeds} seeds" if seeds > 1 else ", with one seed"
    nmse = significant(sizes[chosen])
    said = [
        f"{RECONSTRUCTIONS[kind]}, it has the lowest error on {everyone.where}: NMSE {nmse}{mean}."
    ]
    tried = sorted({row.setting.hidden_size for row in rows if row.setting.recipe == recipe})
    near = [
        other for (name, other), nmse in sizes.items()
        if name == recipe and other < size and nmse <= 1.1 * sizes[chosen]
    ]  # fmt: skip
    if near:
        said.append(f"{min(near)} units come within a tenth of it.")
    elif len(tried) > 1 and size == tried[-1]:
        said.append("It is the largest tried: a larger one may do better.")
    return Advice(question, f"{size} units, {recipe}", " ".join(said))


def _does_it_talk(leader: Standing | None, silence: float, where: str) -> Advice:
    question = "Does it talk?"
    if leader is None and math.isnan(silence):
        return Advice(question, "No answer", NO_VALUE)
    if leader is None:
        return Advice(question, "No", "On its own, every network diverged or blew up.")
    own = leader.judged["free_running"]
    nmse = significant(own.nmse)
    if own.nmse < CLOSE:
        sentence = (
            f"On its own, the best network follows the original on {where}: NMSE {nmse}, an SNR "
            f"of {tenths(own.snr_db)} dB."
        )
        if leader.tries:
            sentence += f" That is the best of {leader.tries} tries on what it was trained on."
        return Advice(question, "Yes", sentence)
    sentence = (
        f"On its own, the best network has an NMSE of {nmse} on {where}; saying nothing at all has "
        f"{significant(silence)}."
    )
    better = own.nmse < silence * (1 - LEVEL)
    return Advice(question, "In part" if better else "No", sentence)


class Rung(NamedTuple):
    """One mark on a ladder: its name, its NMSE as text, its group, and its position in per cent."""

    name: str
    nmse: str
    whose: str
    at: float


@dataclass(frozen=True)
class Ladder:
    """The best setting of one kind compared with the baselines and, on its utterance, the note.

    Parameters
    ----------
    kind : str
        The reconstruction.
    best : Standing or None
        The best setting.
    where : str
        The utterances that it is the best on.
    sentence : str
        What its result means.
    rungs : sequence of Rung
        Sorted by NMSE; `whose` is "ours", "note" or "baseline", and `at` is the position on a
        logarithmic scale that all ladders share, in per cent of its width.
    """

    kind: str
    best: Standing | None
    where: str
    sentence: str
    rungs: Sequence[Rung]


def ladders(everyone: Standings, *, note: bool) -> list[Ladder]:
    """Compare the best setting of each kind with the baselines and, if `note`, with the note.

    All ladders have one scale, so that a mark in one can be compared with a mark in another.
    """
    leaders = {kind: everyone.best(kind) for kind in RECONSTRUCTIONS}
    marks = {kind: means.baseline_nmse(everyone.means, kind) for kind in RECONSTRUCTIONS}
    found = {kind: _marked(kind, leaders[kind], marks[kind], note) for kind in RECONSTRUCTIONS}
    scale = [math.log10(nmse) for rungs in found.values() for _, nmse, _, _ in rungs]
    # The scale is at least a tenth of a decade wide, so that unimportant differences stay small.
    low = min(scale, default=0)
    width = max(max(scale, default=0) - low, 0.1)
    return [
        Ladder(
            kind,
            leaders[kind],
            everyone.where,
            _sentence(everyone, kind, leaders[kind], marks[kind]),
            [
                Rung(name, text, whose, round(100 * (math.log10(nmse) - low) / width, 1))
                for name, nmse, text, whose in rungs
            ],
        )
        for kind, rungs in found.items()
    ]


def _marked(
    kind: str, leader: Standing | None, marks: Mapping[str, float], note: bool
) -> list[tuple[str, float, str, str]]:
    """Name, NMSE, its text, and whose it is, from the lowest to the highest."""
    rungs = [(name, value, significant(value), "baseline") for name, value in marks.items()]
    if leader is not None:
        value = leader.judged[kind].nmse
        name = f"{leader.setting.recipe}, {leader.setting.hidden_size} units"
        rungs.append((name, value, significant(value), "ours"))
    if note:
        published = NOTE[kind]
        value = float(np.exp(np.mean(np.log(published))))
        rungs.append(("the 2014 note", value, "–".join(f"{end:g}" for end in published), "note"))
    return sorted((rung for rung in rungs if 0 < rung[1] < math.inf), key=lambda rung: rung[1])


def _sentence(
    everyone: Standings, kind: str, leader: Standing | None, marks: Mapping[str, float]
) -> str:
    """What the best result means, in words."""
    if leader is None and math.isnan(marks.get("silence", 1.0)):
        return NO_VALUE
    if leader is None:
        return "No setting has a result: every one diverged or was cut off."
    own = leader.judged[kind]
    verdict = f"It is {own.against}."
    if kind == "teacher_forced":
        name, strongest = min(marks.items(), key=lambda item: item[1])
        if own.nmse < strongest * (1 - LEVEL):
            times = significant(strongest / own.nmse, 2)
            return f"{verdict} Its error is {times} times smaller than the best baseline's, {name}."
        return f"{verdict} The best of them, {name}, reaches {significant(strongest)}."
    silence = marks.get("silence", 1.0)
    if own.nmse >= silence * (1 - LEVEL):
        return (
            f"{verdict} Left to itself, no network here comes closer to the original than silence."
        )
    through = [row for row in everyone.settings if row.went_through(kind)]
    better = sum(row.judged[kind].nmse < silence * (1 - LEVEL) for row in through)
    are = "is" if better == 1 else "are"
    return (
        f"{verdict} {better} of {len(everyone.settings)} settings {are} closer to the original "
        "than silence."
    )


@dataclass(frozen=True)
class ThenAndNow:
    """The note's published numbers and those of this experiment, on the note's utterance.

    Parameters
    ----------
    utterance : str
        Id of the note's utterance.
    columns : sequence of str
        The note, its recipe in this experiment, and the best setting of each kind.
    rows : sequence of (str, sequence of str)
        A label, and one text per column.
    free_runs : sequence of Standing
        Settings whose free runs are played: the note's recipe, if it is in this experiment, and the
        best one.
    """

    utterance: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    free_runs: Sequence[Standing]


def then_and_now(mse: pd.DataFrame, settings: pd.DataFrame) -> ThenAndNow | None:
    """Compare the note with this experiment; None if it lacks the utterance of the note."""
    own = mse[mse["utterance"] == NOTE_UTTERANCE]
    if own.empty:
        return None
    here = standings(own, settings)
    columns = {"the note, 100 units, published": NOTE}
    again = [row for row in here.settings if row.setting[:2] == (NOTE_RECIPE, 100)]
    repeated = again[0] if again else here.best("teacher_forced", NOTE_RECIPE)
    chosen = [repeated, *(here.best(kind) for kind in RECONSTRUCTIONS)]
    for row in filter(None, chosen):
        columns[row.name] = {
            "training_mse": (row.training_mse,),
            **{kind: (row.judged[kind].nmse,) for kind in RECONSTRUCTIONS},
        }
    labels = {"training_mse": "Training MSE"}
    labels |= {kind: f"{name} NMSE" for kind, name in RECONSTRUCTIONS.items()}
    rows = [
        (label, [" to ".join(map(significant, column[key])) for column in columns.values()])
        for key, label in labels.items()
    ]
    heard = {row.setting: row for row in (chosen[0], chosen[-1]) if row}
    return ThenAndNow(NOTE_UTTERANCE, list(columns), rows, list(heard.values()))
