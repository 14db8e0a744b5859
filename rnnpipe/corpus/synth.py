"""The synthetic mini-TIMIT: ten espeak-ng voices, ten sentences each, in TIMIT's own tree.

TIMIT is licensed and cannot be distributed, so this corpus replaces it if there is no copy. It is
not human speech. It has the same form as TIMIT: file formats, the 61 labels, the SA/SX/SI pattern
of the sentences, dialect regions, TRAIN and TEST. Every byte is computed here, offline; the same
machine gives the same bytes each time.

The speakers and their sentences are in minitimit/speakers.csv and minitimit/sentences.csv. As in
TIMIT, SA sentences are read by all speakers, the five SX sentences of a set by all speakers of this
set, and SI sentences by one speaker. Speakers and sentences are invented; none is from TIMIT.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import soxr

from rnnpipe.corpus.phones import Segment
from rnnpipe.errors import RnnpipeError

SAMPLING_RATE = 16_000  # Hz, TIMIT's
PEAK = 8192  # the loudest sample of an utterance, a quarter of full scale
# Recorded silence is never digital zero, and an error cannot be divided by the variance of a
# constant target. White noise with this standard deviation, in units of the 16-bit sample, is added
# to every utterance; silences in TIMIT have about 10.
NOISE = 4.0

LEAD, TRAIL = 0.15, 0.12  # seconds of silence before the first and after the last phone
CLOSURE = 0.05  # seconds of a pause that a following stop takes as its closure, at most half of it
SHORTEST_GAP = 0.004  # seconds; a shorter run of zeros belongs to the phone before it
SHORTEST_PHONE = 0.004  # seconds; a shorter phone has its sound before its mark
FRAME = 0.002  # seconds, the resolution of the search for a rise of energy
SHORTEST_CLOSURE = 0.01  # seconds, of a closure or a nasal that ends in a rise of energy
RISE = 6.0  # dB, the smallest rise from a closure or a nasal to the sound after it

DATA = Path(__file__).parent / "minitimit"
SPEAK = Path(__file__).parent / "espeak.py"


@dataclass(frozen=True)
class _Phone:
    """A phone as marked by espeak-ng, from `start` to `end` (exclusive), in its samples."""

    start: int
    end: int
    name: str  # espeak-ng's name
    word: int | None  # index into the words of the text; None for a pause


@dataclass(frozen=True)
class _Speech:
    """A sentence spoken by espeak-ng, with silence before and after it.

    `samples` is int16 at `sampling_rate` Hz. The phones cover it without gaps, with a pause "_" at
    each end.
    """

    sampling_rate: int
    samples: np.ndarray
    phones: tuple[_Phone, ...]


@dataclass(frozen=True)
class _Piece:
    """A stretch with one TIMIT label, in espeak-ng's samples."""

    start: int
    end: int
    label: str
    word: int | None


