"""The layouts of existing copies of TIMIT: each is recognised, and each can be named."""

import os
import re
import subprocess
import sys

import pytest
from helpers.trees import RAMP, archive, ids, ldc, lower_case, nltk, problems, write

from rnnpipe.corpus.layouts import LAYOUTS, find_shards, fingerprint, scan
from rnnpipe.corpus.timit import find_utterances, read_corpus
from rnnpipe.errors import CorpusError

UTTERANCES = ["TEST/DR8/MABC0/SX12", "TRAIN/DR1/FCJF0/SA1"]


TREES = {"ldc": ldc, "lower case": lower_case, "archive": archive}


@pytest.mark.parametrize("above", ["", "corpora", "nltk_data/corpora"])
@pytest.mark.parametrize("make", TREES.values(), ids=TREES)
def test_trees_of_train_and_test_are_recognised(tmp_path, make, above):
    if make is archive and above == "nltk_data/corpora":
        above = "corpora"  # its folder data is the second level
    make(tmp_path / above)
    assert ids(tmp_path) == UTTERANCES
    assert list(find_shards(tmp_path)) == ["TEST-DR8", "TRAIN-DR1"]
    for utterance in read_corpus(tmp_path, min_samples=2):
        assert utterance.samples.tolist() == RAMP.tolist()
        assert len(utterance.phones) == 4


@pytest.mark.parametrize("above", ["", "corpora/timit"])
def test_flat_speakers_are_recognised_and_are_all_train(tmp_path, above):
    nltk(tmp_path / above)
    assert ids(tmp_path) == ["TRAIN/DR1/FCJF0/SA1", "TRAIN/DR8/MABC0/SX12"]
    assert list(find_shards(tmp_path)) == ["TRAIN-DR1", "TRAIN-DR8"]
    [first, _] = read_corpus(tmp_path, min_samples=2)
    assert (first.dialect, first.speaker, first.sex) == ("DR1", "FCJF0", "F")
    assert [word.label for word in first.words] == ["she", "had"]


def test_flat_speakers_can_be_configured_to_be_test(tmp_path):
    nltk(tmp_path)
    assert set(find_shards(tmp_path, nltk_split="TEST")) == {"TEST-DR1", "TEST-DR8"}
    assert [u.utterance for u in read_corpus(tmp_path, min_samples=2, nltk_split="TEST")] == [
        "TEST/DR1/FCJF0/SA1",
        "TEST/DR8/MABC0/SX12",
    ]


@pytest.mark.parametrize(
    ("make", "layout"), [(ldc, "ldc"), (lower_case, "ldc"), (archive, "archive"), (nltk, "nltk")]
)
def test_a_named_layout_finds_what_auto_finds(tmp_path, make, layout):
    make(tmp_path)
    assert find_utterances(tmp_path, layout=layout) == find_utterances(tmp_path)
    assert find_shards(tmp_path, layout=layout) == find_shards(tmp_path)


@pytest.mark.parametrize(("make", "layout"), [(nltk, "ldc"), (nltk, "archive"), (ldc, "nltk")])
def test_a_layout_that_is_not_there_is_named_in_the_error(tmp_path, make, layout):
    make(tmp_path)
    with pytest.raises(CorpusError, match=re.escape(LAYOUTS[layout])):
        find_utterances(tmp_path, layout=layout)
    with pytest.raises(CorpusError, match=re.escape(LAYOUTS[layout])):
        find_shards(tmp_path, layout=layout)


def test_the_ldc_layout_has_no_copies_of_audio(tmp_path):
    archive(tmp_path)
    found = scan(tmp_path, layout="ldc")
    assert [files.utterance for files in found.utterances] == UTTERANCES
    [problem] = found.problems
    assert re.search(r"\.WAV\.wav and 1 more: .* corpus\.layout to archive or auto", problem.text)


@pytest.mark.parametrize("option", [{"layout": "LDC93S1"}, {"nltk_split": "DEV"}])
def test_an_unknown_option_is_a_value_error(tmp_path, option):
    with pytest.raises(ValueError, match=next(iter(option))):
        scan(tmp_path, **option)


