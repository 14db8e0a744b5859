"""The results of a training, in memory and on disk."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnpipe.files import replacing
from rnnpipe.vocabulary import RunFile, Setting

if TYPE_CHECKING:  # reading a summary needs neither, which take seconds to load
    import pandas as pd
    from torch import Tensor

    from rnnpipe.model import Network
    from rnnpipe.training.recipes import Recipe
    from rnnpipe.windows.experiment import Experiment

# Recorded in run.json. Raise it with every change after which the same recipe, size and seed make
# another network: a training takes too long to be repeated without being asked for, so results of
# an older version stay, and are named.
VERSION = 2
SECOND_MOMENT = "/second_moment"  # after the name of a weight


@dataclass(frozen=True)
class TrainedRun:
    """The results of a training.

    Parameters
    ----------
    network : Network
        With the trained weights; after a divergence, with those of the last update before it. After
        a training on its own samples, with those that made the best free run of those tried. This
        choice is part of the training: it uses the training utterances, and nothing held out.
    history : DataFrame
        One row per update: update (from 1), epoch, mse (before the step, in standardised units),
        gradient_norm (before clipping), clipped, learning_rate, and free_nmse, the free-running
        NMSE where it was tried (before the step), else nan.
    diverged_at : int or None
        Update at which the error diverged; see `DIVERGED_MSE`.
    final_mse : float
        Mean of the training error over the last pass through the utterances; nan if diverged.
    lowest_at, risen_at : int or None
        Update at which the error was lowest before its first rise, and the one at which it had
        risen; see `rnnpipe.training.rises`. None if it never rises. A divergence is a rise.
    snapshots : dict from int to dict
        Weights, by the update that starts from them: at the shares `SNAPSHOTS` of the training
        (its end counts as one update after the last), and at these two updates.
    second_moments : dict from int to dict
        At the same updates, but for the first: Adam's running means of squared gradients, see
        `rnnpipe.training.optimizers.second_moments`; empty for other optimisers.
    samples : int
        Samples predicted in training, over all updates.
    wall_seconds : float
        Duration of the training loop only.
    """

    network: Network
    history: pd.DataFrame
    diverged_at: int | None
    final_mse: float
    lowest_at: int | None
    risen_at: int | None
    snapshots: dict[int, dict[str, Tensor]]
    second_moments: dict[int, dict[str, Tensor]]
    samples: int
    wall_seconds: float


def digest_of_training(
    recipe: Recipe, experiment: Experiment, setting: Setting, device: str
) -> str:
    """Return a digest of all that a training is computed from; the recipe's name is not part of it.

    Parameters
    ----------
    recipe : Recipe
        How to train.
    experiment : Experiment
        What to train on.
    setting : Setting
        The hidden size and the seed count.
    device : str
        Where to train.
    """
    parts = [VERSION, recipe.changes(), asdict(experiment), setting[1:], device]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def take_over(
    digest: str, setting: Setting, runs: str | Path, in_use: Container[str]
) -> str | None:
    """Copy the results of the same training from a recipe that was renamed.

    Parameters
    ----------
    digest : str
        What `digest_of_training` returns for the training.
    setting : Setting
        With the new name.
    runs : path
        The folder of all recipes' folders.
    in_use : container of str
        The recipes that an experiment names; only another one can be an old name.

    Returns
    -------
    str or None
        The old name; None if there are no such results.
    """
    runs = Path(runs)
    for found in sorted(runs.glob(setting._replace(recipe="*").folder)):
        old = found.relative_to(runs).parts[0]
        with suppress(OSError, ValueError):  # an incomplete or damaged folder is no result
            about = json.loads((found / RunFile.SUMMARY).read_text("utf-8"))
            if old in in_use or about.get("training") != digest:
                continue
            for name in (RunFile.MODEL, RunFile.SNAPSHOTS, RunFile.HISTORY):
                with replacing(runs / setting.folder / name) as temporary:
                    shutil.copyfile(found / name, temporary)
            about |= setting._asdict() | {"taken_over_from": old}
            _write_summary(about, runs / setting.folder)
            return old
    return None


def save_run(
    run: TrainedRun,
    setting: Setting,
    folder: str | Path,
    commit: str | None = None,
    digest: str | None = None,
) -> None:
    """Write a training's network, snapshots, history and summary.

    Parameters
    ----------
    run : TrainedRun
        Result of `train`.
    setting : Setting
        The first fields of the summary.
    folder : path
        Where the files named in `rnnpipe.vocabulary.RunFile` are written.
    commit : str, optional
        The git commit of the code.
    digest : str, optional
        What `digest_of_training` returned.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    run.network.save(folder / RunFile.MODEL)
    with replacing(folder / RunFile.SNAPSHOTS) as temporary:
        tensors = {
            f"{taken}/{name}{kind}": tensor.cpu()
            for kind, taken_at in (("", run.snapshots), (SECOND_MOMENT, run.second_moments))
            for taken, weights in taken_at.items()
            for name, tensor in weights.items()
        }
        save_file(tensors, temporary)
    with replacing(folder / RunFile.HISTORY) as temporary:
        run.history.to_parquet(temporary, index=False)
    about = setting._asdict() | {
        "parameters": run.network.num_parameters(),
        "updates": len(run.history),
        "samples": run.samples,
        "wall_seconds": run.wall_seconds,
        "final_training_mse": None if run.diverged_at else run.final_mse,
        "tries": int(run.history["free_nmse"].notna().sum()),
        "clipped_share": float(run.history["clipped"].mean()),
        "status": "diverged" if run.diverged_at else "ok",
        "diverged_at": run.diverged_at,
        "lowest_at": run.lowest_at,
        "risen_at": run.risen_at,
        "version": VERSION,
        "git_commit": commit,
    }
    _write_summary(about | ({"training": digest} if digest else {}), folder)


