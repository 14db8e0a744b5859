"""Writing files so that a reader never sees an incomplete one, and reading tables as written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# Columns of names. A recipe may be called 2014, None or NA, which pandas would turn into numbers.
TEXT = ("recipe", "utterance", "phone", "phone_class", "reconstruction", "status", "set")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` if the block succeeds.

    The temporary name has the same extension, for writers that choose the format by it. After an
    error, the temporary file is removed and `path` is unchanged. A file left by a killed process is
    overwritten the next time.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a CSV file of results; names stay text, and only an empty field is a missing value."""
    import pandas as pd  # takes half a second, which whoever only writes files need not spend

    names = dict.fromkeys(TEXT, str)
    return pd.read_csv(path, dtype=names, keep_default_na=False, na_values=[""])
