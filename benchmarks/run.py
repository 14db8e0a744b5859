"""Run all benchmarks and write benchmarks/RESULTS.md: `make bench`."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from datetime import date
from pathlib import Path

import torch

HERE = Path(__file__).parent
SECTIONS = {
    "Training and reconstruction": ["kernels.py", "--figure", str(HERE.parent / "docs/speed.png")],
    **({"On a GPU": ["gpu.py"]} if torch.cuda.is_available() else {}),
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
    made = (
        f"{date.today()}, {processor()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {versions}."
    )
    parts = [
        "# Measured",
        "Written by `make bench`, which measures both sides of a ratio in the same run. "
        f"{'' if 'On a GPU' in SECTIONS else 'Nothing here was measured on a GPU. '}{made}",
    ]
    for title, (script, *arguments) in SECTIONS.items():
        print(f"## {title}", flush=True)
        command = [sys.executable, str(HERE / script), *arguments]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        print(done.stdout)
        parts += [f"## {title}", f"`python benchmarks/{script}`", done.stdout.strip()]
    (HERE / "RESULTS.md").write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
