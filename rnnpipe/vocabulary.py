"""The names that all packages share: settings, reconstructions, baselines, the files of a run.

This module only defines names, and imports only the standard library.
"""

from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

# The folder of a setting's files, below results/runs. Snakemake uses the same pattern.
SETTING_FOLDER = "{recipe}/h{hidden}/s{seed}"


class Setting(NamedTuple):
    """What distinguishes one trained network from the others.

    Parameters
    ----------
    recipe : str
        Name of the recipe.
    hidden_size : int
        Hidden units.
    seed : int
        For the initial weights, the batches and all noise.
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
        """Name, as used in sentences."""
        return f"{self.recipe}, {self.hidden_size} hidden units, seed {self.seed}"


class RunFile(StrEnum):
    """The content of a setting's folder; RECONSTRUCTIONS is a folder, the others are files."""

    MODEL = "model.safetensors"
    SNAPSHOTS = "snapshots.safetensors"
    HISTORY = "history.parquet"
    SUMMARY = "run.json"
    DYNAMICS = "dynamics.parquet"
    ERRORS = "reconstructions.csv"
    PHONES = "phones.csv"
    RECONSTRUCTIONS = "reconstructions"
    HORIZON = "horizon.csv"


# --- reconstructions ------------------------------------------------------------------------------

# The two reconstructions of an utterance, with their names, and the conditions of each in words.
RECONSTRUCTIONS = {"teacher_forced": "Teacher-forced", "free_running": "Free-running"}
MODES = {"teacher_forced": "Given the true past", "free_running": "On its own"}
# The sounds that a setting has for each utterance.
SOUNDS = {"original": "Original"} | RECONSTRUCTIONS
COLOURS = {"original": "#3d4145", "teacher_forced": "#0072B2", "free_running": "#D55E00"}

# In standard deviations: a free run beyond this limit is stopped. reconstruct.limit overrides it.
LIMIT = 20.0

# In standardised units, on top of the power of the speech that an error is compared with: in
# near-silence, nothing counts as lost.
POWER_FLOOR = 0.1


def file_name(item: str) -> str:
    """Turn the id of an utterance or a phone into a file name without extension."""
    return item.replace("/", "-")


def sound_path(folder: str | Path, item: str, kind: str) -> Path:
    """Path of the WAV file of one of `SOUNDS` in a folder of reconstructions."""
    return Path(folder, f"{file_name(item)}.{kind}.wav")


# --- baselines ------------------------------------------------------------------------------------

BASELINE = "baseline:"  # prefix of the names of baselines in the column "recipe" of tables


# --- the 2014 note --------------------------------------------------------------------------------

NOTE_RECIPE = "dumoulin2014"
NOTE_UTTERANCE = "TRAIN/DR8/FCLT0/SI2068"
NOTE_MSE = 0.426  # the training error that the note reports for 100 units
# What the note published for its utterance: 100 units, order 200; NMSE measured on its audio files.
NOTE = {"training_mse": (NOTE_MSE,), "teacher_forced": (0.485, 0.517), "free_running": (3.74,)}
