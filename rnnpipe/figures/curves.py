"""Training curves."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from rnnpipe.figures.style import (
    INK,
    draw_legend,
    drawing,
    inches,
    legend_inches,
    plain_log_ticks,
    size_colours,
)

DOTTED = (0, (1, 1))


def plot_training_curves(
    histories: Mapping[tuple[str, int, int], pd.DataFrame],
    settings: pd.DataFrame,
    path: str | Path,
    width_mm: float | None = None,
) -> None:
    """Draw training MSE, gradient norm and clipped share over updates, one column per recipe.

    There is one line per setting, coloured by hidden size. Lines are means over at most 150
    stretches of updates, so that the file stays small; the last update is a point of its own. If
    training tried the free run, its NMSE is a dotted line in the panel of the training MSE. The
    line of a diverged setting ends in a cross.

    Parameters
    ----------
    histories : mapping from (recipe, hidden size, seed) to DataFrame
        The columns of history.parquet.
    settings : DataFrame
        The columns of tables/settings.csv; `status` says which settings diverged.
    path : path
        The SVG file to write; see `rnnpipe.figures.style.drawing`.
    width_mm : float, optional
        Width, for a paper.
    """
    diverged = {
        (row.recipe, int(row.hidden_size), int(row.seed)): row.status == "diverged"
        for row in settings.itertuples()
    }
    recipes = list(dict.fromkeys(recipe for recipe, _, _ in histories))
    sizes = sorted({hidden for _, hidden, _ in histories})
    colours = size_colours(sizes)
    width = inches(width_mm)
    columns = max(1, min(3, len(recipes), int((width - 0.9) / 2)))
    blocks = -(-len(recipes) // columns)
    stretches = int(np.clip(2400 // len(histories), 20, 150))

    legend = legend_inches(len(sizes) + 2, width)
    height = 0.45 + legend + (4.6 if columns > 1 else 2.9) * blocks
    with drawing(path, width_mm, height) as figure:
        outer = figure.add_gridspec(
            blocks, columns, hspace=0.28, wspace=0.2,
            left=0.75 / width, right=1 - 0.15 / width,
            bottom=0.5 / height, top=1 - (0.32 + legend) / height,
        )  # fmt: skip
        panels: dict[str, list[Axes]] = {}
        for place, recipe in enumerate(recipes):
            cell = outer[place // columns, place % columns]
            grid = cell.subgridspec(3, 1, height_ratios=[3, 2, 0.8], hspace=0.14)
            # The same quantity has the same scale in every column.
            above = next(iter(panels.values()), [None] * 3)
            panels[recipe] = [figure.add_subplot(grid[i], sharey=above[i]) for i in range(3)]
            error, norm, share = panels[recipe]
            norm.sharex(error)
            share.sharex(error)
            share.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
            share.xaxis.set_major_formatter(FuncFormatter(lambda update, _: f"{update:,.0f}"))
            error.set_title(recipe)
            error.set_yscale("log")
            norm.set_yscale("log")
            share.set(ylim=(-0.05, 1.05), yticks=[0, 1], xlabel="update")
            if place % columns == 0:
                wide = columns > 1
                error.set_ylabel("training MSE")
                norm.set_ylabel("gradient norm" if wide else "gradient")
                share.set_ylabel("clipped\nshare" if wide else "clip")
            for axes in panels[recipe]:
                axes.grid(axis="y")
                axes.tick_params(labelbottom=axes is share, labelleft=place % columns == 0)

        for key, history in histories.items():
            recipe, hidden, _ = key
            error, norm, share = panels[recipe]
            style = {"color": colours[hidden], "lw": 1.3, "alpha": 0.9}
            error.plot(*thinned(history, "free_nmse", stretches), ls=DOTTED, **style)
            for axes, quantity in ((error, "mse"), (norm, "gradient_norm"), (share, "clipped")):
                updates, values = thinned(history, quantity, stretches)
                axes.plot(updates, values, "." if len(updates) == 1 else "-", **style)
                if diverged.get(key) and len(updates) and axes is not share:
                    # At the update that diverged; its value may be infinite.
                    cross = {"ms": 8, "mew": 2.2, "zorder": 5, "clip_on": False}
                    end = history["update"].iloc[-1]
                    axes.plot(end, values[-1], "x", color=colours[hidden], **cross)
        for error, norm, _ in panels.values():
            plain_log_ticks(error)
            plain_log_ticks(norm)

        handles = [
            Line2D([], [], color=colours[size], lw=2, label=f"{size} hidden units")
            for size in sizes
        ]
        if any(history["free_nmse"].notna().any() for history in histories.values()):
            handles.append(Line2D([], [], color=INK, ls=DOTTED, lw=2, label="NMSE of the free run"))
        if any(diverged.values()):
            handles.append(Line2D([], [], color=INK, marker="x", ls="", mew=2, label="diverged"))
        draw_legend(figure, handles)


def thinned(history: pd.DataFrame, quantity: str, stretches: int) -> tuple[np.ndarray, np.ndarray]:
    """Means over at most `stretches` stretches of updates, and where the last update ends.

    There, the value is that of the last stretch; of a training that ends with its largest, which is
    a divergence, it is the last update's own.
    """
    finite = history[np.isfinite(history[quantity].astype(float))]
    updates = finite["update"].to_numpy(dtype=float)
    values = finite[quantity].to_numpy(dtype=float)
    if len(updates) <= stretches:
        return updates, values
    edges = np.linspace(0, len(updates) - 1, stretches + 1).astype(int)
    lengths = np.diff(edges)
    means = [np.add.reduceat(a[:-1], edges[:-1]) / lengths for a in (updates, values)]
    last = values[-1] if values[-1] >= values.max() else means[1][-1]
    return np.append(means[0], updates[-1]), np.append(means[1], last)
