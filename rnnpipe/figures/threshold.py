"""From which sharpness on the error rises, and what else could tell: the trials in four panels."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    MaxNLocator,
    NullLocator,
    PercentFormatter,
)

from rnnpipe.figures.style import FAINT, INK, RECIPES, drawing
from rnnpipe.findings.threshold import fit, law

BINS = 2 ** np.arange(-5, 4.1, 0.5)  # of the sharpness in units of its limit
QUIET, RISEN = RECIPES[0], RECIPES[1]
LOUDEST = 12.0  # the mechanism's panel ends here: growth by more than this is no longer linear


def plot_threshold(
    trials: pd.DataFrame, found: Mapping[str, pd.DataFrame], path: str | Path
) -> None:
    """Draw the trials of `rnnpipe.dynamics.threshold`.

    The panels are the share of trials whose error rises, over learning rate x sharpness / 2, with
    the logistic regression; the mistakes of each predictor on utterances left out; the growth of
    the gradient along the leading eigenvector in the first update, over the predicted one; and the
    share that rises after surgery, and by sharpness and exponent.

    Parameters
    ----------
    trials : DataFrame
        Of several utterances.
    found : mapping from str to DataFrame
        Their "threshold", "scores", "surgery" and "two_by_two", from the functions of
        `rnnpipe.findings.threshold`; the first row of "threshold" is that of all trials.
    path : path
        The SVG file to write; see `rnnpipe.figures.style.drawing`.
    """
    with drawing(path, None, 7.4) as figure:
        (share, mistakes), (growth, cases) = figure.subplots(2, 2)
        figure.subplots_adjust(
            left=0.075, right=0.98, bottom=0.075, top=0.95, hspace=0.42, wspace=0.62
        )
        _draw_law(share, trials, found["threshold"].iloc[0])
        _draw_scores(mistakes, found["scores"], len(law(trials)))
        _draw_growth(growth, trials)
        _draw_cases(cases, found["surgery"], found["two_by_two"])


def _draw_law(axes: Axes, trials: pd.DataFrame, found: pd.Series) -> None:
    own = law(trials)
    axes.set(title="When the error rises", xlabel="learning rate × sharpness / 2", xscale="log")
    axes.set(ylabel="share of trials", ylim=(-0.03, 1.03))
    bins = np.digitize(own["x"], BINS)
    for _, part in own.groupby(bins):
        middle = np.exp(np.log(part["x"]).mean())
        axes.plot(middle, part["risen"].mean(), "o", color=RISEN, ms=2 + 0.9 * len(part) ** 0.5)
    intercept, slope = fit(np.log(own[["x"]].to_numpy()), own["risen"].to_numpy())
    curve = np.geomspace(own["x"].min(), own["x"].max(), 400)
    axes.plot(curve, 1 / (1 + np.exp(-(intercept + slope * np.log(curve)))), color=INK, lw=1)
    axes.axvline(1, color=FAINT, lw=1.2, ls=(0, (4, 3)), zorder=0)
    axes.text(0.93, 0.55, "limit of the step", ha="right", color=FAINT)
    axes.axvspan(found["low"], found["high"], color=RISEN, alpha=0.15, lw=0)
    words = f"half rise at\n{found['threshold']:.2f} ({found['low']:.2f} to {found['high']:.2f})"
    axes.text(1.25, 0.2, words, color=RISEN)
    axes.xaxis.set_major_locator(FixedLocator([0.05, 0.2, 0.5, 1, 2, 5, 20]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_formatter(PercentFormatter(1))


def _draw_scores(axes: Axes, scores: pd.DataFrame, trials: int) -> None:
    table = scores[::-1]
    wrong = table["wrong"] / trials
    own = table["predictor"].str.contains("sharpness|limit")
    axes.barh(range(len(table)), wrong, color=np.where(own, RISEN, FAINT), height=0.62)
    axes.set(title="Trials predicted wrongly", xlabel="of utterances left out")
    axes.set_yticks(range(len(table)), table["predictor"])
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for place, value in enumerate(wrong):
        axes.text(value + 0.002, place, f"{value:.1%}", va="center")
    axes.set_xlim(0, 1.15 * max(wrong.max(), 0.01))
    axes.xaxis.set_major_locator(MaxNLocator(5))


def _draw_growth(axes: Axes, trials: pd.DataFrame) -> None:
    own = law(trials)
    predicted = 1 - 2 * own["x"]
    shown = predicted > -LOUDEST
    axes.plot([1, -LOUDEST], [1, -LOUDEST], color=FAINT, lw=1.2, ls=(0, (4, 3)))
    for factor, marker in ((1, "o"), (4, "^")):
        part = shown & (own["U_factor"] == factor)
        label = "U as drawn" if factor == 1 else f"U × {factor}"
        axes.plot(predicted[part], own["factor"][part], marker, ms=3.5, alpha=0.6, label=label,
                  color=RECIPES[factor // 2], mew=0)  # fmt: skip
    axes.axvline(-1, color=FAINT, lw=0.8, zorder=0)
    axes.set(title="Growth along the eigenvector, first update", ylabel="measured")
    axes.set_xlabel("1 − learning rate × sharpness")
    axes.legend()


def _draw_cases(axes: Axes, surgery: pd.DataFrame, two_by_two: pd.DataFrame) -> None:
    rows = []
    for case in surgery.itertuples():
        second = "beyond the limit too" if case.next_above else "within the limit"
        what = "the leading eigenvector" if case.removed == "leading" else "a random direction"
        rows.append((f"without {what},\nsecond one {second}", case.risen, case.trials))
    for case in two_by_two.itertuples():
        exponent = "above" if case.exploding else "below"
        step = "twice" if case.sharp else "half"
        rows.append(
            (f"sharpness {step} the limit,\nexponent {exponent} 0", case.risen, case.trials)
        )
    rows.reverse()
    shares = [risen / count for _, risen, count in rows]
    axes.barh(range(len(rows)), shares, color=RISEN, height=0.62)
    axes.set_yticks(range(len(rows)), [words for words, *_ in rows], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.set(title="Trials whose error rises", xlim=(0, 1.28))
    axes.set_xticks([0, 0.5, 1])
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    for place, (_, risen, count) in enumerate(rows):
        axes.text(shares[place] + 0.015, place, f"{risen} of {count}", va="center")
