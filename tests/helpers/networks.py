"""Networks with random weights, and their predictions, computed one step at a time."""

import numpy as np
import torch

from rnnpipe.corpus.phones import NUM_CODES
from rnnpipe.model import Network


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def numpy_step(cell, a, h, c, w):
    """The next state of one stream, from the part `a` of its input and its state h, c."""
    H = len(h)
    r = h @ w["M"]
    if cell == "gru":
        reset = sigmoid(a[:H] + r[:H])
        update = sigmoid(a[H : 2 * H] + r[H : 2 * H])
        candidate = np.tanh(a[2 * H :] + reset * (r[2 * H :] + w["d"]))
        return (1 - update) * candidate + update * h, c
    if cell == "lstm":
        i, f, g, o = (a + r).reshape(4, H)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
    activation = {"sigmoid": sigmoid, "tanh": np.tanh, "relu": lambda x: np.maximum(x, 0)}[cell]
    return activation(a + r), c


def numpy_network(cell, w, signal, phones):
    """Teacher-forced predictions, with every window and every one-hot phone written out."""
    order, H = len(w["W"]), len(w["U"])
    windows = np.array([signal[t : t + order] for t in range(len(phones))])
    one_hot = np.eye(len(w["V"]))[phones]
    h, c = np.zeros(H), np.zeros(H)
    predictions = []
    for a in windows @ w["W"] + one_hot @ w["V"] + w["b"]:
        h, c = numpy_step(cell, a, h, c, w)
        predictions.append(w["U"] @ h + w["c"][0])
    return np.array(predictions)


def weights_of(network) -> dict[str, np.ndarray]:
    return {name: w.double().numpy() for name, w in network.state_dict().items()}


def drawn(cell, order=7, hidden_size=5, seed=0, scale=0.5) -> Network:
    """A network with random weights, including the biases."""
    network = Network(order, NUM_CODES, hidden_size, cell, mean=-3.25, std=417.1)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for weight in network.parameters():
            weight.uniform_(-scale, scale)
    return network


def speech(size, order, seed=0) -> tuple[np.ndarray, np.ndarray]:
    """A standardised signal of order + size samples, and the phones of the last `size`."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=order + size), rng.integers(0, NUM_CODES, size)
