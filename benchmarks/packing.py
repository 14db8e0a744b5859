"""Ways to encode and compress window files: time to write, and bytes on disk.

    python benchmarks/packing.py [--repeat R]

Writes the windows of the mini-TIMIT as rnnpipe does, and in every other way that was considered.
Prints medians of R turns: CPU seconds for an hour of speech, and bytes on disk for each byte of raw
audio.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rnnpipe.corpus.audio import SAMPLING_RATE
from rnnpipe.corpus.synth import write_minitimit
from rnnpipe.corpus.timit import read_corpus
from rnnpipe.windows.store import PACKING, extract

TIMES = 6  # the mini-TIMIT after itself, so that a turn takes a while
ROWS = 16  # in a group, about as many windows as an utterance of TIMIT has
SAMPLES = ("context.list.element", "samples.list.element")
PHONES = "phones.list.element"


def packings() -> dict[str, dict]:
    """Arguments of a ParquetWriter, by name."""
    defaults = {"compression": "zstd"}
    delta = {"column_encoding": PACKING["column_encoding"]}
    split = {"column_encoding": dict.fromkeys(SAMPLES, "BYTE_STREAM_SPLIT")}
    phones = PACKING | {"use_dictionary": ["utterance", PHONES]}
    everywhere = PACKING | {"compression": "zstd"}
    return {
        "rnnpipe's: differences; zstd for the phones alone": PACKING,
        "the same, zstd for the samples too": everywhere,
        "the same, phones by a dictionary": phones,
        "zstd, phones by a dictionary, statistics of all columns": defaults
        | delta
        | {"use_dictionary": ["utterance", PHONES]},
        "samples split into bytes (BYTE_STREAM_SPLIT), zstd": everywhere | split,
        "pyarrow's own dictionaries, zstd": defaults,
        "pyarrow's own dictionaries, snappy (its default)": {},
    }


def write(table: pa.Table, path: Path, packing: dict) -> float:
    """Write the file; return the CPU seconds."""
    started = time.process_time()
    with pq.ParquetWriter(path, table.schema, **packing) as writer:
        writer.write_table(table, ROWS)
    return time.process_time() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus, windows = Path(folder, "mini"), Path(folder, "windows.parquet")
        write_minitimit(corpus)
        about = Path(folder, "utterances.parquet")
        extract(read_corpus(corpus, min_samples=201), about, windows, order=200, length=3200)
        raw = sum(pq.read_table(about)["num_samples"].to_pylist()) * TIMES * 2  # bytes
        table = pa.concat_tables([pq.read_table(windows)] * TIMES)
        seconds: dict[str, list[float]] = {name: [] for name in packings()}
        sizes = {}
        for _ in range(arguments.repeat):
            for name, packing in packings().items():
                seconds[name].append(write(table, windows, packing))
                sizes[name] = windows.stat().st_size
    hours = raw / 2 / SAMPLING_RATE / 3600
    print("| packing | seconds an hour of speech | bytes for a byte of audio |")
    print("| --- | --- | --- |")
    for name, values in seconds.items():
        print(f"| {name} | {statistics.median(values) / hours:.2f} | {sizes[name] / raw:.3f} |")


if __name__ == "__main__":
    main()
