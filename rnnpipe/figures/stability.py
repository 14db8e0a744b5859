"""Why the error goes up: its curves by size, curvature, exponents, and gradients by lag."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from rnnpipe.figures.curves import thinned
from rnnpipe.figures.style import (
    FAINT,
    INK,
    draw_legend,
    drawing,
    inches,
    legend_inches,
    plain_log_ticks,
    side_by_side,
    size_colours,
)
from rnnpipe.findings.stability import Start

STRETCHES = 600  # points of a curve, at most
LEAST_GRADIENT = 1e-30  # a smaller one is not drawn


def plot_stability(
    starts: Sequence[Start],
    histories: Sequence[pd.DataFrame],
    dynamics: Sequence[pd.DataFrame],
    path: str | Path,
    width_mm: float | None = None,
) -> None:
    """Draw what decides whether one recipe is stable, in four panels, coloured by hidden size.

    The panels are the training error over updates; the sharpness at initialisation over hidden
    size, with the optimiser's limit as a line; the Lyapunov exponent at initialisation over hidden
    size, with 0 as a line; and the gradient by lag at initialisation. There, the line is the median
    over positions and the dotted line the 90th percentile, both as means over seeds of the
    logarithm. A setting whose error rises is a hollow mark; one that diverges is a cross.

    Parameters
    ----------
    starts, histories, dynamics : sequences of Start, DataFrame and DataFrame
        The settings of one recipe: from `rnnpipe.findings.stability.at_start`, history.parquet and
        dynamics.parquet.
    path : path
        The SVG file to write; see `rnnpipe.figures.style.drawing`.
    width_mm : float, optional
        Width, for a paper.
    """
    sizes = sorted({start.setting.hidden_size for start in starts})
    colours = size_colours(sizes)

    width = inches(width_mm)
    legend = legend_inches(len(sizes) + 2, width)
    columns = side_by_side(width)
    rows, above, below = 4 // columns, 0.4, 0.55  # inches
    panel = 2.5 if columns > 1 else 1.4  # so that a page has room for all
    height = rows * (above + panel + below) + legend
    with drawing(path, width_mm, height) as figure:
        error, curvature, exponent, lags = figure.subplots(rows, columns).ravel()
        figure.subplots_adjust(
            left=0.75 / width, right=1 - 0.25 / width,
            bottom=below / height, top=1 - (above + legend) / height,
            hspace=(above + below) / panel, wspace=0.2 if width > 8 else 0.35,
        )  # fmt: skip
        _draw_errors(error, starts, histories, colours)
        _draw_by_size(curvature, starts, "sharpness", colours)
        _draw_by_size(exponent, starts, "lyapunov", colours)
        _draw_lags(lags, starts, dynamics, colours)

        handles = [
            Line2D([], [], color=colour, lw=2, label=f"{size} hidden units")
            for size, colour in colours.items()
        ]
        if any(start.rises and not start.diverges for start in starts):
            hollow = {"marker": "o", "mfc": "white", "ls": "", "mew": 1.6}
            handles.append(Line2D([], [], color=INK, label="error rises", **hollow))
        if any(start.diverges for start in starts):
            cross = {"marker": "x", "ls": "", "mew": 2}
            handles.append(Line2D([], [], color=INK, label="error rises, diverges", **cross))
        draw_legend(figure, handles)


def _draw_errors(
    axes: Axes,
    starts: Sequence[Start],
    histories: Sequence[pd.DataFrame],
    colours: Mapping[int, np.ndarray],
) -> None:
    # The updates are on a log scale, because a rise usually comes in the first updates.
    axes.set(title="Training error", xlabel="update", ylabel="training MSE")
    axes.set(xscale="log", yscale="log")
    axes.grid(axis="y")
    for start, history in zip(starts, histories, strict=True):
        updates, values = thinned(history, "mse", STRETCHES)
        axes.plot(updates, values, color=colours[start.setting.hidden_size], lw=1.2, alpha=0.9)
        if start.diverges and len(updates):
            cross = {"ms": 8, "mew": 2.2, "zorder": 5, "clip_on": False}
            axes.plot(
                updates[-1], values[-1], "x", color=colours[start.setting.hidden_size], **cross
            )
    axes.xaxis.set_major_formatter(FuncFormatter(lambda update, _: f"{update:,.0f}"))
    plain_log_ticks(axes)


def _draw_by_size(
    axes: Axes, starts: Sequence[Start], measure: str, colours: Mapping[int, np.ndarray]
) -> None:
    sizes = list(colours)
    axes.set_xlabel("hidden size (units)")
    axes.set_xscale("log")
    axes.set_xlim(sizes[0] / 1.3, sizes[-1] * 1.3)
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:.0f}"))
    axes.grid(axis="y")
    for start in starts:
        value = getattr(start, measure)
        if np.isfinite(value):
            face = "white" if start.rises else colours[start.setting.hidden_size]
            axes.plot(
                start.setting.hidden_size, value, "x" if start.diverges else "o", ms=7,
                color=colours[start.setting.hidden_size], mfc=face, mew=1.8, zorder=3,
            )  # fmt: skip
    if measure == "lyapunov":
        axes.set_title("Lyapunov exponent at the start")
        axes.set_ylabel("nats a step")
        _line(axes, 0.0, "above 0, gradients explode")
        low, high = axes.get_ylim()
        axes.set_ylim(low, max(high, 0.12 * (high - low)))
        return
    axes.set_title("Sharpness at the start")
    axes.set_ylabel("Hessian eigenvalue")
    axes.set_yscale("log")
    # With clipping, each setting has its own limit; without it, all have the same.
    for limit in sorted({start.limit for start in starts if np.isfinite(start.limit)})[:1]:
        _line(axes, limit, f"limit of the step, {limit:.3g}")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high * 1.25)
    plain_log_ticks(axes)


def _line(axes: Axes, value: float, text: str) -> None:
    """Draw a limit, with its name above it on the left, where the points lie below the line."""
    axes.axhline(value, color=FAINT, lw=1.2, ls=(0, (4, 3)), zorder=1)
    axes.annotate(
        text, (0, value), xycoords=("axes fraction", "data"), xytext=(5, 4),
        textcoords="offset points", color=FAINT,
    )  # fmt: skip


def _power_of_ten(value: float) -> str:
    """Write 1e-8 as 10⁻⁸, without mathematical typesetting."""
    digits = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return "10" + str(round(np.log10(value))).translate(digits)


def _draw_lags(
    axes: Axes,
    starts: Sequence[Start],
    dynamics: Sequence[pd.DataFrame],
    colours: Mapping[int, np.ndarray],
) -> None:
    axes.set(title="Gradient by lag at the start", xlabel="lag (samples)")
    axes.set(ylabel="gradient norm", xscale="log", yscale="log")
    axes.grid(axis="y")
    first = [measured.iloc[0] for measured in dynamics]
    longest = 2
    for size, colour in colours.items():
        own = [
            row
            for start, row in zip(starts, first, strict=True)
            if start.setting.hidden_size == size
        ]
        for quantity, style in (("gradient_median", "-"), ("gradient_p90", ":")):
            norms = np.array([row[quantity] for row in own], dtype=float)
            with np.errstate(divide="ignore"):
                means = np.exp(np.log(norms).mean(axis=0))
            shown = np.isfinite(means) & (means > LEAST_GRADIENT)
            lags = np.asarray(own[0]["lags"])[shown]
            longest = max(longest, *lags, 2)
            axes.plot(lags, means[shown], style, color=colour, lw=1.5)
    axes.set_xlim(1, longest * 1.1)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda lag, _: f"{lag:,.0f}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda norm, _: _power_of_ten(norm)))
    legend = "line: median\ndotted: 90th percentile\nnot drawn below "
    axes.text(0.03, 0.04, legend + _power_of_ten(LEAST_GRADIENT), color=FAINT,
              transform=axes.transAxes)  # fmt: skip
