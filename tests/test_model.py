"""The network against a twin in float64 numpy, written from the formulas of the note."""

import math

import numpy as np
import pytest
import torch
from helpers.networks import drawn, numpy_network, speech, weights_of
from safetensors.torch import save_file

from rnnpipe.errors import RnnpipeError
from rnnpipe.kernels.recurrence import CELLS
from rnnpipe.model import Network

BIASES = ("b", "c", "d")


# --- the twin -----------------------------------------------------------------------------------


# --- predictions --------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_predictions_are_those_of_the_formulas(cell):
    network = drawn(cell)
    batch = [speech(31, 7, seed) for seed in range(3)]
    wanted = [numpy_network(cell, weights_of(network), *one) for one in batch]
    signal = torch.tensor(np.array([signal for signal, _ in batch]))
    phones = torch.tensor(np.array([phones for _, phones in batch]))
    with torch.no_grad():
        single, _ = network(signal.float(), phones, network.initial_state(3))
        network.double()
        double, _ = network(signal, phones, network.initial_state(3))
    np.testing.assert_allclose(double, wanted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(single, wanted, rtol=0, atol=1e-5)


def test_the_sample_to_predict_does_not_take_part_in_its_prediction():
    network = drawn("tanh")
    signal, phones = (torch.tensor(part)[None] for part in speech(20, 7))
    signal = signal.float()
    before, _ = network(signal, phones, network.initial_state(1))
    signal[0, 7 + 12] += 1.0
    after, _ = network(signal, phones, network.initial_state(1))
    assert torch.equal(before[0, :13], after[0, :13])
    assert not torch.equal(before[0, 13], after[0, 13])


@pytest.mark.parametrize("cell", CELLS)
def test_two_chunks_with_the_state_carried_are_one_long_pass(cell):
    network = drawn(cell).double()
    signal, phones = (torch.tensor(part)[None] for part in speech(41, 7))
    with torch.no_grad():
        whole, last = network(signal, phones, network.initial_state(1))
        first, state = network(signal[:, : 7 + 18], phones[:, :18], network.initial_state(1))
        second, state = network(signal[:, 18:], phones[:, 18:], state)
    np.testing.assert_allclose(torch.cat((first, second), 1), whole, rtol=0, atol=1e-14)
    np.testing.assert_allclose(state, last, rtol=0, atol=1e-14)


@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_of_the_loss_is_its_slope(cell):
    network = drawn(cell, order=3, hidden_size=2).double()
    names, weights = zip(*network.named_parameters(), strict=True)
    signal, phones = (torch.tensor(part)[None] for part in speech(6, 3))
    phones = phones % 3  # so that phones come again

    def loss(*weights):
        network_of = dict(zip(names, weights, strict=True))
        state = network.initial_state(1)
        y, _ = torch.func.functional_call(network, network_of, (signal, phones, state))
        return ((y - signal[:, 3:]) ** 2).mean()

    used = [weight for weight in weights if weight.numel()]
    names = [name for name, weight in zip(names, weights, strict=True) if weight.numel()]
    assert torch.autograd.gradcheck(loss, used)


def test_dropout_zeroes_its_share_of_the_hidden_units_and_scales_up_the_rest():
    network = drawn("sigmoid", order=2, hidden_size=1)
    with torch.no_grad():
        network.c.zero_()
    signal, phones = (torch.tensor(part)[None] for part in speech(20_000, 2))
    torch.manual_seed(0)
    clean, _ = network(signal.float(), phones, network.initial_state(1))
    noisy, _ = network(signal.float(), phones, network.initial_state(1), 0.25)
    dropped = noisy == 0
    assert abs(dropped.float().mean().item() - 0.25) < 0.02
    torch.testing.assert_close(noisy[~dropped], clean[~dropped] / 0.75)


# --- weights ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "number"),
    # W 200 x 100, V 62 x 100, M 100 x 100, b 100 for each gate; U 100, c 1; a gru's d 100
    [("sigmoid", 36_401), ("tanh", 36_401), ("relu", 36_401), ("gru", 109_101), ("lstm", 145_301)],
)
def test_the_number_of_parameters(cell, number):
    assert Network(200, 62, 100, cell).num_parameters() == number


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("init", ["uniform", "hidden", "fan_in", "orthogonal", "lecun"])
def test_weights_are_drawn_from_the_stated_range_and_biases_are_zero(cell, init):
    torch.manual_seed(3)
    network = Network(50, 62, 40, cell)
    network.initialise(init, 0.3)
    for name, weight in network.named_parameters():
        if name in BIASES:
            assert not weight.any()
        elif init in ("orthogonal", "lecun") and name == "M":
            for gate in weight.detach().split(40, dim=1):
                np.testing.assert_allclose(gate.T @ gate, 0.09 * np.eye(40), atol=1e-6)
        else:
            fan_in = {"uniform": 1, "hidden": 40, "lecun": 50 / 3 if name == "W" else 1 / 3}
            bound = 0.3 / math.sqrt(40 if name == "U" else fan_in.get(init, 50 + 1 + 40))
            if init == "uniform":
                bound = 0.3
            assert bound * (1 - 12 / weight.numel()) < weight.abs().max() <= bound
            spread = weight.std().item() / (bound / math.sqrt(3))
            assert abs(spread - 1) < 4 / math.sqrt(weight.numel())


