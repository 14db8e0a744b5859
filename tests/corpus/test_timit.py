"""Copies of TIMIT written file by file: what is found and read, and every error message."""

import os

import numpy as np
import pytest
from helpers.recordings import form, pcm16, riff, sphere
from helpers.trees import GOOD, RAMP, ids, lower, problems, write

from rnnpipe.corpus.labels import read_phones
from rnnpipe.corpus.phones import NONE, Segment, encode
from rnnpipe.corpus.timit import find_utterances, read_corpus, read_utterance
from rnnpipe.errors import CorpusError

# --- what is read -------------------------------------------------------------------------------


def test_an_utterance_has_what_its_files_say(tmp_path):
    write(tmp_path / "TRAIN" / "DR1" / "FCJF0")
    [utterance] = read_corpus(tmp_path, min_samples=2)
    assert utterance.utterance == "TRAIN/DR1/FCJF0/SA1"
    assert (utterance.split, utterance.dialect, utterance.speaker) == ("TRAIN", "DR1", "FCJF0")
    assert (utterance.sex, utterance.sentence_type) == ("F", "SA")
    assert utterance.samples.tolist() == RAMP.tolist()
    assert utterance.phones == (
        Segment(0, 10, "h#"),
        Segment(10, 30, "sh"),
        Segment(40, 60, "iy"),
        Segment(60, 90, "h#"),
    )
    assert utterance.words == (Segment(10, 60, "she"), Segment(50, 90, "had"))
    assert utterance.text == "She had your dark suit."


def test_gaps_between_phones_and_after_the_last_are_none(tmp_path):
    write(tmp_path / "TRAIN" / "DR1" / "FCJF0")
    [utterance] = read_corpus(tmp_path, min_samples=2)
    codes = encode(utterance.phones, len(utterance.samples))
    none = np.flatnonzero(codes == NONE)
    assert none.tolist() == [*range(30, 40), *range(90, 100)]


def test_words_and_text_may_be_missing(tmp_path):
    write(tmp_path / "TRAIN" / "DR1" / "FCJF0", WRD=None, TXT=None)
    [utterance] = read_corpus(tmp_path, min_samples=2)
    assert utterance.words == ()
    assert utterance.text == ""


def test_riff_under_the_name_of_sphere_is_read(tmp_path):
    write(tmp_path / "TRAIN" / "DR1" / "FCJF0", WAV=riff(form(), pcm16(RAMP)))
    [utterance] = read_corpus(tmp_path, min_samples=2)
    assert utterance.samples.tolist() == RAMP.tolist()


@pytest.mark.parametrize(
    "phones",
    [
        b"0 10 h#\r\n10 20 sh\r\n",
        b"\xef\xbb\xbf0 10 h#\n10 20 sh\n",
        b"0 10 h#\n10 20 sh\n\n  \r\n\n",
        b"0 10 h#\n10 20 sh",
        b"0\t10\th#  \n 10  20  sh\n",
        b"0 10 H#\n10 20 SH\n",
    ],
    ids=["Windows", "byte-order mark", "blank lines", "no last line end", "tabs", "upper case"],
)
def test_label_files_from_other_systems_are_read(tmp_path, phones):
    path = tmp_path / "SA1.PHN"
    path.write_bytes(phones)
    assert read_phones(path, 20) == (Segment(0, 10, "h#"), Segment(10, 20, "sh"))


# --- what is found ------------------------------------------------------------------------------


@pytest.mark.parametrize("above", ["", "TIMIT", "timit/TIMIT", "data"])
def test_the_root_is_at_or_above_train_and_test(tmp_path, above):
    write(tmp_path / above / "TRAIN" / "DR1" / "FCJF0")
    write(tmp_path / above / "TEST" / "DR8" / "MABC0", "SX12")
    (tmp_path / above / "DOC").mkdir()
    (tmp_path / above / "README.TXT").write_text("not an utterance")
    assert ids(tmp_path) == ["TEST/DR8/MABC0/SX12", "TRAIN/DR1/FCJF0/SA1"]
    assert ids(str(tmp_path)) == ids(tmp_path)


