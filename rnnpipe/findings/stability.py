"""Why the error goes up: a verdict on each setting, and the answer for the whole experiment.

Everything here is derived from measured numbers, by the rules in the docstrings. `rnnpipe.dynamics`
defines the measures, and `rnnpipe.training` defines when an error has risen. Neither is imported
here, so that tables, figures and reports start without torch, whose import takes seconds.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from rnnpipe.findings.words import listed, significant
from rnnpipe.vocabulary import NOTE_MSE, Setting

STABLE = "stable"
STEP = "step too large for the curvature"
TIME = "gradient explodes through time"
BOTH = "both"
UNDECIDED = "undecided"


# --- one setting ----------------------------------------------------------------------------------


def judge(dynamics: pd.DataFrame, lowest_at: int | None) -> tuple[str, str]:
    """Decide why a training was stable or not.

    The decision uses the measures at the lowest error before the first rise, or at the end of the
    training if the error never rises.

    - The gradient explodes through time if the Lyapunov exponent is above 0.
    - The step is too large for the curvature if the error rises and the sharpness is above the
      optimiser's limit; of adam, in the coordinates in which it takes plain steps. If the error
      never rises, the steps are small enough, whatever the curvature. If the gradient itself is not
      finite, no step is small enough, and the step is not the cause.

    If neither applies, the training is stable if its error never rises, and undecided if it does.

    Parameters
    ----------
    dynamics : DataFrame
        From `rnnpipe.dynamics.measure.measure`.
    lowest_at : int or None
        Update of the lowest error before its first rise; None if it never rises.

    Returns
    -------
    kind : str
        `STABLE`, `STEP`, `TIME`, `BOTH` or `UNDECIDED`.
    sentence : str
        The same, with the numbers behind it.
    """
    rises = lowest_at is not None
    at = dynamics[dynamics["update"] == lowest_at].iloc[0] if rises else dynamics.iloc[-1]
    adam = math.isfinite(at.get("adam_sharpness", math.nan))  # older tables do not have it
    curved, limit = ("adam_sharpness", "adam_limit") if adam else ("sharpness", "limit")
    step = rises and math.isfinite(at[curved]) and at[curved] > at[limit]
    time = at["lyapunov"] > 0
    exponent = f"Lyapunov exponent {signed(at['lyapunov'])} nats a step"
    if math.isnan(at["lyapunov"]):
        exponent = "too little speech for a Lyapunov exponent"
    name, share = sharpest_block(at)
    curvature = (
        f"sharpness {at['sharpness']:.3g} over the limit {at['limit']:.3g}, "
        f"{share:.0f} % of it in {name}"
    )
    if adam:
        curvature = (
            f"sharpness {at[curved]:.3g} in adam's coordinates, where it bears {at[limit]:.3g}"
        )
    if step and time:
        return BOTH, f"{BOTH}: {STEP} ({curvature}), and {TIME} ({exponent})"
    if step:
        return STEP, f"{STEP} ({curvature})"
    if time:
        return TIME, f"{TIME} ({exponent})"
    if not rises:
        return STABLE, f"{STABLE} ({curvature})" if adam else STABLE
    if not adam:
        curvature = f"sharpness {at['sharpness']:.3g}, the limit is {at['limit']:.3g}"
        if math.isnan(at["limit"]):
            curvature = f"sharpness {at['sharpness']:.3g}, no limit is known of this optimiser"
    return UNDECIDED, f"{UNDECIDED}: the error rises (then {curvature}; {exponent})"


def sharpest_block(row: Mapping[str, Any]) -> tuple[str, float]:
    """The weight block with the largest share of the leading eigenvector, and this share in %."""
    shares = {name: share for name, share in row.items() if name.startswith("share_")}
    name = max(shares, key=shares.__getitem__)
    return name.removeprefix("share_"), 100 * float(shares[name])


@dataclass(frozen=True)
class Start:
    """The measures of a setting before training, and whether its error then rose.

    Parameters
    ----------
    setting : Setting
        Recipe, hidden size and seed.
    sharpness, limit, lyapunov : float
        At initialisation; the limit is nan if none is known.
    block, share : str, float
        The weights with the largest share of the leading eigenvector, and this share in per cent.
    growth : float
        Largest growth of a gradient over any 100 steps, in nats; nan if it was not measured.
    rises, diverges, trains : bool
        What happened. `trains` is true if training does not diverge and, if the error rises, ends
        with an error below the lowest one before the rise.
    """

    setting: Setting
    sharpness: float
    limit: float
    lyapunov: float
    block: str
    share: float
    growth: float
    rises: bool
    diverges: bool
    trains: bool

    @property
    def step(self) -> bool:
        """Whether the curvature predicts that the error rises: the step is too large for it."""
        return math.isfinite(self.sharpness) and self.sharpness > self.limit

    @property
    def time(self) -> bool:
        """Whether the exponent predicts that the error rises: gradients explode through time."""
        return self.lyapunov > 0


def at_start(run: Mapping[str, Any], dynamics: pd.DataFrame) -> Start:
    """Collect the measures of a setting at initialisation, and what happened in its training.

    Parameters
    ----------
    run : mapping
        Its run.json.
    dynamics : DataFrame
        Its dynamics.parquet.
    """
    first = dynamics.iloc[0]
    rises, diverges = run["risen_at"] is not None, run["status"] == "diverged"
    trains = not diverges
    if rises and not diverges:
        lowest = dynamics.loc[dynamics["update"] == run["lowest_at"], "mse"].iloc[0]
        trains = run["final_training_mse"] < lowest
    block, share = sharpest_block(first)
    return Start(
        Setting(run["recipe"], run["hidden_size"], run["seed"]),
        sharpness=float(first["sharpness"]),
        limit=float(first["limit"]),
        lyapunov=float(first["lyapunov"]),
        block=block,
        share=share,
        growth=float(first.get("growth_largest", math.nan)),
        rises=rises,
        diverges=diverges,
        trains=bool(trains),
    )


# --- the experiment -------------------------------------------------------------------------------


def subject(starts: Sequence[Start]) -> str:
    """The recipe that the question is about: its error rises in more settings than any other's."""
    rises: dict[str, int] = {}
    for start in starts:
        recipe = start.setting.recipe
        rises[recipe] = rises.get(recipe, 0) + start.rises
    return max(rises, key=rises.__getitem__)  # the first of equals


