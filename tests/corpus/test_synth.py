"""The mini-TIMIT: it has TIMIT's form, its labels match the sound, and its bytes repeat."""

import csv
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest

from rnnpipe.corpus import synth
from rnnpipe.corpus.phones import PHONES
from rnnpipe.corpus.synth import write_minitimit
from rnnpipe.errors import RnnpipeError

DEFAULT_UTTERANCE = "TRAIN/DR8/FXWH7/SI1022"
RELEASES = {
    "bcl": {"b"},
    "dcl": {"d", "jh"},
    "gcl": {"g"},
    "pcl": {"p"},
    "tcl": {"t", "ch"},
    "kcl": {"k"},
}
WRITE = "import sys; from rnnpipe.corpus.synth import write_minitimit; write_minitimit(sys.argv[1])"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = tmp_path_factory.mktemp("synth") / "mini-timit"
    write_minitimit(root)
    return root


@pytest.fixture(scope="module")
def utterances(corpus):
    """Samples, phones and words of each utterance, read without the library's own reader."""
    found = {}
    for audio in sorted(corpus.rglob("*.WAV")):
        samples = np.frombuffer(audio.read_bytes()[1024:], "<i2").astype(float)
        segments = []
        for suffix in (".PHN", ".WRD"):
            rows = [line.split() for line in audio.with_suffix(suffix).read_text().splitlines()]
            segments.append([(int(start), int(end), label) for start, end, label in rows])
        found[audio.relative_to(corpus).with_suffix("").as_posix()] = (samples, *segments)
    return found


