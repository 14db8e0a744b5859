"""The free run in Triton, by its interpreter on the CPU, against its twin in plain torch."""

import numpy as np
import pytest
import torch
from helpers.networks import drawn, speech, weights_of

from rnnpipe.kernels.recurrence import CELLS, reconstruct_plain
from rnnpipe.kernels.weights import Weights

pytest.importorskip("triton", reason="needs triton, which comes with torch's CUDA builds")

from rnnpipe.kernels.gpu import free_runs  # noqa: E402

ORDER, HIDDEN = 7, 13
SIZES = (31, 1, 22)


def both(network, utterances, limit, dtype):
    """Predictions and ends by the kernel, all utterances at once, and by the twin, one by one."""
    arrays = weights_of(network)
    weights = Weights(*(torch.from_numpy(arrays[name]).to(dtype) for name in Weights._fields))
    how = (CELLS.index(network.cell), limit)
    longest = max(phones.size for _, phones in utterances)
    context = torch.stack([torch.from_numpy(signal[:ORDER]).to(dtype) for signal, _ in utterances])
    codes = torch.full((len(utterances), longest), 10**6, dtype=torch.int32)
    for row, (_, phones) in zip(codes, utterances, strict=True):
        row[: phones.size] = torch.from_numpy(phones.astype(np.int32))
    sizes = torch.tensor([phones.size for _, phones in utterances], dtype=torch.int32)
    found, ends = free_runs(context, codes, sizes, weights, *how)

    wanted, stops = torch.zeros_like(found), []
    for row, (signal, phones) in zip(wanted, utterances, strict=True):
        signal, phones = torch.from_numpy(signal).to(dtype), torch.from_numpy(phones)
        how_far = {"feed_back": True, "limit": limit, "noise": torch.zeros(phones.numel())}
        samples, end = reconstruct_plain(signal, ORDER, phones, weights, how[0], **how_far)
        row[: phones.numel()] = samples
        stops.append(end)
    return found, ends.tolist(), wanted, stops


@pytest.mark.parametrize("limit", [np.inf, 1.0], ids=["through", "cut off"])
@pytest.mark.parametrize("cell", CELLS)
def test_the_kernel_is_its_plain_twin(cell, limit):
    network = drawn(cell, order=ORDER, hidden_size=HIDDEN, scale=0.3)
    utterances = [speech(size, ORDER, seed=seed) for seed, size in enumerate(SIZES)]
    for dtype, tolerance in ((torch.float64, 1e-10), (torch.float32, 1e-4)):
        found, ends, wanted, stops = both(network, utterances, limit, dtype)
        assert found.dtype == dtype
        assert ends == stops
        assert (found - wanted).norm() <= tolerance * wanted.norm()


def test_an_utterance_that_blows_up_ends_alone():
    network = drawn("relu", order=ORDER, hidden_size=1, scale=0.0)
    with torch.no_grad():
        network.W[-1], network.U[0] = 2.0, 1.0  # twice the sample before, if that is positive
    loud, quiet = np.zeros(ORDER + 9), np.zeros(ORDER + 9)
    loud[ORDER - 1] = 1.0
    utterances = [(signal, np.zeros(9, np.uint8)) for signal in (loud, quiet)]
    found, ends, wanted, stops = both(network, utterances, 20.0, torch.float32)
    assert ends == stops == [4, 9]
    assert found.tolist() == wanted.tolist() == [[2, 4, 8, 16, 0, 0, 0, 0, 0], [0] * 9]
