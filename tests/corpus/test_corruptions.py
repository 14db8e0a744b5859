"""A corpus damaged in every known way: only the damage is reported, with its file and cause.

The corpus has two utterances; one is damaged, and the other one is still read.
"""

import os
import re
import struct

import pytest
from helpers.recordings import chunk, form, mu_law, pcm16, riff, sphere
from helpers.trees import RAMP, write

from rnnpipe.corpus.layouts import scan
from rnnpipe.corpus.timit import read_corpus
from rnnpipe.errors import CorpusError

FOLDER = "TRAIN/DR1/FCJF0"
SPHERE = sphere(RAMP)
RIFF = riff(chunk(b"LIST", b"INFO"), form(), pcm16(RAMP))
FMT, DATA = RIFF.index(b"fmt "), RIFF.index(b"data")
LABELS = b"0 10 h#\n10 30 sh\n"


def riff_with(old, new):
    assert RIFF.count(old) == 1
    return RIFF.replace(old, new)


def fmt(**changes):
    return riff(form(**changes), pcm16(RAMP))


SIZES = struct.pack("<I", len(RIFF) - 8), struct.pack("<I", 200)  # of the file, of its samples

# The problem: (suffix of the file, its new content, the cause that the message must name).
FILES = {
    "SPHERE of no bytes": (".WAV", b"", "the file is empty"),
    "SPHERE cut in its name": (".WAV", SPHERE[:6], "neither NIST SPHERE nor RIFF"),
    "SPHERE cut behind its name": (".WAV", SPHERE[:8], "its own size"),
    "SPHERE cut in its size": (".WAV", SPHERE[:13], "its own size"),
    "SPHERE cut behind its size": (".WAV", SPHERE[:16], "header is cut off"),
    "SPHERE cut in a field": (".WAV", SPHERE[: SPHERE.index(b"_rate")], "header is cut off"),
    "SPHERE cut before end_head": (".WAV", SPHERE[: SPHERE.index(b"end_head")], "cut off"),
    "SPHERE cut behind end_head": (".WAV", SPHERE[: SPHERE.index(b"end_head") + 9], "cut off"),
    "SPHERE cut before its padding ends": (".WAV", SPHERE[:1023], "header is cut off"),
    "SPHERE cut before the samples": (".WAV", SPHERE[:1024], "but 0 bytes follow"),
    "SPHERE cut between samples": (".WAV", SPHERE[:-2], "but 198 bytes follow"),
    "SPHERE cut in a sample": (".WAV", SPHERE[:-1], "but 199 bytes follow"),
    "SPHERE with bytes behind": (".WAV", SPHERE + b"\n", "but 201 bytes follow"),
    "SPHERE without end_head": (".WAV", SPHERE.replace(b"end_head", b"        "), "no end_head"),
    "SPHERE with Windows line ends": (".WAV", SPHERE.replace(b"\n", b"\r\n"), "its own size"),
    "SPHERE whose header size is too large": (
        ".WAV",
        SPHERE.replace(b"   1024\n", b"   9999\n"),
        "it declares 9999 bytes",
    ),
    "SPHERE whose header size is too small": (
        ".WAV",
        SPHERE.replace(b"   1024\n", b"     64\n"),
        "no end_head",
    ),
    "SPHERE whose header size misses the samples": (
        ".WAV",
        SPHERE.replace(b"   1024\n", b"   1022\n"),
        "but 202 bytes follow",
    ),
    "sample_count too large": (".WAV", sphere(RAMP, sample_count="101"), "says 101 samples"),
    "sample_count too small": (".WAV", sphere(RAMP, sample_count="99"), "says 99 samples"),
    "sample_count negative": (".WAV", sphere(RAMP, sample_count="-100"), "'-100', not a count"),
    "sample_count in words": (".WAV", sphere(RAMP, sample_count="many"), "'many', not a count"),
    "sample_count missing": (".WAV", sphere(RAMP, drop=["sample_count"]), "no sample_count"),
    "sample_count twice": (
        ".WAV",
        SPHERE.replace(b"; a comment", b"sample_count -i 9"),
        "gives sample_count twice",
    ),
    "sample_rate lies": (".WAV", sphere(RAMP, sample_rate="8000"), "8000 Hz, not 16000 Hz"),
    "sample_rate missing": (".WAV", sphere(RAMP, drop=["sample_rate"]), "no sample_rate"),
    "two channels": (".WAV", sphere(RAMP, channel_count="2"), "2 channels; only mono"),
    "sample_n_bytes lies": (".WAV", sphere(RAMP, sample_n_bytes="4"), "sample_n_bytes is 4"),
    "sample_byte_format unknown": (".WAV", sphere(RAMP, sample_byte_format="1"), "format is '1'"),
    "sample_byte_format lies": (
        ".WAV",
        sphere(RAMP, sample_max="99").replace(b"-s2 01", b"-s2 10"),
        "sample_byte_format is wrong",
    ),
    "sample_sig_bits lies": (".WAV", sphere(RAMP, sample_sig_bits="20"), "sample_sig_bits is 20"),
    "sample_min lies": (".WAV", sphere(RAMP, sample_min="1"), "reach from 0 to 99"),
    "sample_checksum lies": (".WAV", sphere(RAMP, sample_checksum="1"), "add up to 4950"),
    "coding unknown": (".WAV", sphere(RAMP, sample_coding="alaw"), "sample_coding is 'alaw'"),
    "shorten": (
        ".WAV",
        sphere(RAMP, sample_coding="pcm,embedded-shorten-v2.00"),
        "compressed with shorten, which is not read (uncompress it first: `sph2pipe",
    ),
    "shortpack": (".WAV", sphere(RAMP, sample_coding="shortpack-v0"), "with shortpack"),
    "mu-law cut short": (".WAV", mu_law(bytes(100))[:-1], "but 99 bytes follow"),
    "RIFF cut in its name": (".WAV", RIFF[:3], "neither NIST SPHERE nor RIFF"),
    "RIFF cut in its size": (".WAV", RIFF[:6], "neither NIST SPHERE nor RIFF"),
    "RIFF cut in WAVE": (".WAV", RIFF[:11], "neither NIST SPHERE nor RIFF"),
    "RIFF cut behind WAVE": (".WAV", RIFF[:12], "but 4 follow"),
    "RIFF cut in the first chunk's name": (".WAV", RIFF[:14], "they are not a chunk"),
    "RIFF cut in the first chunk": (".WAV", RIFF[:22], "'LIST' chunk declares 4 bytes, but 2"),
    "RIFF cut before fmt": (".WAV", RIFF[:FMT], "RIFF header declares"),
    "RIFF cut in fmt's name": (".WAV", RIFF[: FMT + 2], "they are not a chunk"),
    "RIFF cut in fmt's size": (".WAV", RIFF[: FMT + 6], "they are not a chunk"),
    "RIFF cut behind fmt's size": (".WAV", RIFF[: FMT + 8], "declares 16 bytes, but 0 follow"),
    "RIFF cut in fmt": (".WAV", RIFF[: FMT + 20], "declares 16 bytes, but 12 follow"),
    "RIFF cut before data": (".WAV", RIFF[:DATA], "RIFF header declares"),
    "RIFF cut in data's size": (".WAV", RIFF[: DATA + 7], "they are not a chunk"),
    "RIFF cut behind data's size": (".WAV", RIFF[: DATA + 8], "200 bytes, but 0 follow"),
    "RIFF cut between samples": (".WAV", RIFF[:-2], "200 bytes, but 198 follow"),
    "RIFF cut in a sample": (".WAV", RIFF[:-1], "200 bytes, but 199 follow"),
    "RIFF size too large": (".WAV", riff_with(SIZES[0], b"\xff" * 4), "declares 4294967295 bytes"),
    "RIFF size too small": (".WAV", riff_with(SIZES[0], b"\4\0\0\0"), "declares 4 bytes"),
    "RIFF data size too large": (".WAV", riff_with(SIZES[1], b"\xff" * 4), "but 200 follow"),
    "RIFF data size too small": (".WAV", riff_with(SIZES[1], b"\x64\0\0\0"), "are not a chunk"),
    "RIFF without fmt": (".WAV", riff(pcm16(RAMP)), "no complete 'fmt ' chunk"),
    "RIFF without data": (".WAV", riff(form()), "no 'data' chunk"),
    "RIFF with data twice": (".WAV", riff(form(), pcm16(RAMP), pcm16(RAMP)), "two 'data'"),
    "RIFF with a sample and a half": (".WAV", riff(form(), chunk(b"data", b"abc")), "not a whole"),
    "RIFF without samples": (".WAV", riff(form(), chunk(b"data", b"")), "no samples follow"),
    "RIFF stereo": (".WAV", fmt(channels=2), "2 channels"),
    "RIFF at another rate": (".WAV", fmt(rate=44100), "44100 Hz"),
    "RIFF of 8 bits": (".WAV", fmt(bits=8), "8 bits; 16, 24 and 32"),
    "RIFF of floats": (".WAV", fmt(encoding=3, bits=32), "3 (floating point)"),
    "RIFF whose frames lie": (
        ".WAV",
        riff_with(struct.pack("<HH", 2, 16), struct.pack("<HH", 3, 16)),
        "16 bits but 3 bytes",
    ),
    "RIFF of the other byte order": (".WAV", b"RIFX" + RIFF[4:], "neither NIST SPHERE nor RIFF"),
    "audio in text": (".WAV", b"please download again", "neither NIST SPHERE nor RIFF"),
    "audio of another format": (".WAV", b"fLaC\0\0\0\x22", "neither NIST SPHERE nor RIFF"),
    "phones missing": (".PHN", None, "no such file"),
    "phones of no bytes": (".PHN", b"", "the file is empty"),
    "phones of blanks": (".PHN", b" \r\n\n", "the file is empty"),
    "phones of a byte-order mark": (".PHN", b"\xef\xbb\xbf", "the file is empty"),
    "phones in UTF-16": (".PHN", LABELS.decode().encode("utf-16"), "not ASCII or UTF-8"),
    "phones in Latin-1": (".PHN", b"0 10 \xe9\n", "not ASCII or UTF-8"),
    "phones that are audio": (".PHN", sphere(-RAMP), "not ASCII or UTF-8"),
    "phones cut in a line": (".PHN", LABELS[:-3], "line 2: three fields"),
    "phones cut in a label": (".PHN", b"0 10 sh\n10 30 h", "line 2: unknown phone 'h'"),
    "a phone without a label": (".PHN", b"0 10\n", "line 1: three fields"),
    "a phone with two labels": (".PHN", b"0 10 h# sh\n", "line 1: three fields"),
    "a phone with a zero byte": (".PHN", b"0 10 h#\0\n", "line 1: the control character '\\x00'"),
    "a word with a control character": (".WRD", b"0 9 she\x1c\n", "control character '\\x1c'"),
    "phones that are quiet audio": (".PHN", sphere(RAMP), "control character '\\x00'"),
    "a blank line between phones": (".PHN", b"0 9 h#\n\n9 20 h#\n", "line 2: three fields"),
    "phones with commas": (".PHN", b"0,10,h#\n", "line 1: three fields"),
    "an unknown phone": (".PHN", b"0 10 h#\n10 20 zz\n", "line 2: unknown phone 'zz'"),
    "a phone that starts in words": (".PHN", b"zero 10 h#\n", "start, 'zero', is not a number"),
    "a phone that starts before 0": (".PHN", b"-1 10 h#\n", "start, -1, is negative"),
    "a phone in seconds": (".PHN", b"0.0 0.1 h#\n", "'0.0', is not a number of samples"),
    "a phone in other digits": (".PHN", "0 \u0661\u0660 h#\n".encode(), "is not a number"),
    "a phone that ends nowhere": (".PHN", b"0 " + b"9" * 400 + b" h#\n", "is not a number"),
    "a phone of no length": (".PHN", b"0 9 h#\n9 9 sh\n", "line 2: the end, 9, is not after"),
    "a phone that ends before it starts": (".PHN", b"9 3 h#\n", "the end, 3, is not after"),
    "phones that overlap": (".PHN", b"0 10 h#\n9 20 sh\n", "line 2: the phone from 9 overlaps"),
    "phones that go backwards": (".PHN", b"10 20 h#\n0 10 sh\n", "line 2: the phone from 0 goes"),
    "a phone beyond the audio": (".PHN", b"0 101 h#\n", "lies beyond the audio"),
    "words of no bytes": (".WRD", b"", "the file is empty"),
    "a word without an end": (".WRD", b"0 she\n", "line 1: three fields"),
    "a word of no length": (".WRD", b"5 5 she\n", "the end, 5, is not after"),
    "a word beyond the audio": (".WRD", b"0 101 she\n", "lies beyond the audio"),
    "words in Latin-1": (".WRD", b"0 9 caf\xe9\n", "not ASCII or UTF-8"),
    "text of no bytes": (".TXT", b"", "the file is empty"),
    "text without numbers": (".TXT", b"She had.\n", "'start end sentence'"),
    "text without a sentence": (".TXT", b"0 100 \n", "'start end sentence'"),
    "text on two lines": (".TXT", b"0 9 She\n9 10 had\n", "one line"),
    "text in UTF-16": (".TXT", "0 9 She".encode("utf-16"), "not ASCII or UTF-8"),
}


