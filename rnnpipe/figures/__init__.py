"""The figures: error over hidden size, training curves, stability, waveforms.

Each function draws one file from tables and arrays. The same input gives the same bytes.
"""

from rnnpipe.figures.curves import plot_training_curves
from rnnpipe.figures.sizes import mean_over_utterances, plot_mse_over_hidden_size
from rnnpipe.figures.stability import plot_stability
from rnnpipe.figures.style import FREE_RUNNING, ORIGINAL, RECONSTRUCTIONS, TEACHER_FORCED
from rnnpipe.figures.waveforms import plot_waveforms

__all__ = [
    "FREE_RUNNING",
    "ORIGINAL",
    "RECONSTRUCTIONS",
    "TEACHER_FORCED",
    "mean_over_utterances",
    "plot_mse_over_hidden_size",
    "plot_stability",
    "plot_training_curves",
    "plot_waveforms",
]
