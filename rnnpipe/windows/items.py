"""Items: what a network learns or is measured on as a whole, an utterance or one phone of it.

An utterance goes by its id, TRAIN/DR8/FCLT0/SI2068. One phone of it goes by an id that says where
it lies, TRAIN/DR8/FCLT0/SI2068/ow-4971-6680: TIMIT's label, its first sample, and the sample after
its last. What is given of a phone are the `order` samples before it; of a phone so early that there
are fewer, the first `order` samples of the utterance, so that its prediction begins after these.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_PHONE = re.compile(r"(?P<utterance>[^/]+(?:/[^/]+){3})/[^/]+-(?P<start>\d+)-(?P<end>\d+)")


class Place(NamedTuple):
    """Where an item lies.

    Parameters
    ----------
    utterance : str
        Id of the utterance.
    start, end : int or None
        The phone's first sample, and the sample after its last; None for a whole utterance.
    """

    utterance: str
    start: int | None = None
    end: int | None = None

    def first_given(self, order: int) -> int:
        """Of a phone: the first of the `order` samples that are given."""
        return max(self.start - order, 0)

    def num_predicted(self, order: int) -> int:
        """Of a phone: how many samples are to be predicted."""
        return self.end - self.first_given(order) - order

    def overlaps(self, other: "Place") -> bool:
        """Whether two items share a sample, those that are only given aside."""
        if self.utterance != other.utterance:
            return False
        if self.start is None or other.start is None:
            return True
        return self.start < other.end and other.start < self.end


def phone_id(utterance: str, phone: Mapping) -> str:
    """Name one phone of an utterance; `phone` has its label, start and end."""
    return f"{utterance}/{phone['label']}-{phone['start']}-{phone['end']}"


def place(item: str) -> Place:
    """Read an item's id."""
    found = _PHONE.fullmatch(item)
    if not found:
        return Place(item)
    return Place(found["utterance"], int(found["start"]), int(found["end"]))


def counted(items: Iterable[str]) -> str:
    """Say how many items there are, and of what kind: "2 utterances", "1 phone"."""
    kinds = ["utterance" if place(item).start is None else "phone" for item in items]
    numbers = ((kinds.count(kind), kind) for kind in ("utterance", "phone"))
    return " and ".join(f"{n} {kind}{'s' * (n != 1)}" for n, kind in numbers if n)


def phones_of(item: str, phones: Mapping[str, Iterable[Mapping]], order: int) -> list[dict]:
    """Phones that an item has, those of its given samples among them.

    Parameters
    ----------
    item : str
        Its id.
    phones : mapping of str to phones
        start, end and label of each phone of an utterance, by the utterance's id.
    order : int
        Samples given.

    Returns
    -------
    list of dict
        start, end and label, in samples of the item: its first given one is 0.
    """
    lies_in = place(item)
    if lies_in.start is None:
        return list(phones[item])
    first, end = lies_in.first_given(order), lies_in.end
    return [
        {
            "start": max(phone["start"], first) - first,
            "end": min(phone["end"], end) - first,
            "label": phone["label"],
        }
        for phone in phones[lies_in.utterance]
        if phone["end"] > first and phone["start"] < end
    ]
