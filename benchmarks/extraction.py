"""Extraction at TIMIT's size, against lhotse's prepare_timit in the same run.

    pip install lhotse
    python benchmarks/extraction.py [--times N] [--repeat R]

Makes a tree of N x 6,300 utterances (about 5.4 hours each) from the mini-TIMIT. Runs both sides in
turn, R times: rnnpipe writes everything to Parquet (samples, labels, windows), with the shards
divided between two processes; lhotse, in one process, writes its manifests, which hold no samples.
Prints seconds, their ratio, peak memory of a process, bytes on disk for each byte of raw audio, and
the cost of reading one utterance back; medians over R. Both sides are timed as whole processes,
including imports.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import soundfile

from rnnpipe.corpus.splits import SPEAKERS as STANDARD_SPEAKERS
from rnnpipe.corpus.synth import write_minitimit
from rnnpipe.corpus.timit import Utterance, read_corpus
from rnnpipe.windows.series import load_series

SPEAKERS = 630
JOINED = 5  # every fifth utterance is said with the next, which gives TIMIT's mean of 3.1 s

OURS = """
import sys
from concurrent.futures import ProcessPoolExecutor
from rnnpipe.corpus.layouts import find_shards
from rnnpipe.corpus.timit import read_corpus
from rnnpipe.windows.store import extract
root, folder = sys.argv[1:]
def extract_shard(shard):
    extract(read_corpus(root, min_samples=201, shard=shard), f"{folder}/{shard}.table",
            f"{folder}/{shard}.parquet", order=200, length=3200)
with ProcessPoolExecutor(2) as two:
    list(two.map(extract_shard, find_shards(root)))
"""
TRAINING = """
import os, resource, sys, time
os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"  # as in workflow/scripts/train.py
from pathlib import Path
import pyarrow.parquet as pq
import torch
from rnnpipe.model import Network
from rnnpipe.training.batches import Chunks
from rnnpipe.training.optimizers import clip, make_optimizer
from rnnpipe.training.recipes import Recipe
from rnnpipe.training.teacher_forced import predict_batch
from rnnpipe.windows.series import load_series, sizes_of
torch.set_num_threads(1)
files = sorted(Path(sys.argv[1]).glob("*.parquet"))
tables = [pq.read_table(file.with_suffix(".table"), columns=["utterance"]) for file in files]
series = load_series(files, [name for t in tables for name in t["utterance"].to_pylist()])
sizes = sizes_of(series)
recipe, network = Recipe(updates=1, clip="norm"), Network(200, 62, 100, "tanh")
network.initialise("fan_in", 1.0)
optimizer = make_optimizer(recipe, network)
batches = Chunks(recipe, series, sizes, 0.0, 1000.0, torch.device("cpu"))
state, waited, worked = network.initial_state(1), 0.0, 0.0
for update in range(4000):
    begin = time.perf_counter()
    batch = batches.cut()
    batches.move_on()
    middle = time.perf_counter()
    loss, state = predict_batch(network, recipe, batch, state)
    clip(network, recipe)
    optimizer.step()
    waited, worked = waited + middle - begin, worked + time.perf_counter() - middle
share, peak = waited / (waited + worked), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(share, peak)
"""
LHOTSE = """
import sys
from lhotse.recipes.timit import prepare_timit
prepare_timit(sys.argv[1], sys.argv[2], num_phones=48, num_jobs=1)
"""


def make_tree(root: Path, times: int) -> None:
    """Write 630 speakers with 10 utterances each, and the other `times` as hard links.

    data/TEST has the speakers of the core test and development sets, because lhotse reads only
    these there. All others are in data/TRAIN, so that both sides read all utterances.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_minitimit(Path(folder, "mini"))
        utterances = list(read_corpus(Path(folder, "mini"), min_samples=1))
    test = sorted(STANDARD_SPEAKERS["core_test"] | STANDARD_SPEAKERS["dev"])
    for number in range(SPEAKERS):
        place = f"TRAIN/DR{number % 8 + 1}/{'FM'[number % 2]}A{number:03d}"
        if number < len(test):
            place = f"TEST/DR{number % 8 + 1}/{test[number]}"
        speaker = root / "data" / place
        speaker.mkdir(parents=True)
        for sentence in range(10):
            first = number * 10 + sentence
            count = 2 if first % JOINED == 0 else 1
            parts = [utterances[(first + i) % len(utterances)] for i in range(count)]
            name = f"{'SA' if sentence < 2 else 'SX'}{sentence + 1}"
            write_joined(parts, speaker / name)
        for copy in range(1, times):
            again = speaker.with_name(f"{speaker.name}X{copy}")
            shutil.copytree(speaker, again, copy_function=os.link)


