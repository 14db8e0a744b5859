"""Single phones as items: their ids, their selection, their samples, and their overlap."""

import numpy as np
import pytest
from helpers.speech import made_up

from rnnpipe.corpus.phones import Segment
from rnnpipe.corpus.timit import Utterance
from rnnpipe.errors import RnnpipeError
from rnnpipe.windows.items import counted, phones_of, place
from rnnpipe.windows.selection import check_apart, select
from rnnpipe.windows.series import load_series
from rnnpipe.windows.store import extract

FIRST, SECOND = "TRAIN/DR8/FCLT0/SI2068", "TRAIN/DR1/FCJF0/SA1"
PHONES = {
    FIRST: [(0, 40, "h#"), (40, 60, "d"), (60, 95, "ow"), (95, 110, "ax-h"), (110, 150, "ow")],
    SECOND: [(0, 5, "h#"), (5, 50, "ow"), (50, 80, "ax")],
}
ORDER = 10


def phones(utterance):
    return tuple(Segment(*phone) for phone in PHONES[utterance])


def pick(*patterns, **more):
    return select(list(PHONES), patterns, phones=phones, order=ORDER, **more)


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        (f"{FIRST}/ow", [f"{FIRST}/ow-60-95", f"{FIRST}/ow-110-150"]),
        (f"{FIRST}/ow-60", [f"{FIRST}/ow-60-95"]),
        (f"{FIRST}/ow-60-95", [f"{FIRST}/ow-60-95"]),
        (f"{FIRST}/OW-60".lower(), [f"{FIRST}/ow-60-95"]),
        ("TRAIN/DR1/ow", [f"{SECOND}/ow-5-50"]),
        ("TRAIN/*/*/*/ow-*", [f"{FIRST}/ow-60-95", f"{FIRST}/ow-110-150", f"{SECOND}/ow-5-50"]),
        ("*/ax", [f"{SECOND}/ax-50-80"]),
        (f"{FIRST}/ax-h", [f"{FIRST}/ax-h-95-110"]),
        ("*/h#", [f"{FIRST}/h#-0-40"]),  # the other one has no sample to predict
        ("TRAIN/*", [FIRST, SECOND]),
    ],
)
def test_a_phone_behind_a_pattern_picks_phones(pattern, chosen):
    assert pick(pattern) == chosen


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (f"{FIRST}/owe", f"{FIRST} has no phone 'owe'; the nearest are ow, "),
        (f"{FIRST}/ow-61", f"{FIRST} has no phone 'ow-61'; the nearest are ow-60, "),
        ("TRAIN/DR1/aa", "TRAIN/DR1 has no phone 'aa'; the nearest are ax, "),
        ("TRAIN/DR8/FCLT0/SI2086/ow", "the corpus has no utterance 'TRAIN/DR8/FCLT0/SI2086/ow'; "),
        (f"{SECOND}/h#", f"{SECOND}/h#-0-5 lies within the first 10 samples, which are given"),
    ],
)
def test_a_phone_that_is_not_there_is_answered_in_a_line(pattern, said):
    with pytest.raises(RnnpipeError) as caught:
        pick(pattern, key="experiment.held_out")
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"experiment.held_out: {said}")


def test_a_phone_is_its_samples_and_those_before_it(tmp_path):
    whole = made_up(FIRST, 200)
    segments = tuple(Segment(*one) for one in PHONES[FIRST])
    fields = {name: getattr(whole, name) for name in Utterance.__dataclass_fields__}
    one = Utterance(**fields | {"phones": segments})
    extract([one], tmp_path / "table", tmp_path / "windows", order=ORDER, length=16)
    ids = [f"{FIRST}/ow-60-95", FIRST, f"{FIRST}/h#-0-40"]
    found = load_series([tmp_path / "windows"], ids)
    assert found.sizes == [35, 190, 30]
    vowel, utterance, early = found
    assert [one.item for one in found] == ids
    np.testing.assert_array_equal(vowel.samples, one.samples[50:95])
    np.testing.assert_array_equal(vowel.phones, utterance.phones[50:85])
    assert (vowel.order, utterance.order, early.order) == (ORDER,) * 3
    # of an early phone, the first samples of the utterance are given
    np.testing.assert_array_equal(early.samples, one.samples[:40])


def test_the_phones_of_a_phone_count_from_its_first_given_sample():
    corpus = {utterance: phones(utterance) for utterance in PHONES}
    found = phones_of(f"{FIRST}/ow-60-95", corpus, ORDER)
    assert found == ((0, 10, "d"), (10, 45, "ow"))
    assert phones_of(FIRST, corpus, ORDER) == corpus[FIRST]


def test_what_is_trained_on_is_not_held_out():
    check_apart([f"{FIRST}/ow-60-95"], [f"{FIRST}/ow-110-150", SECOND])
    check_apart([FIRST], [])
    for held_out in (FIRST, f"{FIRST}/ow-60-95", f"{FIRST}/d-40-61"):
        with pytest.raises(RnnpipeError, match=f"experiment.held_out: {held_out}: also in"):
            check_apart([f"{FIRST}/ow-60-95"], [SECOND, held_out])


def test_items_are_counted_by_kind():
    assert counted([FIRST]) == "1 utterance"
    assert counted([FIRST, SECOND, f"{FIRST}/ow-60-95"]) == "2 utterances and 1 phone"
    assert place(f"{FIRST}/ax-h-95-110") == (FIRST, (95, 110))
