"""What every test module shares."""

import os

# Triton's kernels run in its interpreter, on the CPU; read when triton is first imported.
os.environ["TRITON_INTERPRET"] = "1"

import pytest  # noqa: E402
import torch  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """The networks here are too small to share among threads, and sums must not depend on them."""
    torch.set_num_threads(1)
