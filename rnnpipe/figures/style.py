"""What all figures share: colours, fonts, legends, and writing the files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from PIL import Image

from rnnpipe.files import replacing

LEGEND_COLUMNS = 6
# From the palettes of Okabe and Ito and of Tol, which colour-blind readers can distinguish. Recipes
# share no colour with the reconstructions (`rnnpipe.vocabulary.COLOURS`): both are on one page.
INK, FAINT, GRID = "#2b2f33", "#6f767d", "#e3e5e8"
RECIPES = ("#009E73", "#AA3377", "#E69F00", "#56B4E9", "#6A51A3", "#8C6D31")
MARKERS = "osD^vPp"  # one more than colours, so that a pair of colour and marker repeats late

STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Helvetica", "Arial"],
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a "$" in a name is a "$"
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: searchable, and small
    "svg.hashsalt": "rnnpipe",
}


def recipe_colours(recipes: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each recipe, in order of appearance."""
    return {
        recipe: (RECIPES[i % len(RECIPES)], MARKERS[i % len(MARKERS)])
        for i, recipe in enumerate(dict.fromkeys(recipes))
    }


def plain_log_ticks(axes: Axes) -> None:
    """Write ticks as plain decimals; at 1, 2 and 5 if the axis spans few decades."""
    low, high = axes.get_ylim()
    decades = np.log10(high / low)
    subs = (1, 2, 5) if decades < 2.2 else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def draw_legend(figure: Figure, handles: Sequence[Line2D]) -> None:
    """Draw a legend of the handles above the panels."""
    columns = min(len(handles), LEGEND_COLUMNS)
    figure.legend(handles=handles, loc="upper left", ncols=columns, bbox_to_anchor=(0.005, 1.0))


def legend_inches(entries: int) -> float:
    """Height of the legend above the panels, in inches."""
    return 0.06 + 0.24 * -(-entries // LEGEND_COLUMNS)


@contextmanager
def drawing(path: str | Path, figsize: tuple[float, float]) -> Iterator[Figure]:
    """Yield a figure; at the end, write it as SVG to `path`, and as PNG with 300 dpi beside it.

    The files contain no dates and no versions.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=figsize, facecolor="white")
        yield figure
        undated = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        with replacing(path) as temporary:
            figure.savefig(temporary, metadata=undated)
        with replacing(Path(path).with_suffix(".png")) as temporary:
            _write_png(figure, temporary)


def _write_png(figure: Figure, path: Path) -> None:
    """Write a PNG with 64 colours: enough for lines, and three times smaller."""
    figure.set_dpi(300)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image = image.quantize(64, dither=Image.Dither.NONE)
    image.save(path, format="PNG", dpi=(300, 300))
