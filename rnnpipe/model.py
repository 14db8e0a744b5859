"""The network: k previous samples and the current phone in, the next sample out.

    a_t = W x_{t-k .. t-1} + V p_t + b
    h_t = cell(a_t, h_{t-1} M)              see rnnpipe.kernels.recurrence
    y_t = U h_t + c

with x standardised and p_t one-hot over the 61 TIMIT phones and "none". The symbols are those of
Dumoulin, "Starting on RNNs", 2014.
"""

import json
import math
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from rnnpipe.errors import RnnpipeError
from rnnpipe.files import replacing
from rnnpipe.kernels.recurrence import CELLS, NUM_GATES, free_runs, read_out, recur, state_size
from rnnpipe.kernels.weights import Weights
from rnnpipe.vocabulary import LIMIT

FORMAT = "rnnpipe-network-1"


class Network(nn.Module):
    """A recurrent predictor of the next sample.

    Parameters
    ----------
    order : int
        Number k of previous samples in the window.
    num_phones : int
        Length of the one-hot phone.
    hidden_size : int
        Number H of hidden units. The number G of gate columns is 4 H for an lstm, 3 H for a gru,
        and H for the other cells.
    cell : {"sigmoid", "tanh", "relu", "gru", "lstm"}
        The hidden layer.
    mean, std : float
        Of the training samples, in 16-bit units; used to standardise and restore the audio.

    Attributes
    ----------
    W, V, M, b, U, c : Parameter, shapes (order, G), (num_phones, G), (H, G), (G,), (H,), (1,)
    d : Parameter, shape (H,), a gru's second candidate bias; empty for the other cells
    """

    def __init__(
        self,
        order: int,
        num_phones: int,
        hidden_size: int,
        cell: str,
        *,
        mean: float = 0.0,
        std: float = 1.0,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise RnnpipeError(f"There is no cell {cell!r}; the cells are {', '.join(CELLS)}.")
        self.order, self.num_phones, self.hidden_size = order, num_phones, hidden_size
        self.cell, self.mean, self.std = cell, mean, std
        gates = hidden_size * NUM_GATES[cell]
        self.W = nn.Parameter(torch.zeros(order, gates))
        self.V = nn.Parameter(torch.zeros(num_phones, gates))
        self.M = nn.Parameter(torch.zeros(hidden_size, gates))
        self.b = nn.Parameter(torch.zeros(gates))
        self.d = nn.Parameter(torch.zeros(hidden_size if cell == "gru" else 0))
        self.U = nn.Parameter(torch.zeros(hidden_size))
        self.c = nn.Parameter(torch.zeros(1))

    @property
    def weights(self) -> Weights:
        """All weights, in the form that the kernels take."""
        return Weights(self.W, self.V, self.M, self.d, self.b, self.U, self.c)

    def initialise(self, init: str, scale: float) -> None:
        """Draw all weights at random; biases become 0. See `Recipe.init` for the kinds."""
        with torch.no_grad():
            for name, weight in self.named_parameters():
                if name in ("b", "c", "d"):
                    weight.zero_()
                else:
                    bound = scale / math.sqrt(self._fan_in(name, init))
                    weight.uniform_(-bound, bound)
            if init in ("orthogonal", "lecun"):
                for block in self.M.split(self.hidden_size, dim=1):
                    nn.init.orthogonal_(block, gain=scale)

    def _fan_in(self, name: str, init: str) -> float:
        """Return how many inputs a weight's first range is to reckon with."""
        inputs = {"W": self.order, "V": 1, "M": self.hidden_size}  # a one-hot phone is one input
        if init == "uniform":
            return 1
        if init == "hidden" or name == "U":
            return self.hidden_size
        if init == "lecun":
            return inputs[name] / 3  # U(-sqrt(3 / n), sqrt(3 / n)) has the variance 1 / n
        return sum(inputs.values())  # the products with W, V and M are added up

    def initial_state(self, batch: int) -> Tensor:
        """Return the state before the first sample: zeros, (batch, H), for an lstm (batch, 2H)."""
        return self.M.new_zeros(batch, state_size(self.cell, self.hidden_size))

    def forward(
        self, signal: Tensor, phones: Tensor, state: Tensor, dropout: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        """Predict samples from their true past.

        Parameters
        ----------
        signal : Tensor, shape (B, order + T)
            Standardised samples. The last one is never an input; only its place is needed.
        phones : integer Tensor, shape (B, T)
            Phone of each sample to predict.
        state : Tensor, shape (B, H) or (B, 2H)
            State before the first prediction.
        dropout : float
            Share of hidden units dropped before the output.

        Returns
        -------
        predictions : Tensor, shape (B, T)
            Predictions of signal[:, order:].
        state : Tensor
            State after the last prediction, without gradient.
        """
        h, state = recur(signal, phones, self.weights, state, self.cell)
        if dropout:
            h = functional.dropout(h, dropout)
        return read_out(h, self.U, self.c).t(), state

    @torch.no_grad()
    def free_runs(
        self, contexts: Tensor, phones: Tensor, state: Tensor, hold_at: float = LIMIT
    ) -> Tensor:
        """Predict samples from earlier predictions, for many pasts in parallel, on the CPU.

        Parameters
        ----------
        contexts : Tensor, shape (B, order)
            The standardised samples before each run.
        phones : integer Tensor, shape (B, T)
            Phone of each sample to predict.
        state : Tensor, shape (B, H) or (B, 2H)
            State before the first prediction.
        hold_at : float
            A prediction beyond this many standard deviations, or a nan, is replaced by this limit,
            and its run continues from there.

        Returns
        -------
        Tensor, shape (B, T)
            The predictions. Their rounding errors depend on the number of runs.
        """
        return free_runs(contexts, phones, self.weights, state, self.cell, hold_at)

    def save(self, path: str | Path) -> None:
        """Write the weights, and what is needed to build the network again, as safetensors."""
        built_from = {
            "format": FORMAT,
            "order": self.order,
            "num_phones": self.num_phones,
            "hidden_size": self.hidden_size,
            "cell": self.cell,
            "mean": self.mean,
            "std": self.std,
        }
        weights = {name: weight.contiguous().cpu() for name, weight in self.state_dict().items()}
        with replacing(path) as temporary:
            # Only one key: safetensors writes several keys in an order that changes between runs.
            save_file(weights, temporary, {"rnnpipe": json.dumps(built_from)})

    @classmethod
    def load(cls, path: str | Path) -> "Network":
        """Read a network written by `save`.

        Raises
        ------
        RnnpipeError
            If the file is not such a network.
        """
        try:
            with safe_open(path, "pt") as file:
                built_from = json.loads((file.metadata() or {}).get("rnnpipe", "{}"))
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except Exception as error:
            raise RnnpipeError(f"{path}: not a safetensors file ({error}).") from error
        if built_from.pop("format", None) != FORMAT:
            raise RnnpipeError(f"{path}: not a network of this rnnpipe; train it again.")
        network = cls(**built_from)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise RnnpipeError(f"{path}: not the weights of such a network.") from error
        return network

    def num_parameters(self) -> int:
        """Number of weights."""
        return sum(weight.numel() for weight in self.parameters())
