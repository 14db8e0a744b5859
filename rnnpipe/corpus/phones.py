"""TIMIT's 61 phones, their folding to 48 and 39, and phones as one code per sample."""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

# One row per phone, sorted by label. phone_class follows TIMIT's PHONCODE.DOC; folded48 and
# folded39 are the smaller inventories of Lee and Hon (1989). Both leave out the glottal stop q,
# where they are empty.
with Path(__file__).with_name("phones.csv").open(encoding="utf-8", newline="") as _table:
    _ROWS = list(csv.DictReader(_table))

PHONES: tuple[str, ...] = tuple(row["label"] for row in _ROWS)

# vowel, semivowel, nasal, fricative, affricate, stop, closure or silence.
PHONE_CLASSES: dict[str, str] = {row["label"]: row["phone_class"] for row in _ROWS}

NONE = 0  # the code of a sample that no phone covers
CODES: dict[str, int] = {label: code for code, label in enumerate(PHONES, start=NONE + 1)}
NUM_CODES = len(PHONES) + 1

# The new label of each of the 61 labels, "" if it is left out; by the size of the inventory.
FOLDS: dict[int, dict[str, str]] = {
    61: dict(zip(PHONES, PHONES, strict=True)),
    48: {row["label"]: row["folded48"] for row in _ROWS},
    39: {row["label"]: row["folded39"] for row in _ROWS},
}
# The labels of each inventory, sorted like PHONES.
INVENTORIES: dict[int, tuple[str, ...]] = {
    size: tuple(sorted(set(fold.values()) - {""})) for size, fold in FOLDS.items()
}
_CODES_IN = {
    size: {label: code for code, label in enumerate(labels, start=NONE + 1)}
    for size, labels in INVENTORIES.items()
}


class Segment(NamedTuple):
    """A labelled stretch of an utterance, in samples, from `start` to `end` (exclusive)."""

    start: int
    end: int
    label: str


def fold(segments: Iterable[Segment], inventory: int) -> tuple[Segment, ...]:
    """Translate TIMIT's phones to a smaller inventory.

    Phones keep their bounds: neighbours that get the same label stay two phones, as in the scoring
    of recognisers. The one exception is the glottal stop q, which the smaller inventories leave
    out. Its time goes to the phone that ends where q begins. If there is none (at the start or
    after a gap), it goes to the phone that begins where q ends, and between two gaps to no phone.
    Gaps stay gaps.

    Parameters
    ----------
    segments : iterable of Segment
        In order and without overlap, labels in `PHONES`.
    inventory : int
        Number of phones: 61, 48 or 39.

    Returns
    -------
    tuple of Segment
        In order and without overlap, labels in `INVENTORIES[inventory]`.

    Raises
    ------
    KeyError
        If there is no such inventory, or a label is not one of `PHONES`.

    References
    ----------
    K.-F. Lee and H.-W. Hon, "Speaker-independent phone recognition using hidden Markov models",
    IEEE Transactions on Acoustics, Speech, and Signal Processing 37 (11), 1989.
    """
    labels = FOLDS[inventory]
    folded: list[Segment] = []
    free = None  # start and end of time that the next phone may take
    for start, end, label in segments:
        label = labels[label]
        if free is not None and free[1] == start:
            start = free[0]
        free = None
        if label:
            folded.append(Segment(start, end, label))
        elif folded and folded[-1].end == start:
            folded[-1] = folded[-1]._replace(end=end)
        else:
            free = start, end
    return tuple(folded)


def encode(segments: Iterable[Segment], num_samples: int, inventory: int = 61) -> np.ndarray:
    """Give each sample the code of its phone.

    Parameters
    ----------
    segments : iterable of Segment
        Phones with labels in `INVENTORIES[inventory]`.
    num_samples : int
        Length T of the utterance, in samples.
    inventory : int
        Number of phones: 61, 48 or 39.

    Returns
    -------
    uint8 array, shape (T,)
        Inside a phone, one more than its index in the inventory; for TIMIT's 61 phones, this is
        `CODES[label]`. `NONE` in gaps, before the first phone and after the last one.

    Raises
    ------
    KeyError
        If there is no such inventory, or a label is not in it.
    """
    code_of = _CODES_IN[inventory]
    codes = np.full(num_samples, NONE, dtype=np.uint8)
    for start, end, label in segments:
        codes[start:end] = code_of[label]
    return codes