def write_minitimit(root: str | Path) -> None:
    """Write the synthetic mini-TIMIT.

    It has 100 utterances in 16-bit SPHERE at 16 kHz, each with .PHN, .WRD and .TXT beside it, and
    DOC/SPKRINFO.TXT: about 8 MB. This takes a few seconds.

    Parameters
    ----------
    root : path
        Folder to create. It appears only when the corpus is complete.

    Raises
    ------
    RnnpipeError
        If `root` exists and is not an empty folder, or if espeak-ng is missing or does not run.
    """
    root = Path(root)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise RnnpipeError(f"{root}: exists already; the mini-TIMIT needs a new or empty folder.")
    speakers = _read_table("speakers.csv")
    texts = {row["sentence"]: row["text"] for row in _read_table("sentences.csv")}

    root.parent.mkdir(parents=True, exist_ok=True)
    partial = root.with_name(f".{root.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # left by a process that was killed
    try:
        for speaker in speakers:
            folder = partial / speaker["split"] / speaker["dialect"] / speaker["speaker"]
            folder.mkdir(parents=True)
            for sentence in speaker["sentences"].split():
                _write_utterance(folder / sentence, speaker, texts[sentence])
        _write_speaker_info(partial / "DOC" / "SPKRINFO.TXT", speakers)
        os.replace(partial, root)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def minitimit_shards() -> list[str]:
    """Names of the mini-TIMIT's shards, as `layouts.find_shards` finds them after it is written."""
    speakers = _read_table("speakers.csv")
    return sorted({f"{speaker['split']}-{speaker['dialect']}" for speaker in speakers})


def _read_table(name: str) -> list[dict[str, str]]:
    with open(DATA / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _write_utterance(path: Path, speaker: dict[str, str], text: str) -> None:
    speech = _speak(speaker, text)
    pieces = _label(speech, _phone_table())
    samples = _to_16_khz(speech, seed=zlib.crc32(f"{path.parent.name}/{path.name}".encode()))
    phones, words = _segments(pieces, text.split(), speech, len(samples))
    soundfile.write(
        path.with_suffix(".WAV"), samples, SAMPLING_RATE, format="NIST", subtype="PCM_16"
    )
    for suffix, segments in ((".PHN", phones), (".WRD", words)):
        lines = [f"{segment.start} {segment.end} {segment.label}\n" for segment in segments]
        path.with_suffix(suffix).write_text("".join(lines), encoding="ascii", newline="\n")
    line = f"0 {len(samples)} {text}\n"
    path.with_suffix(".TXT").write_text(line, encoding="ascii", newline="\n")


def _write_speaker_info(path: Path, speakers: Sequence[dict[str, str]]) -> None:
    """Write SPKRINFO.TXT in TIMIT's columns, with question marks for values that a voice lacks."""
    lines = [
        "; Synthetic speakers: espeak-ng voices, no persons.\n",
        ";ID   Sex DR Use  RecDate   BirthDate  Ht     Race Edu  Comments\n",
    ]
    for speaker in speakers:
        sex, name = speaker["speaker"][0], speaker["speaker"][1:]
        use = {"TRAIN": "TRN", "TEST": "TST"}[speaker["split"]]
        region = speaker["dialect"].removeprefix("DR")
        lines.append(
            f"{name}  {sex}   {region}  {use}  ??/??/??  ??/??/??   ?'??\"  ???  ??   "
            f"espeak-ng voice {speaker['voice']}\n"
        )
    path.parent.mkdir(parents=True)
    path.write_text("".join(lines), encoding="ascii", newline="\n")


# --- speaking ------------------------------------------------------------------------------------


def _speak(speaker: dict[str, str], text: str) -> _Speech:
    """Speak `text` with espeak-ng, and add silence before and after it."""
    sampling_rate, events, samples = _run_espeak(speaker, text)
    words, phones = [], []  # offsets in the text; (start, name, word)
    for kind, sample, value in events:
        if kind == "word":
            words.append(value)
        else:
            phones.append((sample, value.lstrip("',%="), len(words) - 1))
    if words != _word_offsets(text):
        # espeak-ng joins some pairs of words, such as "in the", without a boundary between them.
        raise RnnpipeError(
            f"minitimit/sentences.csv: espeak-ng does not speak {text!r} word by word: "
            "reword the sentence."
        )

    while phones[-1][1].startswith("_"):
        speech_end = phones.pop()[0]
    lead, trail = round(LEAD * sampling_rate), round(TRAIL * sampling_rate)
    # The samples before the first phone are silence too.
    speech_start = phones[0][0]
    samples = np.pad(samples[speech_start:speech_end], (lead, trail))
    shift = lead - speech_start
    starts = [sample + shift for sample, _, _ in phones] + [speech_end + shift]
    spans = [_Phone(0, lead, "_", None)]
    for (_, name, word), start, end in zip(phones, starts, starts[1:], strict=False):
        spans.append(_Phone(start, end, name, None if name.startswith("_") else word))
    spans.append(_Phone(starts[-1], len(samples), "_", None))
    return _Speech(sampling_rate, samples, tuple(spans))


def _run_espeak(speaker: dict[str, str], text: str) -> tuple[int, list, np.ndarray]:
    remedy = "Give the path of a TIMIT as corpus.root in config.yaml instead."
    try:
        import espeakng_loader
    except ImportError as error:
        raise RnnpipeError(
            "The synthetic corpus needs the package espeakng-loader (pip install "
            f"espeakng-loader): {error}. {remedy}"
        ) from None
    data = Path(espeakng_loader.__file__).parent / "espeak-ng-data"
    request = {
        "library": espeakng_loader.get_library_path(),
        "data": ".",
        "voice": speaker["voice"],
        "rate": int(speaker["rate"]),
        "pitch": int(speaker["pitch"]),
        "range": int(speaker["range"]),
        "text": text,
    }
    try:
        # Started in the folder of its data, because espeak-ng truncates long paths.
        answer = subprocess.run(
            [sys.executable, "-I", "-S", str(SPEAK)],
            input=json.dumps(request).encode(),
            cwd=data.parent,
            capture_output=True,
            check=True,
        ).stdout
    except OSError as error:
        raise RnnpipeError(f"espeak-ng does not run on this machine: {error}. {remedy}") from None
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").split("\n")
        cause = next((line for line in reversed(lines) if line), f"status {error.returncode}")
        raise RnnpipeError(f"espeak-ng does not run on this machine: {cause}. {remedy}") from None
    header, samples = answer.split(b"\n", 1)
    header = json.loads(header)
    return header["sampling_rate"], header["events"], np.frombuffer(samples, np.int16)


def _word_offsets(text: str) -> list[int]:
    offsets, offset = [], 0
    for word in text.split():
        offset = text.index(word, offset)
        offsets.append(offset)
        offset += len(word)
    return offsets


# --- labelling -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Labels:
    """A row of espeak_phones.csv."""

    labels: tuple[str, ...]
    voiced: bool

    @property
    def is_stop(self) -> bool:
        return self.labels[0].endswith("cl")

    @property
    def is_pause(self) -> bool:
        return self.labels == ("pau",)

    @property
    def is_nasal(self) -> bool:
        return self.labels[0] in ("m", "n", "ng")


def _phone_table() -> dict[str, _Labels]:
    return {
        row["espeak"]: _Labels(tuple(row["labels"].split()), row["voiced"] == "yes")
        for row in _read_table("espeak_phones.csv")
    }


def _label(speech: _Speech, table: dict[str, _Labels]) -> list[_Piece]:
    """Turn espeak-ng's phones into TIMIT's labels, contiguous from 0 to the end of the samples.

    espeak-ng marks a phone where its sound begins. The silence before a stop is the stop's closure,
    although it lies before the mark; silence before another phone is `epi`. If a voiced stop has no
    such silence, its closure is inside its span, up to where the energy rises. The mark of a vowel
    after a nasal is late; it is moved back to where the energy rises. espeak-ng makes an l after a
    vowel as the end of the vowel, and marks it after its sound; it gets the last third of the
    vowel.
    """
    pieces: list[_Piece] = []
    silences = _silences(speech, table)
    shortest = round(SHORTEST_PHONE * speech.sampling_rate)
    previous = table["_"]  # the row of the phone before this one
    for index, phone in enumerate(speech.phones):
        row, labels = table[phone.name], table[phone.name].labels
        silence, start = silences[index], phone.start
        end = silences[index + 1] if index + 1 < len(silences) else phone.end
        if row.is_stop:
            release = start if silence < start else _find_rise(speech, start, end)
            if release is not None:
                pieces.append(_Piece(silence, release, labels[0], phone.word))
                start = release
            labels = labels[1:]
        elif labels == ("q",):
            start = silence
        elif silence < start:
            pieces.append(_Piece(silence, start, "epi", None))
        elif labels == ("hh",) and previous.voiced:
            labels = ("hv",)
        elif previous.is_nasal and row.voiced:
            rise = _find_rise(speech, pieces[-1].start, start)
            if rise is not None:
                pieces[-1] = replace(pieces[-1], end=rise)
                start = rise
        if end - start < shortest and not row.is_pause:
            start -= (pieces[-1].end - pieces[-1].start) // 3
            pieces[-1] = replace(pieces[-1], end=start)
        cuts = np.linspace(start, end, len(labels) + 1).round().astype(int).tolist()
        for label, left, right in zip(labels, cuts, cuts[1:], strict=False):
            pieces.append(_Piece(left, right, label, phone.word))
        previous = row

    pieces = _merge(pieces)
    pieces[0] = replace(pieces[0], label="h#")
    pieces[-1] = replace(pieces[-1], label="h#")
    return pieces


def _silences(speech: _Speech, table: dict[str, _Labels]) -> list[int]:
    """Find, for each phone, where the silence right before it begins; its start if there is none.

    A stop after a pause takes the end of the pause; other phones do not change the pause. The
    silence of a glottal stop belongs to the glottal stop.
    """
    silences: list[int] = []
    for before, phone in zip((None, *speech.phones), speech.phones, strict=False):
        if phone.name not in table:
            raise RnnpipeError(
                f"minitimit/espeak_phones.csv: has no line for espeak-ng's phone {phone.name!r}: "
                "add one with its TIMIT labels."
            )
        silence = 0
        if before and table[before.name].is_pause:
            if table[phone.name].is_stop:
                pause = phone.start - before.start
                silence = min(round(CLOSURE * speech.sampling_rate), pause // 2)
        elif before and not table[phone.name].is_pause and table[before.name].labels != ("q",):
            sound = np.flatnonzero(speech.samples[before.start : phone.start])
            silence = phone.start - before.start - (int(sound[-1]) + 1 if len(sound) else 0)
            if silence < round(SHORTEST_GAP * speech.sampling_rate):
                silence = 0
        silences.append(phone.start - silence)
    return silences


def _find_rise(speech: _Speech, start: int, end: int) -> int | None:
    """Find where, between `start` and `end`, the level of energy rises.

    The level is the logarithm of the energy of the first difference, in frames of 2 ms; the
    difference makes a burst stronger than the voicing under it. A cut is possible where the mean
    level rises by at least `RISE`. The best cut has the smallest sum of squared distances from the
    means of both sides. The result is None if no cut is possible.
    """
    frame = round(FRAME * speech.sampling_rate)
    difference = np.diff(speech.samples[start : end + 1].astype(np.float64))
    count = len(difference) // frame
    energy = np.square(difference[: count * frame]).reshape(count, frame).sum(axis=1)
    level = 10 * np.log10(1 + energy)
    spread = {
        cut: level[:cut].var() * cut + level[cut:].var() * (count - cut)
        for cut in range(round(SHORTEST_CLOSURE / FRAME), count - 1)
        if level[cut:].mean() - level[:cut].mean() >= RISE
    }
    return start + frame * min(spread, key=spread.__getitem__) if spread else None


def _merge(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Join neighbours with the same label: phones of one word, or pauses."""
    merged: list[_Piece] = []
    for piece in pieces:
        if merged and (piece.label, piece.word) == (merged[-1].label, merged[-1].word):
            merged[-1] = replace(merged[-1], end=piece.end)
        else:
            merged.append(piece)
    return merged


# --- at 16 kHz -----------------------------------------------------------------------------------


def _to_16_khz(speech: _Speech, seed: int) -> np.ndarray:
    """Resample, set the level, and add the noise floor; int16."""
    samples = soxr.resample(
        speech.samples.astype(np.float64), speech.sampling_rate, SAMPLING_RATE, quality="VHQ"
    )
    samples *= PEAK / np.abs(samples).max()
    samples += np.random.default_rng(seed).normal(0.0, NOISE, len(samples))
    return samples.round().astype(np.int16)


def _segments(
    pieces: Sequence[_Piece], words: Sequence[str], speech: _Speech, num_samples: int
) -> tuple[list[Segment], list[Segment]]:
    """Convert the positions of phones and words to 16 kHz; a word is the span of its phones."""

    def at_16_khz(sample: int) -> int:
        return min(round(sample * SAMPLING_RATE / speech.sampling_rate), num_samples)

    bounds = [at_16_khz(piece.start) for piece in pieces] + [num_samples]
    phones = [
        Segment(start, end, piece.label)
        for piece, start, end in zip(pieces, bounds, bounds[1:], strict=False)
    ]
    spoken = []
    for index, word in enumerate(words):
        own = [phone for phone, piece in zip(phones, pieces, strict=True) if piece.word == index]
        spoken.append(Segment(own[0].start, own[-1].end, word.lower().strip(".,?!")))
    return phones, spoken
