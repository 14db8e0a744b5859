"""Speak one sentence with espeak-ng and exit: run as a script, one process for each sentence.

The library keeps state from one sentence to the next, such as the phase of the pitch flutter, and
no call of its API resets it. The same sentence spoken twice in one process therefore gives two
different sounds. A new process always starts from the same state. It also protects the caller from
what the library does to its process (locale, exit, crash). This file imports only the standard
library, so such a process starts in a few milliseconds.

Standard input: one JSON object, the arguments of `speak`.
Standard output: one line of JSON with `sampling_rate` and `events` as `speak` returns them, then
the samples, 16-bit in this machine's byte order.
Exit status 1 and a line on standard error if anything fails.
"""

import ctypes
import json
import sys
from typing import Any

OUTPUT_SYNCHRONOUS = 2
PHONEME_EVENTS, DO_NOT_EXIT = 1 << 0, 1 << 15
POSITION_CHARACTER, CHARACTERS_UTF8 = 1, 1
PARAMETER_RATE, PARAMETER_PITCH, PARAMETER_RANGE = 1, 3, 4
EVENT_LIST_END, EVENT_WORD, EVENT_PHONEME = 0, 1, 7


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def speak(
    library: str, data: str, voice: str, rate: int, pitch: int, range: int, text: str
) -> tuple[int, list[tuple[str, int, int]], bytes]:
    """Speak `text`.

    Parameters
    ----------
    library : str
        Path of the shared library.
    data : str
        Folder that holds espeak-ng-data. The library truncates paths of more than 160 bytes.
    voice : str
        Accent and voice variant, such as "en-us+f1".
    rate : int
        Words per minute.
    pitch, range : int
        0 to 99, relative to the voice variant; 50 leaves it unchanged.
    text : str
        The sentence.

    Returns
    -------
    sampling_rate : int
        In Hz.
    events : list of tuple
        ("word", sample, offset of the word in `text`, in characters) and
        ("phone", sample, espeak's name of the phone), in order.
    samples : bytes
        16-bit, in this machine's byte order.

    Raises
    ------
    OSError, ValueError, AttributeError
        If the library cannot be loaded, has no such voice, or lacks a function.
    """
    espeak = ctypes.CDLL(library)
    sampling_rate = espeak.espeak_Initialize(
        OUTPUT_SYNCHRONOUS, 0, data.encode(), PHONEME_EVENTS | DO_NOT_EXIT
    )
    if sampling_rate <= 0:
        raise OSError("espeak-ng could not read its data")
    # Without this, the noise in breathy voices is seeded with the time of day.
    espeak.espeak_ng_SetRandSeed(ctypes.c_long(1))

    events, chunks = [], []

    def receive(samples: Any, count: int, event: Any) -> int:
        if count > 0:
            chunks.append(ctypes.string_at(samples, 2 * count))
        index = 0
        while event[index].type != EVENT_LIST_END:
            found = event[index]
            if found.type == EVENT_WORD:
                events.append(("word", found.sample, found.text_position - 1))
            elif found.type == EVENT_PHONEME:
                events.append(("phone", found.sample, found.id.string.decode()))
            index += 1
        return 0

    callback = _Callback(receive)  # in a variable, so that it is not freed after the call below
    espeak.espeak_SetSynthCallback(callback)
    if espeak.espeak_SetVoiceByName(voice.encode()) != 0:
        raise ValueError(f"espeak-ng has no voice {voice}")
    espeak.espeak_SetParameter(PARAMETER_RATE, rate, 0)
    espeak.espeak_SetParameter(PARAMETER_PITCH, pitch, 0)
    espeak.espeak_SetParameter(PARAMETER_RANGE, range, 0)
    encoded = text.encode() + b"\0"
    size = ctypes.c_size_t(len(encoded))
    if espeak.espeak_Synth(encoded, size, 0, POSITION_CHARACTER, 0, CHARACTERS_UTF8, None, None):
        raise ValueError(f"espeak-ng could not speak {text!r}")
    return sampling_rate, events, b"".join(chunks)


def main() -> None:
    """Answer the request on standard input."""
    try:
        sampling_rate, events, samples = speak(**json.load(sys.stdin))
    except (OSError, ValueError, AttributeError) as error:
        sys.exit(str(error))
    header = json.dumps({"sampling_rate": sampling_rate, "events": events})
    sys.stdout.buffer.write(header.encode() + b"\n" + samples)


if __name__ == "__main__":
    main()