def question(starts: Sequence[Start]) -> str:
    """Ask what the experiment can answer: whether the error rises at all, or why it does.

    Parameters
    ----------
    starts : sequence of Start
        Of all settings.
    """
    recipe = subject(starts)
    rising = _sizes_that_rise(starts, recipe)
    if not rising:
        more = len({start.setting.hidden_size for start in starts}) > 1
        return f"Does the error go up{' with more hidden units' * more}?"
    more = rising[0] > min(s.setting.hidden_size for s in starts if s.setting.recipe == recipe)
    return f"Why does the error go up{' with more hidden units' * more}?"


def answer(starts: Sequence[Start]) -> str:
    """Answer the question in a paragraph, from the measures at initialisation and what happened.

    Where no error rises, that is all. Otherwise the question is about one recipe, see `subject`.
    Each explanation predicts, only from measures
    at initialisation, in which of its settings the error rises: those with a sharpness above the
    limit, or those with a Lyapunov exponent above 0. The explanation that is right more often is
    chosen, and the settings for which it is wrong are named. If hidden size alone is right as
    often, that is said too. If the limit of the recipe is not known, the question stays open.

    Parameters
    ----------
    starts : sequence of Start
        Of all settings.
    """
    recipe = subject(starts)
    own = [start for start in starts if start.setting.recipe == recipe]
    rising = [start for start in own if start.rises]
    if not rising:
        where = f": not in any of {len(starts)} settings" if len(starts) > 1 else ""
        return f"No, it never rises{where}."
    said = [_what_happened(recipe, own, rising)]
    if any(math.isnan(start.limit) for start in own):
        said.append(
            "For its optimiser no limit of the sharpness is known, so whether the step is too "
            "large cannot be told from the curvature."
        )
    else:
        said += _which_explains(own)
    said += [_gradients(own), _curvature(own)]
    return " ".join(said)


def _what_happened(recipe: str, own: Sequence[Start], rising: Sequence[Start]) -> str:
    text = f"With {recipe} the error rises at {_sizes(rising, own)} and at no other size or seed"
    if len(rising) == len(own):
        text = f"With {recipe} the error rises at each of {_count(own)}"
    ends = {
        "the training diverges": [start for start in rising if start.diverges],
        "it trains on": [start for start in rising if start.trains],
        "it stays high": [start for start in rising if not start.diverges and not start.trains],
    }
    ends = {end: which for end, which in ends.items() if which}
    if len(ends) == 1:
        return f"{text}; {next(iter(ends))} after that."
    return f"{text}; after that, " + ", ".join(
        f"{end} at {_sizes(which, own)}" for end, which in ends.items()
    ) + "."  # fmt: skip


