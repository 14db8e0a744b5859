"""NIST SPHERE audio: 16-bit PCM and mu-law; the header's fields are checked against the samples."""

import re

import numpy as np

from rnnpipe.corpus.checks import Refused, check_channels, check_rate, compressed_with

_BYTE_ORDERS = {"01": "<i2", "10": ">i2"}
_MU_LAW_CODINGS = ("ulaw", "mu-law", "mulaw")


def decode_sphere(data: bytes) -> np.ndarray:
    """Decode a SPHERE file.

    Parameters
    ----------
    data : bytes
        The whole file, which begins with "NIST_1A".

    Returns
    -------
    int16 array, shape (T,)

    Raises
    ------
    Refused
        If the bytes are not such a file, or contradict its header.
    """
    fields, header_size = _sphere_header(data)

    coding = fields.get("sample_coding", "pcm").lower()
    if data.startswith(b"ajkg", header_size):  # shorten, even if the header says otherwise
        raise Refused(compressed_with("shorten"))
    for method in ("shorten", "shortpack", "wavpack"):
        if method in coding:
            raise Refused(compressed_with(method))
    if coding != "pcm" and coding not in _MU_LAW_CODINGS:
        raise Refused(f"sample_coding is {coding!r}; only 'pcm' and 'ulaw' are read.")

    check_channels(_natural_number(fields, "channel_count"))
    check_rate(_natural_number(fields, "sample_rate"))

    width = 2 if coding == "pcm" else 1
    if (declared := _natural_number(fields, "sample_n_bytes")) != width:
        raise Refused(
            f"sample_n_bytes is {declared}; 16-bit samples have 2 bytes, and mu-law "
            "(sample_coding 'ulaw') 1."
        )
    count = _natural_number(fields, "sample_count")
    available = len(data) - header_size
    if count * width != available:
        raise Refused(
            f"sample_count says {count} samples ({count * width} bytes), but {available} bytes "
            "follow the header; the file was cut short or damaged, copy it again from the source."
        )

    if coding in _MU_LAW_CODINGS:
        return MU_LAW[np.frombuffer(data, np.uint8, offset=header_size)]
    order = fields.get("sample_byte_format")
    if order is None:
        raise Refused("the SPHERE header has no sample_byte_format.")
    if order not in _BYTE_ORDERS:
        raise Refused(f"sample_byte_format is {order!r}; it must be '01' or '10'.")
    samples = np.frombuffer(data, _BYTE_ORDERS[order], offset=header_size).astype(np.int16)
    if count:
        _check_samples(samples, fields)
    return samples


def _check_samples(samples: np.ndarray, fields: dict[str, str]) -> None:
    """Check 16-bit samples against the header's fields about their values, if it has these."""
    if (bits := _integer(fields, "sample_sig_bits")) is not None and not 1 <= bits <= 16:
        raise Refused(f"sample_sig_bits is {bits}, but a sample has 16 bits.")
    # Some programs write the range of the format instead of that of the samples.
    lowest, highest = int(samples.min()), int(samples.max())
    least, most = _integer(fields, "sample_min"), _integer(fields, "sample_max")
    if (least is not None and lowest < least) or (most is not None and highest > most):
        raise Refused(
            f"the samples reach from {lowest} to {highest}, which is beyond the header's "
            f"sample_min ({least}) or sample_max ({most}); sample_byte_format is wrong or the file "
            "is damaged, copy it again from the source."
        )
    checksum = _integer(fields, "sample_checksum")
    if checksum is not None and checksum != (actual := int(samples.sum(dtype=np.int64)) % 65536):
        raise Refused(
            f"sample_checksum is {checksum}, but the samples add up to {actual}; the file is "
            "damaged, copy it again from the source."
        )


def _mu_law_table() -> np.ndarray:
    """Return the 16-bit sample of each mu-law code, as defined in ITU-T G.711.

    A code is the complement of a sign bit, three bits of exponent e and four bits of mantissa m.
    Its magnitude on the 14-bit scale of G.711 is (2 m + 33) 2^e - 33, and four times that on 16
    bits.
    """
    code = ~np.arange(256, dtype=np.uint8)
    exponent, mantissa = (code >> 4 & 7).astype(np.int16), (code & 15).astype(np.int16)
    magnitude = 4 * (((2 * mantissa + 33) << exponent) - 33)
    return np.where(code & 128, -magnitude, magnitude).astype(np.int16)


MU_LAW = _mu_law_table()


def _sphere_header(data: bytes) -> tuple[dict[str, str], int]:
    """Return the header's fields, as text, and its size in bytes."""
    # Two lines of eight bytes: the name of the format, then the header's size after blanks.
    opening = re.match(rb"NIST_1A\n *(\d{1,7})\n", data[:16])
    if opening is None or opening.end() != 16:
        raise Refused("the SPHERE header does not begin with 'NIST_1A' and its own size.")
    size = int(opening[1])
    if size > len(data):
        raise Refused(
            f"the SPHERE header is cut off (it declares {size} bytes, but the file "
            f"has {len(data)}); copy it again from the source."
        )

    fields: dict[str, str] = {}
    for line in data[16:size].decode("latin-1").split("\n"):
        if line.strip() == "end_head":
            return fields, size
        # A name, a type (integer, real, or string of a given length) and a value. Other lines are
        # comments or do not matter; if a field is needed, its absence is reported later.
        field = re.fullmatch(r"(\w+) +-(?:[ir]|s\d+) +(.*?)\s*", line)
        if field is None:
            continue
        name, value = field.groups()
        if fields.setdefault(name, value) != value:
            raise Refused(f"the SPHERE header gives {name} twice: {fields[name]!r}, {value!r}.")
    raise Refused("the SPHERE header has no end_head; the file is damaged.")


def _natural_number(fields: dict[str, str], name: str) -> int:
    value = fields.get(name)
    if value is None:
        raise Refused(f"the SPHERE header has no {name}.")
    if not re.fullmatch(r"\d{1,15}", value, re.ASCII):
        raise Refused(f"{name} is {value!r}, not a count.")
    return int(value)


def _integer(fields: dict[str, str], name: str) -> int | None:
    """Return a field that may be missing and may be negative."""
    value = fields.get(name)
    if value is None:
        return None
    if not re.fullmatch(r"[+-]?\d{1,15}", value, re.ASCII):
        raise Refused(f"{name} is {value!r}, not a whole number.")
    return int(value)