@pytest.fixture
def root(tmp_path):
    write(tmp_path / FOLDER)
    write(tmp_path / "TEST/DR8/MABC0", "SX12")
    return tmp_path


def check_reported(root, path, cause, good=("TEST/DR8/MABC0/SX12",)):
    """Check that reading reports one problem, of `path`, and yields the good utterances."""
    utterances = read_corpus(root, min_samples=2)
    found = []
    with pytest.raises(CorpusError) as caught:
        for utterance in utterances:
            found.append(utterance.utterance)
    [problem] = caught.value.problems
    assert re.match(re.escape(str(path)) + r"(, line \d+)?: ", problem), problem
    assert cause in problem
    assert problem.isprintable()
    assert found == list(good)


def test_the_corpus_is_good_before_it_is_damaged(root):
    assert len(list(read_corpus(root, min_samples=2))) == 2


@pytest.mark.parametrize(("suffix", "content", "cause"), FILES.values(), ids=FILES)
def test_a_damaged_file_is_reported_by_its_name_and_cause(root, suffix, content, cause):
    path = root / FOLDER / f"SA1{suffix}"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    check_reported(root, path, cause)


def folder_instead(path):
    path.unlink()
    path.mkdir()


def link_to_itself(path):
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


def link_to_nowhere(path):
    path.unlink(missing_ok=True)
    path.symlink_to("gone")


