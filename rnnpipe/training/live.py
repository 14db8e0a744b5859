"""The history of a training while it grows: to watch it in a notebook or in TensorBoard."""

import math
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import pandas as pd

from rnnpipe.files import replacing
from rnnpipe.training.log import Row

SECONDS_BETWEEN_WRITES = 10
CURVES = ("mse", "gradient_norm", "learning_rate", "free_nmse")


class Live:
    """Write the rows of a history that are there, from time to time and at the end.

    Parameters
    ----------
    history : path
        The Parquet file, which is replaced each time.
    events : path, optional
        Folder for TensorBoard, made anew. Needs the package tensorboard.
    """

    def __init__(self, history: str | Path, events: str | Path | None = None) -> None:
        self._history, self._shown = Path(history), 0
        self._rows: Sequence[Row] = ()
        self._written = time.monotonic()
        self._events = None
        if events is not None:
            from torch.utils.tensorboard import SummaryWriter

            shutil.rmtree(events, ignore_errors=True)  # of a training before this one
            self._events = SummaryWriter(str(events))

    def __call__(self, rows: Sequence[Row]) -> None:
        """Take the history so far, and write it if the last time was long enough ago."""
        self._rows = rows
        if time.monotonic() - self._written >= SECONDS_BETWEEN_WRITES:
            self._write()

    def __enter__(self) -> "Live":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._write()
        if self._events is not None:
            self._events.close()

    def _write(self) -> None:
        self._written = time.monotonic()
        with replacing(self._history) as temporary:
            pd.DataFrame(self._rows, columns=Row._fields).to_parquet(temporary, index=False)
        if self._events is not None:
            for row in self._rows[self._shown :]:
                for curve in CURVES:
                    if math.isfinite(value := getattr(row, curve)):
                        self._events.add_scalar(curve, value, row.update)
            self._events.flush()
            self._shown = len(self._rows)