def test_a_folder_with_two_layouts_needs_a_name(tmp_path):
    ldc(tmp_path)
    nltk(tmp_path)
    [problem] = problems(tmp_path)
    assert "more than one copy of TIMIT" in problem
    assert "corpus.layout" in problem
    assert len(find_utterances(tmp_path, layout="ldc")) == 2
    assert list(find_shards(tmp_path, layout="nltk")) == ["TRAIN-DR1", "TRAIN-DR8"]


def test_the_root_may_be_a_split_itself(tmp_path):
    ldc(tmp_path)
    assert ids(tmp_path / "TEST") == ["TEST/DR8/MABC0/SX12"]
    region = tmp_path / "TEST/DR8"
    assert find_shards(tmp_path / "TEST") == {"TEST-DR8": [region, region / "MABC0"]}


def test_the_root_may_be_relative(tmp_path, monkeypatch):
    ldc(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert ids(".") == UTTERANCES
    monkeypatch.chdir("TRAIN")
    assert ids(".") == ["TRAIN/DR1/FCJF0/SA1"]


def test_a_second_name_for_the_same_folder_is_no_second_corpus(tmp_path):
    ldc(tmp_path / "TIMIT")
    (tmp_path / "current").symlink_to("TIMIT")
    (tmp_path / "TIMIT" / "train").symlink_to("TRAIN")
    assert ids(tmp_path) == UTTERANCES


@pytest.mark.parametrize(
    "place", ["", "TRAIN", "TRAIN/DR1", "TRAIN/DR1/FCJF0/old", "TRAIN/DR1/FCJF0/old/er"]
)
def test_audio_at_the_wrong_depth_is_reported(tmp_path, place):
    ldc(tmp_path)
    write(tmp_path / place, "SI7")
    found = scan(tmp_path)
    assert len(found.utterances) == 2
    [problem] = found.problems
    assert problem.text.startswith(f"{tmp_path / place / 'SI7.WAV'}: audio at the wrong depth")
    assert problem.utterance == ""


def test_flat_audio_at_the_wrong_depth_is_reported(tmp_path):
    nltk(tmp_path)
    (tmp_path / "sa1.wav").touch()
    (tmp_path / "dr1-fcjf0" / "old").mkdir()
    (tmp_path / "dr1-fcjf0" / "old" / "sa2.wav.WAV").touch()
    assert [problem.partition(": ")[2][:24] for problem in problems(tmp_path)] == [
        "audio at the wrong depth"
    ] * 2


def test_a_scan_tells_the_good_from_the_bad(tmp_path):
    ldc(tmp_path)
    write(tmp_path / "TEST" / "DR8" / "MABC0", "SX13", PHN=None)
    (tmp_path / "TRAIN" / "DR2").symlink_to("nowhere")
    found = scan(tmp_path)
    assert [files.utterance for files in found.utterances] == UTTERANCES
    assert [problem.utterance for problem in found.problems] == ["", "TEST/DR8/MABC0/SX13"]
    assert "DR2: cannot be read" in found.problems[0].text


def test_labels_of_any_kind_without_audio_are_reported(tmp_path):
    ldc(tmp_path)
    (tmp_path / "TEST" / "DR8" / "MABC0" / "SX13.WRD").touch()
    (tmp_path / "TEST" / "DR8" / "MABC0" / "README.TXT").touch()
    [problem] = problems(tmp_path)
    assert "SX13.WRD: no audio beside these labels" in problem


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", "SA1.PHN~", "notes.md"])
def test_a_fingerprint_leaves_out_what_is_no_file_of_an_utterance(tmp_path, name):
    folder = write(tmp_path / "FCJF0")
    before = fingerprint([folder])
    (folder / name).write_text("view")
    assert fingerprint([folder]) == before
    (folder / name).write_text("another view")
    assert fingerprint([folder]) == before


def longer(path):
    times = path.stat()
    path.write_bytes(path.read_bytes() + b"\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def another_byte(path):
    path.write_bytes(path.read_bytes().replace(b"iy", b"ih"))
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime + 1))


