"""Waveforms: an utterance and its two reconstructions."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from rnnpipe.corpus.audio import SAMPLING_RATE
from rnnpipe.figures.style import FAINT, INK, drawing, inches
from rnnpipe.vocabulary import COLOURS

SLOTS = 2000  # number of slots across a whole utterance; see `_extremes`


def plot_waveforms(
    original: np.ndarray,
    teacher_forced: np.ndarray,
    free_running: np.ndarray,
    phones: Sequence[tuple[int, int, str]],
    order: int,
    zoom_ms: float,
    path: str | Path,
    title: str,
    width_mm: float | None = None,
) -> None:
    """Draw an utterance and its two reconstructions, whole and magnified.

    Above: the whole utterance, one lane per sound. Below: its loudest stretch, usually a vowel,
    with each reconstruction over the original. Phone boundaries are marked, and the first `order`
    samples, which are given, are shaded. All lanes have the same scale, that of the original: a
    free run that grows is cut at the edge, and the other lanes stay readable.

    Parameters
    ----------
    original, teacher_forced, free_running : int16 arrays, shape (num_samples,)
        At 16 kHz.
    phones : sequence of (start, end, label)
        In samples, end exclusive.
    order : int
        Number of given samples.
    zoom_ms : float
        Length of the magnified stretch in milliseconds.
    path : path
        The SVG file to write; see `rnnpipe.figures.style.drawing`.
    title : str
        Title above the figure, as plain text; a paper has it in its caption.
    width_mm : float, optional
        Width, for a paper.
    """
    loudest = float(np.abs(original.astype(float)).max()) or 1.0
    largest = max(float(np.abs(s.astype(float)).max()) for s in (teacher_forced, free_running))
    limit = 1.08 * np.clip(largest, loudest, 1.5 * loudest)
    start, stop = _loudest_stretch(original, order, round(zoom_ms * SAMPLING_RATE / 1000))
    sounds = {
        "original": (original, COLOURS["original"]),
        "teacher-\nforced": (teacher_forced, COLOURS["teacher_forced"]),
        "free-\nrunning": (free_running, COLOURS["free_running"]),
    }

    width, on_screen = inches(width_mm), width_mm is None
    height = 7.2 if on_screen else 2.2 + width / 2
    with drawing(path, width_mm, height) as figure:
        if on_screen:
            figure.text(0.012, 0.972, title, fontsize=11, weight="bold", va="top")
        # The lanes of the whole utterance, a gap for its time axis, the lanes of the zoom.
        grid = figure.add_gridspec(
            6, 1, height_ratios=[1, 1, 1, 0.95, 1.5, 1.5], hspace=0.06,
            left=0.85 / width, right=1 - 0.12 / width,
            bottom=0.5 / height, top=1 - (0.83 if on_screen else 0.5) / height,
        )  # fmt: skip
        whole = [figure.add_subplot(grid[i]) for i in range(3)]
        zoomed = [figure.add_subplot(grid[i]) for i in (4, 5)]

        for axes, (name, (samples, colour)) in zip(whole, sounds.items(), strict=True):
            axes.plot(*_extremes(samples), color=colour, lw=0.6)
            axes.set_xlim(0, len(original) / SAMPLING_RATE)
            axes.axvspan(start / SAMPLING_RATE, stop / SAMPLING_RATE, color="#F0E442", alpha=0.35)
            axes.axvspan(0, order / SAMPLING_RATE, color=INK, alpha=0.15, lw=0)
            _lane(axes, name, colour, limit, last=axes is whole[-1])
            _mark_phones(axes, phones, SAMPLING_RATE, labels=axes is whole[0])
        whole[-1].set_xlabel("time (s)", loc="right", labelpad=1)

        milliseconds = np.arange(start, stop) * 1000 / SAMPLING_RATE
        for axes, (name, (samples, colour)) in zip(zoomed, list(sounds.items())[1:], strict=True):
            axes.plot(milliseconds, original[start:stop], color="#b4b9be", lw=3)
            axes.plot(milliseconds, samples[start:stop], color=colour, lw=1.2)
            axes.set_xlim(milliseconds[0], milliseconds[-1])
            given = order * 1000 / SAMPLING_RATE
            if given > milliseconds[0]:
                axes.axvspan(milliseconds[0], given, color=INK, alpha=0.15, lw=0)
            _lane(axes, name, colour, limit, last=axes is zoomed[-1])
            _mark_phones(axes, phones, SAMPLING_RATE / 1000, labels=axes is zoomed[0])
        zoomed[-1].set_xlabel("time (ms)", loc="right", labelpad=1)

        if on_screen:
            note = (
                f"Shaded: the {order} samples that were given. Yellow: the {zoom_ms:g} ms "
                "magnified below, over the original in light grey."
            )
            above = zoomed[0].get_position().y1 + 0.037
            figure.text(0.085, above, note, fontsize=8, color=FAINT)


def _loudest_stretch(samples: np.ndarray, order: int, length: int) -> tuple[int, int]:
    """Start and end of the `length` samples with the most energy after the given ones."""
    length = max(2, min(length, len(samples)))
    energy = np.concatenate([[0.0], np.cumsum(samples.astype(float) ** 2)])
    first = min(order, len(samples) - length)
    start = first + int(np.argmax((energy[length:] - energy[:-length])[first:]))
    return start, start + length


def _extremes(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times in seconds and samples to draw; if there are many, lowest and highest of each slot.

    This keeps the SVG small, whatever the length of the utterance.
    """
    if len(samples) <= 2 * SLOTS:
        return np.arange(len(samples)) / SAMPLING_RATE, samples
    edges = np.linspace(0, len(samples), SLOTS + 1).astype(int)[:-1]
    ends = [extreme.reduceat(samples, edges) for extreme in (np.minimum, np.maximum)]
    return np.repeat(edges / SAMPLING_RATE, 2), np.stack(ends, axis=1).ravel()


def _lane(axes: Axes, name: str, colour: str, limit: float, *, last: bool) -> None:
    axes.set_ylim(-limit, limit)
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(bottom=last, labelbottom=last)
    axes.set_ylabel(name, color=colour, rotation=0, ha="right", va="center", weight="bold")


def _mark_phones(
    axes: Axes, phones: Sequence[tuple[int, int, str]], rate: float, *, labels: bool
) -> None:
    """Draw the boundaries of the phones in view and, above the axes, labels in up to three rows."""
    low, high = axes.get_xlim()
    width = axes.get_position().width * axes.figure.get_figwidth()
    row_ends = [-np.inf] * 3  # in inches, where the last label of each row ends
    for first, last, label in phones:
        start, end = first / rate, last / rate
        if end <= low or start >= high:
            continue
        for boundary in (start, end):
            if low < boundary < high:
                axes.axvline(boundary, color=FAINT, lw=0.6, alpha=0.55)
        if not labels:
            continue
        centre = (max(start, low) + min(end, high)) / 2
        inch = (centre - low) / (high - low) * width
        half = 0.045 * len(label) + 0.02
        free = [row for row, row_end in enumerate(row_ends) if inch - half >= row_end]
        row = free[0] if free else int(np.argmin(row_ends))
        row_ends[row] = inch + half
        axes.annotate(
            label, (centre, 1), xycoords=("data", "axes fraction"),
            xytext=(0, 2 + 9.5 * row), textcoords="offset points", ha="center", fontsize=8.5,
        )  # fmt: skip
