"""Items: an utterance or one phone in it, as a unit to learn or to measure on.

The id of an utterance is TRAIN/DR8/FCLT0/SI2068. The id of a phone adds its position,
TRAIN/DR8/FCLT0/SI2068/ow-4971-6680: TIMIT's label, the first sample, and the sample after the last
one. The network is given the `order` samples before the phone. If there are fewer, it is given the
first `order` samples of the utterance, and the prediction begins after these.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rnnpipe.corpus.phones import Segment

_PHONE = re.compile(r"(?P<utterance>[^/]+(?:/[^/]+){3})/[^/]+-(?P<start>\d+)-(?P<end>\d+)")


class Stretch(NamedTuple):
    """The position of a phone in its utterance.

    Parameters
    ----------
    start, end : int
        Its first sample, and the sample after its last one.
    """

    start: int
    end: int

    def first_given(self, order: int) -> int:
        """First of the `order` given samples."""
        return max(self.start - order, 0)

    def num_predicted(self, order: int) -> int:
        """Number of samples to predict."""
        return self.end - self.first_given(order) - order


class Place(NamedTuple):
    """The position of an item in the corpus.

    Parameters
    ----------
    utterance : str
        Id of the utterance.
    phone : Stretch or None
        The phone in it; None for the whole utterance.
    """

    utterance: str
    phone: Stretch | None = None

    def overlaps(self, other: "Place") -> bool:
        """Whether two items share a sample; samples that are only given do not count."""
        if self.utterance != other.utterance:
            return False
        if self.phone is None or other.phone is None:
            return True
        return self.phone.start < other.phone.end and other.phone.start < self.phone.end


def phone_id(utterance: str, phone: Segment) -> str:
    """Id of a phone in an utterance."""
    return f"{utterance}/{phone.label}-{phone.start}-{phone.end}"


def place(item: str) -> Place:
    """Parse the id of an item."""
    found = _PHONE.fullmatch(item)
    if not found:
        return Place(item)
    return Place(found["utterance"], Stretch(int(found["start"]), int(found["end"])))


def counted(items: Iterable[str]) -> str:
    """Number and kind of items in words: "2 utterances", "1 phone"."""
    kinds = ["utterance" if place(item).phone is None else "phone" for item in items]
    numbers = ((kinds.count(kind), kind) for kind in ("utterance", "phone"))
    return " and ".join(f"{n} {kind}{'s' * (n != 1)}" for n, kind in numbers if n)


def phones_of(
    item: str, phones: Mapping[str, Sequence[Segment]], order: int
) -> tuple[Segment, ...]:
    """Phones of an item, including those in its given samples.

    Parameters
    ----------
    item : str
        Its id.
    phones : mapping of str to sequence of Segment
        The phones of each utterance, by its id.
    order : int
        Number of given samples.

    Returns
    -------
    tuple of Segment
        With `start` and `end` counted from the first given sample of the item.
    """
    utterance, phone = place(item)
    if phone is None:
        return tuple(phones[item])
    first = phone.first_given(order)
    return tuple(
        Segment(max(start, first) - first, min(end, phone.end) - first, label)
        for start, end, label in phones[utterance]
        if end > first and start < phone.end
    )
