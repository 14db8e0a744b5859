"""Which utterances an experiment is about, and how their samples are standardised."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rnnpipe.corpus.phones import Segment
from rnnpipe.errors import RnnpipeError
from rnnpipe.files import replacing
from rnnpipe.windows.items import phones_of
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
    speech : str
        Digest of all that is computed from them, so that this file changes if, and only if, a
        training has to be repeated. See `SpeechDigest`.
    """

    utterances: tuple[str, ...]
    order: int
    num_phones: int
    mean: float
    std: float
    num_samples: int
    speech: str = ""  # files of before have none

    def save(self, path: str | Path) -> None:
        """Write as JSON."""
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> "Experiment":
        """Read what `save` wrote."""
        fields = json.loads(Path(path).read_text("utf-8"))
        return cls(**fields | {"utterances": tuple(fields["utterances"])})


class SpeechDigest:
    """SHA-256 of items: their ids, samples and phones, but not how these are stored.

    Parameters
    ----------
    phones : mapping of str to sequence of Segment
        The phones of each utterance, by its id.
    """

    def __init__(self, phones: Mapping[str, Sequence[Segment]]) -> None:
        self._sha, self._phones = hashlib.sha256(), phones

    def add(self, speech: Series) -> None:
        """Add an item."""
        segments = phones_of(speech.item, self._phones, speech.order)
        self._sha.update(json.dumps([speech.item, speech.order, segments]).encode())
        self._sha.update(speech.samples.tobytes())
        self._sha.update(speech.phones.tobytes())

    def hex(self) -> str:
        """Return the digest of all items so far."""
        return self._sha.hexdigest()


def describe(
    series: Sequence[Series], num_phones: int, phones: Mapping[str, Sequence[Segment]]
) -> Experiment:
    """Collect the ids and statistics of the training utterances.

    Parameters
    ----------
    series : sequence of Series
        The training items.
    num_phones : int
        Number of phones listed in the footer of their window files.
    phones : mapping of str to sequence of Segment
        The phones of each utterance, by its id.

    Raises
    ------
    RnnpipeError
        If all samples are equal: there is nothing to predict.
    """
    utterances, sums, digest = [], ExactSums(), SpeechDigest(phones)
    for speech in series:
        utterances.append(speech.item)
        sums.add(speech.samples)
        digest.add(speech)
    mean, std = sums.statistics()
    if std == 0:
        names = ", ".join(utterances)
        raise RnnpipeError(f"{names}: all samples are equal, so there is nothing to learn.")
    return Experiment(
        tuple(utterances), series[0].order, num_phones, mean, std, sums.count, digest.hex()
    )


def save_held_out(
    series: Sequence[Series], phones: Mapping[str, Sequence[Segment]], path: str | Path
) -> None:
    """Write the ids and the digest of the held-out items as JSON.

    Parameters
    ----------
    series : sequence of Series
        The held-out items.
    phones : mapping of str to sequence of Segment
        The phones of each utterance, by its id.
    path : path
        The file.
    """
    utterances, digest = [], SpeechDigest(phones)
    for speech in series:
        utterances.append(speech.item)
        digest.add(speech)
    with replacing(path) as temporary:
        about = {"utterances": utterances, "speech": digest.hex()}
        temporary.write_text(json.dumps(about, indent=2) + "\n")


def load_held_out(path: str | Path) -> tuple[str, ...]:
    """Read the ids that `save_held_out` wrote; files of before are a list of ids."""
    held_out = json.loads(Path(path).read_text("utf-8"))
    return tuple(held_out if isinstance(held_out, list) else held_out["utterances"])
