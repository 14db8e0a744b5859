"""What a recurrent network can and cannot learn about raw speech.

The public names below are loaded when they are first used, so that `import rnnpipe` is fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Public names, by the module that defines them.
_HOMES = {
    "rnnpipe.corpus.timit": ("Utterance", "read_corpus"),
    "rnnpipe.corpus.phones": ("Segment",),
    "rnnpipe.errors": ("RnnpipeError",),
    "rnnpipe.model": ("Network",),
    "rnnpipe.reconstruction.metrics": ("horizon_ms", "mse", "nmse", "snr_db"),
    "rnnpipe.reconstruction.reconstruct": ("FreeRun", "free_run", "teacher_forced"),
    "rnnpipe.reconstruction.sounds": ("read_sound", "write_wav"),
    "rnnpipe.results": ("Results", "Run", "open_results"),
    "rnnpipe.training.recipes": ("Recipe",),
    "rnnpipe.training.runs": ("TrainedRun",),
    "rnnpipe.training.train": ("train",),
    "rnnpipe.vocabulary": ("Setting",),
    "rnnpipe.windows.experiment": ("Experiment",),
    "rnnpipe.windows.series": ("Series", "load_series"),
    "rnnpipe.windows.store": ("extract",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = [
    "Experiment",
    "FreeRun",
    "Network",
    "Recipe",
    "Results",
    "RnnpipeError",
    "Run",
    "Segment",
    "Series",
    "Setting",
    "TrainedRun",
    "Utterance",
    "extract",
    "free_run",
    "horizon_ms",
    "load_series",
    "mse",
    "nmse",
    "open_results",
    "read_corpus",
    "read_sound",
    "snr_db",
    "teacher_forced",
    "train",
    "write_wav",
]

if TYPE_CHECKING:
    from rnnpipe.corpus.phones import Segment
    from rnnpipe.corpus.timit import Utterance, read_corpus
    from rnnpipe.errors import RnnpipeError
    from rnnpipe.model import Network
    from rnnpipe.reconstruction.metrics import horizon_ms, mse, nmse, snr_db
    from rnnpipe.reconstruction.reconstruct import FreeRun, free_run, teacher_forced
    from rnnpipe.reconstruction.sounds import read_sound, write_wav
    from rnnpipe.results import Results, Run, open_results
    from rnnpipe.training.recipes import Recipe
    from rnnpipe.training.runs import TrainedRun
    from rnnpipe.training.train import train
    from rnnpipe.vocabulary import Setting
    from rnnpipe.windows.experiment import Experiment
    from rnnpipe.windows.series import Series, load_series
    from rnnpipe.windows.store import extract


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'rnnpipe' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
