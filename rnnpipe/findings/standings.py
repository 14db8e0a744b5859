"""How every setting compares with the baselines, and what follows from this."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from rnnpipe.findings import lost, means
from rnnpipe.findings.words import listed, significant, tenths, whole
from rnnpipe.vocabulary import (
    BASELINE,
    NOTE,
    NOTE_RECIPE,
    NOTE_UTTERANCE,
    RECONSTRUCTIONS,
    Setting,
)

# Two NMSE that differ by no more than this share count as level.
LEVEL = 0.01
# A free run this close, in NMSE, is called close to the original (10 dB; see horizon_ms).
CLOSE = 0.1


@dataclass(frozen=True)
class Measured:
    """How close one kind of reconstruction is to the original: means over training utterances.

    Parameters
    ----------
    mse, nmse, snr_db, horizon_ms : float
        See `rnnpipe.reconstruction.metrics`; nan if there is no value.
    cut_off : int
        Number of utterances whose free run was stopped.
    beats : str
        How many baselines have a higher NMSE: "all", "2 of 3", "none"; empty for a baseline.
    against : str
        Comparison with each baseline in words; see `compared`.
    """

    mse: float = math.nan
    nmse: float = math.nan
    snr_db: float = math.nan
    horizon_ms: float = math.nan
    cut_off: int = 0
    beats: str = ""
    against: str = ""


@dataclass(frozen=True)
class Baseline:
    """The results of a baseline.

    Parameters
    ----------
    name : str
        silence, persistence or linear.
    measured : mapping from str to Measured
        By kind of reconstruction.
    """

    name: str
    measured: Mapping[str, Measured]


@dataclass(frozen=True)
class Standing:
    """The results of a setting.

    Parameters
    ----------
    setting : Setting
        Recipe, hidden size and seed.
    measured : mapping from str to Measured
        By kind of reconstruction.
    training_mse : float
        At the end of training; nan after a divergence.
    diverged : bool
        Whether training diverged.
    diverged_at : int or None
        The update at which it diverged.
    tries : int
        Number of free runs tried in training, of which it is the best; 0 without such a choice.
    outcome, verdict : str
        See `outcome` and `rnnpipe.findings.stability.judge`.
    """

    setting: Setting
    measured: Mapping[str, Measured]
    training_mse: float
    diverged: bool
    diverged_at: int | None
    tries: int
    outcome: str
    verdict: str

    @property
    def name(self) -> str:
        """The setting's name, as used in sentences."""
        return self.setting.name

    @property
    def cut_off(self) -> int:
        """Number of utterances whose free run was stopped."""
        return self.measured["free_running"].cut_off

    def went_through(self, kind: str) -> bool:
        """Whether it did not diverge and, for "free_running", no free run was stopped."""
        return not self.diverged and not (kind == "free_running" and self.cut_off)


@dataclass(frozen=True)
class Standings:
    """All baselines and all settings of an experiment, in the order of the tables."""

    baselines: Sequence[Baseline]
    settings: Sequence[Standing]
    means: pd.DataFrame

    def best(self, kind: str, recipe: str | None = None) -> Standing | None:
        """Return the best setting, of one recipe or of all; see `rnnpipe.findings.means.best`."""
        leader = means.best(self.means, kind, recipe)
        return next((row for row in self.settings if row.setting == leader), None)


def standings(mse: pd.DataFrame, settings: pd.DataFrame) -> Standings:
    """Collect the results of every baseline and every setting.

    Parameters
    ----------
    mse, settings : DataFrame
        The columns of tables/mse.csv and tables/settings.csv.
    """
    table = means.mean_over_utterances(mse)
    measured = {
        (row["recipe"], whole(row["hidden_size"]), whole(row["seed"]), row["reconstruction"]): row
        for row in table.to_dict("records")
    }
    marks = {kind: means.baseline_nmse(table, kind) for kind in RECONSTRUCTIONS}

    def measured_of(recipe: str, hidden: int | None, seed: int | None, kind: str) -> Measured:
        found = measured.get((recipe, hidden, seed, kind))
        if found is None:
            return Measured()
        names = ("mse", "nmse", "snr_db", "horizon_ms", "cut_off")
        return Measured(*(found[name] for name in names))

    def of_setting(setting: Setting, kind: str) -> Measured:
        own = measured_of(*setting, kind)
        return replace(
            own,
            beats=beaten(own.nmse, marks[kind]),
            against=compared(own.nmse, marks[kind]),
        )

    baselines = [
        Baseline(
            name,
            {kind: measured_of(f"{BASELINE}{name}", None, None, kind) for kind in RECONSTRUCTIONS},
        )
        for name in marks["free_running"]
    ]
    rows = []
    for row in settings.to_dict("records"):
        setting = Setting(row["recipe"], int(row["hidden_size"]), int(row["seed"]))
        rows.append(
            Standing(
                setting,
                {kind: of_setting(setting, kind) for kind in RECONSTRUCTIONS},
                training_mse=row["final_training_mse"],
                diverged=row["status"] == "diverged",
                diverged_at=whole(row["diverged_at"]),
                tries=whole(row.get("tries")) or 0,
                outcome=row["outcome"],
                verdict=row["verdict"],
            )
        )
    return Standings(baselines, rows, table)


