"""Checks that SPHERE and RIFF audio share: reasons to refuse a file."""

SAMPLING_RATE = 16_000  # Hz


class Refused(Exception):
    """The reason why bytes cannot be read as audio; the caller adds the name of the file."""


def check_channels(channels: int) -> None:
    """Refuse audio that is not mono."""
    if channels != 1:
        raise Refused(
            f"{channels} channels; only mono is read (one channel: `sox IN OUT remix 1`)."
        )


def check_rate(rate: int) -> None:
    """Refuse audio that is not at 16 kHz; `rate` is in Hz."""
    if rate != SAMPLING_RATE:
        raise Refused(
            f"the sampling rate is {rate} Hz, not {SAMPLING_RATE} Hz "
            f"(resample: `sox IN -r {SAMPLING_RATE} OUT`)."
        )


def compressed_with(method: str) -> str:
    """Message that compressed SPHERE is refused, and how to uncompress it."""
    return (
        f"the audio is compressed with {method}, which is not read "
        "(uncompress it first: `sph2pipe -f rif -p IN OUT`)."
    )