def test_a_lecun_network_hears_window_phone_and_state_equally_loud():
    torch.manual_seed(3)
    network = Network(200, 62, 300, "tanh")
    network.initialise("lecun", 1.0)
    window, state = torch.randn(1000, 200), torch.randn(1000, 300)
    for drive in (window @ network.W, network.V, state @ network.M):
        assert drive.std().item() == pytest.approx(1, rel=0.05)


def test_an_orthogonal_recurrence_differs_from_gate_to_gate():
    torch.manual_seed(3)
    network = Network(5, 62, 11, "lstm")
    network.initialise("orthogonal", 1.0)
    gates = network.M.detach().split(11, dim=1)
    assert not any(torch.equal(gates[0], gate) for gate in gates[1:])


def test_an_unknown_cell_is_refused():
    with pytest.raises(RnnpipeError, match="no cell 'gur'; the cells are sigmoid, tanh"):
        Network(5, 62, 3, "gur")


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
def test_a_saved_network_comes_back_to_the_last_bit(cell, tmp_path):
    network = drawn(cell)
    network.save(tmp_path / "one.safetensors")
    back = Network.load(tmp_path / "one.safetensors")
    for attribute in ("order", "num_phones", "hidden_size", "cell", "mean", "std"):
        assert getattr(back, attribute) == getattr(network, attribute)
    signal, phones = (torch.tensor(part)[None] for part in speech(20, 7))
    predictions = [one(signal.float(), phones, one.initial_state(1))[0] for one in (network, back)]
    assert torch.equal(*predictions)
    back.save(tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (
        tmp_path / "two.safetensors"
    ).read_bytes()


def test_saving_twenty_times_gives_the_same_bytes(tmp_path):
    path = tmp_path / "model.safetensors"
    saved = set()
    for _ in range(20):
        drawn("gru").save(path)
        saved.add(path.read_bytes())
    assert len(saved) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


def test_safetensors_of_others_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    for metadata in (None, {"format": "pt"}, {"rnnpipe": '{"format": "rnnpipe-network-0"}'}):
        save_file({"weight": torch.zeros(3)}, path, metadata)
        with pytest.raises(RnnpipeError, match="other.safetensors: not a network of this rnnpipe"):
            Network.load(path)


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "missing"])
def test_damaged_files_are_refused(damage, tmp_path):
    path = tmp_path / "model.safetensors"
    drawn("tanh").save(path)
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-5], "empty": b"", "text": b"hello\n"}.get(damage, whole))
    if damage == "missing":
        path.unlink()
    with pytest.raises(RnnpipeError, match="model.safetensors: not a safetensors file"):
        Network.load(path)


def test_a_network_whose_weights_have_the_wrong_shapes_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    network = drawn("tanh")
    network.hidden_size += 1
    network.save(path)
    with pytest.raises(RnnpipeError, match="model.safetensors: not the weights of such a network"):
        Network.load(path)