def run_in_new_process(code, *arguments, first_on_path=None):
    """Run Python code in another process, with another hash seed."""
    environment = dict(os.environ, PYTHONHASHSEED="random")
    repository = str(Path(synth.__file__).parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(map(str, filter(None, [first_on_path, repository])))
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def segments_of(utterances, *labels):
    """All samples that have one of `labels`, segment by segment."""
    for samples, phones, _ in utterances.values():
        for start, end, label in phones:
            if label in labels:
                yield samples[start:end]


def rms(samples):
    return np.sqrt(np.mean(np.square(samples)))


# --- the same bytes each time --------------------------------------------------------------------


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(corpus, tmp_path):
    result = run_in_new_process(WRITE, tmp_path / "again")
    assert result.returncode == 0, result.stderr
    assert contents(tmp_path / "again") == contents(corpus)


def test_a_sentence_sounds_the_same_whatever_was_said_before():
    speakers = synth._read_table("speakers.csv")
    first = synth._speak(speakers[0], "A yellow bus.")
    for speaker in speakers[1:3]:
        synth._speak(speaker, "Something else.")
    again = synth._speak(speakers[0], "A yellow bus.")
    assert np.array_equal(first.samples, again.samples)
    assert first.phones == again.phones


# --- TIMIT's pattern -----------------------------------------------------------------------------


def test_ten_speakers_half_of_them_female_from_several_regions_in_both_splits(corpus):
    speakers = [path.parts[-3:] for path in corpus.glob("*/DR*/*")]
    assert len(speakers) == 10
    assert Counter(name[0] for _, _, name in speakers) == {"F": 5, "M": 5}
    assert len({region for _, region, _ in speakers}) >= 3
    for split in ("TRAIN", "TEST"):
        assert {name[0] for found, _, name in speakers if found == split} == {"F", "M"}


def test_every_speaker_reads_two_sa_five_sx_and_three_si(corpus):
    for folder in corpus.glob("*/DR*/*"):
        names = [audio.stem for audio in folder.glob("*.WAV")]
        assert Counter(name[:2] for name in names) == {"SA": 2, "SX": 5, "SI": 3}
        assert {"SA1", "SA2"} <= set(names)


def test_sx_sentences_are_shared_within_a_split_and_si_sentences_are_not(corpus):
    readers = {}
    for audio in corpus.rglob("S[XI]*.WAV"):
        readers.setdefault(audio.stem, []).append(audio.parts[-4])
    for sentence, splits in readers.items():
        assert len(splits) == (2 if sentence.startswith("SX") else 1)
        assert len(set(splits)) == 1


def test_a_sentence_is_the_same_text_for_all_who_read_it(corpus):
    texts = {}
    for path in corpus.glob("*/*/*/*.TXT"):
        start, _, text = path.read_text().rstrip("\n").split(" ", 2)
        assert start == "0"
        assert texts.setdefault(path.stem, text) == text
    assert len(set(texts.values())) == len(texts) == 57


def test_the_speaker_table_names_every_speaker_in_timits_columns(corpus):
    lines = (corpus / "DOC" / "SPKRINFO.TXT").read_text().splitlines()
    rows = [line.split() for line in lines if not line.startswith(";")]
    described = {
        ({"TRN": "TRAIN", "TST": "TEST"}[use], f"DR{region}", sex + name)
        for name, sex, region, use, *_ in rows
    }
    assert described == {path.parts[-3:] for path in corpus.glob("*/DR*/*")}
    assert all(len(row) >= 9 for row in rows)


def test_the_default_utterance_is_a_short_sentence_with_a_fricative_a_stop_and_vowels(utterances):
    samples, phones, words = utterances[DEFAULT_UTTERANCE]
    assert 1.2 <= len(samples) / 16_000 <= 1.5
    assert {"sh", "f", "b", "iy", "ow"} <= {label for _, _, label in phones}
    assert [label for _, _, label in words] == ["she", "found", "my", "boat"]


# --- files ---------------------------------------------------------------------------------------


def test_every_sphere_header_tells_the_truth(corpus):
    for audio in corpus.rglob("*.WAV"):
        data = audio.read_bytes()
        lines = data[:1024].decode("ascii").split("\n")
        assert lines[:2] == ["NIST_1A", "   1024"]
        fields = dict(
            (line.split(" ", 2)[0], line.split(" ", 2)[2])
            for line in lines[2 : lines.index("end_head")]
        )
        assert fields["channel_count"] == "1"
        assert fields["sample_rate"] == "16000"
        assert fields["sample_n_bytes"] == "2"
        assert fields["sample_byte_format"] == "01"
        assert 2 * int(fields["sample_count"]) == len(data) - 1024


def test_phones_run_from_the_first_sample_to_the_last_without_a_gap(corpus, utterances):
    assert len(utterances) == 100
    for utterance, (samples, phones, _) in utterances.items():
        assert phones[0][0] == 0
        assert phones[-1][1] == len(samples)
        assert all(start < end for start, end, _ in phones)
        assert all(left[1] == right[0] for left, right in zip(phones, phones[1:], strict=False))
        text = (corpus / utterance).with_suffix(".TXT").read_text()
        assert text.split()[:2] == ["0", str(len(samples))]


def test_phones_are_timits_and_most_of_them_occur(utterances):
    counts = Counter(label for _, phones, _ in utterances.values() for _, _, label in phones)
    assert set(counts) <= set(PHONES)
    assert len(counts) >= 54


def test_silence_is_at_both_ends_and_nowhere_else_called_so(utterances):
    for _, phones, _ in utterances.values():
        labels = [label for _, _, label in phones]
        assert labels[0] == labels[-1] == "h#"
        assert "h#" not in labels[1:-1]
        for start, end, _ in (phones[0], phones[-1]):
            assert 0.09 <= (end - start) / 16_000 <= 0.16


def test_a_closure_is_followed_by_its_release(utterances):
    for _, phones, _ in utterances.values():
        labels = [label for _, _, label in phones]
        for label, following in zip(labels, labels[1:], strict=False):
            if label in RELEASES:
                assert following in RELEASES[label]


def test_words_are_the_text_and_begin_and_end_where_phones_do(corpus, utterances):
    for utterance, (_, phones, words) in utterances.items():
        text = (corpus / utterance).with_suffix(".TXT").read_text().split(" ", 2)[2]
        assert [word for _, _, word in words] == [
            word.strip(".,?!\n").lower() for word in text.split()
        ]
        assert {start for start, _, _ in words} <= {start for start, _, _ in phones}
        assert {end for _, end, _ in words} <= {end for _, end, _ in phones}
        assert all(left[1] <= right[0] for left, right in zip(words, words[1:], strict=False))


# --- sound where the labels say so ---------------------------------------------------------------


def test_no_utterance_clips_and_all_are_equally_loud(utterances):
    for samples, _, _ in utterances.values():
        assert 8000 < np.abs(samples).max() < 8400


def test_silence_and_voiceless_closures_hold_the_noise_floor_and_nothing_else(utterances):
    for samples in segments_of(utterances, "h#", "pau", "pcl", "tcl", "kcl"):
        inside = samples[40:-40]  # the resampling filter rings for a few samples at a burst
        assert 2 < rms(inside) < 8


def test_vowels_are_loud(utterances):
    for samples in segments_of(utterances, "aa", "ae", "ay", "ow", "iy", "ey", "aw", "er"):
        assert rms(samples) > 200


def test_sibilants_are_high_and_vowels_low(utterances):
    def share_above_2_khz(samples):
        power = np.square(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))))
        return power[np.fft.rfftfreq(len(samples), 1 / 16_000) > 2000].sum() / power.sum()

    assert min(share_above_2_khz(s) for s in segments_of(utterances, "s", "sh")) > 0.7
    assert max(share_above_2_khz(s) for s in segments_of(utterances, "aa", "ao", "ow")) < 0.3


def test_a_stop_has_its_burst_at_the_start_of_its_release(utterances):
    """Whether there is more high-frequency energy just after the boundary than just before it."""
    rises = []
    for samples, phones, _ in utterances.values():
        for (_, cut, closure), (_, end, _) in zip(phones, phones[1:], strict=False):
            if closure in RELEASES:
                after = np.diff(samples[cut : min(end, cut + 160)])
                before = np.diff(samples[cut - 120 : cut - 40])
                rises.append(20 * np.log10(rms(after) / rms(before)))
    assert len(rises) > 400
    assert min(rises) > 3


