"""How every setting compares with the baselines, and what follows from this."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from rnnpipe.findings import means
from rnnpipe.findings.lost import describe, find_losses
from rnnpipe.findings.words import listed, whole
from rnnpipe.vocabulary import (
    BASELINE,
    RECONSTRUCTIONS,
    Setting,
)
from rnnpipe.windows.items import counted

# Two NMSE that differ by no more than this share count as level.
LEVEL = 0.01
# A free run this close, in NMSE, is called close to the original (10 dB; see horizon_ms).
CLOSE = 0.1


@dataclass(frozen=True)
class Measured:
    """How close one kind of reconstruction is to the original: means over utterances.

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
    measured, unheard : mapping from str to Measured
        By kind of reconstruction: of the training utterances, and of the held-out ones, if any.
    """

    name: str
    measured: Mapping[str, Measured]
    unheard: Mapping[str, Measured]


@dataclass(frozen=True)
class Standing:
    """The results of a setting.

    Parameters
    ----------
    setting : Setting
        Recipe, hidden size and seed.
    measured, unheard : mapping from str to Measured
        By kind of reconstruction: of the training utterances, and of the held-out ones, if any.
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
    unheard: Mapping[str, Measured]
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
    def judged(self) -> Mapping[str, Measured]:
        """What it is compared by: held-out utterances where there are any."""
        return self.unheard or self.measured

    @property
    def cut_off(self) -> int:
        """Number of training utterances whose free run was stopped."""
        return self.measured["free_running"].cut_off

    def went_through(self, kind: str) -> bool:
        """Whether it did not diverge and, for "free_running", no free run was stopped."""
        return not self.diverged and not (kind == "free_running" and self.judged[kind].cut_off)


@dataclass(frozen=True)
class Standings:
    """All baselines and all settings of an experiment, in the order of the tables.

    Parameters
    ----------
    baselines : sequence of Baseline
    settings : sequence of Standing
    means : DataFrame
        Means over the utterances by which settings are compared: the held-out ones where there are
        any, because on what it was trained on a network may be good by heart.
    where : str
        These utterances in words.
    """

    baselines: Sequence[Baseline]
    settings: Sequence[Standing]
    means: pd.DataFrame
    where: str

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
    trained, unheard = (means.mean_over_utterances(mse, which) for which in ("train", "held_out"))
    of_trained, of_unheard = _look_up(trained), _look_up(unheard)
    baselines = [
        Baseline(name, of_trained(f"{BASELINE}{name}"), of_unheard(f"{BASELINE}{name}"))
        for name in means.baseline_nmse(pd.concat([trained, unheard]), "free_running")
    ]
    rows = []
    for row in settings.to_dict("records"):
        setting = Setting(row["recipe"], int(row["hidden_size"]), int(row["seed"]))
        rows.append(
            Standing(
                setting,
                of_trained(*setting),
                of_unheard(*setting),
                training_mse=row["final_training_mse"],
                diverged=row["status"] == "diverged",
                diverged_at=whole(row["diverged_at"]),
                tries=whole(row.get("tries")) or 0,
                outcome=row["outcome"],
                verdict=row["verdict"],
            )
        )
    if unheard.empty:
        items = mse.loc[mse["set"] == "train", "utterance"].unique()
        where = f"the {counted(items)} that it was trained on"
        return Standings(baselines, rows, trained, where.replace("the 1 ", "the "))
    return Standings(baselines, rows, unheard, "held-out speech")


def _look_up(table: pd.DataFrame) -> Callable[..., dict[str, Measured]]:
    """Return a function from a setting or a baseline to its results by kind; {} without any.

    `table` is from `rnnpipe.findings.means.mean_over_utterances`.
    """
    measured = {
        (row["recipe"], whole(row["hidden_size"]), whole(row["seed"]), row["reconstruction"]): row
        for row in table.to_dict("records")
    }
    marks = {kind: means.baseline_nmse(table, kind) for kind in RECONSTRUCTIONS}
    names = ("mse", "nmse", "snr_db", "horizon_ms", "cut_off")

    def results(
        recipe: str, hidden: int | None = None, seed: int | None = None
    ) -> dict[str, Measured]:
        own = {}
        for kind in RECONSTRUCTIONS if measured else ():
            found = measured.get((recipe, hidden, seed, kind))
            own[kind] = Measured(*(found[name] for name in names)) if found else Measured()
            if not recipe.startswith(BASELINE):
                nmse, those = own[kind].nmse, marks[kind]
                words = beaten(nmse, those), compared(nmse, those)
                own[kind] = replace(own[kind], beats=words[0], against=words[1])
        return own

    return results


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
    forced, free = (said[kind] for kind in RECONSTRUCTIONS)
    sentences = [f"Teacher forced it is {forced}; free running it is {free}."]
    tries = run.get("tries", 0)
    if tries:
        sentences.append(f"Its weights made the best of {tries} free runs tried in training.")
    losses = find_losses(phones, setting)
    if losses:
        sentences.append(describe(losses, closed_loop=tries > 0))
    forced_nmse, free_nmse = (means.nmse_of(unheard, setting, kind) for kind in RECONSTRUCTIONS)
    if not math.isnan(forced_nmse):
        sentences.append(
            f"Of what was held out, its NMSE is {forced_nmse:.3g} and {free_nmse:.3g}."
        )
    return " ".join(sentences)