# --- against the baselines ------------------------------------------------------------------------


def compared(nmse: float, baselines: Mapping[str, float]) -> str:
    """Compare an NMSE with the baselines, in words.

    A difference of at most one hundredth of the baseline counts as level.

    Examples
    --------
    >>> compared(0.2, {"silence": 1.0, "persistence": 0.24, "linear": 0.09})
    'better than silence and persistence, worse than linear'
    """
    if math.isnan(nmse):
        return "without a value"
    groups: dict[str, list[str]] = {"better than": [], "level with": [], "worse than": []}
    for name, value in baselines.items():
        if abs(nmse - value) <= LEVEL * value:
            groups["level with"].append(name)
        else:
            groups["better than" if nmse < value else "worse than"].append(name)
    return ", ".join(
        f"{word} {'every baseline' if len(names) == len(baselines) else listed(names)}"
        for word, names in groups.items()
        if names
    )


def beaten(nmse: float, baselines: Mapping[str, float]) -> str:
    """How many baselines an NMSE is better than, by more than `LEVEL`, in words."""
    worse = sum(nmse < (1 - LEVEL) * value for value in baselines.values())
    return {0: "none", len(baselines): "all"}.get(worse, f"{worse} of {len(baselines)}")


def outcome(
    run: Mapping[str, Any], trained: pd.DataFrame, unheard: pd.DataFrame, phones: pd.DataFrame
) -> str:
    """Describe the result of a setting in a few sentences, only from its numbers.

    Both reconstructions are compared with the baselines of their kind, by NMSE averaged over the
    training utterances; see `compared`. A free run with an NMSE below `CLOSE` is called close to
    the original. Where it gets lost, if it does, and the NMSE of held-out utterances are added.

    Parameters
    ----------
    run : mapping
        The run.json of the setting.
    trained, unheard : DataFrame
        From `rnnpipe.findings.means.mean_over_utterances`, over the training utterances and over
        the held-out ones.
    """
    if run["status"] == "diverged":
        return f"Training diverged at update {run['diverged_at']}."
    setting = Setting(run["recipe"], run["hidden_size"], run["seed"])
    said = {}
    for kind in RECONSTRUCTIONS:
        nmse = means.nmse_of(trained, setting, kind)
        said[kind] = compared(nmse, means.baseline_nmse(trained, kind))
        if kind == "free_running" and nmse < CLOSE:
            said[kind] += ", and close to the original"
    sentence = "Teacher forced it is {teacher_forced}; free running it is {free_running}."
    tries = run.get("tries", 0)
    if tries:
        sentence += f" Its weights made the best of {tries} free runs tried in training."
    sentence += lost.describe(lost.find_losses(phones, setting), closed_loop=tries > 0)
    if not unheard.empty:
        forced, free = (means.nmse_of(unheard, setting, kind) for kind in RECONSTRUCTIONS)
        sentence += f" Of what was held out, its NMSE is {forced:.3g} and {free:.3g}."
    return sentence.format(**said)


# --- the answers of the first screen --------------------------------------------------------------


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
        _which_size(everyone.settings, sizes, kind),
        _does_it_talk(everyone.best("free_running"), marks["silence"]),
    ]


