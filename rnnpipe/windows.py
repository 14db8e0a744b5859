"""Windows in Parquet: how speech is stored between the corpus and the networks.

A row is a window: `samples`, the next `length` samples of an utterance from `start` on, with the
phone of each, and `context`, the `order` samples before them. The k-sample windows that a network
sees slide by one sample; they are views, made on load, and never stored.
"""

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rnnpipe.corpus.audio import SAMPLING_RATE
from rnnpipe.corpus.phones import INVENTORIES, NONE, Segment, encode, fold
from rnnpipe.corpus.timit import Utterance
from rnnpipe.errors import RnnpipeError
from rnnpipe.files import replacing
from rnnpipe.items import place

# About four utterances: one is read without reading much else. Larger groups pack little better.
ROWS_PER_GROUP = 64
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
    "write_statistics": ["utterance", "start"],
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
    return pa.schema(
        [
            ("utterance", pa.string()),
            ("start", pa.int32()),
            ("num_valid", pa.int32()),
            ("context", pa.list_(pa.int16(), order)),
            ("samples", pa.list_(pa.int16(), length)),
            ("phones", pa.list_(pa.uint8(), length)),
        ]
    )


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
            writer.write_batch(_window_rows(some, schema, inventory), ROWS_PER_GROUP)
            for utterance in some:
                sums.add(utterance.samples)
        mean, std = sums.statistics()
        about = {
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
) -> pa.RecordBatch:
    order, length = (schema.field(name).type.list_size for name in ("context", "samples"))
    names, starts, num_valid, context, samples, phones = ([] for _ in schema)
    for utterance in utterances:
        size = utterance.samples.size
        folded = fold(utterance.phones, inventory)
        first = range(order, size, length)
        padding = len(first) * length - (size - order)
        names += [utterance.utterance] * len(first)
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
    return pa.RecordBatch.from_arrays(columns, schema=schema)


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
    """Read a window file's footer: sampling_rate, order, length, phones, mean, std.

    Raises
    ------
    RnnpipeError
        If the file is not a window file.
    """
    file, about = _open(path)
    file.close()
    return about


class StoredSeries(Sequence[Series]):
    """Utterances, or phones of them, in window files, each read when it is asked for.

    The last few stay in memory, so that a corpus may be larger than that. Made by `load_series`.

    Parameters
    ----------
    items : sequence of str
        Ids; see `rnnpipe.items`.
    places : sequence of tuple
        Of the utterance of each its id, its window file, and the row groups that hold it.
    sizes : sequence of int
        How many samples of each are to be predicted.
    """

    def __init__(
        self,
        items: Sequence[str],
        places: Sequence[tuple[str, Path, tuple[int, ...]]],
        sizes: Sequence[int],
    ) -> None:
        self._items, self._places, self.sizes = items, places, sizes
        self._open = lru_cache(KEPT)(_open)
        self._read = lru_cache(KEPT)(self._read)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Series:
        item, whole = self._items[index], self._read(*self._places[index])
        lies_in = place(item)
        if lies_in.start is None:
            return whole
        first = lies_in.first_given(whole.order)
        phones = whole.phones[first : lies_in.end - whole.order]
        return Series(item, whole.samples[first : lies_in.end], phones)

    def _read(self, utterance: str, path: Path, groups: tuple[int, ...]) -> Series:
        """Join the windows of an utterance; they follow each other in its row groups."""
        file, about = self._open(path)
        # One thread: several settings load side by side.
        rows = file.read_row_groups(groups, use_threads=False)
        names = rows["utterance"].to_pylist()
        rows = rows.slice(names.index(utterance), names.count(utterance))
        size = sum(rows["num_valid"].to_pylist())

        def values(column: str) -> np.ndarray:
            return rows[column].combine_chunks().flatten().to_numpy()

        samples = np.concatenate([values("context")[: about["order"]], values("samples")[:size]])
        return Series(utterance, samples, values("phones")[:size].copy())


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
        Ids; see `rnnpipe.items`. Of each file its footer is read, and names and lengths in the row
        groups that may hold them.

    Raises
    ------
    RnnpipeError
        If an utterance is in none of the files, or one of these is not a window file.
    """
    places = [place(item) for item in utterances]
    wanted = sorted({one.utterance for one in places})
    found: dict[str, tuple[str, Path, tuple[int, ...]]] = {}
    sizes: Counter[str] = Counter()
    for path in map(Path, paths):
        file, about = _open(path)
        with file:
            groups: dict[str, dict[int, None]] = {}
            for i in _groups_with(wanted, file.metadata):
                rows = file.read_row_group(i, ["utterance", "num_valid"], use_threads=False)
                for name, size in zip(*(column.to_pylist() for column in rows), strict=True):
                    groups.setdefault(name, {})[i] = None
                    sizes[name] += size
        found |= {name: (name, path, tuple(lies_in)) for name, lies_in in groups.items()}
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
            sizes[one.utterance] if one.start is None else one.num_predicted(about["order"])
            for one in places
        ],
    )


def _open(path: str | Path) -> tuple[pq.ParquetFile, dict]:
    """Open a window file; return it and what its footer says."""
    try:
        file = pq.ParquetFile(path)
        return file, json.loads(file.metadata.metadata[b"rnnpipe"])
    except (OSError, pa.ArrowInvalid, KeyError, TypeError) as error:
        raise RnnpipeError(f"{path}: not a window file; extract it again.") from error


def _groups_with(wanted: Sequence[str], metadata: pq.FileMetaData) -> list[int]:
    """Return the row groups that may hold any of some utterances, which are sorted."""
    groups = []
    for i in range(metadata.num_row_groups):
        names = metadata.row_group(i).column(0).statistics
        first = bisect_left(wanted, names.min)
        if first < len(wanted) and wanted[first] <= names.max:
            groups.append(i)
    return groups
