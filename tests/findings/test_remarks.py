"""The remarks in the report: what is memorised, and what was sampled."""

import math

import pandas as pd
import pytest

from rnnpipe.findings.remarks import remarks


def mse(known, new, linear=0.1):
    """A network's NMSE (teacher-forced, free-running) on training and held-out utterances."""
    rows = []
    for recipe, hidden, values in (
        ("baseline:silence", math.nan, {"train": (1, 1), "held_out": (1, 1)}),
        ("baseline:linear", math.nan, {"train": (linear, 1), "held_out": (linear, 1)}),
        ("clipped", 25, {"train": known, "held_out": new}),
        ("worse", 25, {"train": (9, 9), "held_out": (8, 8)}),
    ):
        for which, nmse in values.items():
            for kind, value in zip(("teacher_forced", "free_running"), nmse, strict=True):
                about = (recipe, hidden, hidden, which, kind)
                rows.append((*about, value, value, 3.4, which, "ok", math.nan))
    names = "recipe hidden_size seed utterance reconstruction mse nmse horizon_ms set status "
    names += "stopped_at"
    return pd.DataFrame(rows, columns=names.split())


@pytest.mark.parametrize(
    ("known", "new", "verdict"),
    [
        ((0.01, 0.01), (0.3, 1.2), "what it has beyond that is memorised."),
        ((0.01, 0.01), (0.05, 0.5), "what it learnt holds for speech that it never heard."),
        ((0.2, 1.5), (0.3, 1.2), "it has learnt nothing beyond that, of either."),
    ],
)
def test_what_holds_for_unheard_speech_is_told_from_what_is_memorised(known, new, verdict):
    said = remarks(mse(known, new), "none")
    assert len(said) == 2
    for sentence, numbers in zip(said, zip(known, new, strict=True), strict=True):
        assert "clipped with 25 hidden units" in sentence
        assert all(f"of {number:.3g} on what" in sentence for number in numbers)
        assert sentence.endswith(verdict)


def test_without_held_out_utterances_or_noise_there_is_nothing_to_remark():
    table = mse((0.01, 0.01), (0.3, 1.2))
    assert remarks(table[table["set"] == "train"], "none") == []


def test_noise_on_what_is_fed_back_is_said():
    table = mse((0.01, 0.01), (0.3, 1.2)).query("set == 'train'")
    assert "training error" in remarks(table, "training")[0]
    assert "of 0.05 times" in remarks(table, 0.05)[0]
