"""Selecting utterances, and their statistics."""

import json
from dataclasses import replace

import numpy as np
import pytest

from rnnpipe.corpus.phones import Segment
from rnnpipe.errors import RnnpipeError
from rnnpipe.windows.experiment import (
    Experiment,
    SpeechDigest,
    describe,
    load_held_out,
    save_held_out,
)
from rnnpipe.windows.selection import select
from rnnpipe.windows.series import Series

AVAILABLE = [
    "TEST/DR1/FAKS0/SA1",
    "TEST/DR1/FAKS0/SX43",
    "TEST/DR11/FAKS1/SX9",
    "TRAIN/DR1/FCJF0/SA1",
    "TRAIN/DR1/FCJF0/SI1027",
    "TRAIN/DR8/FCLT0/SI2068",
    "TRAIN/DR8/MBCG0/SX237",
]


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        (["TRAIN/DR8/FCLT0/SI2068"], [5]),
        (["train/dr8/fclt0/si2068"], [5]),
        (["TRAIN"], [3, 4, 5, 6]),
        (["test/"], [0, 1, 2]),
        (["TEST/DR1"], [0, 1]),  # and not DR11
        (["TRAIN/DR8/FCLT0"], [5]),
        (["*/SA1"], [0, 3]),
        (["TEST/DR?/F*/SX*"], [1]),
        (["TEST/*/SX*"], [1, 2]),
        (["*/[fm]???0/s[xi]*"], [1, 4, 5, 6]),
        (["TRAIN/DR8/MBCG0/SX237", "TEST/DR1/FAKS0/SA1"], [6, 0]),
        (["TRAIN/DR8/MBCG0/SX237", "TRAIN", "*"], [6, 3, 4, 5, 0, 1, 2]),
    ],
    ids=lambda value: ",".join(map(str, value)),
)
def test_what_a_list_of_patterns_picks(patterns, chosen):
    assert select(AVAILABLE, patterns) == [AVAILABLE[i] for i in chosen]


def test_patterns_that_match_nothing_are_all_named_with_the_nearest_ids():
    with pytest.raises(RnnpipeError) as caught:
        select(AVAILABLE, ["TRAIN/DR8/FCLT0/SI2086", "TRAIN", "dr1", "VALID/*"])
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith(
        "experiment.utterances: the corpus has no utterance 'TRAIN/DR8/FCLT0/SI2086'; "
        "the nearest are TRAIN/DR8/FCLT0/SI2068, "
    )
    assert "'dr1'" in lines[1]
    assert "'VALID/*'" in lines[2]


def test_statistics_are_over_all_samples_of_all_utterances():
    rng = np.random.default_rng(0)
    parts = [rng.integers(-32768, 32768, size).astype(np.int16) for size in (301, 57)]
    experiment = describe(
        [
            Series(name, part, np.zeros(part.size - 5, np.uint8))
            for name, part in zip("ab", parts, strict=True)
        ],
        40,
        {"a": (), "b": ()},
    )
    every = np.concatenate(parts).astype(np.float64)
    assert experiment.utterances == ("a", "b")
    assert (experiment.order, experiment.num_phones, experiment.num_samples) == (5, 40, 358)
    assert experiment.mean == pytest.approx(every.mean(), rel=1e-14)
    assert experiment.std == pytest.approx(every.std(), rel=1e-14)


def test_nothing_can_be_learnt_from_constant_samples():
    flat = Series("TRAIN/DR1/FCJF0/SA1", np.full(50, 7, np.int16), np.zeros(40, np.uint8))
    with pytest.raises(RnnpipeError, match="TRAIN/DR1/FCJF0/SA1: all samples are equal"):
        describe([flat, flat], 62, {flat.item: ()})


def test_an_experiment_comes_back_as_it_was_saved(tmp_path):
    experiment = Experiment(("a", "b"), 5, 62, 1 / 3, 1000 / 7, 358, "5a")
    experiment.save(tmp_path / "experiment.json")
    assert Experiment.load(tmp_path / "experiment.json") == experiment
    assert json.loads((tmp_path / "experiment.json").read_text())["utterances"] == ["a", "b"]


SPEECH = Series("TRAIN/DR1/A/SX1", np.arange(50, dtype=np.int16), np.zeros(40, np.uint8))
PHONES = {SPEECH.item: (Segment(0, 20, "h#"), Segment(20, 50, "ow"))}


def digest(speech, phones=PHONES):
    found = SpeechDigest(phones)
    found.add(speech)
    return found.hex()


@pytest.mark.parametrize(
    ("speech", "phones"),
    [
        (replace(SPEECH, samples=SPEECH.samples + np.int16(1)), PHONES),
        (replace(SPEECH, phones=SPEECH.phones + np.uint8(1)), PHONES),
        (replace(SPEECH, phones=SPEECH.phones[1:]), PHONES),  # an order of 11
        (SPEECH, {SPEECH.item: (Segment(0, 21, "h#"), Segment(21, 50, "ow"))}),
        (SPEECH, {SPEECH.item: (Segment(0, 20, "h#"), Segment(20, 50, "uh"))}),
    ],
)
def test_the_digest_of_speech_changes_with_all_that_is_computed_from_it(speech, phones):
    assert digest(SPEECH) == digest(replace(SPEECH))
    assert digest(speech, phones) != digest(SPEECH)


