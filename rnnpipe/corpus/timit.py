"""Finding and reading utterances in a copy of TIMIT.

An utterance is audio, SA1.WAV, with the label files SA1.PHN, SA1.WRD and SA1.TXT beside it;
rnnpipe/corpus/layouts.py finds them. All problems of a corpus are reported together, one line per
problem.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnpipe.corpus.audio import read_audio
from rnnpipe.corpus.labels import read_phones, read_text, read_words
from rnnpipe.corpus.layouts import Problem, UtteranceFiles, scan
from rnnpipe.corpus.phones import Segment
from rnnpipe.errors import CorpusError


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """One spoken sentence.

    Attributes
    ----------
    utterance : str
        Its id, always in upper case: "TRAIN/DR8/FCLT0/SI2068".
    split, dialect, speaker : str
        The parts of the id: "TRAIN", "DR8", "FCLT0".
    sex : str
        "F" or "M", the first letter of the speaker.
    sentence_type : str
        "SA" (dialect), "SX" (compact) or "SI" (diverse).
    samples : int16 array, shape (T,)
        The audio at 16 kHz.
    phones : tuple of Segment
        In order and without overlap, with labels in `PHONES`; gaps belong to no phone.
    words : tuple of Segment
        As in the corpus, including overlaps; empty without a .WRD file.
    text : str
        The sentence; empty without a .TXT file.
    """

    utterance: str
    split: str
    dialect: str
    speaker: str
    sex: str
    sentence_type: str
    samples: np.ndarray
    phones: tuple[Segment, ...]
    words: tuple[Segment, ...]
    text: str


# --- reading ------------------------------------------------------------------------------------


def read_corpus(
    root: str | Path,
    *,
    min_samples: int,
    layout: str = "auto",
    nltk_split: str = "TRAIN",
    shard: str | None = None,
    rejected: list[Problem] | None = None,
) -> Iterator[Utterance]:
    """Read every utterance below `root`, one at a time.

    Only one utterance is in memory at a time. Every good utterance is yielded, even after a bad
    one. A caller that writes files from them must discard these if an error is raised at the end.

    Parameters
    ----------
    root, layout, nltk_split, shard
        As for `rnnpipe.corpus.layouts.scan`.
    min_samples : int
        Smallest number of samples that an utterance may have: the order and one to predict.
    rejected : list of Problem, optional
        If given, problems are appended to it instead of being raised.

    Yields
    ------
    Utterance
        In the order of their ids.

    Raises
    ------
    CorpusError
        At the first step, if `root` holds no corpus; otherwise after the last utterance, with the
        problems of all utterances, unless `rejected` is given.
    """
    found = scan(root, layout=layout, nltk_split=nltk_split, shard=shard)
    problems = list(found.problems)
    for files in found.utterances:
        try:
            utterance = read_utterance(files, min_samples=min_samples)
        except CorpusError as error:
            problems += [Problem(files.utterance, text) for text in error.problems]
        else:
            yield utterance
    if rejected is not None:
        rejected += problems
    elif problems:
        raise CorpusError([problem.text for problem in problems])


def read_utterance(files: UtteranceFiles, *, min_samples: int = 1) -> Utterance:
    """Read the audio and the labels of one utterance.

    Parameters
    ----------
    files : UtteranceFiles
        From `find_utterances`.
    min_samples : int
        As for `read_corpus`.

    Raises
    ------
    CorpusError
        With all problems of all its files.
    """
    problems: list[str] = []
    num_samples = None
    with _gathering(problems):
        samples = read_audio(files.audio)
        num_samples = len(samples)
        if num_samples < min_samples:
            problems.append(
                f"{files.audio}: the utterance has {num_samples} samples and needs at least "
                f"{min_samples}, windows.order and one to predict; lower windows.order or take "
                "the utterance out of the corpus."
            )
    with _gathering(problems):
        phones = read_phones(files.phones, num_samples)
    with _gathering(problems):
        words = read_words(files.words, num_samples) if files.words else ()
    with _gathering(problems):
        text = read_text(files.text) if files.text else ""
    if problems:
        raise CorpusError(problems)

    split, dialect, speaker, sentence = files.utterance.split("/")
    return Utterance(
        utterance=files.utterance,
        split=split,
        dialect=dialect,
        speaker=speaker,
        sex=speaker[0],
        sentence_type=sentence[:2],
        samples=samples,
        phones=phones,
        words=words,
        text=text,
    )


@contextmanager
def _gathering(problems: list[str]) -> Iterator[None]:
    """Add the problems of a CorpusError to `problems`, and continue."""
    try:
        yield
    except CorpusError as error:
        problems.extend(error.problems)


# --- finding ------------------------------------------------------------------------------------


def find_utterances(
    root: str | Path, *, layout: str = "auto", nltk_split: str = "TRAIN"
) -> list[UtteranceFiles]:
    """Find every utterance of a copy of TIMIT.

    Parameters
    ----------
    root, layout, nltk_split
        As for `rnnpipe.corpus.layouts.scan`.

    Returns
    -------
    list of UtteranceFiles
        Sorted by utterance. If SA1.WAV has a copy SA1.WAV.wav beside it, SA1.WAV is used.
        A .PHN file is required; .WRD and .TXT files are not.

    Raises
    ------
    CorpusError
        With every problem: no such folder, no utterances in it, audio without .PHN, labels without
        audio, two files for one utterance, audio at the wrong depth, names that are not TIMIT's,
        links in a circle, and speakers that contradict SPKRINFO.TXT.
    """
    found = scan(root, layout=layout, nltk_split=nltk_split)
    if found.problems:
        raise CorpusError([problem.text for problem in found.problems])
    return list(found.utterances)