def _which_explains(own: Sequence[Start]) -> list[str]:
    wrong = {kind: [s for s in own if getattr(s, kind) != s.rises] for kind in ("step", "time")}
    right = {kind: f"{len(own) - len(missed)} of {_count(own)}" for kind, missed in wrong.items()}
    if len(wrong["step"]) == len(wrong["time"]):
        return [
            "What is measured before training does not tell the two explanations apart: each "
            f"predicts whether the error rises in {right['step']}."
        ]
    winner = min(wrong, key=lambda kind: len(wrong[kind]))
    told = {
        "step": "It goes not with an exploding gradient but with a step too large for the "
        "curvature: before training, sharpness above the limit predicts whether the error rises "
        f"in {right['step']}, an exponent above 0 in {right['time']}.",
        "time": "It goes with a gradient that explodes through time: before training, an exponent "
        f"above 0 predicts whether the error rises in {right['time']}, sharpness above the limit "
        f"in {right['step']}.",
    }
    missed = wrong[winner]
    fails = [f"The prediction fails at {_sizes(missed, own)}."] if missed else []
    return [told[winner], *fails, *_rival(own, len(own) - len(missed))]


def _rival(own: Sequence[Start], right: int) -> list[str]:
    """Say so if a threshold of the hidden size alone is right as often."""
    sizes = sorted({start.setting.hidden_size for start in own})
    by_size = {
        size: sum((start.setting.hidden_size >= size) == start.rises for start in own)
        for size in sizes[1:]
    }
    if not by_size or max(by_size.values()) < right:
        return []
    size = max(by_size, key=by_size.__getitem__)
    return [
        f"That a network has {size} hidden units or more predicts it in {by_size[size]} of "
        f"{_count(own)} too: to tell apart what goes together here takes an intervention."
    ]


def _gradients(own: Sequence[Start]) -> str:
    own = [start for start in own if not math.isnan(start.lyapunov)]
    if not own:
        return "There is too little speech for a Lyapunov exponent."
    text = f"The Lyapunov exponent is {_span((s.lyapunov for s in own), signed)} nats a step"
    exploding = [start for start in own if start.time]
    if not exploding:
        text = f"{text}: at every size a gradient fades on its way back through time"
        return f"{text}{_for_a_time(own)}."
    if len(exploding) == len(own):
        return f"{text}: at every size a gradient grows on its way back through time."
    return f"{text}; a gradient grows on its way back through time at {_sizes(exploding, own)}."


def _for_a_time(own: Sequence[Start]) -> str:
    """Whether a gradient that fades in the mean grows for a time."""
    most = max((start.growth for start in own if not math.isnan(start.growth)), default=math.nan)
    if math.isnan(most):
        return ""
    if most > 0:
        return f", but over some 100 samples it grows by a factor of {math.exp(most):.2g}"
    return f", over any 100 samples by a factor of {math.exp(-most):.2g} or more"


def _curvature(own: Sequence[Start]) -> str:
    own = [start for start in own if math.isfinite(start.sharpness)]
    if not own:
        return "No gradient is finite, and so no curvature."
    sizes = sorted({start.setting.hidden_size for start in own})
    by_size = [_mean(s.sharpness for s in own if s.setting.hidden_size == size) for size in sizes]
    text = f"Sharpness is {by_size[0]:.3g} at {sizes[0]} hidden units"
    if len(sizes) > 1:
        text = f"Sharpness goes from {by_size[0]:.3g} at {sizes[0]} hidden units to "
        text += f"{by_size[-1]:.3g} at {sizes[-1]}"
    if not any(math.isnan(start.limit) for start in own):
        text += f", where the optimiser bears {_span((s.limit for s in own), '{:.3g}'.format)}"
    blocks = [start.block for start in own]
    usual = max(dict.fromkeys(blocks), key=blocks.count)
    shares = _span((s.share for s in own if s.block == usual), "{:.0f}".format)
    where = "" if len(set(blocks)) == 1 else f", at {blocks.count(usual)} of {_count(own)}"
    return f"{text}. {shares} % of its direction lies in {BLOCK_NAMES[usual]}{where}."


