"""Numbers as a reader wants them: few digits, aligned, and a dash where there is none."""

import math
from collections.abc import Iterable

import pandas as pd


def whole(value: float | None) -> int | None:
    """Undo what a CSV file with gaps does to whole numbers."""
    return None if value is None or pd.isna(value) else int(value)


def significant(value: float, digits: int = 3) -> str:
    """Write a number with that many significant digits, "–" where there is none."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value and not 1e-5 <= abs(value) < 1e6:
        mantissa, power = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa}e{int(power)}".replace("-", "−")
    # Rounded first, because 0.9996 has its digits where 1.00 has them.
    exponent = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}")))) if value else 0
    return f"{value:.{max(0, digits - 1 - exponent)}f}".replace("-", "−")


def aligned(values: Iterable[float]) -> list[str]:
    """Write three significant digits each, filled up on the right so that the points align.

    The fill is made of spaces as wide as a digit and as wide as a point.
    """
    texts = [significant(value) for value in values]
    fractions = [len(text.partition(".")[2]) if text[-1].isdigit() else 0 for text in texts]
    longest = max(fractions, default=0)
    return [
        text + ("\u2008" if longest and "." not in text else "") + "\u2007" * (longest - fraction)
        for text, fraction in zip(texts, fractions, strict=True)
    ]


def tenths(value: float) -> str:
    """Write one digit after the point."""
    if not math.isfinite(value):
        return significant(value)
    # Adding 0 turns the -0 that a small negative number rounds to into 0.
    return f"{round(value, 1) + 0:.1f}".replace("-", "−")


def duration(seconds: float) -> str:
    """Write a length of time in the unit that fits it."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"


def listed(names: Iterable[str], word: str = "and") -> str:
    """Join names as prose does: a, b and c."""
    names = list(names)
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
