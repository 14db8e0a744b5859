"""Windows in Parquet: how speech is stored between the corpus and the networks.

A row is a window: `samples`, the next `length` samples of an utterance from `start` on, with the
phone of each, and `context`, the `order` samples before them. The k-sample windows that a network
sees slide by one sample; they are views, made on load, and never stored. An utterance is a row
group: it is found by the footer alone, and read without reading anything else.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rnnpipe.corpus.audio import SAMPLING_RATE
from rnnpipe.corpus.phones import INVENTORIES, NONE, Segment, encode, fold
from rnnpipe.corpus.timit import Utterance
from rnnpipe.errors import RnnpipeError
from rnnpipe.files import replacing
from rnnpipe.items import place

FORMAT = "rnnpipe-windows-1"
UTTERANCES_AT_ONCE = 32  # in memory while they are written
KEPT = 64  # of those read, some 10 MB

_SEGMENTS = pa.list_(
    pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])
)
UTTERANCE_SCHEMA = pa.schema(
    [
        ("utterance", pa.string()),
        ("split", pa.string()),
        ("dialect", pa.string()),
        ("speaker", pa.string()),
        ("sex", pa.string()),
        ("sentence_type", pa.string()),
        ("num_samples", pa.int32()),
        ("text", pa.string()),
        ("phones", _SEGMENTS),
        ("words", _SEGMENTS),
    ]
)

# How a window file is packed; benchmarks/packing.py measures the alternatives.
PACKING = {
    # Phones come in long runs, which zstd packs as well as a dictionary does, and faster.
    "use_dictionary": ["utterance"],
    # Neighbouring samples differ little: their differences pack into few bits, and into no fewer
    # by a compression after that.
    "column_encoding": {
        "start": "DELTA_BINARY_PACKED",
        "context.list.element": "DELTA_BINARY_PACKED",
        "samples.list.element": "DELTA_BINARY_PACKED",
    },
    "compression": {
        "utterance": "zstd",
        "start": "none",
        "num_valid": "none",
        "context.list.element": "none",
        "samples.list.element": "none",
        "phones.list.element": "zstd",
    },
    # What a reader looks an utterance up by.
    "write_statistics": ["utterance", "start", "num_valid"],
    "write_batch_size": 1 << 16,
}


@dataclass(frozen=True)
class Series:
    """One utterance, or one phone of it, as the networks see it.

    Parameters
    ----------
    utterance : str
        Its id; see `rnnpipe.items`.
    samples : int16 array, shape (order + T,)
        All its samples; the first `order` are given, the rest are to be predicted.
    phones : uint8 array, shape (T,)
        Phone of each sample to predict.
    """

    utterance: str
    samples: np.ndarray
    phones: np.ndarray

    @property
    def order(self) -> int:
        """Number k of samples that are given."""
        return self.samples.size - self.phones.size

    def standardised(self, mean: float, std: float) -> np.ndarray:
        """Return the samples in standardised units, float32, shape (order + T,)."""
        return ((self.samples - np.float64(mean)) / std).astype(np.float32)


def window_schema(order: int, length: int) -> pa.Schema:
    """Columns of a window file. The last window of an utterance is padded beyond `num_valid`."""

    def stretch(kind: pa.DataType, size: int) -> pa.DataType:
        return pa.list_(pa.field("element", kind, nullable=False), size)

    columns = {
        "utterance": pa.string(),
        "start": pa.int32(),
        "num_valid": pa.int32(),
        "context": stretch(pa.int16(), order),
        "samples": stretch(pa.int16(), length),
        "phones": stretch(pa.uint8(), length),
    }
    # That nothing is missing spares a note on each sample of whether it is there.
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


def extract(
    utterances: Iterable[Utterance],
    table: str | Path,
    windows: str | Path,
    *,
    order: int,
    length: int,
    inventory: int = 61,
) -> None:
    """Write utterances as a table of them and as a file of their windows, in one pass.

    Parameters
    ----------
    utterances : iterable of Utterance
        Each longer than `order` samples. One at a time is in memory.
    table : path
        Of the Parquet file with a row an utterance.
    windows : path
        Of the window file.
    order, length : int
        Samples of context, and samples of a window, in samples.
    inventory : int
        Number of phones in the windows: TIMIT's 61, or 48 or 39 after `phones.fold`. The table
        keeps TIMIT's own.
    """
    sums, schema = ExactSums(), window_schema(order, length)
    with (
        replacing(table) as table_file,
        replacing(windows) as windows_file,
        pq.ParquetWriter(table_file, UTTERANCE_SCHEMA) as rows,
        pq.ParquetWriter(windows_file, schema, **PACKING) as writer,
    ):
        for some in _batched(utterances, UTTERANCES_AT_ONCE):
            rows.write_batch(_utterance_rows(some))
            for windows_of_one in _window_rows(some, schema, inventory):
                writer.write_batch(windows_of_one, windows_of_one.num_rows)
            for utterance in some:
                sums.add(utterance.samples)
        mean, std = sums.statistics()
        about = {
            "format": FORMAT,
            "sampling_rate": SAMPLING_RATE,
            "order": order,
            "length": length,
            "phones": ["none", *INVENTORIES[inventory]],
            "mean": mean,
            "std": std,
        }
        writer.add_key_value_metadata({"rnnpipe": json.dumps(about)})


def gather_utterances(parts: Sequence[str | Path], table: str | Path) -> int:
    """Join the utterance tables of shards into one, sorted by id; return the number of rows."""
    rows = pa.concat_tables([pq.read_table(part) for part in parts]).sort_by("utterance")
    with replacing(table) as temporary:
        pq.write_table(rows, temporary)
    return rows.num_rows


def _batched(utterances: Iterable[Utterance], size: int) -> Iterator[list[Utterance]]:
    remaining = iter(utterances)
    while some := list(islice(remaining, size)):
        yield some


# --- rows as Arrow arrays ------------------------------------------------------------------------
# They are made from buffers, because pyarrow.array imports pandas, which takes longer than all the
# other imports of an extraction together.


def _utterance_rows(utterances: Sequence[Utterance]) -> pa.RecordBatch:
    columns = []
    for field in UTTERANCE_SCHEMA:
        if field.name == "num_samples":
            values = np.array([u.samples.size for u in utterances], np.int32)
            columns.append(_numbers(values))
        elif pa.types.is_list(field.type):
            columns.append(_segments([getattr(u, field.name) for u in utterances]))
        else:
            columns.append(_strings([getattr(u, field.name) for u in utterances]))
    return pa.RecordBatch.from_arrays(columns, schema=UTTERANCE_SCHEMA)


def _window_rows(
    utterances: Sequence[Utterance], schema: pa.Schema, inventory: int
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of each utterance; all are made at a time, which is quicker."""
    order, length = (schema.field(name).type.list_size for name in ("context", "samples"))
    names, counts, starts, num_valid, context, samples, phones = ([] for _ in range(7))
    for utterance in utterances:
        size = utterance.samples.size
        folded = fold(utterance.phones, inventory)
        first = range(order, size, length)
        padding = len(first) * length - (size - order)
        names += [utterance.utterance] * len(first)
        counts.append(len(first))
        starts += first
        num_valid += [min(length, size - start) for start in first]
        context += [utterance.samples[start - order : start] for start in first]
        samples += [utterance.samples[order:], np.zeros(padding, np.int16)]
        phones += [encode(folded, size, inventory)[order:], np.full(padding, NONE, np.uint8)]
    columns = [
        _strings(names),
        _numbers(np.array(starts, np.int32)),
        _numbers(np.array(num_valid, np.int32)),
    ]
    for name, parts in (("context", context), ("samples", samples), ("phones", phones)):
        values = _numbers(np.concatenate(parts))
        columns.append(pa.FixedSizeListArray.from_arrays(values, type=schema.field(name).type))
    rows = pa.RecordBatch.from_arrays(columns, schema=schema)
    for end, count in zip(np.cumsum(counts), counts, strict=True):
        yield rows.slice(end - count, count)


