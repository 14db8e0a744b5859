"""What all figures share: colours, fonts, legends, and writing the files."""

import re
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

SCREEN_INCHES = 10.0  # width of the figures of the page
LEGEND_INCHES = 1.62  # width of an entry of the legend
PANEL_INCHES = 3.0  # a figure less than twice as wide has its panels below each other
# From the palettes of Okabe and Ito and of Tol, which colour-blind readers can distinguish. Recipes
# share no colour with the reconstructions (`rnnpipe.vocabulary.COLOURS`): both are on one page.
INK, FAINT, GRID = "#2b2f33", "#6f767d", "#e3e5e8"
RECIPES = ("#009E73", "#AA3377", "#E69F00", "#56B4E9", "#6A51A3", "#8C6D31")
# What they are to a reader who prefers dark colours; the ground is that of the page's cards.
DARK = {"#ffffff": "#1d2125", INK: "#e4e7ea", FAINT: "#a0a8b0", GRID: "#363c42"}
# The part of the colour map viridis for hidden sizes; its light end cannot be seen on white.
SHADES = (0.05, 0.6)
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
    "pdf.fonttype": 42,  # TrueType, which journals ask for
    "svg.hashsalt": "rnnpipe",
}


def recipe_colours(recipes: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each recipe, in order of appearance."""
    return {
        recipe: (RECIPES[i % len(RECIPES)], MARKERS[i % len(MARKERS)])
        for i, recipe in enumerate(dict.fromkeys(recipes))
    }


def size_colours(sizes: Sequence[int]) -> dict[int, np.ndarray]:
    """Colour of each hidden size, from dark to light."""
    shades = matplotlib.colormaps["viridis"](np.linspace(*SHADES, len(sizes)))
    return dict(zip(sizes, shades, strict=True))


def plain_log_ticks(axes: Axes, floor: float = 0.0) -> None:
    """Write ticks as plain decimals; at 1, 2 and 5 if the axis spans few decades.

    What is below `floor` is drawn there, and its tick says so.
    """
    low, high = axes.get_ylim()
    decades = np.log10(high / low)
    subs = (1, 2, 5) if decades < 2.2 else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axes.yaxis.set_minor_locator(NullLocator())

    def label(value: float, _: object) -> str:
        value = float(f"{value:.3g}")  # 0.00001, not 0.00000999999
        return ("≤ " if value <= floor else "") + np.format_float_positional(value, trim="-")

    axes.yaxis.set_major_formatter(FuncFormatter(label))


def inches(width_mm: float | None) -> float:
    """Width of a figure for a paper, or of one of the page, in inches."""
    return SCREEN_INCHES if width_mm is None else width_mm / 25.4


def side_by_side(width: float, panels: int = 2) -> int:
    """How many panels fit side by side into a figure of `width` inches."""
    return max(1, min(panels, int(width / PANEL_INCHES)))


def draw_legend(figure: Figure, handles: Sequence[Line2D]) -> None:
    """Draw a legend of the handles above the panels."""
    columns = min(len(handles), _legend_columns(figure.get_figwidth()))
    figure.legend(handles=handles, loc="upper left", ncols=columns, bbox_to_anchor=(0.005, 1.0))


def legend_inches(entries: int, width: float) -> float:
    """Height of the legend above the panels of a figure of `width` inches, in inches."""
    return 0.06 + 0.24 * -(-entries // _legend_columns(width))


def _legend_columns(width: float) -> int:
    return max(1, int(width / LEGEND_INCHES))


def versions(
    path: str | Path, papers: str | Path, widths_mm: Sequence[float]
) -> Iterator[tuple[Path, float | None]]:
    """Yield file and width of the page's version of a figure (None), and of those for papers.

    Parameters
    ----------
    path : path
        The SVG file of the page's version.
    papers : path
        The folder of the others; it is made even if there are none.
    widths_mm : sequence of float
        Their widths.
    """
    path = Path(path)
    Path(papers).mkdir(parents=True, exist_ok=True)
    yield path, None
    for width in widths_mm:
        yield Path(papers, f"{path.stem}-{width:g}mm{path.suffix}"), width


@contextmanager
def drawing(path: str | Path, width_mm: float | None, height: float) -> Iterator[Figure]:
    """Yield a figure; at the end, write it as SVG to `path`, and in a second format beside it.

    A figure of the page turns dark where the reader prefers that, and has a PNG file with 300 dpi.
    One for a paper, `width_mm` wide, has a PDF file. The height is in inches. The files contain no
    dates and no versions.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(inches(width_mm), height), facecolor="white")
        yield figure
        on_screen = width_mm is None
        with replacing(path) as temporary:
            undated = dict.fromkeys(("Creator", "Date", "Format", "Type"))
            figure.savefig(temporary, metadata=undated)
            if on_screen:
                temporary.write_text(_dark_too(temporary.read_text("utf-8")), "utf-8")
        if on_screen:
            with replacing(Path(path).with_suffix(".png")) as temporary:
                _write_png(figure, temporary)
        else:
            with replacing(Path(path).with_suffix(".pdf")) as temporary:
                undated = dict.fromkeys(("Creator", "Producer", "CreationDate"))
                figure.savefig(temporary, metadata=undated)


def _dark_too(svg: str) -> str:
    """Add to an SVG what a reader who prefers dark colours sees instead.

    Ink and ground change places. Any other colour that has too little contrast with the dark ground
    is mixed with white until it has 4 : 1. WCAG 2.2, criterion 1.4.11, asks for 3 : 1; lines are
    thin.
    """
    rules = []
    for colour in sorted(set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", svg))):
        other = DARK.get(colour) or _lightened(colour)
        if other != colour:
            rules += [
                f'[style*="{what}: {colour}"]{{{what}:{other}!important}}'
                for what in ("fill", "stroke")
            ]
    # Without a ground of its own, it has that of the page.
    svg = svg.replace('style="fill: #ffffff"', 'style="fill: none"')
    style = f"<style>@media screen and (prefers-color-scheme: dark){{{''.join(rules)}}}</style>"
    return svg.replace("</defs>", f"</defs>{style}", 1)


def _lightened(colour: str) -> str:
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    ground = _luminance(np.array([int(DARK["#ffffff"][i : i + 2], 16) / 255 for i in (1, 3, 5)]))
    white = 0.0
    while (_luminance(mixed := rgb + white * (1 - rgb)) + 0.05) / (ground + 0.05) < 4:
        white += 0.05
    return "#" + "".join(f"{round(255 * part):02x}" for part in mixed)


def _luminance(rgb: np.ndarray) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _write_png(figure: Figure, path: Path) -> None:
    """Write a PNG with 64 colours: enough for lines, and three times smaller."""
    figure.set_dpi(300)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    image = image.quantize(64, dither=Image.Dither.NONE)
    image.save(path, format="PNG", dpi=(300, 300))