def write_joined(parts: list[Utterance], path: Path) -> None:
    """Write several utterances, joined, as one utterance."""
    starts = np.cumsum([0, *(part.samples.size for part in parts)])
    samples = np.concatenate([part.samples for part in parts])
    soundfile.write(path.with_suffix(".WAV"), samples, 16_000, format="NIST", subtype="PCM_16")
    for suffix, kind in ((".PHN", "phones"), (".WRD", "words")):
        lines = [
            f"{start + segment.start} {start + segment.end} {segment.label}\n"
            for part, start in zip(parts, starts, strict=False)
            for segment in getattr(part, kind)
        ]
        path.with_suffix(suffix).write_text("".join(lines))
    text = " ".join(part.text for part in parts)
    path.with_suffix(".TXT").write_text(f"0 {samples.size} {text}\n")


def run(program: str, *arguments: str) -> str:
    """Run a program in a new Python process, with one thread; return its output."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    ).stdout


def seconds(program: str, *arguments: str) -> float:
    """Return the duration of a program."""
    started = time.perf_counter()
    run(program, *arguments)
    return time.perf_counter() - started


def waiting(windows: str) -> tuple[float, float]:
    """Train on all windows; return the share of the time spent on data, and the peak in MiB."""
    share, peak = run(TRAINING, windows).split()
    return float(share), float(peak)


def bytes_read_for_one(files: list[Path]) -> int:
    """Load one utterance from the window files; return the bytes read (Linux counts them)."""

    def so_far() -> int:
        return int(Path("/proc/self/io").read_text().split()[1])

    names = pq.read_table(files[0].with_suffix(".table"), columns=["utterance"])["utterance"]
    before = so_far()
    load_series(files, [names[len(names) // 2].as_py()])
    return so_far() - before


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=1, help="6,300 utterances each")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tree, ours, theirs = (Path(folder, name) for name in ("timit", "windows", "manifests"))
        make_tree(tree, arguments.times)
        raw = sum(path.stat().st_size - 1024 for path in tree.rglob("*.WAV"))
        print(f"- {arguments.times * SPEAKERS * 10} utterances, {raw / 32_000 / 3600:.2f} hours")
        times: dict[str, list[float]] = {"rnnpipe": [], "lhotse": []}
        for turn in range(arguments.repeat):
            times["rnnpipe"].append(seconds(OURS, str(tree), str(ours)))
            if turn == 0:  # before lhotse's processes count too; ru_maxrss is in KiB on Linux
                peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
                print(f"- rnnpipe, peak memory of a process: {peak:.0f} MiB")
            times["lhotse"].append(seconds(LHOTSE, str(tree), str(theirs)))
        files = sorted(ours.glob("*.parquet"))
        disk = sum(path.stat().st_size for path in files)
        read = bytes_read_for_one(files)
        waits = [waiting(str(ours)) for _ in range(arguments.repeat)]
    share, peak = (statistics.median(values) for values in zip(*waits, strict=True))
    print(
        f"- a training on all of it, 100 units, 32 x 100 samples an update: {share:.1%} of the "
        f"time spent on reading and cutting, {peak:.0f} MiB"
    )
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        print(f"- {name}: {medians[name]:.1f} s ({', '.join(f'{value:.1f}' for value in values)})")
    print(f"- lhotse / rnnpipe: {medians['lhotse'] / medians['rnnpipe']:.2f}")
    print(f"- bytes on disk for each byte of raw audio: {disk / raw:.3f}")
    print(f"- read to find one utterance among all: {read / 1e6:.1f} of {disk / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
