"""What every test module shares."""

import os
from pathlib import Path

# Triton's kernels run in its interpreter, on the CPU; read when triton is first imported.
os.environ["TRITON_INTERPRET"] = "1"

import pytest  # noqa: E402
import torch  # noqa: E402

# Every test in these folders is slow; others say so themselves.
SLOW = {"workflow", "browser"}
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.relative_to(HERE).parts[0] in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """The networks here are too small to share among threads, and sums must not depend on them."""
    torch.set_num_threads(1)
