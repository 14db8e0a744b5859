"""Run all benchmarks and write benchmarks/RESULTS.md: `make bench`."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path

HERE = Path(__file__).parent
SECTIONS = {
    "Training and reconstruction": ["kernels.py", "--figure", str(HERE.parent / "docs/speed.png")],
    "Extraction": ["extraction.py"],
    "How windows are packed": ["packing.py"],
}


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def main() -> None:
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("torch", "numba", "pyarrow", "lhotse")
    )
    parts = [
        "# Measured\n\nWritten by `make bench`, which measures both sides of every ratio in the same run. "
        f"{date.today()}, {processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{versions}. No GPU was there: nothing here is measured on one.\n"
    ]
    for title, (script, *arguments) in SECTIONS.items():
        print(f"## {title}", flush=True)
        command = [sys.executable, str(HERE / script), *arguments]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        print(done.stdout)
        parts.append(f"## {title}\n\n`python benchmarks/{script}`\n\n{done.stdout}")
    (HERE / "RESULTS.md").write_text("\n".join(parts))


if __name__ == "__main__":
    main()
