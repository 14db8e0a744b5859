"""The words that all rooms share: settings, reconstructions, baselines, the files of a run.

Nothing here is computed, and nothing here imports more than the standard library.
"""

from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

# Where a setting's files are, below results/runs. Snakemake fills in the same pattern.
SETTING_FOLDER = "{recipe}/h{hidden}/s{seed}"


class Setting(NamedTuple):
    """What one network is trained with.

    Parameters
    ----------
    recipe : str
        Name of the recipe.
    hidden_size : int
        Hidden units.
    seed : int
        Of the initial weights, the batches and all noise.
    """

    recipe: str
    hidden_size: int
    seed: int

    @property
    def folder(self) -> str:
        """Folder of its files, below results/runs."""
        return SETTING_FOLDER.format(recipe=self.recipe, hidden=self.hidden_size, seed=self.seed)

    @property
    def name(self) -> str:
        """Name in prose."""
        return f"{self.recipe}, {self.hidden_size} hidden units, seed {self.seed}"


class RunFile(StrEnum):
    """What a setting leaves in its folder; RECONSTRUCTIONS is a folder, the others are files."""

    MODEL = "model.safetensors"
    SNAPSHOTS = "snapshots.safetensors"
    HISTORY = "history.parquet"
    SUMMARY = "run.json"
    DYNAMICS = "dynamics.parquet"
    ERRORS = "reconstructions.csv"
    RECONSTRUCTIONS = "reconstructions"
    HORIZON = "horizon.csv"


# --- reconstructions ------------------------------------------------------------------------------

# The two reconstructions of an utterance, with their names, and the question that each answers.
RECONSTRUCTIONS = {"teacher_forced": "Teacher-forced", "free_running": "Free-running"}
MODES = {"teacher_forced": "Given the true past", "free_running": "On its own"}
# The sounds that a setting leaves of each utterance.
SOUNDS = {"original": "Original"} | RECONSTRUCTIONS
COLOURS = {"original": "#3d4145", "teacher_forced": "#0072B2", "free_running": "#D55E00"}

# Standard deviations: a free run that passes it has blown up. reconstruct.limit sets another.
LIMIT = 20.0


def file_name(item: str) -> str:
    """Turn the id of an utterance, or of a phone of one, into the stem of a file's name."""
    return item.replace("/", "-")


def sound_path(folder: str | Path, item: str, kind: str) -> Path:
    """Name the WAV file of one of `SOUNDS` in a folder of reconstructions."""
    return Path(folder, f"{file_name(item)}.{kind}.wav")


# --- baselines ------------------------------------------------------------------------------------

BASELINE = "baseline:"  # leads the names of baselines, where a table has the recipe of a network


# --- the 2014 note --------------------------------------------------------------------------------

NOTE_RECIPE = "dumoulin2014"
NOTE_UTTERANCE = "TRAIN/DR8/FCLT0/SI2068"
NOTE_MSE = 0.426  # the training error that it reports, of 100 units
# What it published of its utterance: 100 units, order 200; NMSE measured on its audio files.
NOTE = {"training_mse": (NOTE_MSE,), "teacher_forced": (0.485, 0.517), "free_running": (3.74,)}
