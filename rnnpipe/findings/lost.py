"""Where a free run loses its utterance, and whether it finds back."""

from typing import NamedTuple

import pandas as pd

from rnnpipe.corpus.audio import SAMPLING_RATE
from rnnpipe.findings.means import SETTING
from rnnpipe.vocabulary import POWER_FLOOR, Setting

# A phone is lost if the error in it exceeds this share of its power plus `POWER_FLOOR`.
LOST = 0.5


class Loss(NamedTuple):
    """The stretch in which a free run has lost its utterance.

    Parameters
    ----------
    utterance : str
        Its id.
    phone, back : str
        The first phone that is lost, and the one with which it is followed again; empty if never.
    begin, until : float
        Their beginnings, in seconds.
    share : float
        Share of the samples to predict that lie in lost phones.
    """

    utterance: str
    phone: str
    begin: float
    back: str
    until: float
    share: float


def find_losses(phones: pd.DataFrame, setting: Setting) -> list[Loss]:
    """Find where a setting's free runs first lose each training utterance.

    Parameters
    ----------
    phones : DataFrame
        The columns of tables/phones.csv.
    setting : Setting
        The network.

    Returns
    -------
    list of Loss
        The utterances that are lost somewhere, in the order of the table.
    """
    own = phones[(phones[SETTING] == list(setting)).all(axis=1)]
    own = own[(own["reconstruction"] == "free_running") & (own["set"] == "train")]
    found = []
    for utterance, rows in own.groupby("utterance", sort=False):
        lost = ~(rows["mse"] <= LOST * (rows["power"] + POWER_FLOOR))
        if not lost.any():
            continue
        sizes = rows["end"] - rows["start"]
        first = rows[lost].iloc[0]
        # Near-silence is no proof that it is followed again.
        after = rows[~lost & (rows["start"] > first["start"]) & (rows["power"] > POWER_FLOOR)]
        back, until = ("", 0) if after.empty else after[["phone", "start"]].iloc[0]
        found.append(
            Loss(
                str(utterance),
                first["phone"],
                first["start"] / SAMPLING_RATE,
                back,
                until / SAMPLING_RATE,
                float(sizes[lost].sum() / sizes.sum()),
            )
        )
    return found


def describe(losses: list[Loss], closed_loop: bool) -> str:
    """Say in a sentence where the free run that is lost longest gets lost, and what to try.

    Parameters
    ----------
    losses : list of Loss
        From `find_losses`, not empty.
    closed_loop : bool
        Whether the network was trained on its own samples.
    """
    worst = max(losses, key=lambda loss: loss.share)
    back = (
        f"finds back in the {worst.back} at {worst.until:.2f} s"
        if worst.back
        else "does not find back"
    )
    remedy = (
        "more epochs or hidden units may carry it through"
        if closed_loop
        else "the recipe closed_loop trains on the network's own samples, against this"
    )
    return (
        f"The free run of {worst.utterance} gets lost in the {worst.phone} at {worst.begin:.2f} s "
        f"and {back}; {remedy}."
    )