def _write_summary(about: Mapping[str, Any], folder: Path) -> None:
    with replacing(folder / RunFile.SUMMARY) as temporary:
        temporary.write_text(json.dumps(about, indent=2) + "\n")


def load_snapshots(path: str | Path) -> dict[int, dict[str, Tensor]]:
    """Read the snapshots that `save_run` wrote, the earliest first."""
    return _load(path, "")


def load_second_moments(path: str | Path) -> dict[int, dict[str, Tensor]]:
    """Read Adam's second moments at the snapshots; empty for other optimisers."""
    return _load(path, SECOND_MOMENT)


def _load(path: str | Path, kind: str) -> dict[int, dict[str, Tensor]]:
    from safetensors.torch import load_file

    found: dict[int, dict[str, Tensor]] = {}
    for key, tensor in load_file(path).items():
        taken, name, *rest = key.split("/")
        if "".join(f"/{part}" for part in rest) == kind:
            found.setdefault(int(taken), {})[name] = tensor
    return dict(sorted(found.items()))


def older_version(runs: Sequence[Mapping[str, Any]]) -> str | None:
    """Say in a sentence which runs are by an older version of training; None if none is.

    Parameters
    ----------
    runs : sequence of mapping
        Their run.json.
    """
    older = [run for run in runs if run.get("version", 0) < VERSION]
    if not older:
        return None
    names = sorted(
        {f"version {run['version']}" if "version" in run else "an earlier version" for run in older}
    )
    are = f"{len(older)} of {len(runs)} networks were" if len(runs) > 1 else "The network was"
    return (
        f"{are} trained by {', '.join(names)} of training, which is now at {VERSION}: "
        "--forcerun train trains again."
    )


def read_run(path: str | Path) -> dict[str, Any]:
    """Read a run.json; the file has null for a training error of nan, and it is read as nan."""
    run = json.loads(Path(path).read_text("utf-8"))
    if run["final_training_mse"] is None:
        run["final_training_mse"] = math.nan
    return run