def linked(path):
    os.rename(path, path.with_name("elsewhere"))
    path.with_name("elsewhere").write_text("0 10 h#\n")
    path.symlink_to("elsewhere")


@pytest.mark.parametrize("mend", [longer, another_byte, linked, os.unlink])
def test_a_mended_file_changes_the_fingerprint(tmp_path, mend):
    folder = write(tmp_path / "FCJF0")
    before = fingerprint([folder])
    mend(folder / "SA1.PHN")
    assert fingerprint([folder]) != before


def test_a_file_that_becomes_readable_changes_the_fingerprint(tmp_path, monkeypatch):
    folder = write(tmp_path / "FCJF0")
    readable = fingerprint([folder])
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "SA1.PHN")
    assert fingerprint([folder]) != readable


@pytest.mark.parametrize("when", [-1e9, 0, 4e9, 1e10], ids=["1938", "1970", "2096", "2286"])
def test_a_fingerprint_takes_any_date(tmp_path, when):
    folder = write(tmp_path / "FCJF0")
    before = fingerprint([folder])
    os.utime(folder, (when, when))
    assert fingerprint([folder]) == before
    for time in (when, when + 1):
        os.utime(folder / "SA1.WAV", (time, time))
        assert fingerprint([folder]) != before
        before = fingerprint([folder])


@pytest.mark.parametrize("suffix", [".flac", ".OGG", ".aiff", ".m4a"])
def test_audio_of_another_format_among_good_is_named_with_a_command(tmp_path, suffix):
    ldc(tmp_path)
    folder = write(tmp_path / "TEST/DR8/MABC0", "SX13", WAV=None)
    (folder / f"SX13{suffix}").write_bytes(b"fLaC")
    (folder / f"SX12{suffix}").write_bytes(b"beside good audio")
    (folder / f"hum{suffix}").write_bytes(b"without labels")
    [problem] = problems(tmp_path)
    assert problem.startswith(f"{folder / 'SX13'}{suffix}: {suffix} files are not read")
    assert f"`ffmpeg -i SX13{suffix} -c:a pcm_s16le SX13.wav`" in problem


@pytest.mark.parametrize("name", ["Größe", "語料"])
def test_a_folder_with_any_name_is_read_in_any_locale(tmp_path, name):
    write(tmp_path / name / "TRAIN/DR1/FCJF0")
    write(tmp_path / name / "TRAIN/DR1/FCJF0", "SA2", PHN="0 10 ö\n".encode())
    code = (
        "import sys; from rnnpipe.corpus.timit import read_corpus\n"
        "rejected = []\n"
        "print([u.utterance for u in read_corpus(sys.argv[1], min_samples=2, rejected=rejected)])\n"
        "[problem] = rejected; problem.text.encode('utf-8'); print(ascii(problem.text))"
    )
    env = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-c", code, str(tmp_path / name)]
    run = subprocess.run(command, env=env, capture_output=True, text=True)
    assert run.stdout.startswith("['TRAIN/DR1/FCJF0/SA1']\n"), run.stderr
    assert "SA2.PHN, line 1: unknown phone" in run.stdout


def test_a_fingerprint_changes_with_every_file_that_counts(tmp_path):
    folder = write(tmp_path / "FCJF0")
    seen = {fingerprint([folder])}
    (folder / ".DS_Store").write_text("view")
    os.utime(folder, (0, 0))
    assert {fingerprint([folder])} == seen
    (folder / "SA1.TXT").write_text("another")  # edited, added, renamed, touched, removed
    seen.add(fingerprint([folder]))
    write(folder, "SA2")
    seen.add(fingerprint([folder]))
    (folder / "SA2.WRD").rename(folder / "SA3.WRD")
    seen.add(fingerprint([folder]))
    os.utime(folder / "SA2.WAV", (5, 5))
    seen.add(fingerprint([folder]))
    (folder / "SA2.WAV").unlink()
    seen.add(fingerprint([folder]))
    assert len(seen) == 6
