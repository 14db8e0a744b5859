"""A results folder, read: what an experiment left behind, as tables, arrays and networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from rnnpipe.errors import RnnpipeError
from rnnpipe.training.runs import load_snapshots, read_run
from rnnpipe.vocabulary import RunFile, Setting
from rnnpipe.windows.experiment import Experiment, load_held_out
from rnnpipe.windows.items import phones_of
from rnnpipe.windows.store import PhoneTable

if TYPE_CHECKING:  # tables and figures are made without torch
    import numpy as np
    from torch import Tensor

    from rnnpipe.corpus.phones import Segment
    from rnnpipe.model import Network
    from rnnpipe.windows.series import StoredSeries


class Run:
    """What one setting left in its folder; each part is read when it is asked for.

    Parameters
    ----------
    folder : path
        results/runs/{recipe}/h{hidden}/s{seed}.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def path(self, file: RunFile) -> Path:
        """Name one of its files.

        Raises
        ------
        RnnpipeError
            It is not there.
        """
        path = self.folder / file
        if not path.exists():
            raise RnnpipeError(f"{path}: there is no such file; run the workflow first.")
        return path

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What the training cost and how it ended: run.json."""
        return read_run(self.path(RunFile.SUMMARY))

    @property
    def setting(self) -> Setting:
        """Recipe, hidden size and seed."""
        return Setting(*(self.summary[key] for key in Setting._fields))

    @property
    def network(self) -> Network:
        """The trained network, on the CPU."""
        from rnnpipe.model import Network

        return Network.load(self.path(RunFile.MODEL))

    @property
    def snapshots(self) -> dict[int, dict[str, Tensor]]:
        """Weights on the way, by the update that starts from them."""
        return load_snapshots(self.path(RunFile.SNAPSHOTS))

    @property
    def history(self) -> pd.DataFrame:
        """A row an update of the training; see `rnnpipe.training.runs.TrainedRun`."""
        return pd.read_parquet(self.path(RunFile.HISTORY))

    @property
    def dynamics(self) -> pd.DataFrame:
        """A row a snapshot: curvature and gradients; see `rnnpipe.dynamics.measure.measure`."""
        return pd.read_parquet(self.path(RunFile.DYNAMICS))

    @property
    def errors(self) -> pd.DataFrame:
        """A row an utterance and reconstruction: how close it comes."""
        return pd.read_csv(self.path(RunFile.ERRORS))

    @property
    def horizon(self) -> pd.DataFrame:
        """Error by how long a free run has run."""
        return pd.read_csv(self.path(RunFile.HORIZON))

    def sound(self, item: str, kind: str) -> np.ndarray:
        """Read one sound, int16 at 16 kHz; see `rnnpipe.reconstruction.sounds.read_sound`."""
        from rnnpipe.reconstruction.sounds import read_sound

        return read_sound(self.folder / RunFile.RECONSTRUCTIONS, item, kind)


class Results(Mapping[Setting, Run]):
    """A results folder: a mapping from each setting to its `Run`, and the tables beside it.

    Made by `open_results`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._settings = tuple(
            Setting(row.recipe, int(row.hidden_size), int(row.seed))
            for row in self.table("settings").itertuples()
        )

    def __getitem__(self, setting: tuple[str, int, int]) -> Run:
        setting = Setting(*setting)
        if setting not in self._settings:
            known = "; ".join(one.name for one in self._settings)
            raise KeyError(f"{self.folder} has no {setting.name}; it has: {known}")
        return Run(self.folder / "runs" / setting.folder)

    def __iter__(self) -> Iterator[Setting]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def table(self, name: str) -> pd.DataFrame:
        """Read tables/{name}.csv: mse, settings, phones, by_phone or by_phone_class."""
        path = self.folder / "tables" / f"{name}.csv"
        try:
            return pd.read_csv(path)
        except FileNotFoundError:
            raise RnnpipeError(f"{path}: there is no such table; run the workflow first.") from None

    @property
    def settings(self) -> pd.DataFrame:
        """A row a setting: cost, final training error, and why it went as it did."""
        return self.table("settings")

    @property
    def mse(self) -> pd.DataFrame:
        """A row a setting or baseline, utterance and reconstruction."""
        return self.table("mse")

    @cached_property
    def experiment(self) -> Experiment:
        """The training utterances, and what standardises them."""
        return Experiment.load(self.folder / "corpus" / "experiment.json")

    @cached_property
    def held_out(self) -> tuple[str, ...]:
        """Ids of what was measured and never trained on."""
        return load_held_out(self.folder / "corpus" / "held_out.json")

    @cached_property
    def _phones(self) -> PhoneTable:
        return PhoneTable(self.folder / "corpus" / "utterances.parquet")

    @property
    def utterances(self) -> tuple[str, ...]:
        """Ids of all utterances of the corpus that could be read."""
        return tuple(self._phones)

    def phones(self, item: str) -> tuple[Segment, ...]:
        """Phones of an utterance, or of the stretch that a phone's id names, in samples."""
        return phones_of(item, self._phones, self.experiment.order)

    def series(self, items: Sequence[str] | None = None) -> StoredSeries:
        """Load utterances, or phones, of the corpus; the training utterances if none is named."""
        from rnnpipe.windows.series import load_series

        windows = sorted((self.folder / "windows").glob("*.parquet"))
        return load_series(windows, self.experiment.utterances if items is None else items)


def open_results(folder: str | Path = "results") -> Results:
    """Open what the workflow left in a results folder.

    Parameters
    ----------
    folder : path
        The results folder of a finished run.

    Returns
    -------
    Results
        A mapping from settings to runs: ``results["clipped", 100, 0].network``.

    Raises
    ------
    RnnpipeError
        The folder has no tables/settings.csv.
    """
    return Results(Path(folder))
