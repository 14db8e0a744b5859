"""Error over hidden size, against the baselines."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation

from rnnpipe.figures.style import (
    FAINT,
    INK,
    draw_legend,
    drawing,
    inches,
    legend_inches,
    plain_log_ticks,
    recipe_colours,
    side_by_side,
)
from rnnpipe.findings.means import mean_over_utterances
from rnnpipe.vocabulary import BASELINE, RECONSTRUCTIONS


def plot_mse_over_hidden_size(
    mse: pd.DataFrame, path: str | Path, width_mm: float | None = None
) -> None:
    """Draw NMSE over hidden size, one line per recipe, with the baselines.

    There are two panels, teacher-forced and free-running. Points are means over utterances. If a
    recipe has several seeds, small dots are the seeds, the line is their mean and the band reaches
    from the lowest to the highest. A diverged setting is a cross at the upper edge; a setting whose
    free run was stopped is a hollow mark.

    Parameters
    ----------
    mse : DataFrame
        The columns of tables/mse.csv.
    path : path
        The SVG file to write; see `rnnpipe.figures.style.drawing`.
    width_mm : float, optional
        Width, for a paper.
    """
    means = mean_over_utterances(mse)
    is_baseline = means["recipe"].str.startswith(BASELINE)
    settings, baselines = means[~is_baseline], means[is_baseline]
    colours = recipe_colours(settings["recipe"].tolist())
    sizes = sorted(settings["hidden_size"].unique())

    width = inches(width_mm)
    legend = legend_inches(len(colours) + 2, width)
    columns = side_by_side(width)
    rows, above, below, between = 2 // columns, 0.55, 0.57, 1.65  # inches
    panel = 3.0 if columns > 1 else 2.2
    height = rows * (above + panel + below) + legend
    with drawing(path, width_mm, height) as figure:
        panels = figure.subplots(rows, columns, sharey=True).ravel()
        across = (width - 2.0 - between * (columns - 1)) / columns
        figure.subplots_adjust(
            left=0.75 / width, right=1 - 1.25 / width,
            bottom=below / height, top=1 - (above + legend) / height,
            wspace=between / across, hspace=(above + below) / panel,
        )  # fmt: skip
        lines: dict[Axes, dict[str, float]] = {}
        for axes, (reconstruction, name) in zip(panels, RECONSTRUCTIONS.items(), strict=True):
            axes.set_title(name, pad=16)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlim(sizes[0] / 1.3, sizes[-1] * 1.3)
            axes.xaxis.set_major_locator(FixedLocator(sizes))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:.0f}"))
            axes.set_xlabel("hidden size (units)")
            axes.set_ylabel("NMSE" if axes in panels[::columns] else "")
            axes.grid(axis="y")
            here = settings[settings["reconstruction"] == reconstruction]
            for index, (recipe, (colour, marker)) in enumerate(colours.items()):
                # Recipes are shifted a little sideways, so that no mark hides another.
                aside = ScaledTranslation(
                    (index / len(colours) - 0.5) * min(0.06 * len(colours), 0.4),
                    0,
                    figure.dpi_scale_trans,
                )
                _draw_recipe(axes, here[here["recipe"] == recipe], colour, marker, aside)
            of = baselines[baselines["reconstruction"] == reconstruction]
            lines[axes] = {
                row.recipe.removeprefix(BASELINE): float(row.nmse)
                for row in of.itertuples()
                if 0 < row.nmse < np.inf
            }
            _draw_baselines(axes, lines[axes])
        plain_log_ticks(panels[0])  # of all: they share their axis
        for axes, values in lines.items():
            _name_baselines(axes, values)

        handles = [
            Line2D([], [], color=colour, marker=marker, label=recipe)
            for recipe, (colour, marker) in colours.items()
        ]
        if settings["diverged"].any():
            handles.append(Line2D([], [], color=INK, marker="x", ls="", mew=2, label="diverged"))
        if settings["cut_off"].any():
            hollow = {"marker": "o", "mfc": "white", "ls": ""}
            handles.append(Line2D([], [], color=INK, label="free run cut off", **hollow))
        draw_legend(figure, handles)


def _draw_recipe(
    axes: Axes, settings: pd.DataFrame, colour: str, marker: str, aside: ScaledTranslation
) -> None:
    """Draw one recipe in one panel; `aside` shifts it a little along the axis."""
    trained = settings[~settings["diverged"] & np.isfinite(settings["nmse"].astype(float))]
    spread = trained.groupby("hidden_size")["nmse"].agg(["mean", "min", "max", "size"])
    cut_off = trained.groupby("hidden_size")["cut_off"].sum()
    beside = axes.transData + aside
    if (spread["size"] > 1).any():
        axes.fill_between(
            spread.index, spread["min"], spread["max"],
            color=colour, alpha=0.18, lw=0, transform=beside,
        )  # fmt: skip
        axes.plot(
            trained["hidden_size"], trained["nmse"], ".", ms=5, color=colour, alpha=0.6,
            transform=beside,
        )  # fmt: skip
    axes.plot(spread.index, spread["mean"], color=colour, lw=1.6, transform=beside)
    for size, nmse in spread["mean"].items():
        face = "white" if cut_off[size] else colour
        axes.plot(size, nmse, marker, ms=6, color=colour, mfc=face, mew=1.4, transform=beside)
    # The transforms above hide the points from autoscaling; add them explicitly.
    if not trained.empty:
        axes.update_datalim(trained[["hidden_size", "nmse"]].to_numpy(dtype=float))
        axes.autoscale_view(scalex=False)
    diverged = settings.loc[settings["diverged"], "hidden_size"].unique()
    axes.plot(
        diverged, np.full(len(diverged), 1.03), "x", color=colour, ms=8, mew=2.2, clip_on=False,
        transform=axes.get_xaxis_transform() + aside,
    )  # fmt: skip


def _draw_baselines(axes: Axes, values: dict[str, float]) -> None:
    """Draw horizontal lines, and make room for them."""
    for value in values.values():
        axes.axhline(value, color=FAINT, lw=1, ls=(0, (4, 3)), zorder=0.9)
    axes.margins(y=0.1)
    axes.autoscale_view(scalex=False)


def _name_baselines(axes: Axes, values: dict[str, float]) -> None:
    """Write names to the right of the finished axes, moved apart if too close."""
    low, high = np.log10(axes.get_ylim())
    heights = {name: (np.log10(value) - low) / (high - low) for name, value in values.items()}
    for (name, height), place in zip(
        sorted(heights.items(), key=lambda item: item[1]), _apart(sorted(heights.values()), 0.055),
        strict=True,
    ):  # fmt: skip
        across = axes.transAxes
        axes.plot([1, 1.03], [height, place], color=FAINT, lw=0.7, transform=across, clip_on=False)
        axes.text(
            1.04, place, f"{name} {values[name]:.3g}", color=FAINT, va="center", transform=across
        )


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Move sorted heights up and down, so that they are at least `gap` apart and not above 1."""
    places: list[float] = []
    for height in heights:
        places.append(max(height, places[-1] + gap) if places else height)
    ceiling = 1.0
    for i in reversed(range(len(places))):
        places[i] = min(places[i], ceiling)
        ceiling = places[i] - gap
    return places