def test_a_tree_in_lower_case_gives_the_same_utterances(tmp_path):
    write(tmp_path / "upper" / "TRAIN" / "DR1" / "FCJF0")
    write(tmp_path / "upper" / "TEST" / "DR8" / "MABC0", "SI7")
    write(tmp_path / "lower" / "TRAIN" / "DR1" / "FCJF0")
    write(tmp_path / "lower" / "TEST" / "DR8" / "MABC0", "SI7")
    lower(tmp_path / "lower")
    for upper, lowered in zip(
        read_corpus(tmp_path / "upper", min_samples=2),
        read_corpus(tmp_path / "lower", min_samples=2),
        strict=True,
    ):
        assert upper.utterance == lowered.utterance
        assert upper.phones == lowered.phones
        assert upper.words == lowered.words
        assert upper.text == lowered.text
        assert (upper.samples == lowered.samples).all()


def test_extensions_may_differ_in_case_and_name(tmp_path):
    folder = write(tmp_path / "train" / "Dr1" / "Fcjf0", "sa1", WAV=None)
    (folder / "SA1.Sph").write_bytes(GOOD[".WAV"])
    assert ids(tmp_path) == ["TRAIN/DR1/FCJF0/SA1"]


def test_a_riff_copy_beside_the_sphere_file_does_not_count(tmp_path):
    folder = write(tmp_path / "data" / "TRAIN" / "DR1" / "FCJF0")
    (folder / "SA1.WAV.wav").write_bytes(riff(form(), pcm16()))
    [files] = find_utterances(tmp_path)
    assert files.audio.name == "SA1.WAV"


def test_a_riff_copy_that_is_alone_is_taken(tmp_path):
    folder = write(tmp_path / "TRAIN" / "DR1" / "FCJF0", WAV=None)
    (folder / "SA1.WAV.wav").write_bytes(riff(form(), pcm16(RAMP)))
    [utterance] = read_corpus(tmp_path, min_samples=2)
    assert utterance.utterance == "TRAIN/DR1/FCJF0/SA1"


def test_hidden_files_and_what_archives_leave_do_not_count(tmp_path):
    folder = write(tmp_path / "TIMIT" / "TRAIN" / "DR1" / "FCJF0")
    (folder / "._SA1.WAV").write_bytes(b"\0\5\x16\7")
    write(tmp_path / "__MACOSX" / "TRAIN" / "DR1" / "FCJF0")
    (tmp_path / ".cache" / "TRAIN").mkdir(parents=True)
    assert ids(tmp_path) == ["TRAIN/DR1/FCJF0/SA1"]


def test_a_path_with_blanks_quotes_and_accents_works(tmp_path):
    root = tmp_path / 'Ma copie d\'été "2"'
    write(root / "TRAIN" / "DR1" / "FCJF0")
    assert ids(root) == ["TRAIN/DR1/FCJF0/SA1"]


# --- what is refused ----------------------------------------------------------------------------