def link_above(path):
    path.symlink_to(path.parent.parent, target_is_directory=True)


def pipe_instead(path):
    path.unlink()
    os.mkfifo(path)


def copy_of(name):
    return lambda path: path.write_bytes((path.parent / name).read_bytes())


def speaker_table(row):
    def put(path):
        path.parent.mkdir()
        path.write_text(row)

    return put


BOTH = ("TEST/DR8/MABC0/SX12", "TRAIN/DR1/FCJF0/SA1")

# The problem: (place, change there, the cause that the message must name, what is still read).
PLACES = {
    "a folder for audio": (f"{FOLDER}/SA1.WAV", folder_instead, "a file is expected", BOTH[:1]),
    "a folder for phones": (f"{FOLDER}/SA1.PHN", folder_instead, "a file is expected", BOTH[:1]),
    "a folder for words": (f"{FOLDER}/SA1.WRD", folder_instead, "a file is expected", BOTH[:1]),
    "a pipe for audio": (f"{FOLDER}/SA1.WAV", pipe_instead, "a file is expected", BOTH[:1]),
    "audio linked to itself": (f"{FOLDER}/SA1.WAV", link_to_itself, "cannot be read", BOTH[:1]),
    "phones linked to themselves": (f"{FOLDER}/SA1.PHN", link_to_itself, "cannot be", BOTH[:1]),
    "audio linked to nowhere": (f"{FOLDER}/SA1.WAV", link_to_nowhere, "No such file", BOTH[:1]),
    "text linked to nowhere": (f"{FOLDER}/SA1.TXT", link_to_nowhere, "No such file", BOTH[:1]),
    "a speaker linked to itself": ("TRAIN/DR1/FAAA0", link_to_itself, "cannot be read", BOTH),
    "a speaker linked to nowhere": ("TRAIN/DR1/FAAA0", link_to_nowhere, "No such file", BOTH),
    "a dialect linked to nowhere": ("TRAIN/DR2", link_to_nowhere, "No such file", BOTH),
    "a dialect linked to the corpus": ("TRAIN/DR2", link_above, "a link in a circle", BOTH),
    "a speaker linked to the split": ("TRAIN/DR1/FAAA0", link_above, "a link in a circle", BOTH),
    "a sentence linked to the dialect": (f"{FOLDER}/OLD", link_above, "a link in a circle", BOTH),
    "audio among speakers": ("TRAIN/DR1/SA1.WAV", copy_of("FCJF0/SA1.WAV"), "wrong depth", BOTH),
    "audio among dialects": ("TRAIN/SA1.wav", copy_of("DR1/FCJF0/SA1.WAV"), "wrong depth", BOTH),
    "audio that is no sentence": (f"{FOLDER}/HUM.WAV", copy_of("SA1.WAV"), "not a place", BOTH),
    "phones without audio": (f"{FOLDER}/SA2.PHN", copy_of("SA1.PHN"), "no audio beside", BOTH),
    "words without audio": (f"{FOLDER}/SX3.WRD", copy_of("SA1.WRD"), "no audio beside", BOTH),
    "a speaker of another sex": (
        "DOC/SPKRINFO.TXT",
        speaker_table("CJF0 M 1 TRN\n"),
        "the sex of FCJF0 is M here",
        BOTH,
    ),
    "a speaker of another region": (
        "DOC/SPKRINFO.TXT",
        speaker_table("CJF0 F 7 TRN\n"),
        "the dialect region of FCJF0 is DR7",
        BOTH,
    ),
    "a table of speakers that is none": (
        "DOC/SPKRINFO.TXT",
        speaker_table("who, what\n"),
        "a speaker's initials, sex",
        BOTH,
    ),
    "a table of speakers linked to nowhere": ("SPKRINFO.TXT", link_to_nowhere, "No such", BOTH),
    "a table of speakers that is empty": (
        "DOC/SPKRINFO.TXT",
        speaker_table(""),
        "the file is empty",
        BOTH,
    ),
}


