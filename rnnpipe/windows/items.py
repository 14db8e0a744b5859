"""Items: what a network learns or is measured on as a whole, an utterance or one phone of it.

An utterance goes by its id, TRAIN/DR8/FCLT0/SI2068. One phone of it goes by an id that says where
it lies, TRAIN/DR8/FCLT0/SI2068/ow-4971-6680: TIMIT's label, its first sample, and the sample after
its last. What is given of a phone are the `order` samples before it; of a phone so early that there
are fewer, the first `order` samples of the utterance, so that its prediction begins after these.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from rnnpipe.corpus.phones import Segment

_PHONE = re.compile(r"(?P<utterance>[^/]+(?:/[^/]+){3})/[^/]+-(?P<start>\d+)-(?P<end>\d+)")


class Stretch(NamedTuple):
    """Where a phone lies in its utterance.

    Parameters
    ----------
    start, end : int
        Its first sample, and the sample after its last.
    """

    start: int
    end: int

    def first_given(self, order: int) -> int:
        """First of the `order` samples that are given."""
        return max(self.start - order, 0)

    def num_predicted(self, order: int) -> int:
        """Count the samples to be predicted."""
        return self.end - self.first_given(order) - order


class Place(NamedTuple):
    """Where an item lies.

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
        """Whether two items share a sample, those that are only given aside."""
        if self.utterance != other.utterance:
            return False
        if self.phone is None or other.phone is None:
            return True
        return self.phone.start < other.phone.end and other.phone.start < self.phone.end


def phone_id(utterance: str, phone: Segment) -> str:
    """Name one phone of an utterance."""
    return f"{utterance}/{phone.label}-{phone.start}-{phone.end}"


def place(item: str) -> Place:
    """Read an item's id."""
    found = _PHONE.fullmatch(item)
    if not found:
        return Place(item)
    return Place(found["utterance"], Stretch(int(found["start"]), int(found["end"])))


def counted(items: Iterable[str]) -> str:
    """Say how many items there are, and of what kind: "2 utterances", "1 phone"."""
    kinds = ["utterance" if place(item).phone is None else "phone" for item in items]
    numbers = ((kinds.count(kind), kind) for kind in ("utterance", "phone"))
    return " and ".join(f"{n} {kind}{'s' * (n != 1)}" for n, kind in numbers if n)


def phones_of(
    item: str, phones: Mapping[str, Sequence[Segment]], order: int
) -> tuple[Segment, ...]:
    """Phones that an item has, those of its given samples among them.

    Parameters
    ----------
    item : str
        Its id.
    phones : mapping of str to sequence of Segment
        The phones of an utterance, by the utterance's id.
    order : int
        Samples given.

    Returns
    -------
    tuple of Segment
        In samples of the item: its first given one is 0.
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
