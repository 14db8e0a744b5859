"""What every test module shares."""

import os
from pathlib import Path

# Run Triton's kernels in its interpreter, on the CPU; triton reads this when first imported.
os.environ["TRITON_INTERPRET"] = "1"

import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import settings  # noqa: E402

# The same examples in every run, however long a busy machine takes for one.
settings.register_profile("rnnpipe", derandomize=True, deadline=None)
settings.load_profile("rnnpipe")

# Every test in these folders is slow; slow tests elsewhere are marked in their files.
SLOW = {"workflow", "browser"}
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    # The longest first, so that all workers end at about the same time.
    items.sort(key=lambda item: item.path.relative_to(HERE).parts[0] != "workflow")
    for item in items:
        if item.path.relative_to(HERE).parts[0] in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Use one thread: the networks are small, and sums must not depend on the number of threads."""
    torch.set_num_threads(1)
