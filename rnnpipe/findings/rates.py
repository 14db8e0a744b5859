"""How often a recipe's free runs stay close to their originals: counts and intervals."""

import pandas as pd

from rnnpipe.findings.standings import CLOSE
from rnnpipe.vocabulary import BASELINE

# A free run this close, in NMSE, cannot be told from the original at every listening (20 dB).
VERY_CLOSE = 0.01
CONFIDENCE = 0.95


def rates(mse: pd.DataFrame) -> pd.DataFrame:
    """Count the free runs of each recipe and hidden size that are close to their originals.

    Each training utterance with each seed is one free run.

    Parameters
    ----------
    mse : DataFrame
        The columns of tables/mse.csv.

    Returns
    -------
    DataFrame
        recipe, hidden_size, free_runs, close and very_close (their numbers with an NMSE of at most
        `CLOSE` and `VERY_CLOSE`), rate (close over free_runs), and low and high, its 95 % interval
        (Wilson, "Probable inference", 1927); in table order.
    """
    from scipy.stats import binomtest  # takes half a second to import

    own = mse[(mse["reconstruction"] == "free_running") & (mse["set"] == "train")]
    own = own[~own["recipe"].str.startswith(BASELINE)]
    through = (own["status"] != "diverged") & own["stopped_at"].isna()
    marked = own[["recipe", "hidden_size"]].assign(
        free_runs=1,
        close=through & (own["nmse"] <= CLOSE),
        very_close=through & (own["nmse"] <= VERY_CLOSE),
    )
    table = marked.groupby(["recipe", "hidden_size"], sort=False).sum().reset_index()
    counts = list(zip(table["close"], table["free_runs"], strict=True))
    intervals = [
        binomtest(int(close), int(runs)).proportion_ci(CONFIDENCE, "wilson")
        for close, runs in counts
    ]
    table["rate"] = table["close"] / table["free_runs"]
    table["low"] = [interval.low for interval in intervals]
    table["high"] = [interval.high for interval in intervals]
    return table
