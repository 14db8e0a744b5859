"""Reading TIMIT's label files: phones, words and text.

A line that cannot be read is reported with its number; all problems of a file are reported
together.
"""

import difflib
import re
from pathlib import Path

from rnnpipe.corpus.disk import read_lines
from rnnpipe.corpus.phones import CODES, PHONES, Segment
from rnnpipe.errors import CorpusError


def read_phones(path: Path, num_samples: int | None = None) -> tuple[Segment, ...]:
    """Read a .PHN file: a line "start end label" for each phone, in samples.

    Phones must follow each other without overlap; gaps are allowed. Labels are converted to lower
    case, as in TIMIT.

    Parameters
    ----------
    path : Path
        The file. Windows line ends, a byte-order mark and blank lines at the end are accepted.
    num_samples : int, optional
        Length of the audio; no phone may end beyond it. Not checked if unknown.

    Raises
    ------
    CorpusError
        With one line for each line that is wrong.
    """
    lines, problems = _read_segments(path, num_samples)
    phones: list[Segment] = []
    for number, segment in lines:
        label = segment.label.lower()
        if label not in CODES:
            problems.append((number, _unknown_phone(label)))
        if phones and segment.start < phones[-1].end:
            before = phones[-1]
            fault = "goes backwards" if segment.start < before.start else "overlaps"
            cause = (
                f"the phone from {segment.start} {fault}: the one before it is from "
                f"{before.start} to {before.end}."
            )
            problems.append((number, cause))
        phones.append(segment if label == segment.label else segment._replace(label=label))
    _raise_lines(path, problems)
    return tuple(phones)


def read_words(path: Path, num_samples: int | None = None) -> tuple[Segment, ...]:
    """Read a .WRD file: a line "start end word" for each word, in samples.

    Some words in TIMIT overlap, so their order is not checked. Each must be well formed and end
    within the audio.

    Parameters
    ----------
    path, num_samples
        As for `read_phones`.

    Raises
    ------
    CorpusError
        With one line for each line that is wrong.
    """
    lines, problems = _read_segments(path, num_samples)
    _raise_lines(path, problems)
    return tuple(segment for _, segment in lines)


def read_text(path: Path) -> str:
    """Read a .TXT file, "start end sentence" on one line, and return the sentence.

    The two numbers are not used: in some copies the audio differs from them by a sample.

    Raises
    ------
    CorpusError
        With one line: the file is empty or is not such a line.
    """
    lines = read_lines(path)
    sentence = re.fullmatch(r"\s*\d+\s+\d+\s+(\S.*?)\s*", lines[0], re.ASCII)
    if sentence is None or len(lines) > 1:
        raise CorpusError([f"{path}, line 1: one line 'start end sentence' is expected."])
    return sentence[1]


_SEGMENT = re.compile(r"\s*(\d{1,15})\s+(\d{1,15})\s+(\S+)\s*", re.ASCII)


def _read_segments(
    path: Path, num_samples: int | None
) -> tuple[list[tuple[int, Segment]], list[tuple[int, str]]]:
    """Return the well-formed segments, and the problems of the other lines.

    Both come with their line numbers, from 1.
    """
    segments: list[tuple[int, Segment]] = []
    problems: list[tuple[int, str]] = []
    for number, line in enumerate(read_lines(path), start=1):
        match = _SEGMENT.fullmatch(line)
        if match is None:
            problems.append((number, _malformed(line)))
            continue
        start, end = int(match[1]), int(match[2])
        if end <= start:
            problems.append((number, f"the end, {end}, is not after the start, {start}."))
        elif num_samples is not None and end > num_samples:
            problems.append(
                (number, f"the end, {end}, lies beyond the audio, which has {num_samples} samples.")
            )
        else:
            segments.append((number, Segment(start, end, match[3])))
    return segments, problems


def _unknown_phone(label: str) -> str:
    nearest = difflib.get_close_matches(label, PHONES, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else "TIMIT has 61, from 'aa' to 'zh'."
    return f"unknown phone {label[:40]!r}; {hint}"


def _malformed(line: str) -> str:
    """Say why a line is not "start end label"."""
    fields = line.split()
    if len(fields) != 3:
        return f"three fields 'start end label' are expected, not {len(fields)}: {line[:40]!r}."
    for name, field in zip(("start", "end"), fields, strict=False):
        if re.fullmatch(r"-\d+", field, re.ASCII):
            return f"the {name}, {field[:40]}, is negative."
        if not re.fullmatch(r"\d{1,15}", field, re.ASCII):
            return f"the {name}, {field[:40]!r}, is not a number of samples."
    return f"{line[:40]!r} is not 'start end label'."


def _raise_lines(path: Path, problems: list[tuple[int, str]]) -> None:
    if problems:
        raise CorpusError([f"{path}, line {number}: {text}" for number, text in sorted(problems)])