def median_f0(utterances, speaker):
    """Median over 40 ms frames of vowels, by autocorrelation, in Hz."""
    lags = np.arange(16_000 // 350, 16_000 // 60)
    found = []
    for utterance, (samples, phones, _) in utterances.items():
        for start, end, label in phones:
            if f"/{speaker}/" not in utterance or label not in ("aa", "ae", "ay", "ow", "iy", "ey"):
                continue
            for at in range(start, end - 640 - lags[-1], 640):
                frame = samples[at : at + 640 + lags[-1]] - samples[at : at + 640].mean()
                head = frame[:640]
                match = [
                    head @ frame[lag : lag + 640] / np.linalg.norm(frame[lag : lag + 640])
                    for lag in lags
                ]
                # The first lag that is nearly as good as the best: not a multiple of the period.
                best = np.flatnonzero(np.array(match) > 0.9 * max(match))[0]
                peak = best + np.argmax(match[best : best + 8])
                found.append(16_000 / lags[peak])
    return np.median(found)


def test_female_voices_are_higher_than_male_voices(corpus, utterances):
    f0 = {path.name: median_f0(utterances, path.name) for path in corpus.glob("*/DR*/*")}
    female = [hertz for speaker, hertz in f0.items() if speaker[0] == "F"]
    male = [hertz for speaker, hertz in f0.items() if speaker[0] == "M"]
    assert min(female) > 1.15 * max(male), f0


# --- what can go wrong ---------------------------------------------------------------------------


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("chapter one")
    with pytest.raises(RnnpipeError, match="exists already"):
        write_minitimit(tmp_path)
    assert contents(tmp_path) == {Path("thesis.txt"): b"chapter one"}


def test_a_library_that_does_not_load_is_one_line_with_a_remedy_and_leaves_nothing(tmp_path):
    package = tmp_path / "broken" / "espeakng_loader"
    package.mkdir(parents=True)
    (package / "libespeak-ng.so").write_text("not a library")
    (package / "__init__.py").write_text(
        "from pathlib import Path\n"
        "def get_library_path():\n"
        "    return str(Path(__file__).with_name('libespeak-ng.so'))\n"
    )
    (tmp_path / "results").mkdir()
    result = run_in_new_process(
        WRITE, tmp_path / "results" / "corpus", first_on_path=package.parent
    )
    last = result.stderr.strip().split("\n")[-1]
    assert result.returncode == 1
    assert "RnnpipeError: espeak-ng does not run on this machine" in last
    assert "corpus.root" in last
    assert list((tmp_path / "results").iterdir()) == []


def test_a_missing_package_is_one_line_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)  # what Python does for "not there"
    with pytest.raises(RnnpipeError, match="pip install espeakng-loader.*corpus.root"):
        write_minitimit(tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []


def test_a_package_in_a_deep_folder_with_spaces_and_accents_still_speaks(tmp_path):
    """espeak-ng cuts paths of its data after 160 bytes."""
    folder = tmp_path / ("a long näme " * 8) / ("and añother " * 8)
    folder.mkdir(parents=True)
    package = folder / "espeakng_loader"
    package.symlink_to(Path(espeakng_loader.__file__).parent, target_is_directory=True)
    code = (
        "from rnnpipe.corpus import synth; import espeakng_loader\n"
        "speech = synth._speak(synth._read_table('speakers.csv')[0], 'A yellow bus.')\n"
        "print(espeakng_loader.__file__, [phone.name for phone in speech.phones])"
    )
    result = run_in_new_process(code, first_on_path=folder)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(str(folder)) and "'s'" in result.stdout


def test_an_unknown_voice_is_named():
    speaker = dict(synth._read_table("speakers.csv")[0], voice="xx-none")
    with pytest.raises(RnnpipeError, match="no voice xx-none"):
        synth._speak(speaker, "Hello.")


def test_words_that_espeak_runs_together_are_an_error():
    speaker = synth._read_table("speakers.csv")[0]
    with pytest.raises(RnnpipeError, match="word by word"):
        synth._speak(speaker, "It is in the box.")


def test_a_phone_that_the_table_lacks_is_named():
    speech = synth._speak(synth._read_table("speakers.csv")[0], "A yellow bus.")
    unknown = replace(speech.phones[1], name="xyz")
    speech = replace(speech, phones=(speech.phones[0], unknown, *speech.phones[2:]))
    with pytest.raises(RnnpipeError, match="espeak_phones.csv: has no line for .* 'xyz'"):
        synth._label(speech, synth._phone_table())


def test_the_table_has_no_label_that_timit_lacks():
    with open(synth.DATA / "espeak_phones.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["espeak"] for row in rows}) == len(rows)
    assert {label for row in rows for label in row["labels"].split()} <= set(PHONES)