def _numbers(values: np.ndarray) -> pa.Array:
    buffers = [None, pa.py_buffer(values)]
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), values.size, buffers)


def _strings(texts: Sequence[str]) -> pa.Array:
    encoded = [text.encode() for text in texts]
    buffers = [None, pa.py_buffer(_offsets(encoded)), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def _segments(of_each: Sequence[Sequence[Segment]]) -> pa.Array:
    segments = [segment for one in of_each for segment in one]
    values = pa.StructArray.from_arrays(
        [
            _numbers(np.array([segment.start for segment in segments], np.int32)),
            _numbers(np.array([segment.end for segment in segments], np.int32)),
            _strings([segment.label for segment in segments]),
        ],
        fields=list(_SEGMENTS.value_type),
    )
    return pa.ListArray.from_arrays(_numbers(_offsets(of_each)), values)


def _offsets(parts: Sequence[Sequence]) -> np.ndarray:
    """Where each part begins when they are laid end to end, and where the last one ends."""
    return np.cumsum([0, *map(len, parts)], dtype=np.int32)


class ExactSums:
    """Mean and standard deviation of int16 samples in one pass.

    std^2 = (n S2 - S1^2) / n^2 from the sums S1 of the samples and S2 of their squares. These are
    Python integers, exact however large the corpus, so that nothing cancels.
    """

    def __init__(self) -> None:
        self.count = self.total = self.squares = 0

    def add(self, samples: np.ndarray) -> None:
        """Take in more samples."""
        self.count += samples.size
        self.total += int(samples.sum(dtype=np.int64))
        self.squares += int(np.square(samples, dtype=np.int32).sum(dtype=np.int64))

    def statistics(self) -> tuple[float, float]:
        """Return mean and standard deviation, 0 for an empty or constant signal."""
        if not self.count:
            return 0.0, 0.0
        n = self.count
        return self.total / n, (n * self.squares - self.total * self.total) ** 0.5 / n


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
    """Where an utterance lies: its id, its window file and row group, and what is predicted."""

    utterance: str
    path: Path
    group: int
    size: int


class StoredSeries(Sequence[Series]):
    """Utterances, or phones of them, in window files, each read when it is asked for.

    The last few stay in memory, so that a corpus may be larger than that. Made by `load_series`.

    Parameters
    ----------
    items : sequence of str
        Ids; see `rnnpipe.items`.
    places : sequence of Stored
        Where the utterance of each lies.
    sizes : sequence of int
        How many samples of each are to be predicted.
    """

    def __init__(
        self, items: Sequence[str], places: Sequence[Stored], sizes: Sequence[int]
    ) -> None:
        self._items, self._places, self.sizes = items, places, sizes
        self._open = lru_cache(KEPT)(_open)
        self._read = lru_cache(KEPT)(self._read)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Series:
        item, whole = self._items[index], self._read(self._places[index])
        lies_in = place(item)
        if lies_in.start is None:
            return whole
        first = lies_in.first_given(whole.order)
        phones = whole.phones[first : lies_in.end - whole.order]
        return Series(item, whole.samples[first : lies_in.end], phones)

    def _read(self, stored: Stored) -> Series:
        """Join the windows of an utterance."""
        file, about = self._open(stored.path)
        columns = ["context", "samples", "phones"]
        # One thread: several settings load side by side.
        rows = file.read_row_group(stored.group, columns, use_threads=False)
        context, samples, phones = (
            rows[name].combine_chunks().flatten().to_numpy() for name in columns
        )
        samples = np.concatenate([context[: about["order"]], samples[: stored.size]])
        return Series(stored.utterance, samples, phones[: stored.size].copy())


def sizes_of(series: Sequence[Series]) -> list[int]:
    """How many samples of each utterance are to be predicted; reads none that lies in a file."""
    if isinstance(series, StoredSeries):
        return list(series.sizes)
    return [one.phones.size for one in series]


def load_series(paths: Sequence[str | Path], utterances: Sequence[str]) -> StoredSeries:
    """Find utterances, or phones of them, in window files, to be read in the order asked for.

    Parameters
    ----------
    paths : sequence of path
        Window files.
    utterances : sequence of str
        Ids; see `rnnpipe.items`. Of each file the footer is read.

    Raises
    ------
    RnnpipeError
        If an utterance is in none of the files, or one of these is not a window file.
    """
    places = [place(item) for item in utterances]
    wanted = {one.utterance for one in places}
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
        item for item, one in zip(utterances, places, strict=True) if one.utterance not in found
    ]
    if missing:
        files = ", ".join(str(path) for path in paths)
        raise RnnpipeError(f"{files}: no windows of {', '.join(missing)}; extract them again.")
    return StoredSeries(
        utterances,
        [found[one.utterance] for one in places],
        [
            found[one.utterance].size if one.start is None else one.num_predicted(about["order"])
            for one in places
        ],
    )


def _open(path: str | Path) -> tuple[pq.ParquetFile, dict]:
    """Open a window file; return it and what its footer says."""
    try:
        file = pq.ParquetFile(path)
        about = json.loads(file.metadata.metadata[b"rnnpipe"])
    except (OSError, pa.ArrowInvalid, KeyError, TypeError) as error:
        raise RnnpipeError(f"{path}: not a window file; extract it again.") from error
    if about.get("format") != FORMAT:
        file.close()
        raise RnnpipeError(f"{path}: not a window file of this rnnpipe; extract it again.")
    return file, about