BAD_FILES = {
    # what is wrong: (suffix, content, where, cause)
    "audio cut in half": ("WAV", sphere(RAMP)[:1124], "SA1.WAV: ", "but 100 bytes follow"),
    "audio empty": ("WAV", b"", "SA1.WAV: ", "the file is empty"),
    "audio not 16 kHz": ("WAV", sphere(RAMP, sample_rate="8000"), "SA1.WAV: ", "8000 Hz"),
    "audio not mono": ("WAV", riff(form(channels=2), pcm16()), "SA1.WAV: ", "2 channels"),
    "audio shortened": (
        "WAV",
        sphere(RAMP, sample_coding="pcm,embedded-shorten-v2.00"),
        "SA1.WAV: ",
        "compressed with shorten",
    ),
    "audio too short": ("WAV", sphere(RAMP[:95]), "SA1.WAV: ", "has 95 samples and needs"),
    "no phones": ("PHN", None, "SA1.PHN: ", "no such file"),
    "phones empty": ("PHN", b"", "SA1.PHN: ", "the file is empty"),
    "phones blank": ("PHN", b"\n \r\n", "SA1.PHN: ", "the file is empty"),
    "phones only a mark": ("PHN", b"\xef\xbb\xbf", "SA1.PHN: ", "the file is empty"),
    "beyond the audio": (
        "PHN",
        b"0 10 h#\n10 101 sh\n",
        "SA1.PHN, line 2: ",
        "the end, 101, lies beyond the audio, which has 100 samples",
    ),
    "overlap": (
        "PHN",
        b"0 10 h#\n9 20 sh\n",
        "SA1.PHN, line 2: ",
        "the phone from 9 overlaps: the one before it is from 0 to 10",
    ),
    "backwards": ("PHN", b"10 20 h#\n0 10 sh\n", "SA1.PHN, line 2: ", "from 0 goes backwards"),
    "no length": ("PHN", b"0 0 h#\n", "SA1.PHN, line 1: ", "the end, 0, is not after the start"),
    "end first": ("PHN", b"10 5 h#\n", "SA1.PHN, line 1: ", "the end, 5, is not after the start"),
    "unknown phone": (
        "PHN",
        b"0 10 h#\n10 20 ssh\n",
        "SA1.PHN, line 2: ",
        "unknown phone 'ssh'; did you mean 'sh'?",
    ),
    "nothing like a phone": (
        "PHN",
        b"0 9 ???\n",
        "SA1.PHN, line 1: ",
        "unknown phone '???'; TIMIT",
    ),
    "two fields": ("PHN", b"0 10 h#\n10 sh\n", "SA1.PHN, line 2: ", "not 2: '10 sh'"),
    "four fields": ("PHN", b"0 10 h# sh\n", "SA1.PHN, line 1: ", "not 4"),
    "a blank line within": ("PHN", b"0 9 h#\n\n9 20 h#\n", "SA1.PHN, line 2: ", "not 0: ''"),
    "a fraction": ("PHN", b"0.0 9 h#\n", "SA1.PHN, line 1: ", "start, '0.0', is not a number"),
    "a word as end": ("PHN", b"0 nine h#\n", "SA1.PHN, line 1: ", "end, 'nine', is not a number"),
    "a huge number": ("PHN", b"0 " + b"9" * 5000 + b" h#\n", "SA1.PHN, line 1: ", "not a number"),
    "an underscore": ("PHN", b"0 1_0 h#\n", "SA1.PHN, line 1: ", "the end, '1_0', is not a number"),
    "negative start": ("PHN", b"-5 10 h#\n", "SA1.PHN, line 1: ", "the start, -5, is negative"),
    "phones in UTF-16": ("PHN", "0 10 h#".encode("utf-16"), "SA1.PHN: ", "not ASCII or UTF-8"),
    "phones are audio": ("PHN", sphere(-RAMP), "SA1.PHN: ", "not ASCII or UTF-8"),
    "words empty": ("WRD", b"", "SA1.WRD: ", "the file is empty"),
    "a word without end": ("WRD", b"0 10 she\n10 had\n", "SA1.WRD, line 2: ", "not 2"),
    "a word beyond the audio": ("WRD", b"0 200 she\n", "SA1.WRD, line 1: ", "beyond the audio"),
    "text empty": ("TXT", b"", "SA1.TXT: ", "the file is empty"),
    "text without numbers": ("TXT", b"She had.\n", "SA1.TXT, line 1: ", "'start end sentence'"),
    "text on two lines": ("TXT", b"0 9 She\n9 10 had\n", "SA1.TXT, line 1: ", "one line"),
}