@pytest.mark.parametrize(("where", "damage", "cause", "good"), PLACES.values(), ids=PLACES)
def test_what_is_out_of_place_is_reported_by_its_name_and_cause(root, where, damage, cause, good):
    damage(root / where)
    check_reported(root, root / where, cause, good)


DOUBLES = ["sa1.WAV", "SA1.sph", "sa1.PHN", "SA1.phn", "SA1.wrd", "Sa1.TXT"]


@pytest.mark.parametrize("name", DOUBLES)
def test_two_files_for_one_utterance_are_both_named(root, name):
    kind = ".WAV" if name.endswith("sph") else name[-4:].upper()
    copy_of(f"SA1{kind}")(root / FOLDER / name)
    if len(list((root / FOLDER).iterdir())) == 4:
        pytest.skip("this disk does not tell upper from lower case")
    with pytest.raises(CorpusError) as caught:
        list(read_corpus(root, min_samples=2))
    [problem] = caught.value.problems
    assert str(root / FOLDER / name) in problem
    assert str(root / FOLDER / f"SA1{kind}") in problem
    assert "two files for the utterance TRAIN/DR1/FCJF0/SA1" in problem


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
@pytest.mark.parametrize(
    "where", [f"{FOLDER}/SA1.WAV", f"{FOLDER}/SA1.PHN", f"{FOLDER}/SA1.TXT", FOLDER, "TRAIN/DR1"]
)
def test_what_may_not_be_read_is_reported(root, where):
    path = root / where
    path.chmod(0)
    try:
        check_reported(root, path, "Permission denied")
    finally:
        path.chmod(0o700)


@pytest.mark.parametrize("name", [b"SA\xff.WAV", b"SA\n2.WAV", "SÄ1.WAV".encode()])
def test_a_name_that_cannot_be_printed_is_escaped(root, name):
    try:
        (root / FOLDER / os.fsdecode(name)).write_bytes(SPHERE)
    except OSError:
        pytest.skip("this disk has no such names")
    [problem] = scan(root).problems
    for line in problem:
        assert line.isprintable()
        line.encode()
    assert "not a place for TIMIT audio" in problem.text


def test_the_table_is_as_long_as_it_claims():
    assert len(FILES) + len(PLACES) >= 40
    contents = [(suffix, content) for suffix, content, _ in FILES.values()]
    assert len(set(contents)) == len(contents)
