"""Selection of the utterances or phones of an experiment, by id, glob or split."""

import difflib
import fnmatch
import logging
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from rnnpipe.corpus.phones import PHONES, Segment
from rnnpipe.corpus.splits import SPEAKERS, STANDARD_SPLITS, standard_split
from rnnpipe.errors import RnnpipeError
from rnnpipe.windows.items import Place, phone_id, place
from rnnpipe.windows.store import PhoneTable


def select(
    available: Sequence[str],
    patterns: Sequence[str],
    rejected: Collection[str] = (),
    *,
    phones: Callable[[str], Iterable[Segment]] = lambda utterance: (),
    order: int = 0,
    key: str = "experiment.utterances",
) -> list[str]:
    """Select utterances, or phones in them, by id, glob or split.

    Parameters
    ----------
    available : sequence of str
        Ids in the corpus.
    patterns : sequence of str
        Ids such as TRAIN/DR8/FCLT0/SI2068; beginnings of ids, such as TRAIN/DR8/FCLT0 (a speaker)
        or TRAIN (a split); globs such as TEST/DR?/F*/SX*; or names of standard splits, such as
        core_test or dev_without_sa. Any of these followed by a phone, TRAIN/DR8/FCLT0/SI2068/ow or
        TEST/DR1/ow, selects every such phone; followed by a phone and its first sample, ow-4971,
        only that phone. Upper and lower case are the same.
    rejected : collection of str
        Ids that are in the corpus but could not be read.
    phones : callable
        Returns the phones of an utterance.
    order : int
        Number of given samples. A phone that ends within the first `order` samples of its utterance
        has no sample to predict.
    key : str
        Key of the patterns in the configuration, for the messages.

    Returns
    -------
    list of str
        Each id once, in the order of `patterns`, and for a glob in the order of `available`. Ids of
        phones have the form of `rnnpipe.windows.items`.

    Raises
    ------
    RnnpipeError
        If a pattern matches nothing; the message names the nearest ids.
    """
    chosen: dict[str, None] = {}
    problems = []
    for pattern in patterns:
        wanted = pattern.strip("/").upper()
        matches = _utterances(available, wanted)
        parent, _, phone = wanted.rpartition("/")
        parents = [] if matches else _utterances(available, parent)
        _warn_if_partial(key, parent if parents else wanted, matches or parents)
        if parents:
            found = _phones(parents, phone.lower(), phones)
            matches = [item for item in found if _end(item) > order]
            if found and not matches:
                problems.append(
                    f"{key}: {found[0]} lies within the first {order} samples, which are given "
                    "(windows.order)."
                )
                continue
        if not matches:
            problems.append(f"{key}: {_nothing(available, pattern, parents, phones, rejected)}")
        chosen |= dict.fromkeys(matches)
    if problems:
        raise RnnpipeError("\n".join(problems))
    return list(chosen)


def select_from(
    utterances: str | Path,
    rejected: Collection[str],
    patterns: Sequence[str],
    *,
    order: int,
    key: str,
) -> list[str]:
    """Select from a table of utterances written by `windows.extract`; see `select`."""
    table = PhoneTable(utterances)
    return select(
        list(table),
        patterns,
        rejected,
        phones=table.__getitem__,
        order=order,
        key=key,
    )


def check_apart(utterances: Sequence[str], held_out: Sequence[str]) -> None:
    """Check that nothing is both trained on and held out.

    Raises
    ------
    RnnpipeError
        If a held-out item and a training item share samples to predict; the message names the
        held-out items.
    """
    trained: dict[str, list[Place]] = {}
    for trained_place in map(place, utterances):
        trained.setdefault(trained_place.utterance, []).append(trained_place)
    both = [
        item
        for item in held_out
        if any(
            place(item).overlaps(trained_place)
            for trained_place in trained.get(place(item).utterance, ())
        )
    ]
    if both:
        names = ", ".join(both[:5]) + (f" and {len(both) - 5} more" if len(both) > 5 else "")
        raise RnnpipeError(
            f"experiment.held_out: {names}: also in experiment.utterances; what is trained on "
            "cannot be held out."
        )


