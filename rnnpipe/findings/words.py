"""Numbers as text: few digits, aligned, and a dash if there is no value."""

import math
from collections.abc import Iterable

import pandas as pd


def whole(value: float | None) -> int | None:
    """Return a whole number as int, and a missing one as None; a CSV file reads both as float."""
    return None if value is None or pd.isna(value) else int(value)


def significant(value: float, digits: int = 3) -> str:
    """Write a number with `digits` significant digits; nan as "–"."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value and not 1e-5 <= abs(value) < 1e6:
        mantissa, power = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa}e{int(power)}".replace("-", "−")
    # Round first: 0.9996 becomes 1.00, whose exponent is larger.
    exponent = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}")))) if value else 0
    return f"{value:.{max(0, digits - 1 - exponent)}f}".replace("-", "−")


def aligned(values: Iterable[float]) -> list[str]:
    """Write numbers with three significant digits, padded on the right to align decimal points.

    The padding consists of spaces as wide as a digit and as wide as a point.
    """
    texts = [significant(value) for value in values]
    fractions = [len(text.partition(".")[2]) if text[-1].isdigit() else 0 for text in texts]
    longest = max(fractions, default=0)
    return [
        text + ("\u2008" if longest and "." not in text else "") + "\u2007" * (longest - fraction)
        for text, fraction in zip(texts, fractions, strict=True)
    ]


def tenths(value: float) -> str:
    """Write a number with one decimal."""
    if not math.isfinite(value):
        return significant(value)
    # A small negative number rounds to -0; adding 0 turns it into 0.
    return f"{round(value, 1) + 0:.1f}".replace("-", "−")


def duration(seconds: float) -> str:
    """Write a duration in hours, minutes or seconds."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"


def listed(names: Iterable[str], word: str = "and") -> str:
    """Join names as in a sentence: a, b and c."""
    names = list(names)
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
