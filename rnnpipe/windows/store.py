"""Windows in Parquet: how speech is stored between the corpus and the networks.

A row is a window. It holds `samples`, `length` samples of an utterance from `start` on, with the
phone of each, and `context`, the `order` samples before them. The k-sample windows that a network
sees slide by one sample; they are views made on load, and are never stored. Each utterance is a row
group. A reader finds it from the footer, and reads only this row group.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rnnpipe.corpus.audio import SAMPLING_RATE
from rnnpipe.corpus.phones import INVENTORIES, NONE, Segment, encode, fold
from rnnpipe.corpus.timit import Utterance
from rnnpipe.files import replacing

FORMAT = "rnnpipe-windows-1"
UTTERANCES_AT_ONCE = 32  # in memory while they are written

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

# How a window file is encoded and compressed; benchmarks/packing.py measures the alternatives.
PACKING = {
    # Phones form long runs of equal values. zstd makes them as small as a dictionary does, faster.
    "use_dictionary": ["utterance"],
    # Neighbouring samples differ little, so that their differences need few bits. Compression after
    # this encoding gains nothing.
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
    # The columns by which a reader finds an utterance.
    "write_statistics": ["utterance", "start", "num_valid"],
    "write_batch_size": 1 << 16,
}


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
    # Columns that cannot be null store no validity flag for each sample.
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
    """Write a table of utterances and a file of their windows, in one pass.

    Parameters
    ----------
    utterances : iterable of Utterance
        Each longer than `order` samples. `UTTERANCES_AT_ONCE` are in memory at a time.
    table : path
        The Parquet file with one row per utterance.
    windows : path
        The window file.
    order, length : int
        Length of the context and of a window, in samples.
    inventory : int
        Number of phones in the windows: TIMIT's 61, or 48 or 39 after `phones.fold`. The table
        keeps TIMIT's 61 labels.
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
            for group in _window_rows(some, schema, inventory):
                writer.write_batch(group, group.num_rows)
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
    """Join the utterance tables of all shards, sorted by id; return the number of rows."""
    rows = pa.concat_tables([pq.read_table(part) for part in parts]).sort_by("utterance")
    with replacing(table) as temporary:
        pq.write_table(rows, temporary)
    return rows.num_rows


class PhoneTable(Mapping[str, tuple[Segment, ...]]):
    """The phones of each utterance, by its id, from a table written by `gather_utterances`.

    The phones of an utterance are decoded when they are needed.
    """

    def __init__(self, table: str | Path) -> None:
        rows = pq.read_table(table, columns=["utterance", "phones"])
        self._phones = rows["phones"]
        self._rows = {name: row for row, name in enumerate(rows["utterance"].to_pylist())}

    def __getitem__(self, utterance: str) -> tuple[Segment, ...]:
        return tuple(Segment(**phone) for phone in self._phones[self._rows[utterance]].as_py())

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def _batched(utterances: Iterable[Utterance], size: int) -> Iterator[list[Utterance]]:
    remaining = iter(utterances)
    while some := list(islice(remaining, size)):
        yield some


# --- rows as Arrow arrays ------------------------------------------------------------------------
# They are made from buffers, because pyarrow.array imports pandas, and this import takes longer
# than all other imports of an extraction together.


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
    """Yield the rows of each utterance; all rows are made at once, which is faster."""
    order, length = (schema.field(name).type.list_size for name in ("context", "samples"))
    names: list[str] = []
    starts: list[int] = []
    counts, num_valid, context, samples, phones = ([] for _ in range(5))
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
    segments = [segment for utterance in of_each for segment in utterance]
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
    """Where each part begins when all are joined, and where the last one ends."""
    return np.cumsum([0, *map(len, parts)], dtype=np.int32)


class ExactSums:
    """Mean and standard deviation of int16 samples in one pass.

    std^2 = (n S2 - S1^2) / n^2, with the sum S1 of the samples and the sum S2 of their squares. The
    sums are Python integers and exact for any corpus size, so that there is no cancellation error.
    """

    def __init__(self) -> None:
        self.count = self.total = self.squares = 0

    def add(self, samples: np.ndarray) -> None:
        """Add samples."""
        self.count += samples.size
        self.total += int(samples.sum(dtype=np.int64))
        self.squares += int(np.square(samples, dtype=np.int32).sum(dtype=np.int64))

    def statistics(self) -> tuple[float, float]:
        """Mean and standard deviation; the deviation of an empty or constant signal is 0."""
        if not self.count:
            return 0.0, 0.0
        n = self.count
        return self.total / n, (n * self.squares - self.total * self.total) ** 0.5 / n
