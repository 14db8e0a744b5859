"""The standard splits of TIMIT by name.

"train" and "test" are TIMIT's own splits. "core_test" has the 24 test speakers named in TIMIT's
TESTSET.DOC. "dev" has 50 other test speakers, the development set of Kaldi's recipe and of those
that follow it. The speakers are listed in splits.csv. Each split exists as on the disc, with ten
sentences per speaker, and as NAME_without_sa, with the eight sentences that results are usually
reported for. The two SA sentences are the same for all speakers, so that they would be in training
and test alike.
"""

import csv
from collections.abc import Callable
from pathlib import Path

_WITHOUT_SA = "_without_sa"


def _speakers() -> dict[str, frozenset[str]]:
    with Path(__file__).with_name("splits.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    return {
        name: frozenset(row["speaker"] for row in rows if row["split"] == name)
        for name in dict.fromkeys(row["split"] for row in rows)
    }


SPEAKERS = _speakers()  # of "core_test" and "dev"; all are in TEST
STANDARD_SPLITS: tuple[str, ...] = tuple(
    name + suffix for name in ("train", "test", *SPEAKERS) for suffix in ("", _WITHOUT_SA)
)


def standard_split(name: str) -> Callable[[str], bool]:
    """Return a function that says whether an utterance belongs to a standard split.

    Parameters
    ----------
    name : str
        One of `STANDARD_SPLITS`.

    Returns
    -------
    function of an utterance's id, such as "TEST/DR1/MDAB0/SX139", to bool

    Raises
    ------
    KeyError
        If there is no such split.
    """
    if name not in STANDARD_SPLITS:
        raise KeyError(f"{name!r} is not a standard split; they are {', '.join(STANDARD_SPLITS)}")
    base = name.removesuffix(_WITHOUT_SA)
    with_sa = base == name
    folder = "TRAIN" if base == "train" else "TEST"
    speakers = SPEAKERS.get(base)

    def belongs(utterance: str) -> bool:
        split, _, speaker, sentence = utterance.split("/")
        return (
            split == folder
            and (speakers is None or speaker in speakers)
            and (with_sa or not sentence.startswith("SA"))
        )

    return belongs
