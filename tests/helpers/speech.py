"""Utterances and series made from noise."""

import numpy as np

from rnnpipe.corpus.phones import PHONES, Segment
from rnnpipe.corpus.timit import Utterance
from rnnpipe.windows.series import Series


def made_up(utterance: str, size: int, seed: int = 0) -> Utterance:
    """An utterance of noise over the whole 16-bit range, with phones and gaps between them."""
    split, dialect, speaker, sentence = utterance.split("/")
    rng = np.random.default_rng([seed, size])
    samples = rng.integers(-32768, 32768, size).astype(np.int16)
    samples[: min(size, 2)] = (-32768, 32767)[: min(size, 2)]
    cuts = np.unique(rng.integers(0, size + 1, 8))
    return Utterance(
        utterance,
        split,
        dialect,
        speaker,
        speaker[0],
        sentence[:2],
        samples,
        tuple(
            Segment(int(start), int(end), PHONES[rng.integers(len(PHONES))])
            for start, end in zip(cuts[:-1:2], cuts[1::2], strict=False)
        ),
        (Segment(0, size, "word"),),
        "A made-up sentence.",
    )


def series(size: int, order: int, seed: int = 0, name: str = "TRAIN/DR1/FABC0/SX1") -> Series:
    """A smooth signal with `size` samples to predict, in the form that networks use."""
    rng = np.random.default_rng([seed, size])
    samples = np.convolve(rng.normal(0, 900, order + size + 9), np.hanning(10), "valid")
    return Series(name, samples.astype(np.int16), rng.integers(0, 62, size).astype(np.uint8))
