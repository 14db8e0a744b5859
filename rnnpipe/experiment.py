"""Which utterances an experiment is about, and how their samples are standardised."""

import difflib
import fnmatch
import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rnnpipe.corpus.splits import SPEAKERS, STANDARD_SPLITS, standard_split
from rnnpipe.errors import RnnpipeError
from rnnpipe.files import replacing
from rnnpipe.windows import ExactSums, Series


@dataclass(frozen=True)
class Experiment:
    """The training utterances.

    Parameters
    ----------
    utterances : tuple of str
        Their ids.
    order : int
        How many samples are given at the start of each.
    num_phones : int
        Codes that a sample's phone may have, "none" among them.
    mean, std : float
        Over all their samples, in 16-bit units.
    num_samples : int
        How many samples they have.
    """

    utterances: tuple[str, ...]
    order: int
    num_phones: int
    mean: float
    std: float
    num_samples: int

    def save(self, path: str | Path) -> None:
        """Write as JSON."""
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> "Experiment":
        """Read what `save` wrote."""
        fields = json.loads(Path(path).read_text())
        return cls(**fields | {"utterances": tuple(fields["utterances"])})


def describe(series: Sequence[Series], num_phones: int) -> Experiment:
    """Gather ids and statistics of the training utterances.

    `num_phones` is the number of phones that their windows name in the footer.

    Raises
    ------
    RnnpipeError
        If all samples are equal: there is nothing to predict.
    """
    utterances, sums = [], ExactSums()
    for one in series:
        utterances.append(one.utterance)
        sums.add(one.samples)
    mean, std = sums.statistics()
    if std == 0:
        names = ", ".join(utterances)
        raise RnnpipeError(f"{names}: all samples are equal, so there is nothing to learn.")
    return Experiment(tuple(utterances), series[0].order, num_phones, mean, std, sums.count)


def select(
    available: Sequence[str], patterns: Sequence[str], rejected: Collection[str] = ()
) -> list[str]:
    """Pick utterances by id or by glob.

    Parameters
    ----------
    available : sequence of str
        Ids in the corpus.
    patterns : sequence of str
        Ids such as TRAIN/DR8/FCLT0/SI2068; the beginnings of ids, TRAIN/DR8/FCLT0 (a speaker) or
        TRAIN (a split); globs such as TEST/DR?/F*/SX*; or standard splits by name, such as
        core_test or dev_without_sa. Case does not matter.
    rejected : collection of str
        Ids that the corpus has but that could not be read.

    Returns
    -------
    list of str
        In the order of `patterns`, within a glob in the order of `available`, each id once.

    Raises
    ------
    RnnpipeError
        If a pattern matches nothing; names the nearest ids.
    """
    chosen: dict[str, None] = {}
    problems = []
    for pattern in patterns:
        wanted = pattern.strip("/").upper()
        if wanted.lower() in STANDARD_SPLITS:
            matches = list(filter(standard_split(wanted.lower()), available))
            _warn_if_partial(pattern, matches)
        else:
            matches = [
                one
                for one in available
                if one.startswith(f"{wanted}/") or fnmatch.fnmatchcase(one, wanted)
            ]
        if not matches and wanted in rejected:
            problems.append(
                f"experiment.utterances: {wanted} could not be read and was left out of the "
                "corpus; results/corpus/rejected.csv says why."
            )
        elif not matches:
            splits = difflib.get_close_matches(wanted.lower(), STANDARD_SPLITS, n=1, cutoff=0.8)
            ids = difflib.get_close_matches(wanted, available, n=3, cutoff=0.0)
            nearest = splits + ids
            problems.append(
                f"experiment.utterances: the corpus has no utterance {pattern!r}; "
                f"the nearest are {', '.join(nearest)}."
            )
        chosen |= dict.fromkeys(matches)
    if problems:
        raise RnnpipeError("\n".join(problems))
    return list(chosen)


def _warn_if_partial(split: str, matches: Sequence[str]) -> None:
    """Say so where a corpus has not all the speakers that a standard split names."""
    wanted = SPEAKERS.get(split.lower().removesuffix("_without_sa"), frozenset())
    missing = sorted(wanted - {utterance.split("/")[2] for utterance in matches})
    if matches and missing:
        logging.getLogger(__name__).warning(
            "experiment.utterances: %s has %d speakers, of which this corpus lacks %d: %s.",
            split,
            len(wanted),
            len(missing),
            ", ".join(missing),
        )
