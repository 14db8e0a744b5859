"""The phone inventory and the codes of samples."""

import csv
from collections import Counter
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnpipe.corpus.phones import (
    CODES,
    FOLDS,
    INVENTORIES,
    NONE,
    NUM_CODES,
    PHONES,
    Segment,
    encode,
    fold,
)


def table():
    with (files("rnnpipe.corpus") / "phones.csv").open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def test_timit_has_61_phones_and_one_code_for_none():
    assert len(PHONES) == len(set(PHONES)) == 61
    assert list(PHONES) == sorted(PHONES)
    assert NUM_CODES == 62
    assert NONE == 0
    assert [CODES[phone] for phone in PHONES] == list(range(1, 62))


def test_every_phone_has_a_class():
    assert Counter(row["phone_class"] for row in table()) == {
        "stop": 8,
        "closure": 6,
        "affricate": 2,
        "fricative": 8,
        "nasal": 7,
        "semivowel": 7,
        "vowel": 20,
        "silence": 3,
    }


def test_folding_leaves_48_and_39_phones_and_no_glottal_stop():
    rows = table()
    assert len({row["folded48"] for row in rows} - {""}) == 48
    assert len({row["folded39"] for row in rows} - {""}) == 39
    left_out = [row["label"] for row in rows if not row["folded48"] or not row["folded39"]]
    assert left_out == ["q"]


def test_folding_to_39_follows_from_folding_to_48():
    from_48 = {}
    for row in table():
        assert from_48.setdefault(row["folded48"], row["folded39"]) == row["folded39"]


def test_samples_outside_of_phones_are_none():
    codes = encode([Segment(1, 3, "h#"), Segment(3, 4, "aa"), Segment(6, 7, "zh")], 9)
    assert codes.dtype == np.uint8
    assert codes.tolist() == [0, CODES["h#"], CODES["h#"], CODES["aa"], 0, 0, CODES["zh"], 0, 0]


def test_an_unknown_label_has_no_code():
    with pytest.raises(KeyError):
        encode([Segment(0, 1, "xx")], 1)


def merged(*groups):
    """The phones that folding puts under one label, from the names of the groups."""
    return {member: label for label, members in groups for member in members.split()}


# Lee and Hon (1989): which phones share a model, and which 48 models share a symbol.
TO_48 = merged(
    ("sil", "h# pau"),
    ("cl", "pcl tcl kcl"),
    ("vcl", "bcl dcl gcl"),
    ("ax", "ax-h"),
    ("er", "axr"),
    ("hh", "hv"),
    ("m", "em"),
    ("n", "nx"),
    ("ng", "eng"),
    ("uw", "ux"),
)
TO_39 = merged(
    ("sil", "cl vcl epi"), ("l", "el"), ("n", "en"), ("sh", "zh"), ("aa", "ao"), ("ih", "ix")
) | {"ax": "ah"}


@pytest.mark.parametrize("phone", sorted(set(PHONES) - {"q"}))
def test_folding_is_that_of_lee_and_hon(phone):
    in_48 = TO_48.get(phone, phone)
    assert FOLDS[61][phone] == phone
    assert FOLDS[48][phone] == in_48
    assert FOLDS[39][phone] == TO_39.get(in_48, in_48)


def test_inventories_are_sorted_and_of_their_size():
    assert INVENTORIES[61] == PHONES
    for size, labels in INVENTORIES.items():
        assert len(labels) == size
        assert list(labels) == sorted(labels)


def segments(text):
    """Read "0 10 h#, 10 20 sh"."""
    fields = (part.split() for part in text.split(",") if part)
    return tuple(Segment(int(start), int(end), label) for start, end, label in fields)


@pytest.mark.parametrize(
    ("phones", "folded"),
    [
        ("0 5 h#,5 9 ix", "0 5 sil,5 9 ih"),
        ("0 5 tcl,5 9 h#", "0 5 sil,5 9 sil"),
        ("0 5 aa,5 7 q,7 9 b", "0 7 aa,7 9 b"),
        ("0 5 aa,5 7 q,7 9 q,9 12 b", "0 9 aa,9 12 b"),
        ("0 5 aa,5 7 q", "0 7 aa"),
        ("2 5 q,5 9 aa", "2 9 aa"),
        ("2 5 q,5 7 q,7 9 aa", "2 9 aa"),
        ("0 4 b,5 7 q,7 9 aa", "0 4 b,5 9 aa"),
        ("0 4 b,5 7 q,8 9 aa", "0 4 b,8 9 aa"),
        ("0 4 b,6 9 aa", "0 4 b,6 9 aa"),
        ("2 5 q", ""),
        ("", ""),
    ],
    ids=[
        "labels change",
        "neighbours stay two",
        "q goes to the phone before",
        "two in a row go to the phone before",
        "q at the end",
        "q at the start goes to the phone behind",
        "two in a row at the start",
        "q after a gap goes to the phone behind",
        "q between gaps goes to none",
        "a gap stays a gap",
        "q alone",
        "nothing",
    ],
)
def test_folding_to_39_keeps_bounds_and_gives_the_time_of_q_away(phones, folded):
    assert fold(segments(phones), 39) == segments(folded)


def test_folding_to_61_changes_nothing():
    phones = segments("0 5 h#,6 7 q,7 9 axr")
    assert fold(phones, 61) == phones


def test_an_unknown_inventory_or_phone_is_a_key_error():
    with pytest.raises(KeyError):
        fold([], 60)
    with pytest.raises(KeyError):
        fold(segments("0 1 xx"), 48)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9), st.sampled_from(PHONES)), max_size=12),
    st.sampled_from([48, 39]),
)
def test_folding_a_sample_agrees_with_folding_its_phone(rows, inventory):
    phones, end = [], 0
    for gap, length, label in rows:
        start, end = end + gap, end + gap + length
        phones.append(Segment(start, end, label))
    before, after = encode(phones, 120), encode(fold(phones, inventory), 120, inventory)
    labels = INVENTORIES[inventory]
    for code, folded in zip(before.tolist(), after.tolist(), strict=True):
        if code == NONE:
            assert folded == NONE
        elif PHONES[code - 1] != "q":
            assert labels[folded - 1] == FOLDS[inventory][PHONES[code - 1]]
