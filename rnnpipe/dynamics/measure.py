"""The measures of a training at its snapshots, as a table."""

import copy
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd
from torch import Tensor

from rnnpipe.dynamics.curvature import (
    adam_limit,
    adam_root,
    error_and_gradient,
    sharpness,
    step_limit,
    step_root,
)
from rnnpipe.dynamics.gradients import gradient_by_lag, growth
from rnnpipe.dynamics.stretches import Stretch
from rnnpipe.model import Network
from rnnpipe.progress import progress
from rnnpipe.training.recipes import Recipe


def measure(
    network: Network,
    recipe: Recipe,
    stretches: Sequence[Stretch],
    snapshots: Mapping[int, Mapping[str, Tensor]],
    history: pd.DataFrame,
    second_moments: Mapping[int, Mapping[str, Tensor]] = MappingProxyType({}),
) -> pd.DataFrame:
    """Measure a training at its snapshots.

    Parameters
    ----------
    network : Network
        The trained network; its weights are neither used nor changed.
    recipe : Recipe
        How it was trained.
    stretches : sequence of Stretch
        From `cut_stretches`.
    snapshots : mapping from int to mapping
        Weights by the update that starts from them, from `rnnpipe.training.runs.load_snapshots`.
    history : DataFrame
        Of the training; its learning rates set the limits.
    second_moments : mapping from int to mapping, optional
        Adam's, from `rnnpipe.training.runs.load_second_moments`.

    Returns
    -------
    DataFrame
        One row per snapshot: update; learning_rate; mse and gradient_norm on the stretches;
        sharpness, sharpness_error, products; limit; adam_sharpness and adam_limit, the same in the
        coordinates in which adam takes plain steps, nan at its first snapshot; share_W to share_c;
        lyapunov, growth_largest and growth_high, see `rnnpipe.dynamics.gradients.Growth`; and lags,
        gradient_median and gradient_p90 over positions, each a list.
    """
    network = copy.deepcopy(network).double()
    rows = []
    for update in progress(sorted(snapshots), "measuring"):
        network.load_state_dict(snapshots[update])
        learning_rate = float(history["learning_rate"].iloc[min(update, len(history)) - 1])
        mse, gradient = error_and_gradient(network, stretches)
        norm = float(gradient.norm())
        top = sharpness(network, stretches, gradient, step_root(network, recipe))
        adam = math.nan
        if update in second_moments:
            root = adam_root(network, second_moments[update])
            adam = sharpness(network, stretches, gradient, root).value
        carried = growth(network, stretches)
        lags, norms = gradient_by_lag(network, stretches)
        rows.append(
            {
                "update": update,
                "learning_rate": learning_rate,
                "mse": mse,
                "gradient_norm": norm,
                "sharpness": top.value,
                "sharpness_error": top.error,
                "products": top.products,
                "limit": step_limit(recipe, learning_rate, norm),
                "adam_sharpness": adam,
                "adam_limit": adam_limit(recipe, learning_rate, norm),
                **{f"share_{name}": share for name, share in top.shares.items()},
                "lyapunov": carried.exponent,
                "growth_largest": carried.largest,
                "growth_high": carried.high,
                "lags": lags.tolist(),
                "gradient_median": np.median(norms, axis=1).tolist(),
                "gradient_p90": np.quantile(norms, 0.9, axis=1).tolist(),
            }
        )
    return pd.DataFrame(rows)
