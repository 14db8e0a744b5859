"""Which utterances an experiment is about, and how their samples are standardised."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rnnpipe.errors import RnnpipeError
from rnnpipe.files import replacing
from rnnpipe.windows.series import Series
from rnnpipe.windows.store import ExactSums


@dataclass(frozen=True)
class Experiment:
    """The training utterances, or phones in them.

    Parameters
    ----------
    utterances : tuple of str
        Their ids; see `rnnpipe.windows.items`.
    order : int
        Number of given samples at the start of each.
    num_phones : int
        Number of phone codes, "none" among them.
    mean, std : float
        Over all their samples, in 16-bit units.
    num_samples : int
        Total number of their samples.
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
    """Collect the ids and statistics of the training utterances.

    `num_phones` is the number of phones listed in the footer of their window files.

    Raises
    ------
    RnnpipeError
        If all samples are equal: there is nothing to predict.
    """
    utterances, sums = [], ExactSums()
    for speech in series:
        utterances.append(speech.item)
        sums.add(speech.samples)
    mean, std = sums.statistics()
    if std == 0:
        names = ", ".join(utterances)
        raise RnnpipeError(f"{names}: all samples are equal, so there is nothing to learn.")
    return Experiment(tuple(utterances), series[0].order, num_phones, mean, std, sums.count)


def save_held_out(utterances: Sequence[str], path: str | Path) -> None:
    """Write the ids of the held-out items as JSON."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(utterances, indent=2) + "\n")


def load_held_out(path: str | Path) -> tuple[str, ...]:
    """Read what `save_held_out` wrote."""
    return tuple(json.loads(Path(path).read_text()))
