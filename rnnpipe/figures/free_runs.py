"""Where a free run gets lost: its error over time, and over the prediction horizon."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from rnnpipe.corpus.audio import SAMPLING_RATE
from rnnpipe.figures.style import (
    FAINT,
    draw_legend,
    drawing,
    inches,
    legend_inches,
    plain_log_ticks,
    recipe_colours,
    side_by_side,
)

WINDOW = SAMPLING_RATE // 20  # samples of the moving window, 50 ms
STEP = SAMPLING_RATE // 200  # samples from one point to the next, 5 ms
LEAST = 1e-5  # a smaller NMSE is drawn here


def plot_free_runs(
    runs: Mapping[str, tuple[str, np.ndarray, pd.DataFrame]],
    original: np.ndarray,
    phones: Sequence[tuple[int, int, str]],
    order: int,
    path: str | Path,
    width_mm: float | None = None,
) -> None:
    """Draw the error of free runs over time and over the prediction horizon, one line per recipe.

    Left: the mean squared error in a moving window of 50 ms, divided by the variance of the
    utterance. The grey line is silence, whose error is the utterance's own power. Right: the error
    of free runs that start from the true past, by number of predicted samples; see
    `rnnpipe.reconstruction.horizon.horizon_errors`.

    Parameters
    ----------
    runs : mapping from recipe to (str, array, DataFrame)
        Name for the legend; the free run of the utterance, int16, shape (num_samples,); and the
        columns of horizon.csv.
    original : int16 array, shape (num_samples,)
        The utterance.
    phones : sequence of (start, end, label)
        Of the utterance, in samples.
    order : int
        Number of given samples; they are left out.
    path : path
        The SVG file to write; see `rnnpipe.figures.style.drawing`.
    width_mm : float, optional
        Width, for a paper.
    """
    colours = recipe_colours(list(runs))
    width = inches(width_mm)
    legend = legend_inches(len(runs) + 2, width)
    columns = side_by_side(width)
    rows, above, below, panel = 2 // columns, 0.6, 0.57, 2.73  # inches
    height = rows * (above + panel + below) + legend
    with drawing(path, width_mm, height) as figure:
        over_time, over_horizon = figure.subplots(rows, columns, width_ratios=[3, 2][:columns])
        figure.subplots_adjust(
            left=1.02 / width, right=1 - 0.15 / width,
            bottom=below / height, top=1 - (above + legend) / height,
            wspace=0.16, hspace=(above + below) / panel,
        )  # fmt: skip
        over_time.set_title("NMSE over time in the free run", pad=16)
        over_time.set_xlabel("time (s)")
        over_time.set_ylabel("NMSE")
        over_horizon.set_title("NMSE over prediction horizon", pad=16)
        over_horizon.set_xlabel("samples since the true past")
        over_horizon.set_xscale("log")
        speech = original[order:].astype(float)
        variance = speech.var() or 1.0
        _draw(over_time, speech, variance, order, color=FAINT, lw=1.4, zorder=1.5)
        for recipe, (_, samples, errors) in runs.items():
            colour, marker = colours[recipe]
            _draw(over_time, speech - samples[order:], variance, order, color=colour, lw=1.4)
            over_horizon.plot(
                errors["samples"], errors["nmse"].clip(lower=LEAST), color=colour, lw=1.5,
                marker=marker, ms=3.5,
            )  # fmt: skip
        first = next(iter(runs.values()))[2]
        for name, dashes in (("silence", (0, ())), ("persistence", (0, (4, 3)))):
            over_horizon.plot(
                first["samples"], first[name].clip(lower=LEAST), color=FAINT, lw=1.4, ls=dashes,
                zorder=1.5,
            )  # fmt: skip
        over_horizon.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
        for axes in (over_time, over_horizon):
            axes.set_yscale("log")
            axes.grid(axis="y")
            plain_log_ticks(axes, LEAST)
        _mark_phones(over_time, phones)
        handles = [
            Line2D([], [], color=colours[recipe][0], marker=colours[recipe][1], ms=4, label=label)
            for recipe, (label, _, _) in runs.items()
        ]
        handles.append(Line2D([], [], color=FAINT, label="silence"))
        handles.append(Line2D([], [], color=FAINT, ls=(0, (4, 3)), label="persistence"))
        draw_legend(figure, handles)


def _draw(axes: Axes, error: np.ndarray, variance: float, order: int, **style: Any) -> None:
    """Draw the mean of the squares in a moving window, divided by the variance."""
    width = min(WINDOW, error.size)
    sums = np.concatenate([[0.0], np.cumsum(error**2)])
    starts = np.arange(0, error.size - width + 1, STEP)
    means = (sums[starts + width] - sums[starts]) / width / variance
    axes.plot((order + starts + width / 2) / SAMPLING_RATE, means.clip(LEAST), **style)


def _mark_phones(axes: Axes, phones: Sequence[tuple[int, int, str]]) -> None:
    """Draw phone boundaries and, above the axes, the labels of phones that are wide enough."""
    low, high = axes.get_xlim()
    inches = axes.get_position().width * axes.figure.get_figwidth() / (high - low)
    for start, end, label in phones:
        a, b = max(start / SAMPLING_RATE, low), min(end / SAMPLING_RATE, high)
        if a >= b:
            continue
        axes.axvline(a, color=FAINT, lw=0.5, alpha=0.4, zorder=1)
        if (b - a) * inches > 0.08 * len(label):
            axes.annotate(
                label, ((a + b) / 2, 1), xycoords=("data", "axes fraction"), xytext=(0, 3),
                textcoords="offset points", ha="center", fontsize=7, color=FAINT,
            )  # fmt: skip
    axes.set_xlim(low, high)
