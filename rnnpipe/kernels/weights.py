"""The weights of a network as one argument, and tensors as arrays for compiled loops."""

from typing import NamedTuple

import numpy as np
from torch import Tensor


class Weights(NamedTuple):
    """The weights of a `rnnpipe.model.Network`, with G gate columns.

    Parameters
    ----------
    W, V, M : Tensor, shapes (order, G), (num_phones, G), (H, G)
        Weights of the window, of the phone, and of the recurrence.
    d : Tensor, shape (H,), for cells other than a gru (0,)
        A gru's bias inside the reset product.
    b : Tensor, shape (G,)
        Bias of the hidden layer.
    U, c : Tensor, shapes (H,) and (1,)
        Weights and bias of the output.
    """

    W: Tensor
    V: Tensor
    M: Tensor
    d: Tensor
    b: Tensor
    U: Tensor
    c: Tensor

    def contiguous(self) -> "Weights":
        """Return contiguous weights, as the compiled loops expect them."""
        return Weights(*(weight.contiguous() for weight in self))


def as_arrays(*tensors: Tensor) -> tuple[np.ndarray, ...]:
    """View tensors on the CPU as arrays that share their memory."""
    return tuple(tensor.detach().numpy() for tensor in tensors)