@pytest.mark.parametrize(("suffix", "content", "where", "cause"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_named_with_its_cause(tmp_path, suffix, content, where, cause):
    folder = write(tmp_path / "TRAIN" / "DR1" / "FCJF0", **{suffix: content})
    [problem] = problems(tmp_path, min_samples=96)
    assert problem.startswith(f"{folder}{os.sep}{where}")
    assert cause in problem


def test_an_utterance_may_be_as_short_as_the_order_and_one(tmp_path):
    folder = write(tmp_path / "TRAIN" / "DR1" / "FCJF0")
    assert len(list(read_corpus(tmp_path, min_samples=100))) == 1
    [problem] = problems(tmp_path, min_samples=101)
    assert problem.startswith(f"{folder / 'SA1.WAV'}: the utterance has 100 samples")
    assert "at least 101, windows.order and one" in problem


def test_every_problem_of_a_corpus_is_reported_at_once(tmp_path):
    speaker = tmp_path / "TRAIN" / "DR1" / "FCJF0"
    write(speaker, "SA1", PHN=None)
    write(speaker, "SA2", PHN=b"0 10 h#\n5 20 xx\n20 200 sh\n", WRD=b"she\n", TXT=b"She\n")
    write(speaker, "SI1", WAV=b"", PHN=b"0 -1 h#\n")
    write(speaker, "SI2", WAV=sphere(RAMP[:1]), PHN=b"", WRD=None)
    write(speaker, "SX1")
    names = [problem.removeprefix(f"{speaker}{os.sep}") for problem in problems(tmp_path)]
    assert [name.partition(": ")[0] for name in names] == [
        "SA1.PHN",
        "SA2.PHN, line 2",
        "SA2.PHN, line 2",
        "SA2.PHN, line 3",
        "SA2.WRD, line 1",
        "SA2.TXT, line 1",
        "SI1.WAV",
        "SI1.PHN, line 1",
        "SI2.WAV",
        "SI2.PHN",
    ]


def test_good_utterances_come_before_the_error(tmp_path):
    write(tmp_path / "TRAIN" / "DR1" / "FCJF0", "SA1", PHN=b"")
    write(tmp_path / "TRAIN" / "DR1" / "FCJF0", "SA2")
    utterances = read_corpus(tmp_path, min_samples=2)
    assert next(utterances).utterance == "TRAIN/DR1/FCJF0/SA2"
    with pytest.raises(CorpusError, match=r"SA1\.PHN: the file is empty"):
        next(utterances)


def test_one_utterance_reports_all_its_problems(tmp_path):
    write(tmp_path / "TRAIN" / "DR1" / "FCJF0", WAV=b"", TXT=b"")
    [files] = find_utterances(tmp_path)
    with pytest.raises(CorpusError) as caught:
        read_utterance(files)
    assert len(caught.value.problems) == 2


def test_two_files_for_one_utterance_are_both_named(tmp_path):
    folder = write(tmp_path / "TRAIN" / "DR1" / "FCJF0")
    write(folder, "sa1", PHN=None, WRD=None, TXT=None)
    if len(list(folder.iterdir())) == 4:
        pytest.skip("this disk does not tell upper from lower case")
    (folder / "sa1.wav").write_bytes(GOOD[".WAV"])
    [problem] = problems(tmp_path)
    assert "SA1.WAV and " in problem
    assert "two files for the utterance TRAIN/DR1/FCJF0/SA1" in problem


def test_one_utterance_in_two_folders_is_reported(tmp_path):
    write(tmp_path / "TRAIN" / "DR1" / "FCJF0")
    write(tmp_path / "train" / "dr1" / "fcjf0")
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this disk does not tell upper from lower case")
    found = problems(tmp_path)
    assert all("two files for the utterance TRAIN/DR1/FCJF0/SA1" in problem for problem in found)
    assert str(tmp_path / "TRAIN" / "DR1" / "FCJF0" / "SA1.WAV") in found[0]
    assert str(tmp_path / "train" / "dr1" / "fcjf0" / "SA1.WAV") in found[0]


def test_the_missing_label_file_is_named_in_the_case_of_the_audio(tmp_path):
    write(tmp_path / "TRAIN" / "DR1" / "FCJF0", PHN=None)
    lower(tmp_path)
    [problem] = problems(tmp_path)
    assert problem.startswith(f"{tmp_path / 'train' / 'dr1' / 'fcjf0' / 'sa1.phn'}: no such file")


def test_phones_without_audio_are_reported(tmp_path):
    folder = write(tmp_path / "TRAIN" / "DR1" / "FCJF0")
    write(folder, "SA2", WAV=None)
    [problem] = problems(tmp_path)
    assert problem.startswith(f"{folder / 'SA2.PHN'}: no audio beside these labels")


@pytest.mark.parametrize(
    ("place", "sentence"),
    [("TRAIN/XX1/FCJF0", "SA1"), ("TRAIN/DR1/XCJF0", "SA1"), ("TRAIN/DR1/FCJF0", "noise")],
)
def test_audio_where_timit_has_none_is_reported(tmp_path, place, sentence):
    write(tmp_path / "TRAIN" / "DR1" / "FAAA0")
    write(tmp_path / place, sentence)
    [problem] = problems(tmp_path)
    assert problem.startswith(f"{tmp_path / place / sentence}.WAV: not a place for TIMIT audio")


def test_a_folder_with_the_name_of_audio_is_reported(tmp_path):
    folder = write(tmp_path / "TRAIN" / "DR1" / "FCJF0", WAV=None)
    (folder / "SA1.WAV").mkdir()
    [problem] = problems(tmp_path)
    assert problem.startswith(f"{folder / 'SA1.WAV'}: a file is expected here")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)
def test_what_may_not_be_read_is_reported(tmp_path):
    folder = write(tmp_path / "TRAIN" / "DR1" / "FCJF0")
    closed = write(tmp_path / "TRAIN" / "DR1" / "MABC0")
    (folder / "SA1.PHN").chmod(0)
    closed.chmod(0)
    try:
        found = problems(tmp_path)
    finally:
        closed.chmod(0o700)
    assert [problem.partition(": ")[0] for problem in found] == [
        str(closed),
        str(folder / "SA1.PHN"),
    ]
    assert all("Permission denied" in problem for problem in found)


def test_a_link_in_a_circle_is_reported(tmp_path):
    folder = write(tmp_path / "TRAIN" / "DR1" / "FCJF0")
    circle = folder.parent / "MABC0"
    circle.symlink_to(circle)
    [problem] = problems(tmp_path)
    assert problem.startswith(f"{circle}: cannot be read")


def test_a_link_to_a_folder_above_is_reported_and_not_followed(tmp_path):
    folder = write(tmp_path / "TRAIN" / "DR1" / "FCJF0")
    circle = folder.parent / "FLOOP0"
    circle.symlink_to(tmp_path, target_is_directory=True)
    [problem] = problems(tmp_path)
    assert problem.startswith(f"{circle}: a link in a circle, to {tmp_path.resolve()}")


def test_a_missing_root_is_named_with_its_key(tmp_path):
    [problem] = problems(tmp_path / "nowhere")
    assert problem.startswith(f"{tmp_path / 'nowhere'}: no such folder")
    assert "corpus.root" in problem
    with pytest.raises(CorpusError, match="no such folder"):
        find_utterances(tmp_path / "nowhere")


def test_a_root_that_is_a_file_is_refused(tmp_path):
    root = tmp_path / "timit.zip"
    root.write_bytes(b"PK")
    [problem] = problems(root)
    assert problem.startswith(f"{root}: not a folder")
    assert "corpus.root" in problem


@pytest.mark.parametrize("inside", ["", "music/album", "TRAIN", "TRAIN/DR1/FCJF0"])
def test_a_root_without_utterances_says_what_was_expected(tmp_path, inside):
    (tmp_path / inside).mkdir(parents=True, exist_ok=True)
    [problem] = problems(tmp_path)
    assert problem.startswith(f"{tmp_path}: no utterances (corpus.root)")
    assert "TRAIN/DR1/FCJF0/SA1.WAV with SA1.PHN beside it" in problem


def test_labels_alone_are_no_utterances(tmp_path):
    write(tmp_path / "TRAIN" / "DR1" / "FCJF0", WAV=None)
    [problem] = problems(tmp_path)
    assert "no utterances" in problem


def test_two_corpora_under_one_root_are_both_named(tmp_path):
    write(tmp_path / "a" / "TRAIN" / "DR1" / "FCJF0")
    write(tmp_path / "b" / "TRAIN" / "DR1" / "FCJF0")
    [problem] = problems(tmp_path)
    assert str(tmp_path / "a") in problem
    assert str(tmp_path / "b") in problem


# --- the real thing -----------------------------------------------------------------------------


@pytest.mark.skipif(
    "RNNPIPE_TIMIT_ROOT" not in os.environ,
    reason="RNNPIPE_TIMIT_ROOT does not name a copy of TIMIT",
)
def test_the_utterance_of_the_2014_note():
    root = os.environ["RNNPIPE_TIMIT_ROOT"]
    found = {files.utterance: files for files in find_utterances(root)}
    utterance = read_utterance(found["TRAIN/DR8/FCLT0/SI2068"])
    assert utterance.sex == "F"
    assert utterance.sentence_type == "SI"
    assert utterance.text == "We don't know this guy."
    # The published file of the note has 21,094 samples, TIMIT's own one more.
    assert len(utterance.samples) in (21_094, 21_095)
    assert len(utterance.phones) == 15
    assert len({phone.label for phone in utterance.phones}) == 13
    words = utterance.words
    assert [word.label for word in words] == ["we", "don't", "know", "this", "guy"]
    assert words[2].start < words[1].end  # TIMIT's words may overlap
    assert (encode(utterance.phones, 21_094)[21_040:] == NONE).all()


@pytest.mark.parametrize(
    ("suffix", "said"),
    [
        (".flac", "4 files .flac are there, which are not read (convert each: `ffmpeg -i SA1.flac"),
        (".Mp3", "4 files .mp3 are there"),
        (None, "12 label files are there, but no audio (.wav, .sph)"),
    ],
)
@pytest.mark.parametrize("layout", ["TRAIN/DR1/FCJF0", "dr1-fcjf0"])
def test_what_is_there_instead_of_audio_is_said(tmp_path, layout, suffix, said):
    for sentence in ("SA1", "SA2", "SX3", "SI4"):
        folder = write(tmp_path / layout, sentence, WAV=None)
        if suffix:
            (folder / (sentence + suffix)).write_bytes(b"fLaC")
    [problem] = [text for text in problems(tmp_path) if "corpus.root" in text]
    assert said in problem
