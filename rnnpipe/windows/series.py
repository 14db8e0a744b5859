"""Speech in the form that networks use: utterances, and phones in them, read from window files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rnnpipe.errors import RnnpipeError
from rnnpipe.windows.items import place
from rnnpipe.windows.store import FORMAT

KEPT = 64  # number of the last utterances read that stay in memory, about 10 MB


@dataclass(frozen=True)
class Series:
    """One utterance, or one phone in it, in the form that networks use.

    Parameters
    ----------
    item : str
        Its id; see `rnnpipe.windows.items`.
    samples : int16 array, shape (order + T,)
        All its samples; the first `order` are given, the rest are to be predicted.
    phones : uint8 array, shape (T,)
        Phone of each sample to predict.
    """

    item: str
    samples: np.ndarray
    phones: np.ndarray

    @property
    def order(self) -> int:
        """Number k of given samples."""
        return self.samples.size - self.phones.size

    def standardised(self, mean: float, std: float) -> np.ndarray:
        """Return the samples in standardised units, float32, shape (order + T,)."""
        return ((self.samples - np.float64(mean)) / std).astype(np.float32)


def read_about(path: str | Path) -> dict:
    """Read a window file's footer: format, sampling_rate, order, length, phones, mean, std.

    Raises
    ------
    RnnpipeError
        If the file is not a window file.
    """
    file, about = _open(path)
    file.close()
    return about


class Stored(NamedTuple):
    """An utterance on disk: its id, window file, row group, and number of samples to predict."""

    utterance: str
    path: Path
    group: int
    size: int


class StoredSeries(Sequence[Series]):
    """Utterances, or phones in them, in window files; each is read when it is needed.

    Only the last few stay in memory, so a corpus may be larger than memory. Made by `load_series`.

    Parameters
    ----------
    items : sequence of str
        Ids; see `rnnpipe.windows.items`.
    places : sequence of Stored
        The utterance of each, on disk.
    sizes : sequence of int
        Number of samples to predict in each.
    """

    def __init__(
        self, items: Sequence[str], places: Sequence[Stored], sizes: Sequence[int]
    ) -> None:
        self._items, self._places, self.sizes = items, places, sizes
        self._open = lru_cache(KEPT)(_open)
        self._read = lru_cache(KEPT)(self._joined)

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Series: ...

    @overload
    def __getitem__(self, index: slice) -> "StoredSeries": ...

    def __getitem__(self, index: int | slice) -> "Series | StoredSeries":
        if isinstance(index, slice):
            return StoredSeries(self._items[index], self._places[index], self.sizes[index])
        item, whole = self._items[index], self._read(self._places[index])
        phone = place(item).phone
        if phone is None:
            return whole
        first = phone.first_given(whole.order)
        phones = whole.phones[first : phone.end - whole.order]
        return Series(item, whole.samples[first : phone.end], phones)

    def _joined(self, stored: Stored) -> Series:
        """Join the windows of an utterance."""
        file, about = self._open(stored.path)
        columns = ["context", "samples", "phones"]
        # One thread: several settings load in parallel.
        rows = file.read_row_group(stored.group, columns, use_threads=False)
        context, samples, phones = (
            rows[name].combine_chunks().flatten().to_numpy() for name in columns
        )
        samples = np.concatenate([context[: about["order"]], samples[: stored.size]])
        return Series(stored.utterance, samples, phones[: stored.size].copy())


def sizes_of(series: Sequence[Series]) -> list[int]:
    """Number of samples to predict in each utterance; reads no utterance from a file."""
    if isinstance(series, StoredSeries):
        return list(series.sizes)
    return [speech.phones.size for speech in series]


def load_series(paths: Sequence[str | Path], utterances: Sequence[str]) -> StoredSeries:
    """Find utterances, or phones in them, in window files, in the order of `utterances`.

    Parameters
    ----------
    paths : sequence of path
        Window files.
    utterances : sequence of str
        Ids; see `rnnpipe.windows.items`. Only the footer of each file is read.

    Raises
    ------
    RnnpipeError
        If an utterance is in none of the files, or if a file is not a window file.
    """
    places = [place(item) for item in utterances]
    wanted = {utterance for utterance, _ in places}
    found: dict[str, Stored] = {}
    for path in map(Path, paths):
        file, about = _open(path)
        with file:
            for i in range(file.metadata.num_row_groups):
                group = file.metadata.row_group(i)
                utterance = group.column(0).statistics.min
                if utterance in wanted:
                    last = group.column(2).statistics.min  # num_valid; the others are full
                    size = (group.num_rows - 1) * about["length"] + last
                    found[utterance] = Stored(utterance, path, i, size)
    missing = [
        item for item, (name, _) in zip(utterances, places, strict=True) if name not in found
    ]
    if missing:
        files = ", ".join(str(path) for path in paths)
        raise RnnpipeError(f"{files}: no windows of {', '.join(missing)}; extract them again.")
    return StoredSeries(
        utterances,
        [found[utterance] for utterance, _ in places],
        [
            found[utterance].size if phone is None else phone.num_predicted(about["order"])
            for utterance, phone in places
        ],
    )


def _open(path: str | Path) -> tuple[pq.ParquetFile, dict]:
    """Open a window file; return it and the content of its footer."""
    try:
        file = pq.ParquetFile(path)
        about = json.loads(file.metadata.metadata[b"rnnpipe"])
    except (OSError, pa.ArrowInvalid, KeyError, TypeError) as error:
        raise RnnpipeError(f"{path}: not a window file; extract it again.") from error
    if about.get("format") != FORMAT:
        file.close()
        raise RnnpipeError(f"{path}: not a window file of this rnnpipe; extract it again.")
    return file, about
