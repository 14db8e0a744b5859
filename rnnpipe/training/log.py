"""The log of a training: its history, when its error rose, and the weights to keep."""

import math
from typing import NamedTuple

import pandas as pd
from torch import Tensor
from torch.optim import Optimizer

from rnnpipe.model import Network
from rnnpipe.training.optimizers import second_moments
from rnnpipe.training.rises import Rises, Seen
from rnnpipe.training.runs import TrainedRun

# A training error above this, in standardised units (silence has 1), does not recover: the run has
# diverged. The error at the start is far below it, even for large networks (a network of the 2014
# note with 1,600 units starts near 100).
DIVERGED_MSE = 1000.0

# Training keeps a copy of the weights for `rnnpipe.dynamics` after these shares of its updates, and
# around the first rise of the error, see `rnnpipe.training.rises`.
SNAPSHOTS = (0.0, 0.1, 0.5, 1.0)

Snapshot = dict[str, Tensor]


class Row(NamedTuple):
    """One update, as in history.parquet; see `TrainedRun.history`."""

    update: int
    epoch: float
    mse: float
    gradient_norm: float
    clipped: bool
    learning_rate: float
    free_nmse: float


class Lowest(NamedTuple):
    """The update at the end of those with the lowest errors before the first rise."""

    update: int
    weights: Snapshot
    second_moments: Snapshot


class Log:
    """The record of a training so far.

    Parameters
    ----------
    network : Network
        The network in training; the log copies its weights.
    num_updates : int
        Length of the training.
    pass_length : int
        Updates in one pass through the utterances.
    rises : Rises
        Says when the error has risen.
    optimizer : torch.optim.Optimizer
        Of which the log copies the second moments.

    Attributes
    ----------
    rows : list of Row
        The history.
    samples : int
        Number of samples predicted so far.
    sane : Snapshot
        Weights at the last update before a divergence.
    diverged_at, risen_at : int or None
        Update at which the error diverged, and at which it had risen.
    lowest : Lowest
        Where the error was lowest before its first rise.
    snapshots : dict from int to Snapshot
        Weights, by the update that starts from them.
    second_moments : dict from int to Snapshot
        Adam's, see `rnnpipe.training.optimizers.second_moments`, at the same updates.
    best : (float, Snapshot) or None
        The lowest NMSE of the free runs tried so far, and the weights that made it.
    """

    def __init__(
        self,
        network: Network,
        num_updates: int,
        pass_length: int,
        rises: Rises,
        optimizer: Optimizer,
    ) -> None:
        self.network, self.num_updates, self.pass_length = network, num_updates, pass_length
        self.rises, self.optimizer = rises, optimizer
        self.rows: list[Row] = []
        self.samples = 0
        self.sane = snapshot(network)
        self.diverged_at: int | None = None
        self.risen_at: int | None = None
        self.lowest = Lowest(1, self.sane, {})
        self.snapshots: dict[int, Snapshot] = {}
        self.second_moments: dict[int, Snapshot] = {}
        self.best: tuple[float, Snapshot] | None = None
        self._marks = {1 + round(share * num_updates) for share in SNAPSHOTS}

    def add(self, row: Row, samples: int) -> None:
        """Add an update, before its step is taken."""
        self.rows.append(row)
        self.samples += samples
        if not (row.mse <= DIVERGED_MSE and math.isfinite(row.gradient_norm)):
            self.diverged_at = row.update
            return
        self.sane = snapshot(self.network)
        if row.free_nmse < (self.best[0] if self.best else math.inf):
            self.best = row.free_nmse, self.sane
        if row.update in self._marks:
            self._keep(row.update, self.sane, self._moments())
        if self.risen_at is None:
            self._look_for_a_rise(row)

    def words(self) -> str:
        """Say in a few words how good the network is now."""
        last = [row.mse for row in self.rows[-50:]]
        tried = [row.free_nmse for row in self.rows if math.isfinite(row.free_nmse)][-1:]
        now = [f"MSE {sum(last) / len(last):.2g}"] if last else []
        return ", ".join(now + [f"free-running NMSE {nmse:.2g}" for nmse in tried])

    def _look_for_a_rise(self, row: Row) -> None:
        seen = self.rises.add(row.mse)
        if seen is Seen.LOWEST:
            self.lowest = Lowest(row.update, self.sane, self._moments())
        elif seen is Seen.RISEN:
            self.risen_at = row.update
            self._keep(*self.lowest)
            self._keep(row.update, self.sane, self._moments())

    def _keep(self, update: int, weights: Snapshot, moments: Snapshot) -> None:
        self.snapshots[update] = weights
        if moments:
            self.second_moments[update] = moments

    def _moments(self) -> Snapshot:
        return second_moments(self.optimizer, self.network)

    def end(self, error: float) -> None:
        """Add the error after the last step; this step, too, may make the training diverge."""
        if error <= DIVERGED_MSE:
            self._keep(self.num_updates + 1, snapshot(self.network), self._moments())
        else:
            self.diverged_at = self.num_updates

    def close(self, wall_seconds: float) -> TrainedRun:
        """Turn the log of a finished training into its results."""
        if self.diverged_at is not None and self.risen_at is None:
            self.risen_at = self.diverged_at
            self._keep(*self.lowest)
        history = pd.DataFrame(self.rows, columns=Row._fields)
        final_mse = float(history["mse"].tail(self.pass_length).mean())
        return TrainedRun(
            self.network.cpu(),
            history,
            self.diverged_at,
            math.nan if self.diverged_at is not None else final_mse,
            None if self.risen_at is None else self.lowest.update,
            self.risen_at,
            self.snapshots,
            self.second_moments,
            self.samples,
            wall_seconds,
        )


def snapshot(network: Network) -> Snapshot:
    """Copy the weights."""
    return {name: weight.detach().clone() for name, weight in network.state_dict().items()}
