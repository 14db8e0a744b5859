"""RIFF WAV audio; the sizes of all chunks are checked against the bytes of the file."""

import re
import struct

import numpy as np

from rnnpipe.corpus.checks import Refused, check_channels, check_rate

_PCM, _EXTENSIBLE = 1, 0xFFFE
_NAME = re.compile(rb"[ -~]{4}")  # of a chunk
_ENCODING_NAMES = {2: "ADPCM", 3: "floating point", 6: "A-law", 7: "mu-law", 17: "IMA ADPCM"}


def decode_riff(data: bytes) -> np.ndarray:
    """Decode a RIFF file.

    Parameters
    ----------
    data : bytes
        The whole file, which begins with "RIFF", its size and "WAVE".

    Returns
    -------
    int16 array, shape (T,)
        Of samples wider than 16 bits, the upper 16 bits: the value is rounded down and never
        clipped, and a 16-bit sample that was widened is restored exactly.

    Raises
    ------
    Refused
        If the bytes are not such a file, or not a complete one.
    """
    chunks = _riff_chunks(data)

    form = chunks.get(b"fmt ")
    if form is None or len(form) < 16:
        raise Refused("the RIFF file has no complete 'fmt ' chunk, which says how to read it.")
    encoding, channels, rate, _, frame_bytes, bits = struct.unpack_from("<HHIIHH", form)
    if encoding == _EXTENSIBLE and len(form) >= 26:
        (encoding,) = struct.unpack_from("<H", form, 24)
    if encoding != _PCM:
        name = _ENCODING_NAMES.get(encoding, "unknown")
        raise Refused(f"the RIFF encoding is {encoding} ({name}); only PCM (1) is read.")
    check_channels(channels)
    check_rate(rate)
    if bits not in (16, 24, 32):
        raise Refused(f"the samples have {bits} bits; 16, 24 and 32 are read.")
    width = bits // 8
    if frame_bytes != width:
        raise Refused(f"the 'fmt ' chunk has {bits} bits but {frame_bytes} bytes per sample.")

    pcm = chunks.get(b"data")
    if pcm is None:
        raise Refused("the RIFF file has no 'data' chunk, which holds the samples.")
    if len(pcm) % width:
        raise Refused(f"the 'data' chunk's {len(pcm)} bytes are not a whole number of samples.")
    # Keep the two upper bytes of each little-endian sample.
    upper = np.frombuffer(pcm, np.uint8).reshape(-1, width)[:, -2:]
    return np.ascontiguousarray(upper).view("<i2").ravel().astype(np.int16)


def _riff_chunks(whole: bytes) -> dict[bytes, memoryview]:
    """Return the chunks by name; they must fill the size that the header declares.

    What lies beyond this size is ignored, but only behind complete samples.
    """
    (declared,) = struct.unpack_from("<I", whole, 4)
    data = whole[: declared + 8] if b"data" in whole[12 : declared + 8] else whole
    view = memoryview(data)
    chunks: dict[bytes, memoryview] = {}
    name, position = b"RIFF", 12
    while position < len(data):
        previous, name = name, data[position : position + 4]
        start = position + 8
        if start > len(data) or not _NAME.fullmatch(name):
            raise Refused(
                f"{len(data) - position} bytes follow the {_quoted(previous)} chunk by its "
                "declared size, and they are not a chunk; the file is damaged."
            )
        (size,) = struct.unpack_from("<I", data, position + 4)
        if start + size > len(data):
            raise Refused(
                f"the {_quoted(name)} chunk declares {size} bytes, but {len(data) - start} "
                f"follow; {_cause(size)}"
            )
        if name == b"data" and size == 0 and not _are_chunks(whole[start:]):
            raise Refused(
                f"{len(whole) - start} bytes follow the 'data' chunk, which declares none; "
                f"{_cause(size)}"
            )
        if name in chunks and name in (b"fmt ", b"data"):
            raise Refused(f"the RIFF file has two {_quoted(name)} chunks.")
        chunks[name] = view[start : start + size]
        position = start + size + size % 2  # chunks begin at even bytes
    # Programs differ in whether they write and count the padding byte of the last chunk.
    if abs(declared + 8 - len(data)) > 1:
        raise Refused(
            f"the RIFF header declares {declared} bytes, but {len(data) - 8} follow; "
            f"{_cause(declared)}"
        )
    return chunks


def _are_chunks(data: bytes) -> bool:
    """Whether bytes are complete chunks, or none at all."""
    position = 0
    while position < len(data):
        if position + 8 > len(data) or not _NAME.match(data, position):
            return False
        (size,) = struct.unpack_from("<I", data, position + 4)
        position += 8 + size + size % 2
    return position <= len(data) + 1  # the last padding byte may be missing


def _cause(size: int) -> str:
    """Say why a size is wrong: it may stand for "not known yet", as 0 or about 2 or 4 GB."""
    if size == 0 or size >= 0x7FFFF000:
        return (
            "this is the placeholder of a program that wrote to a pipe, and nothing says whether "
            "the file is complete (write its sizes: `sox --ignore-length IN OUT`)."
        )
    return "the file was cut short or damaged, copy it again from the source."


def _quoted(name: bytes) -> str:
    return f"'{name.decode('latin-1')}'"
