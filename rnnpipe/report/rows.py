"""The rows of the page's smaller tables, as text."""

import math
from collections.abc import Sequence

import pandas as pd

from rnnpipe.corpus.audio import SAMPLING_RATE
from rnnpipe.findings.means import SETTING
from rnnpipe.findings.stability import Cure, Start, signed
from rnnpipe.findings.standings import Baseline, Standing, Standings
from rnnpipe.findings.words import aligned, significant, tenths, whole
from rnnpipe.vocabulary import BASELINE, RECONSTRUCTIONS


def measures(standings: Sequence[Baseline | Standing]) -> dict[str, list[str]]:
    """Columns of the table by setting, in the order of its rows, aligned at the decimal point."""
    columns = {
        "training_mse": aligned(
            row.training_mse if isinstance(row, Standing) else math.nan for row in standings
        )
    }
    for kind in RECONSTRUCTIONS:
        for measure in ("mse", "nmse"):
            columns[f"{kind}.{measure}"] = aligned(
                getattr(row.measured[kind], measure) for row in standings
            )
        for measure in ("snr_db", "horizon_ms"):
            columns[f"{kind}.{measure}"] = [
                tenths(getattr(row.measured[kind], measure)) for row in standings
            ]
        if any(row.unheard for row in standings):
            columns[f"{kind}.unheard"] = aligned(row.unheard[kind].nmse for row in standings)
    return columns


def by_utterance(mse: pd.DataFrame) -> list[dict]:
    """One row per setting (or baseline) and utterance."""
    keys = ["recipe", "hidden_size", "seed", "utterance", "set"]
    table = []
    for (recipe, hidden, seed, utterance, set_), group in mse.groupby(
        keys, dropna=False, sort=False
    ):
        name = utterance if set_ == "train" else f"{utterance} (held out)"
        row = {"utterance": name, "hidden": whole(hidden), "seed": whole(seed)}
        row["recipe"] = recipe.removeprefix(BASELINE)
        row["baseline"] = recipe.startswith(BASELINE)
        row["diverged"] = (group["status"] == "diverged").any()
        for measured in group.to_dict("records"):
            stop = measured["stopped_at"]
            row[measured["reconstruction"]] = {
                "nmse": significant(measured["nmse"]),
                "snr_db": tenths(measured["snr_db"]),
                "horizon_ms": tenths(measured["horizon_ms"]),
                "cut_off_at": "" if pd.isna(stop) else f"{stop / SAMPLING_RATE:.3f}",
            }
        table.append(row)
    return table


def how_often(table: pd.DataFrame) -> list[dict]:
    """The rows of `rnnpipe.findings.rates.rates`; none if no recipe and size has several runs."""
    if not (table["free_runs"] > 1).any():
        return []
    return [
        {
            "recipe": row["recipe"],
            "hidden": int(row["hidden_size"]),
            "close": f"{row['close']} of {row['free_runs']}",
            "very_close": f"{row['very_close']} of {row['free_runs']}",
            "rate": f"{100 * row['rate']:.0f} %",
            "interval": f"{100 * row['low']:.0f} to {100 * row['high']:.0f} %",
        }
        for row in table.to_dict("records")
    ]


def by_phone(table: pd.DataFrame, everyone: Standings, key: str) -> dict:
    """The table of errors by phone or phone class, with one column per recipe and kind.

    Parameters
    ----------
    table : DataFrame
        From `rnnpipe.reconstruction.phone_errors.mean_phone_errors`.
    everyone : Standings
        For each kind, a recipe is represented by its best setting.
    key : {"phone", "phone_class"}
        Whether there is one row per phone or per class.

    Returns
    -------
    dict
        groups: a recipe and, by kind, the name of its setting; rows: name, phone_class, segments,
        power and one text per column.
    """
    groups, columns = [], []
    for recipe in dict.fromkeys(row.setting.recipe for row in everyone.settings):
        names_of: dict[str, str] = {}
        groups.append({"recipe": recipe, "names": names_of})
        for kind in RECONSTRUCTIONS:
            found = pd.Series(dtype=float)
            leader = everyone.best(kind, recipe)
            if leader is not None:
                is_own = (table[SETTING] == list(leader.setting)).all(axis=1)
                is_own &= table["reconstruction"] == kind
                found = table[is_own].set_index(key)["mse"]
                _, hidden, seed = leader.setting
                names_of[kind] = f"{hidden} units, seed {seed}"
            columns.append(found)
    about = table.drop_duplicates(key).set_index(key)
    names = sorted(about.index, key=lambda name: (about.loc[name, "phone_class"], name)
                   if key == "phone" else name)  # fmt: skip
    power = aligned(about.loc[name, "power"] for name in names)
    texts = [aligned(found.get(name, math.nan) for name in names) for found in columns]
    return {
        "groups": groups,
        "rows": [
            {
                "name": name,
                "phone_class": about.loc[name, "phone_class"] if key == "phone" else name,
                "segments": int(about.loc[name, "segments"]),
                "power": power[i],
                "columns": [column[i] for column in texts],
            }
            for i, name in enumerate(names)
        ],
    }


def training(settings: pd.DataFrame) -> list[dict]:
    """The training of each setting: its cost, and how it ended."""
    return [
        {
            "recipe": row["recipe"],
            "hidden": int(row["hidden_size"]),
            "seed": int(row["seed"]),
            "parameters": f"{int(row['parameters']):,}",
            "updates": f"{int(row['updates']):,}",
            "seconds": tenths(row["wall_seconds"]),
            "speed": f"{row['samples_per_second']:,.0f}",
            "clipped": "–" if math.isnan(share := row["clipped_share"]) else f"{share:.1%}",
            "status": row["status"],
            "diverged_at": whole(row["diverged_at"]),
        }
        for row in settings.to_dict("records")
    ]


def verdicts(starts: Sequence[Start], settings: pd.DataFrame) -> list[dict]:
    """What the measures before training predict, and what happened."""
    return [
        {
            "recipe": start.setting.recipe,
            "hidden": start.setting.hidden_size,
            "seed": start.setting.seed,
            "sharpness": significant(start.sharpness),
            "limit": significant(start.limit),
            "block": "–" if math.isnan(start.share) else f"{start.block} {start.share:.0f} %",
            "lyapunov": signed(start.lyapunov),
            "step": "–" if math.isnan(start.limit) else "rises" if start.step else "never rises",
            "time": "rises" if start.time else "never rises",
            "rises": "rises" if start.rises else "never rises",
            "verdict": verdict,
        }
        for start, verdict in zip(starts, settings["verdict"], strict=True)
    ]


def cure(row: Cure) -> dict:
    """The results of one recipe at a size at which the error rises with the recipe in question."""
    seeds = row.seeds

    def of_seeds(count: int) -> str:
        return {0: "no", seeds: "yes"}.get(count, f"{count} of {seeds} seeds")

    return {
        "recipe": row.recipe,
        "hidden": row.hidden_size,
        "seeds": seeds,
        "trains": of_seeds(row.trained),
        "rises": of_seeds(row.rising),
        "final_mse": significant(row.final_mse),
        "reached": "never" if math.isnan(row.reached) else f"{row.reached:.0f}",
        "sharpness": significant(row.sharpness),
        "limit": significant(row.limit),
    }