BLOCK_NAMES = {
    "W": "the weights of the window (W)",
    "V": "the weights of the phones (V)",
    "M": "the recurrent weights (M)",
    "b": "the biases of the hidden layer (b)",
    "d": "the second biases of the gru (d)",
    "U": "the output weights (U)",
    "c": "the output bias (c)",
}


# --- cures ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cure:
    """The result of one recipe at a hidden size at which the error of `subject` rises.

    Parameters
    ----------
    recipe : str
    hidden_size : int
    seeds, trained, rising : int
        Number of seeds, of seeds that train, and of seeds whose error rises.
    sharpness, limit : float
        Means at initialisation; the limit is nan if none is known.
    final_mse : float
        Mean over the seeds; nan if one diverges.
    reached : float
        Median of the first update with an error at or below the note's 0.426; nan if half of the
        seeds never get there.
    """

    recipe: str
    hidden_size: int
    seeds: int
    trained: int
    rising: int
    sharpness: float
    limit: float
    final_mse: float
    reached: float


def cures(
    starts: Sequence[Start],
    runs: Sequence[Mapping[str, Any]],
    histories: Sequence[pd.DataFrame],
) -> list[Cure]:
    """Compare the recipes at the hidden sizes at which the error of `subject` rises.

    Parameters
    ----------
    starts, runs, histories : sequences of Start, mapping and DataFrame
        From `at_start`, run.json and history.parquet of each setting, in the same order.

    Returns
    -------
    list of Cure
        Sorted by size, then by recipe.
    """
    recipe = subject(starts)
    sizes = _sizes_that_rise(starts, recipe)
    recipes = dict.fromkeys(start.setting.recipe for start in starts)
    rows = []
    for size in sizes:
        for name in recipes:
            group = [
                (start, run["final_training_mse"], reached(history, NOTE_MSE))
                for start, run, history in zip(starts, runs, histories, strict=True)
                if start.setting[:2] == (name, size)
            ]
            if group:
                members, final, at = zip(*group, strict=True)
                median = sorted(at)[len(at) // 2]  # infinity if it is never reached
                rows.append(
                    Cure(
                        recipe=name,
                        hidden_size=size,
                        seeds=len(members),
                        trained=sum(start.trains for start in members),
                        rising=sum(start.rises for start in members),
                        sharpness=_mean(start.sharpness for start in members),
                        limit=_mean(start.limit for start in members),
                        final_mse=_mean(final),
                        reached=median if math.isfinite(median) else math.nan,
                    )
                )
    return rows


def _sizes_that_rise(starts: Sequence[Start], recipe: str) -> list[int]:
    return sorted({s.setting.hidden_size for s in starts if s.setting.recipe == recipe and s.rises})


def reached(history: pd.DataFrame, mse: float) -> float:
    """Return the first update whose error, averaged over a pass, is at most `mse`; inf if none."""
    one_pass = int((history["epoch"] < 1).sum()) + 1
    there = history.loc[history["mse"].rolling(one_pass).mean() <= mse, "update"]
    return float(there.iloc[0]) if len(there) else math.inf


# --- words ----------------------------------------------------------------------------------------


def signed(value: float) -> str:
    """Write a number with two digits and its sign."""
    if not math.isfinite(value):
        return significant(value)
    return f"{value:+.2g}".replace("-", "−")


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers)


def _span(values: Iterable[float], write: Callable[[float], str]) -> str:
    numbers = list(values)
    low, high = write(min(numbers)), write(max(numbers))
    return low if low == high else f"{low} to {high}"


def _count(starts: Sequence[Start]) -> str:
    return f"{len(starts)} setting{'s' if len(starts) != 1 else ''}"


def _sizes(some: Sequence[Start], all_of_them: Sequence[Start]) -> str:
    """List sizes, with seeds if not all seeds of a size are meant."""
    parts = []
    for size in sorted({start.setting.hidden_size for start in some}):
        seeds = sorted(start.setting.seed for start in some if start.setting.hidden_size == size)
        all_seeds = sum(start.setting.hidden_size == size for start in all_of_them)
        which = f" (seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))})"
        parts.append(f"{size}{which if len(seeds) < all_seeds else ''}")
    return f"{listed(parts)} hidden units"
