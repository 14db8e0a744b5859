"""Reading a results folder: the results of an experiment as tables, arrays and networks."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from rnnpipe.errors import RnnpipeError, UnknownNameError
from rnnpipe.files import read_table
from rnnpipe.training.runs import load_second_moments, load_snapshots, read_run
from rnnpipe.vocabulary import RunFile, Setting
from rnnpipe.windows.experiment import Experiment, load_held_out
from rnnpipe.windows.items import phones_of, place
from rnnpipe.windows.store import PhoneTable

if TYPE_CHECKING:  # tables and figures are made without torch
    import numpy as np
    from torch import Tensor

    from rnnpipe.corpus.phones import Segment
    from rnnpipe.model import Network
    from rnnpipe.windows.series import StoredSeries


class Run:
    """The results of one setting; each part is read from its folder when it is needed.

    Parameters
    ----------
    folder : path
        results/runs/{recipe}/h{hidden}/s{seed}.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def path(self, file: RunFile) -> Path:
        """Path of one of its files.

        Raises
        ------
        RnnpipeError
            If the file does not exist.
        """
        path = self.folder / file
        if not path.exists():
            raise RnnpipeError(f"{path}: there is no such file; run the workflow first.")
        return path

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The cost and outcome of the training, from run.json."""
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
        """Weights during training, by the update that starts from them."""
        return load_snapshots(self.path(RunFile.SNAPSHOTS))

    @property
    def second_moments(self) -> dict[int, dict[str, Tensor]]:
        """Adam's running means of squared gradients, at the same updates but for the first."""
        return load_second_moments(self.path(RunFile.SNAPSHOTS))

    @property
    def history(self) -> pd.DataFrame:
        """One row per update of the training; see `rnnpipe.training.runs.TrainedRun`."""
        return pd.read_parquet(self.path(RunFile.HISTORY))

    @property
    def dynamics(self) -> pd.DataFrame:
        """One row per snapshot: curvature, gradients; see `rnnpipe.dynamics.measure.measure`."""
        return pd.read_parquet(self.path(RunFile.DYNAMICS))

    @property
    def errors(self) -> pd.DataFrame:
        """One row per utterance and reconstruction, with its errors."""
        return read_table(self.path(RunFile.ERRORS))

    @property
    def phone_errors(self) -> pd.DataFrame:
        """One row per utterance, reconstruction and phone, with its errors."""
        return read_table(self.path(RunFile.PHONES))

    @property
    def horizon(self) -> pd.DataFrame:
        """Error of free runs by number of predicted samples."""
        return read_table(self.path(RunFile.HORIZON))

    def sound(self, item: str, kind: str) -> np.ndarray:
        """Read one sound, int16 at 16 kHz; see `rnnpipe.reconstruction.sounds.read_sound`."""
        from rnnpipe.reconstruction.sounds import read_sound

        return read_sound(self.folder / RunFile.RECONSTRUCTIONS, item, kind)


class Results(Mapping[Setting, Run]):
    """A results folder: a mapping from each setting to its `Run`, and the tables.

    Made by `open_results`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._settings = tuple(
            Setting(row.recipe, int(row.hidden_size), int(row.seed))
            for row in self.table("settings").itertuples()
        )

    def __getitem__(self, setting: tuple[str, int, int]) -> Run:
        if setting not in self._settings:
            known = "; ".join(map(str, map(tuple, self._settings)))
            raise UnknownNameError(
                f"{self.folder} has no setting {setting!r} (recipe, hidden size, seed); "
                f"it has: {known}"
            )
        setting = Setting(*setting)
        return Run(self.folder / "runs" / setting.folder)

    def __iter__(self) -> Iterator[Setting]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def table(self, name: str) -> pd.DataFrame:
        """Read tables/{name}.csv: mse, settings, phones, by_phone or by_phone_class."""
        path = self.folder / "tables" / f"{name}.csv"
        try:
            return read_table(path)
        except FileNotFoundError:
            raise RnnpipeError(f"{path}: there is no such table; run the workflow first.") from None

    @property
    def settings(self) -> pd.DataFrame:
        """One row per setting: cost, final training error, verdict and outcome."""
        return self.table("settings")

    @property
    def mse(self) -> pd.DataFrame:
        """One row per setting or baseline, utterance and reconstruction."""
        return self.table("mse")

    @cached_property
    def experiment(self) -> Experiment:
        """The training utterances, with the mean and standard deviation of their samples."""
        return Experiment.load(self.folder / "corpus" / "experiment.json")

    @cached_property
    def held_out(self) -> tuple[str, ...]:
        """Ids of the held-out items: measured, and never trained on."""
        return load_held_out(self.folder / "corpus" / "held_out.json")

    @cached_property
    def _phones(self) -> PhoneTable:
        return PhoneTable(self.folder / "corpus" / "utterances.parquet")

    @property
    def utterances(self) -> tuple[str, ...]:
        """Ids of all utterances of the corpus that could be read."""
        return tuple(self._phones)

    def phones(self, item: str) -> tuple[Segment, ...]:
        """Phones of an utterance, or of the stretch named by a phone's id, in samples."""
        self._check([item])
        return phones_of(item, self._phones, self.experiment.order)

    def series(self, items: Sequence[str] | None = None) -> StoredSeries:
        """Load utterances or phones of the corpus; by default the training utterances."""
        from rnnpipe.windows.series import load_series

        items = self.experiment.utterances if items is None else items
        self._check(items)
        return load_series(sorted((self.folder / "windows").glob("*.parquet")), items)

    def _check(self, items: Sequence[str]) -> None:
        """Refuse an item whose utterance the corpus does not have, with the nearest ones."""
        for item in items:
            utterance = place(item).utterance
            if utterance not in self._phones:
                nearest = difflib.get_close_matches(utterance, self.utterances, n=3, cutoff=0.0)
                raise UnknownNameError(
                    f"{self.folder} has no utterance {utterance!r}; the nearest are "
                    f"{', '.join(nearest)}."
                )


def open_results(folder: str | Path = "results") -> Results:
    """Open a results folder that the workflow has written.

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
        If the folder has no tables/settings.csv.
    """
    return Results(Path(folder))
