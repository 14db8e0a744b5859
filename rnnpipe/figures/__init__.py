"""The figures: error over hidden size, training curves, stability, free runs, waveforms.

Each function draws one figure from tables and arrays, as SVG and as PNG. The same input gives the
same bytes.
"""

from rnnpipe.figures.curves import plot_training_curves
from rnnpipe.figures.free_runs import leaders, plot_free_runs
from rnnpipe.figures.sizes import mean_over_utterances, plot_mse_over_hidden_size
from rnnpipe.figures.stability import plot_stability
from rnnpipe.figures.style import FREE_RUNNING, ORIGINAL, RECONSTRUCTIONS, TEACHER_FORCED
from rnnpipe.figures.waveforms import plot_waveforms

__all__ = [
    "FREE_RUNNING",
    "ORIGINAL",
    "RECONSTRUCTIONS",
    "TEACHER_FORCED",
    "leaders",
    "mean_over_utterances",
    "plot_free_runs",
    "plot_mse_over_hidden_size",
    "plot_stability",
    "plot_training_curves",
    "plot_waveforms",
]
