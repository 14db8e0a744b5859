"""The standard splits, counted over a corpus of TIMIT's size."""

import pytest

from rnnpipe.corpus.splits import SPEAKERS, STANDARD_SPLITS, standard_split

SENTENCES = ["SA1", "SA2", *(f"SX{n}" for n in range(5)), *(f"SI{n}" for n in range(3))]
NAMED = sorted(SPEAKERS["core_test"] | SPEAKERS["dev"])
# 168 test speakers, of whom the named are 74, and 462 to train with.
CORPUS = [
    f"{split}/DR1/{speaker}/{sentence}"
    for split, speakers in {
        "TEST": NAMED + [f"MXX{n}" for n in range(168 - len(NAMED))],
        "TRAIN": [f"FXX{n}" for n in range(462)],
    }.items()
    for speaker in speakers
    for sentence in SENTENCES
]


@pytest.mark.parametrize(
    ("name", "count"),
    {
        "train": 4620,
        "train_without_sa": 3696,
        "test": 1680,
        "test_without_sa": 1344,
        "core_test": 240,
        "core_test_without_sa": 192,
        "dev": 500,
        "dev_without_sa": 400,
    }.items(),
)
def test_each_split_has_the_size_that_is_published(name, count):
    assert name in STANDARD_SPLITS
    assert sum(map(standard_split(name), CORPUS)) == count


def test_the_core_test_set_has_two_men_and_a_woman_of_each_region():
    sexes = [speaker[0] for speaker in SPEAKERS["core_test"]]
    assert (sexes.count("M"), sexes.count("F")) == (16, 8)


def test_development_and_core_test_set_share_no_speaker():
    assert len(SPEAKERS["core_test"]) == 24
    assert len(SPEAKERS["dev"]) == 50
    assert not SPEAKERS["core_test"] & SPEAKERS["dev"]


def test_a_split_is_known_by_its_folder_too():
    assert standard_split("core_test")("TEST/DR1/MDAB0/SX139")
    assert not standard_split("core_test")("TRAIN/DR1/MDAB0/SX139")
    assert not standard_split("train")("TEST/DR1/MDAB0/SX139")


def test_an_unknown_split_is_refused_with_those_there_are():
    with pytest.raises(KeyError, match="core_test_without_sa"):
        standard_split("core")
