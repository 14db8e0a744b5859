"""Where a copy of TIMIT keeps its utterances: the layouts in circulation.

A copy is recognised by its folders, with names in upper or lower case; `LAYOUTS` describes each
layout. Problems are collected and not raised immediately, so that the good utterances of a bad
corpus can be used too.
"""

import hashlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rnnpipe.corpus.disk import files_below, list_folder
from rnnpipe.corpus.speakers import find_speaker_table, speaker_problems
from rnnpipe.errors import CorpusError, one_line

SPLITS = ("TRAIN", "TEST")
LAYOUTS = {
    "ldc": "TRAIN/DR1/FCJF0/SA1.WAV with SA1.PHN beside it",
    "archive": "the same, often below a folder data, with a RIFF copy SA1.WAV.wav of every SA1.WAV",
    "nltk": "dr1-fcjf0/sa1.wav with sa1.phn beside it, no TRAIN and TEST",
}

_AUDIO_SUFFIXES = (".wav", ".sph")
_OTHER_AUDIO = (".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aiff", ".aif", ".au", ".w64", ".rf64")
_LABEL_SUFFIXES = (".phn", ".wrd", ".txt")
_FLAT_SPEAKER = re.compile(r"(DR[0-9]+)-(\w+)", re.IGNORECASE)
_UTTERANCE = re.compile(r"(?:TRAIN|TEST)/DR[1-8]/[FM][A-Z0-9]+/(?:SA|SX|SI)[0-9]+")


@dataclass(frozen=True, slots=True)
class UtteranceFiles:
    """The files of an utterance. `words` and `text` are None if the corpus has no such file."""

    utterance: str
    audio: Path
    phones: Path
    words: Path | None
    text: Path | None


class Problem(NamedTuple):
    """A problem: `text` is one line; `utterance` is an id, or "" if it concerns no single one."""

    utterance: str
    text: str


