"""Batches that read utterances from end to end."""

import numpy as np
import pytest
import torch
from helpers.networks import drawn, numpy_network, weights_of
from helpers.speech import series
from helpers.training import HIDDEN, MEAN, ORDER, STD, each, run

from rnnpipe.corpus.phones import NUM_CODES
from rnnpipe.model import Network
from rnnpipe.training.batches import Chunks, WholeUtterances
from rnnpipe.training.recipes import Recipe
from rnnpipe.windows.series import Series

BIASES = ("b", "c", "d")


SIZES = (90, 41, 7, 203)


def numbered(order):
    """Utterances whose samples encode their place: 1000 x (1 + utterance) + position."""
    made = [
        Series(
            str(u),
            (1000 * (1 + u) + np.arange(order + size)).astype(np.int16),
            ((np.arange(size) * 7 + u) % NUM_CODES).astype(np.uint8),
        )
        for u, size in enumerate(SIZES)
    ]
    return made


@pytest.mark.parametrize("carry_state", [True, False])
@pytest.mark.parametrize("steps", [1, 11, 90, 300])
def test_streams_read_utterances_from_end_to_end(steps, carry_state):
    order, num_streams = 5, 4
    made = numbered(order)
    recipe = Recipe(updates=1, streams=num_streams, steps=steps, carry_state=carry_state)
    torch.manual_seed(0)
    batches = each(Chunks(recipe, made, SIZES, 0, 1, torch.device("cpu")))
    before = [None] * num_streams
    read, begun = set(), set()
    for _ in range(60 + 2000 // steps):
        batch = next(batches)
        assert batch.signal.shape == (num_streams, order + steps)
        assert batch.phones.shape == batch.valid.shape == (num_streams, steps)
        for i in range(num_streams):
            count = int(batch.valid[i].sum())
            assert batch.valid[i].tolist() == [1.0] * count + [0.0] * (steps - count)
            assert count >= 1
            code = int(batch.signal[i, 0])
            u, position = code // 1000 - 1, code % 1000
            size = SIZES[u]
            assert count == min(steps, size - position)
            # contexts, targets and phones are those of one utterance at one place
            there = made[u].samples[position : position + order + count]
            assert batch.signal[i, : order + count].tolist() == there.tolist()
            heard = made[u].phones[position : position + count]
            assert batch.phones[i, :count].tolist() == heard.tolist()
            assert not batch.signal[i, order + count :].any()

            ended = before[i] is None or before[i][1] + steps >= SIZES[before[i][0]]
            if not ended:
                assert (u, position) == (before[i][0], before[i][1] + steps)
            elif before[i] is not None:
                assert position == 0
                begun.add(u)
            assert bool(batch.fresh[i]) == (ended or not carry_state)
            before[i] = u, position
            read.add(u)
    assert read == begun == set(range(len(SIZES)))


def test_streams_start_at_different_places():
    made = numbered(5)
    recipe = Recipe(updates=1, streams=200, steps=3)
    torch.manual_seed(0)
    first = next(each(Chunks(recipe, made, SIZES, 0, 1, torch.device("cpu")))).signal[:, 0].numpy()
    shares = np.bincount(first.astype(int) // 1000, minlength=5)[1:] / 200
    assert shares == pytest.approx(np.array(SIZES) / sum(SIZES), abs=0.12)
    assert len(set(first)) > 100


def test_a_carried_state_makes_chunks_one_long_pass():
    one = series(83, ORDER)
    network = drawn("lstm").double()
    signal = one.standardised(MEAN, STD)
    wanted = numpy_network("lstm", weights_of(network), signal.astype(float), one.phones)
    recipe = Recipe(updates=1, streams=3, steps=11)
    torch.manual_seed(0)
    batches = each(Chunks(recipe, [one], [83], MEAN, STD, torch.device("cpu")))
    # Where each stream is; None until it starts at the beginning: the state of the first start,
    # anywhere in the utterance, knows nothing of what was before.
    state, positions = network.initial_state(3), [None] * 3
    compared = 0
    for number in range(20):
        batch = next(batches)
        state = torch.where(batch.fresh[:, None], 0.0, state)
        with torch.no_grad():
            predictions, state = network(batch.signal.double(), batch.phones, state)
        for i in range(3):
            if number and batch.fresh[i]:
                positions[i] = 0
            if positions[i] is not None:
                count = int(batch.valid[i].sum())
                there = slice(positions[i], positions[i] + count)
                found = predictions[i, :count]
                np.testing.assert_allclose(found, wanted[there], rtol=0, atol=1e-12)
                positions[i] += 11
                compared += count
    assert compared > 300


@pytest.mark.parametrize("carry_state", [True, False])
def test_a_training_carries_the_state_from_update_to_update(carry_state):
    utterances = [series(83, ORDER), series(41, ORDER, 1)]
    options = {"streams": 3, "steps": 11, "carry_state": carry_state}
    # The steps are too small to change a weight, so only batches and states matter.
    recipe = Recipe(**options, updates=20, optimizer="sgd", learning_rate=1e-30)
    found = run(recipe, utterances, seed=4)
    losses = []
    torch.manual_seed(4)
    network = Network(ORDER, NUM_CODES, HIDDEN, recipe.cell)
    network.initialise(recipe.init, recipe.init_scale)
    batches = each(Chunks(recipe, utterances, [83, 41], MEAN, STD, torch.device("cpu")))
    state = network.initial_state(3)
    for _ in range(20):
        batch = next(batches)
        state = state * ~batch.fresh[:, None]
        with torch.no_grad():
            predictions, state = network(batch.signal, batch.phones, state)
        error = (predictions - batch.signal[:, ORDER:])[batch.valid == 1].double()
        losses.append((error**2).mean().item())
    np.testing.assert_allclose(found.history["mse"], losses, rtol=1e-5)


def test_whole_utterances_come_once_an_epoch_and_never_mixed():
    made = numbered(5)
    torch.manual_seed(0)
    batches = each(WholeUtterances(made, 0, 1, torch.device("cpu")))
    orders = []
    for _ in range(6):
        orders.append([])
        for _ in SIZES:
            batch = next(batches)
            u = int(batch.signal[0, 0]) // 1000 - 1
            assert batch.signal[0].tolist() == made[u].samples.tolist()
            assert batch.phones[0].tolist() == made[u].phones.tolist()
            assert batch.valid.all() and batch.fresh.all()
            orders[-1].append(u)
        assert sorted(orders[-1]) == [0, 1, 2, 3]
    assert len(set(map(tuple, orders))) > 1
