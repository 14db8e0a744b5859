"""An echo state network: the hidden layer stays as it was drawn; only the read-out is fitted.

Ridge regression (Jaeger, "The Echo State Approach to Analysing and Training Recurrent Neural
Networks", 2001; Lukosevicius, "A Practical Guide to Applying Echo State Networks", 2012) finds the
U and c with the smallest

    mean over all samples of (x_t - U h_t - c)^2  +  ridge U U'

where h_t are the hidden states of a teacher-forced pass. Noise on the samples that drive them makes
the network bear its own errors, as in Jaeger's note.
"""

from collections.abc import Sequence

import torch

from rnnpipe.kernels.recurrence import recur
from rnnpipe.model import Network
from rnnpipe.training.batches import as_tensors
from rnnpipe.training.recipes import Recipe
from rnnpipe.windows.series import Series


class EchoState:
    """One pass over all utterances that fits the read-out; there is no gradient.

    Parameters
    ----------
    network : Network
        Its hidden layer is as drawn.
    recipe : Recipe
        Its `ridge` and `input_noise` are used.
    series : sequence of Series
        The training utterances.
    device : torch.device
        The network's.
    """

    def __init__(
        self, network: Network, recipe: Recipe, series: Sequence[Series], device: torch.device
    ) -> None:
        self.network, self.recipe, self.series, self.device = network, recipe, series, device

    @torch.no_grad()
    def next_pass(self) -> tuple[float, int]:
        """Fit the read-out; return its mean squared error and the number of samples."""
        H = self.network.hidden_size
        size, moments = 0, torch.zeros(H + 2, H + 2, dtype=torch.float64)
        for speech in self.series:
            moments += self._moments(speech)
            size += speech.phones.size
        inputs, products = moments[:-1, :-1], moments[:-1, -1]
        penalty = torch.full((H + 1,), self.recipe.ridge * size, dtype=torch.float64)
        penalty[-1] = 0  # a constant costs nothing
        weights = torch.linalg.solve(inputs + penalty.diag(), products)
        error = moments[-1, -1] - 2 * weights @ products + weights @ inputs @ weights
        self.network.U.copy_(weights[:-1])
        self.network.c.copy_(weights[-1:])
        return max(0.0, error.item() / size), size

    def _moments(self, speech: Series) -> torch.Tensor:
        """Sum the products of [states, 1, target] with one another over an utterance."""
        network, order = self.network, speech.order
        ([signal], [phones]) = as_tensors([speech], network.mean, network.std)
        target = signal[order:].double()[:, None]
        driven = signal + self.recipe.input_noise * torch.randn_like(signal)
        batch = driven[None].to(self.device), phones[None].to(self.device)
        h, _ = recur(*batch, network.weights, network.initial_state(1), network.cell)
        rows = torch.cat((h[:, :, 0].double().cpu(), torch.ones_like(target), target), dim=1)
        return rows.t() @ rows