@dataclass(frozen=True, slots=True)
class Scan:
    """The content of a copy of TIMIT: utterances with complete files, and problems.

    `utterances` are sorted by id. An utterance with a problem is not among them.
    """

    utterances: tuple[UtteranceFiles, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Tree:
    """A copy of TIMIT: the folder of its splits, or of its speakers if it is flat."""

    folder: Path
    flat: bool
    splits: dict[str, list[Path]]  # the folders of each split, "TRAIN" before "TEST"


class _Speaker(NamedTuple):
    """The folder of a speaker; `place` is its part of the id: "TRAIN/DR1/FCJF0"."""

    place: str
    folder: Path


def scan(
    root: str | Path,
    *,
    layout: str = "auto",
    nltk_split: str = "TRAIN",
    shard: str | None = None,
) -> Scan:
    """Find every utterance of a copy of TIMIT, good or bad, without reading its files.

    Parameters
    ----------
    root : str or Path
        The folder that holds TRAIN and TEST (or one of them) or the flat speaker folders, a folder
        one or two levels above it, or TRAIN or TEST itself.
    layout : str
        One of `LAYOUTS`, or "auto" for whichever is found.
    nltk_split : str
        "TRAIN" or "TEST": the split of the speakers in the flat layout, which does not define it.
    shard : str, optional
        Read only this shard; see `find_shards`.

    Raises
    ------
    CorpusError
        If there is no such folder, or no copy of TIMIT in it, or more than one.
    """
    root = Path(root)
    tree = _find_tree(root, layout, nltk_split)
    stray: list[str] = []  # problems that concern no single utterance
    speakers = list(_speakers(tree, nltk_split, stray))
    if shard is not None:
        speakers = [speaker for speaker in speakers if shard_of(speaker.place) == shard]
    files = _list_files(speakers, stray)
    if shard is None and not any(by_kind["audio"] or by_kind["copy"] for by_kind in files.values()):
        raise CorpusError([*stray, _no_utterances(root, layout)])

    copies = [path for by_kind in files.values() for path in by_kind["copy"]]
    if layout == "ldc" and copies:
        more = f" and {len(copies) - 1} more" if len(copies) > 1 else ""
        stray.append(
            f"{copies[0]}{more}: a copy of the audio under a second extension, which the layout "
            "'ldc' does not have; set corpus.layout to archive or auto."
        )
    above = (folder for folder in tree.folder.parents if folder.is_relative_to(root))
    table = find_speaker_table([tree.folder, *above])
    if table is not None:
        places = dict.fromkeys(speaker.place for speaker in speakers)
        stray.extend(speaker_problems(table, places, check_split=not tree.flat))

    found: list[UtteranceFiles] = []
    problems = [Problem("", one_line(text)) for text in stray]
    for utterance, by_kind in sorted(files.items()):
        texts = _file_problems(utterance, by_kind)
        problems.extend(Problem(one_line(utterance), one_line(text)) for text in texts)
        audio = by_kind["audio"] or by_kind["copy"]
        if audio and not texts:
            # An utterance without phone labels has a problem, so .PHN files exist here.
            (phones, *_), *others = (by_kind[kind] for kind in _LABEL_SUFFIXES)
            words, text = (paths[0] if paths else None for paths in others)
            found.append(UtteranceFiles(utterance, audio[0], phones, words, text))
    return Scan(tuple(found), tuple(problems))


def find_shards(
    root: str | Path, *, layout: str = "auto", nltk_split: str = "TRAIN"
) -> dict[str, list[Path]]:
    """Find the shards of a copy of TIMIT, without reading the folders of its speakers.

    A shard is a dialect region of a split. Each is extracted on its own.

    Parameters
    ----------
    root, layout, nltk_split
        As for `scan`.

    Returns
    -------
    dict of str to list of Path
        The folders of regions and speakers of each shard, by its name, such as "TRAIN-DR1".

    Raises
    ------
    CorpusError
        If there is no such folder, or no copy of TIMIT in it, or more than one.
    """
    tree = _find_tree(Path(root), layout, nltk_split)
    shards: dict[str, list[Path]] = {}
    for split, folders in tree.splits.items():
        for folder in folders:
            for below in list_folder(folder).folders:
                # A folder that is not a region is a shard too, so that audio in it is noticed.
                flat = _FLAT_SPEAKER.fullmatch(below.name)
                if flat or not tree.flat:
                    region = flat[1] if tree.flat and flat else below.name
                    lies_in = shards.setdefault(f"{split}-{region.upper()}", [])
                    lies_in.append(below)
                    if not tree.flat:
                        lies_in += list_folder(below).folders
    if not shards:
        raise CorpusError([_no_utterances(Path(root), layout)])
    return dict(sorted(shards.items()))


def fingerprint(folders: Iterable[Path]) -> str:
    """Digest the names, sizes and times of the files of utterances in folders.

    It changes when such a file is added, removed, replaced, edited, or becomes readable.
    """
    digest = hashlib.sha256()
    for folder in folders:
        listing = list_folder(folder)
        digest.update(f"{folder}\n{sorted(map(str, listing.bad))}\n".encode(errors="replace"))
        for path in listing.files:
            if not _kind(path.name)[1]:  # such as desktop.ini
                continue
            about = path.stat()
            closed = "" if os.access(path, os.R_OK) else " closed"
            line = f"{path.name} {about.st_size} {about.st_mtime_ns}{closed}\n"
            digest.update(line.encode(errors="replace"))
    return digest.hexdigest()[:16]


def shard_of(place: str) -> str:
    """Return the shard of a speaker or an utterance: "TRAIN-DR1" for TRAIN/DR1/FCJF0/SA1."""
    return "-".join(place.split("/")[:2])


# --- the files of an utterance -------------------------------------------------------------------


def _list_files(speakers: Iterable[_Speaker], stray: list[str]) -> dict[str, dict[str, list[Path]]]:
    """Return the paths of each utterance by kind: "audio", "copy", "other", ".phn", ".wrd", ".txt".

    "other" is audio in a format that is not read.
    """
    files: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for place, folder in speakers:
        listing = list_folder(folder)
        # A folder or a dead link with the name of an utterance's file is reported when it is read.
        for path in sorted([*listing.folders, *listing.files, *listing.bad]):
            stem, kind = _kind(path.name)
            if kind and (kind != "other" or path in listing.files):
                files[f"{place}/{stem.upper()}"][kind].append(path)
            elif path in listing.bad:
                stray.append(listing.bad[path])
            elif path in listing.folders:
                stray.extend(_misplaced(files_below(path)))
    return files


def _kind(name: str) -> tuple[str, str]:
    """Split a file's name into its stem and its kind; the kind is "" for unknown files.

    "SA1.WAV" is ("SA1", "audio") and its copy "SA1.WAV.wav" is ("SA1", "copy").
    """
    stem, suffix = os.path.splitext(name)
    suffix = suffix.lower()
    if suffix in _LABEL_SUFFIXES:
        return stem, suffix
    if suffix in _OTHER_AUDIO:
        return stem, "other"
    if suffix not in _AUDIO_SUFFIXES:
        return stem, ""
    inner_stem, inner_suffix = os.path.splitext(stem)
    return (inner_stem, "copy") if inner_suffix.lower() in _AUDIO_SUFFIXES else (stem, "audio")


def _file_problems(utterance: str, by_kind: dict[str, list[Path]]) -> list[str]:
    """Return the problems with the files of one utterance."""
    # A copy of the audio in another format, SA1.WAV.wav, is used if there is no SA1.WAV.
    audio = by_kind["audio"] or by_kind["copy"]
    labels = [path for kind in _LABEL_SUFFIXES for path in by_kind[kind]]
    if not _UTTERANCE.fullmatch(utterance):
        return [
            f"{path}: not a place for TIMIT audio, which is {LAYOUTS['ldc']} (dialect DR1 to DR8, "
            "a speaker that begins with F or M, a sentence SA, SX or SI and a number)."
            for path in audio
        ]
    if not audio and not labels:
        return []
    if not audio and by_kind["other"]:
        other = by_kind["other"][0]
        return [f"{other}: {other.suffix} files are not read (convert each: `{_convert(other)}`)."]
    if not audio:
        return [
            f"{labels[0]}: no audio beside these labels "
            f"({labels[0].stem}.WAV, .wav, .SPH or .sph is expected)."
        ]
    # A case-sensitive disk can hold both SA1.PHN and sa1.phn.
    problems = [
        f"{' and '.join(map(str, paths))}: two files for the utterance {utterance}; keep one."
        for paths in (audio, *(by_kind[kind] for kind in _LABEL_SUFFIXES))
        if len(paths) > 1
    ]
    if not by_kind[".phn"]:
        problems.append(
            f"{_beside(audio[0], utterance, '.PHN')}: no such file; it should hold the phones "
            f"of {audio[0].name}."
        )
    return problems


def _beside(audio: Path, utterance: str, suffix: str) -> Path:
    """Return the label file of an audio file, in upper or lower case like its name."""
    stem = audio.name[: len(utterance.rpartition("/")[2])]
    return audio.with_name(stem + (suffix if stem.isupper() else suffix.lower()))


# --- the folders of a copy -----------------------------------------------------------------------


def _find_tree(root: Path, layout: str, nltk_split: str) -> _Tree:
    """Return the one copy of TIMIT at `root` or up to two levels below it."""
    if layout != "auto" and layout not in LAYOUTS:
        raise ValueError(f"layout is {layout!r}; it must be auto, {', '.join(LAYOUTS)}")
    if nltk_split not in SPLITS:
        raise ValueError(f"nltk_split is {nltk_split!r}; it must be {' or '.join(SPLITS)}")
    if not os.path.isdir(root):
        cause = "not a folder" if os.path.exists(root) else "no such folder"
        raise CorpusError([f"{root}: {cause}; corpus.root must name a copy of TIMIT."])

    bad: list[str] = []
    level = [root]
    for _ in range(3):
        trees: dict[tuple[Path, bool], _Tree] = {}  # a link to a copy is not a second copy
        below = []
        for folder in level:
            listing = list_folder(folder)
            bad += listing.bad.values()
            below += listing.folders
            for tree in _trees_at(folder, listing.folders, nltk_split):
                if layout == "auto" or tree.flat == (layout == "nltk"):
                    trees.setdefault((folder.resolve(), tree.flat), tree)
        if len(trees) > 1:
            names = ", ".join(dict.fromkeys(str(tree.folder) for tree in trees.values()))
            raise CorpusError(
                [
                    f"{root}: more than one copy of TIMIT; point corpus.root at one of {names}, "
                    "or name corpus.layout."
                ]
            )
        if trees:
            return trees.popitem()[1]
        level = below
    raise CorpusError([*bad, _no_utterances(root, layout)])


def _trees_at(folder: Path, subfolders: list[Path], nltk_split: str) -> Iterator[_Tree]:
    """Yield the copies of TIMIT for which this folder is the top folder."""
    splits = {
        split: [subfolder for subfolder in subfolders if subfolder.name.upper() == split]
        for split in SPLITS
    }
    own_name = os.path.basename(os.path.abspath(folder)).upper()
    if any(splits.values()):
        yield _Tree(folder, False, {split: found for split, found in splits.items() if found})
    elif own_name in SPLITS and any(
        re.fullmatch("DR[0-9]", subfolder.name.upper()) for subfolder in subfolders
    ):
        yield _Tree(folder, False, {own_name: [folder]})
    if any(_FLAT_SPEAKER.fullmatch(subfolder.name) for subfolder in subfolders):
        yield _Tree(folder, True, {nltk_split: [folder]})


def _speakers(tree: _Tree, nltk_split: str, stray: list[str]) -> Iterator[_Speaker]:
    """Yield the folders that may hold utterances; audio in the folders above is misplaced."""

    def look_into(folder: Path) -> list[Path]:
        listing = list_folder(folder)
        stray.extend(listing.bad.values())
        stray.extend(_misplaced(listing.files))
        return listing.folders

    # Folders other than TRAIN, TEST and flat speakers are ignored.
    top = list_folder(tree.folder)
    stray.extend(_misplaced(top.files))
    stray.extend(text for path, text in top.bad.items() if _is_split_or_flat_speaker(path))
    if tree.flat:
        for folder in top.folders:
            if name := _FLAT_SPEAKER.fullmatch(folder.name):
                yield _Speaker(f"{nltk_split}/{name[1]}/{name[2]}".upper(), folder)
        return
    for split, folders in tree.splits.items():
        for dialect in (dialect for folder in folders for dialect in look_into(folder)):
            for speaker in look_into(dialect):
                yield _Speaker(f"{split}/{dialect.name}/{speaker.name}".upper(), speaker)


def _is_split_or_flat_speaker(path: Path) -> bool:
    return path.name.upper() in SPLITS or _FLAT_SPEAKER.fullmatch(path.name) is not None


def _misplaced(files: Iterable[Path]) -> list[str]:
    return [
        f"{path}: audio at the wrong depth; TIMIT's is at {LAYOUTS['ldc']}."
        for path in files
        if _kind(path.name)[1] in ("audio", "copy")
    ]


def _convert(audio: Path) -> str:
    """Command that turns audio in another format into a file that is read."""
    return f"ffmpeg -i {audio.name} -c:a pcm_s16le {audio.stem}.wav"


def _no_utterances(root: Path, layout: str) -> str:
    """Message that nothing can be read, with what is there instead."""
    expected = LAYOUTS.values() if layout == "auto" else [LAYOUTS[layout]]
    suffixes = Counter(path.suffix.lower() for path in files_below(root))
    audio = [suffix for suffix in _OTHER_AUDIO if suffixes[suffix]]
    labels = sum(suffixes[suffix] for suffix in _LABEL_SUFFIXES)
    there = ""
    if audio:
        there = (
            f"; {suffixes[audio[0]]} files {audio[0]} are there, which are not read (convert each: "
            f"`{_convert(Path('SA1' + audio[0]))}`)"
        )
    elif labels:
        there = f"; {labels} label files are there, but no audio ({', '.join(_AUDIO_SUFFIXES)})"
    return (
        f"{root}: no utterances (corpus.root){there}; expected at most two levels below: "
        f"{'; or '.join(expected)}."
    )
