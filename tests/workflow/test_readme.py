"""The examples in the README work as written."""

import re
import subprocess
import sys

from helpers.workflow import REPOSITORY


def test_the_lines_for_a_notebook_run_on_a_finished_run(finished):
    """The README uses a setting of the default experiment; this run has other settings."""
    [lines] = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.S)
    assert '["clipped", 100, 0]' in lines and '"TRAIN/DR1/*"' not in lines
    lines = lines.replace('["clipped", 100, 0]', '["clipped", 5, 0]')
    assert len([line for line in lines.splitlines() if line.strip()]) <= 8
    done = subprocess.run(
        [sys.executable, "-c", lines], cwd=finished, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (finished / "free_run.wav").stat().st_size > 10_000
    assert (finished / "free_run.png").stat().st_size > 1_000