def test_held_out_items_come_back_from_files_of_now_and_of_before(tmp_path):
    path = tmp_path / "held_out.json"
    save_held_out([SPEECH], PHONES, path)
    assert load_held_out(path) == (SPEECH.item,)
    path.write_text(json.dumps([SPEECH.item]))
    assert load_held_out(path) == (SPEECH.item,)


def test_a_standard_split_goes_by_its_name():
    corpus = ["TEST/DR1/FAKS0/SA1", "TEST/DR1/MDAB0/SA1", "TEST/DR1/MDAB0/SX139", "TRAIN/DR1/A/SX1"]
    assert select(corpus, ["core_test"]) == corpus[1:3]
    assert select(corpus, ["Core_Test_without_SA"]) == corpus[2:3]
    assert select(corpus, ["dev"]) == corpus[:1]


def test_a_part_of_a_standard_split_does_not_pass_for_the_whole(caplog):
    corpus = ["TEST/DR1/MDAB0/SA1", "TEST/DR1/MWBT0/SX5"]
    assert select(corpus, ["core_test"]) == corpus
    assert "core_test has 24 speakers, of which this corpus lacks 22: FDHC0, " in caplog.text
    caplog.clear()
    select(corpus, ["test", "TEST/DR1"])
    assert not caplog.text


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("core_test", "this corpus has none of the 24 speakers of core_test; it has 1 utterance,"),
        ("dev_without_sa/ow", "this corpus has none of the 50 speakers of dev;"),
        ("TEST", "this corpus has no folder TEST; it has 1 utterance, such as TRAIN/DR1/FABC0/"),
        ("core_test/iy-5", "this corpus has none of the 24 speakers of core_test;"),
        ("Dev/", "this corpus has none of the 50 speakers of dev; it has 1 utterance, such as"),
        ("test_without_SA", "this corpus has no folder TEST;"),
        ("train_without_sa", "of train, this corpus has SA sentences only"),
    ],
)
def test_a_split_that_the_corpus_has_nothing_of_is_said_to_be_that(pattern, said):
    with pytest.raises(RnnpipeError, match=said):
        select(["TRAIN/DR1/FABC0/SA1"], [pattern])


@pytest.mark.parametrize(
    ("corpus", "pattern", "said"),
    [
        (["TEST/DR1/FXYZ0/SX1", "TEST/DR1/FXYZ0/SX2"], "core_test", "it has 2 utterances, such as"),
        (["TEST/DR1/FAKS0/SX1"], "core_test", "none of the 24 speakers of core_test"),  # of dev
        (["TRAIN/DR1/MDAB0/SX139"], "core_test", "none of the 24 speakers"),  # named as a speaker
        (["TEST/DR1/MDAB0/SA1"], "core_test_without_sa", "of core_test, .* SA sentences only"),
        (["TEST/DR1/FXYZ0/SX1"], "train", "no folder TRAIN; it has 1 utterance, such as TEST/DR1/"),
    ],
)
def test_a_corpus_may_lack_a_split_although_it_has_part_of_its_name(corpus, pattern, said):
    with pytest.raises(RnnpipeError, match=said):
        select(corpus, [pattern])


def test_each_split_that_is_not_there_has_its_line_with_the_key():
    with pytest.raises(RnnpipeError) as caught:
        select(["TRAIN/DR1/FABC0/SX1"], ["train", "dev", "core_test"], key="experiment.held_out")
    lines = str(caught.value).splitlines()
    assert [line.split(" of ")[-1].split(";")[0] for line in lines] == ["dev", "core_test"]
    assert all(line.startswith("experiment.held_out: this corpus has none") for line in lines)


def test_a_split_of_which_nothing_could_be_read_is_said_to_be_that():
    rejected = {"TEST/DR1/MDAB0/SX139", "TEST/DR1/MDAB0/SX49", "SPKRINFO.TXT", ""}
    with pytest.raises(RnnpipeError, match="none of the 2 utterances of core_test could be read"):
        select(["TRAIN/DR1/FABC0/SX1"], ["core_test"], rejected)


def test_a_misspelt_split_is_answered_with_the_split():
    with pytest.raises(RnnpipeError, match="no utterance 'coretest'; the nearest are core_test, "):
        select(AVAILABLE, ["coretest"])


def test_an_utterance_that_was_rejected_is_said_to_be():
    with pytest.raises(RnnpipeError, match="TRAIN/DR1/FABC0/SX1 could not be read"):
        select(AVAILABLE, ["TRAIN/DR1/FABC0/SX1"], {"TRAIN/DR1/FABC0/SX1"})