def _end(item: str) -> float:
    phone = place(item).phone
    return math.inf if phone is None else phone.end


def _utterances(available: Sequence[str], wanted: str) -> list[str]:
    """Utterances that a pattern without a phone selects."""
    if wanted.lower() in STANDARD_SPLITS:
        return list(filter(standard_split(wanted.lower()), available))
    return [
        name
        for name in available
        if name.startswith(f"{wanted}/") or fnmatch.fnmatchcase(name, wanted)
    ]


def _phones(
    utterances: Sequence[str], wanted: str, phones: Callable[[str], Iterable[Segment]]
) -> list[str]:
    """Phones in utterances that match a label, a label with a first sample, or a glob of these."""
    matches = []
    for utterance in utterances:
        for phone in phones(utterance):
            item = phone_id(utterance, phone)
            names = (phone.label, f"{phone.label}-{phone.start}", item.rsplit("/")[-1])
            if any(fnmatch.fnmatchcase(name, wanted) for name in names):
                matches.append(item)
    return matches


def _nothing(
    available: Sequence[str],
    pattern: str,
    parents: Sequence[str],
    phones: Callable[[str], Iterable[Segment]],
    rejected: Collection[str],
) -> str:
    """Message that a pattern matches nothing, with the nearest ids."""
    wanted = pattern.strip("/").upper()
    parent, _, last = wanted.rpartition("/")
    label = last.lower()
    of_a_phone = wanted.count("/") > 3 or label.split("-")[0] in PHONES
    utterance = parent if of_a_phone else wanted
    if utterance in rejected:
        return (
            f"{utterance} could not be read and was left out of the corpus; "
            "results/corpus/rejected.csv says why."
        )
    if of_a_phone and parents:
        there = {phone.label: None for name in parents for phone in phones(name)}
        if label.split("-")[0] in there:  # the label is right, its first sample is not
            there = {
                f"{phone.label}-{phone.start}": None for name in parents for phone in phones(name)
            }
        nearest = difflib.get_close_matches(label, there, n=3, cutoff=0.0)
        return f"{parent} has no phone {label!r}; the nearest are {', '.join(nearest)}."
    if utterance.lower() in STANDARD_SPLITS:
        ids = (name for name in rejected if name.count("/") == 3)
        unread = list(filter(standard_split(utterance.lower()), ids))
        if unread:
            return (
                f"none of the {len(unread)} utterances of {utterance.lower()} could be read; "
                "results/corpus/rejected.csv says why."
            )
        return _nothing_of_split(available, utterance.lower())
    splits = difflib.get_close_matches(utterance.lower(), STANDARD_SPLITS, n=1, cutoff=0.8)
    nearest = splits + difflib.get_close_matches(utterance, available, n=3, cutoff=0.0)
    return f"the corpus has no utterance {pattern!r}; the nearest are {', '.join(nearest)}."


def _nothing_of_split(available: Sequence[str], split: str) -> str:
    """Message that a corpus has nothing of a standard split."""
    whole = split.removesuffix("_without_sa")
    count = f"{len(available)} utterance{'s' * (len(available) != 1)}"
    has = f"it has {count}, such as {available[0]}"
    if whole != split and _utterances(available, whole):
        return f"of {whole}, this corpus has SA sentences only, which {split} leaves out."
    if whole in SPEAKERS:
        return f"this corpus has none of the {len(SPEAKERS[whole])} speakers of {whole}; {has}."
    return f"this corpus has no folder {whole.upper()}; {has}."


def _warn_if_partial(key: str, split: str, matches: Sequence[str]) -> None:
    """Warn if the corpus lacks speakers of a standard split."""
    split = split.lower()
    if split not in STANDARD_SPLITS:
        return
    wanted = SPEAKERS.get(split.removesuffix("_without_sa"), frozenset())
    missing = sorted(wanted - {utterance.split("/")[2] for utterance in matches})
    if matches and missing:
        logging.getLogger(__name__).warning(
            "%s: %s has %d speakers, of which this corpus lacks %d: %s.",
            key,
            split,
            len(wanted),
            len(missing),
            ", ".join(missing),
        )
