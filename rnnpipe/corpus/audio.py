"""Reading one audio file: NIST SPHERE or RIFF WAV, recognised by its first bytes.

Both are decoded here, because libsndfile reads a truncated file without an error. This code checks
the header against the bytes that follow it.
"""

import re
from pathlib import Path

import numpy as np

from rnnpipe.corpus.checks import SAMPLING_RATE, Refused, compressed_with
from rnnpipe.corpus.disk import read_bytes
from rnnpipe.corpus.riff import decode_riff
from rnnpipe.corpus.sphere import decode_sphere
from rnnpipe.errors import CorpusError

__all__ = ["SAMPLING_RATE", "read_audio"]


def read_audio(path: str | Path) -> np.ndarray:
    """Read a mono recording at 16 kHz.

    Parameters
    ----------
    path : str or Path
        NIST SPHERE (16-bit PCM in either byte order, or mu-law) or RIFF WAV (16-, 24- or 32-bit
        PCM), whatever its extension. Of samples wider than 16 bits, the upper 16 bits are kept, so
        that nothing clips.

    Returns
    -------
    int16 array, shape (T,)
        The samples, at least one.

    Raises
    ------
    CorpusError
        With one line: the file cannot be read, is not such audio, or contradicts its header.
    """
    path = Path(path)
    data = read_bytes(path)
    try:
        if not data:
            raise Refused("the file is empty.")
        if data.startswith(b"NIST_1A"):
            samples = decode_sphere(data)
        elif data.startswith(b"RIFF") and data[8:12] == b"WAVE":
            samples = decode_riff(data)
        elif data.startswith(b"ajkg"):
            raise Refused(compressed_with("shorten"))
        else:
            raise Refused(_other_format(data))
        if not len(samples):
            raise Refused("the header is complete, but no samples follow it.")
    except Refused as refused:
        raise CorpusError([f"{path}: {refused}"]) from None
    return samples


# Other formats, by the bytes at a place in the file. An MPEG frame begins with eleven ones; the two
# bits before the last one of its second byte are the layer.
_FORMATS = (
    (0, rb"fLaC", "FLAC"),
    (0, rb"RIFX", "RIFX (a WAV with the bytes of each number in the other order)"),
    (0, rb"RF64|BW64", "RF64 (a WAV for more than 4 GB)"),
    (0, rb"riff\x2e\x91\xcf\x11", "Wave64"),
    (0, rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]", "MP3"),
    (0, rb"\xff[\xe4-\xe7\xf4-\xf7\xfc\xfd]", "MPEG audio"),
    (0, rb"\xff[\xf0\xf1\xf8\xf9]", "AAC"),
    (0, rb"OggS", "Ogg"),
    (0, rb"FORM....AIF[FC]", "AIFF"),
    (0, rb"\.snd", "AU"),
    (0, rb"caff", "Core Audio"),
    (0, rb"#!AMR", "AMR"),
    (0, rb"\x30\x26\xb2\x75", "Windows Media"),
    (0, rb"\x1a\x45\xdf\xa3", "Matroska"),
    (4, rb"ftyp", "MPEG-4"),
)


def _other_format(data: bytes) -> str:
    """Message for a file that is neither SPHERE nor RIFF, which names its format if it is known."""
    found = f"the file begins with {data[:8]!r}"
    for place, begins, name in _FORMATS:
        if re.match(begins, data[place : place + 16], re.DOTALL):
            found = f"this is {name}"
    return (
        f"neither NIST SPHERE nor RIFF WAV audio ({found}; convert it: "
        "`ffmpeg -i IN -c:a pcm_s16le -f wav OUT`)."
    )
