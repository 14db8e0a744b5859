"""TIMIT's table of its speakers, DOC/SPKRINFO.TXT."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rnnpipe.corpus.disk import list_folder, read_lines
from rnnpipe.errors import CorpusError

_USES = {"TRN": "TRAIN", "TST": "TEST"}
_ROW = re.compile(r"\s*([A-Z0-9]{2,})\s+([FM])\s+([1-8])\s+(TRN|TST)(?:\s+(.*))?", re.I | re.ASCII)


@dataclass(frozen=True, slots=True)
class Speaker:
    """A row of SPKRINFO.TXT.

    Attributes
    ----------
    speaker : str
        The name of the folder, which begins with the sex: "FCJF0".
    sex, dialect, split : str
        "F" or "M"; "DR1" to "DR8"; "TRAIN" or "TEST".
    line : int
        Line number in the file, from 1.
    recorded, born, height, race, education, comment : str
        As in the file, for example "03/03/86" and "BS"; question marks if TIMIT does not know the
        value, empty if the row ends before it.
    """

    speaker: str
    sex: str
    dialect: str
    split: str
    line: int
    recorded: str = ""
    born: str = ""
    height: str = ""
    race: str = ""
    education: str = ""
    comment: str = ""


def read_speakers(path: str | Path) -> dict[str, Speaker]:
    """Read SPKRINFO.TXT.

    Parameters
    ----------
    path : str or Path
        The file. Lines that begin with a semicolon are comments.

    Returns
    -------
    dict of str to Speaker
        By speaker, in the order of the file.

    Raises
    ------
    CorpusError
        With one line for each line that is not a row, or that repeats a speaker.
    """
    speakers: dict[str, Speaker] = {}
    problems: list[str] = []
    for number, line in enumerate(read_lines(Path(path)), start=1):
        if not line.strip() or line.lstrip().startswith(";"):
            continue
        row = _ROW.fullmatch(line)
        if row is None:
            problems.append(
                f"{path}, line {number}: a speaker's initials, sex (F or M), dialect region "
                f"(1 to 8) and use (TRN or TST) are expected: {line.strip()[:40]!r}."
            )
            continue
        initials, sex, region, use = (field.upper() for field in row.groups()[:4])
        speaker = Speaker(
            sex + initials, sex, f"DR{region}", _USES[use], number, *(row[5] or "").split(None, 5)
        )
        before = speakers.setdefault(speaker.speaker, speaker)
        if before is not speaker:
            problems.append(
                f"{path}, line {number}: {speaker.speaker} is already in line {before.line}."
            )
    if problems:
        raise CorpusError(problems)
    return speakers


def find_speaker_table(folders: Iterable[Path]) -> Path | None:
    """Return the first SPKRINFO.TXT in `folders` or in a folder DOC in them; case is ignored."""
    for folder in folders:
        listing = list_folder(folder)
        docs = [path for path in listing.folders if path.name.upper() == "DOC"]
        for _, files, bad in [listing, *map(list_folder, docs)]:
            for path in [*files, *bad]:  # a dead link is reported when it is read
                if path.name.upper() == "SPKRINFO.TXT":
                    return path
    return None


def speaker_problems(table: Path, places: Iterable[str], *, check_split: bool) -> list[str]:
    """Return the contradictions between SPKRINFO.TXT and the folders of a corpus.

    Parameters
    ----------
    table : Path
        SPKRINFO.TXT. Problems of the file itself are returned too.
    places : iterable of str
        The speakers' folders, as in ids: "TRAIN/DR1/FCJF0". A speaker without a row is not a
        contradiction.
    check_split : bool
        Whether the folders define the split of a speaker.
    """
    try:
        speakers = read_speakers(table)
    except CorpusError as error:
        return list(error.problems)
    places = list(places)
    names = {place.rpartition("/")[2] for place in places}
    # A speaker that is not found by the full name may be in the table with the other sex.
    by_initials = {name[1:]: row for name, row in speakers.items() if name not in names}
    problems: list[str] = []
    for place in places:
        split, dialect, name = place.split("/")
        row = speakers.get(name) or by_initials.get(name[1:])
        if row is None:
            continue
        facts = [("sex", row.sex, name[0]), ("dialect region", row.dialect, dialect)]
        if check_split:
            facts.append(("split", row.split, split))
        problems.extend(
            f"{table}, line {row.line}: the {fact} of {name} is {said} here, but its folder is "
            f"{place}; correct the one that is wrong."
            for fact, said, shown in facts
            if said != shown
        )
    return problems