def _by_size(rows: Sequence[Standing], kind: str) -> dict[tuple[str, int], float]:
    """NMSE averaged over seeds, by recipe and hidden size; only sizes at which no seed failed."""
    groups: dict[tuple[str, int], list[float]] = {}
    for row in rows:
        nmse = row.measured[kind].nmse if row.went_through(kind) else math.nan
        groups.setdefault(row.setting[:2], []).append(nmse)
    averages = {group: float(np.mean(values)) for group, values in groups.items()}
    return {group: mean for group, mean in averages.items() if math.isfinite(mean)}


def _which_size(
    rows: Sequence[Standing], sizes: Mapping[tuple[str, int], float], kind: str
) -> Advice:
    question = "Which hidden size?"
    if not sizes:
        return Advice(question, "None of these", "Every size failed with some seed.")
    recipe, size = chosen = min(sizes, key=sizes.__getitem__)
    seeds = sum(row.setting[:2] == chosen for row in rows)
    mean = f", the mean of {seeds} seeds" if seeds > 1 else ", with one seed"
    nmse = significant(sizes[chosen])
    said = [f"{RECONSTRUCTIONS[kind]}, it has the lowest error: NMSE {nmse}{mean}."]
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


def _does_it_talk(leader: Standing | None, silence: float) -> Advice:
    question = "Does it talk?"
    if leader is None:
        return Advice(question, "No", "On its own, every network diverged or blew up.")
    own = leader.measured["free_running"]
    nmse = significant(own.nmse)
    if own.nmse < CLOSE:
        sentence = (
            f"On its own, the best network follows the original: NMSE {nmse}, an SNR of "
            f"{tenths(own.snr_db)} dB."
        )
        if leader.tries:
            sentence += f" That is the best of {leader.tries} tries on what it was trained on."
        return Advice(question, "Yes", sentence)
    sentence = (
        f"On its own, the best network has an NMSE of {nmse}; saying nothing at all has "
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
    sentence : str
        What its result means.
    rungs : sequence of Rung
        Sorted by NMSE; `whose` is "ours", "note" or "baseline", and `at` is the position on a
        logarithmic scale, in per cent of its width.
    """

    kind: str
    best: Standing | None
    sentence: str
    rungs: Sequence[Rung]


def ladder(everyone: Standings, kind: str, *, note: bool) -> Ladder:
    """Compare the best setting of one kind with the baselines and, if `note`, with the note."""
    leader = everyone.best(kind)
    marks = means.baseline_nmse(everyone.means, kind)
    rungs = [(name, value, significant(value), "baseline") for name, value in marks.items()]
    if leader is not None:
        value = leader.measured[kind].nmse
        name = f"{leader.setting.recipe}, {leader.setting.hidden_size} units"
        rungs.append((name, value, significant(value), "ours"))
    if note:
        published = NOTE[kind]
        value = float(np.exp(np.mean(np.log(published))))
        rungs.append(("the 2014 note", value, "–".join(f"{end:g}" for end in published), "note"))
    rungs = sorted((rung for rung in rungs if 0 < rung[1] < math.inf), key=lambda rung: rung[1])
    scale = [math.log10(rung[1]) for rung in rungs]
    # The scale is at least a tenth of a decade wide, so that unimportant differences stay small.
    low = min(scale, default=0)
    width = max(max(scale, default=0) - low, 0.1)
    return Ladder(
        kind,
        leader,
        _sentence(everyone, kind, leader, marks),
        [
            Rung(name, text, whose, round(100 * (at - low) / width, 1))
            for (name, _, text, whose), at in zip(rungs, scale, strict=True)
        ],
    )


def _sentence(
    everyone: Standings, kind: str, leader: Standing | None, marks: Mapping[str, float]
) -> str:
    """What the best result means, in words."""
    if leader is None:
        return "No setting has a result: every one diverged or was cut off."
    own = leader.measured[kind]
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
    better = sum(row.measured[kind].nmse < silence * (1 - LEVEL) for row in through)
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
            **{kind: (row.measured[kind].nmse,) for kind in RECONSTRUCTIONS},
        }
    labels = {"training_mse": "Training MSE"}
    labels |= {kind: f"{name} NMSE" for kind, name in RECONSTRUCTIONS.items()}
    rows = [
        (label, [" to ".join(map(significant, column[key])) for column in columns.values()])
        for key, label in labels.items()
    ]
    heard = {row.setting: row for row in (chosen[0], chosen[-1]) if row}
    return ThenAndNow(NOTE_UTTERANCE, list(columns), rows, list(heard.values()))
