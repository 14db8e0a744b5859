"""Reading the folders and files of a corpus, which may contain unexpected things."""

import os
import re
import stat
from pathlib import Path
from typing import NamedTuple

from rnnpipe.errors import CorpusError

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Listing(NamedTuple):
    """The content of a folder, sorted by name, without hidden files and leftovers of archives.

    `bad` has, for each path that cannot be followed, the reason: a folder without read permission,
    a link to nothing, or a link in a circle.
    """

    folders: list[Path]
    files: list[Path]
    bad: dict[Path, str]


def list_folder(folder: Path) -> Listing:
    """Return the content of a folder. A link to a file or folder counts as its target."""
    listing = Listing([], [], {})
    try:
        with os.scandir(folder) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
    except OSError as error:
        listing.bad[folder] = f"{folder}: cannot be read ({error.strerror})."
        return listing
    for entry in entries:
        if is_leftover(entry.name):
            continue
        path = folder / entry.name
        try:
            if entry.is_symlink():
                entry.stat()  # raises if the target of the link does not exist
            is_folder = entry.is_dir()
        except OSError as error:
            listing.bad[path] = f"{path}: cannot be read ({error.strerror})."
            continue
        if not is_folder:
            listing.files.append(path)
        elif not entry.is_symlink():
            listing.folders.append(path)
        else:
            target, here = path.resolve(), folder.resolve()
            if here.is_relative_to(target):
                listing.bad[path] = f"{path}: a link in a circle, to {target}; remove it."
            elif target.parent != here or target.name.upper() != path.name.upper():
                listing.folders.append(path)
            # Otherwise it is a link such as train -> TRAIN, to a folder that is already listed.
    return listing


def files_below(folder: Path) -> list[Path]:
    """Return the files at any depth below a folder, without following links."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_leftover(name)]
        found += [Path(parent, name) for name in names if not is_leftover(name)]
    return sorted(found)


def is_leftover(name: str) -> bool:
    """Whether a name belongs to a hidden file or a leftover of an archive, such as __MACOSX."""
    return name.startswith((".", "__"))


def read_bytes(path: Path) -> bytes:
    """Read a whole file of the corpus.

    Raises
    ------
    CorpusError
        With one line: `path` does not exist, may not be read, or is not a regular file.
    """
    try:
        # Opening a pipe or a device could block forever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise CorpusError([f"{path}: a file is expected here, not a folder or a device."])
        return path.read_bytes()
    except OSError as error:
        raise CorpusError([f"{path}: cannot be read ({error.strerror})."]) from None


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file, without blank lines at the end; there is at least one.

    Windows line ends, a byte-order mark and the end-of-file mark of DOS are accepted.

    Raises
    ------
    CorpusError
        With one line: the file cannot be read, is empty, is not ASCII or UTF-8 text, or contains
        control characters.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise CorpusError(
            [f"{path}: not ASCII or UTF-8 text (byte {byte:#04x} at {error.start})."]
        ) from None
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip(" \t\n\x1a")
    if not text:
        raise CorpusError([f"{path}: the file is empty; it should hold labels."])
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if control := _CONTROL.search(line):
            raise CorpusError(
                [f"{path}, line {number}: the control character {control[0]!r} is not text."]
            )
    return lines
