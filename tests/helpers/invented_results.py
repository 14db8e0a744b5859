"""Small invented results, in the form that the workflow passes to figures and report."""

from itertools import product

import numpy as np
import pandas as pd
import soundfile

from rnnpipe.corpus.phones import Segment
from rnnpipe.figures.curves import plot_training_curves
from rnnpipe.figures.free_runs import plot_free_runs
from rnnpipe.figures.sizes import plot_mse_over_hidden_size
from rnnpipe.figures.stability import plot_stability
from rnnpipe.findings import stability
from rnnpipe.findings.means import leaders, mean_over_utterances
from rnnpipe.findings.rates import rates
from rnnpipe.reconstruction import phone_errors
from rnnpipe.report import page as report
from rnnpipe.vocabulary import RECONSTRUCTIONS, Setting, sound_path

HOSTILE = "<script>alert('$x_1$')</script>"
ORDER = 200
PHONES = [
    ("h#", 0.16), ("w", 0.06), ("iy", 0.1), ("dcl", 0.05), ("d", 0.02), ("ow", 0.16), ("n", 0.06),
    ("q", 0.03), ("ah", 0.12), ("ix", 0.05), ("s", 0.1), ("ay", 0.18), ("h#", 0.1),
]  # fmt: skip


CURES = [
    stability.Cure(
        "dumoulin2014", 100, seeds=3, trained=1, rising=3,
        sharpness=301.23, limit=200.0, final_mse=np.nan, reached=np.nan,
    ),
    stability.Cure(
        "half_rate", 100, seeds=1, trained=1, rising=0,
        sharpness=299.0, limit=400.0, final_mse=0.41234, reached=321.0,
    ),
]  # fmt: skip


class Results:
    """The inputs of the report."""

    def __init__(self, folder, recipes=("dumoulin2014", "clipped"), sizes=(50, 100), seeds=(0, 1),
                 utterances=("TRAIN/DR1/FABC0/SI1", "TEST/DR2/MXYZ0/SX2"), seed=0):  # fmt: skip
        self.folder = folder
        self.utterances = utterances
        rng = np.random.default_rng(seed)
        self.settings_keys = [Setting(r, h, s) for r in recipes for h in sizes for s in seeds]
        self.diverged = self.settings_keys[len(sizes) * len(seeds) - 1]
        self.original = {u: speech(seed=i) for i, u in enumerate(utterances)}
        self.sounds, self.run_folders, self.histories = {}, {}, {}
        rows = []
        baselines = {"silence": (1, 1), "persistence": (0.24, 1.31), "linear": (0.09, 0.99)}
        for name, nmse in baselines.items():
            for utterance in utterances:
                for reconstruction, value in zip(RECONSTRUCTIONS, nmse, strict=True):
                    rows.append([f"baseline:{name}", None, None, utterance, reconstruction, value])
        settings, self.starts, self.dynamics = [], [], []
        for key in self.settings_keys:
            recipe, hidden, run_seed = key
            good = 0.5 if recipe == recipes[0] else 0.3 / hidden
            good *= rng.uniform(0.7, 1.4)
            bad = key == self.diverged
            self.run_folders[key] = folder / f"runs/{recipes.index(recipe)}/h{hidden}/s{run_seed}"
            (self.run_folders[key] / "reconstructions").mkdir(parents=True)
            for utterance in utterances:
                self._reconstruct(key, utterance, good, rng)
                values = (np.nan, np.nan) if bad else (good, 1 + 40 * good * rng.uniform(0.2, 0.3))
                for reconstruction, value in zip(RECONSTRUCTIONS, values, strict=True):
                    rows.append([recipe, hidden, run_seed, utterance, reconstruction, value])
            self.histories[key] = history(good, 212 if bad else 500, bad, recipe != recipes[0], rng)
            settings.append({
                "recipe": recipe, "hidden_size": hidden, "seed": run_seed,
                "parameters": hidden * (hidden + 265) + 1, "updates": 212 if bad else 500,
                "tries": 0, "wall_seconds": 12.3, "samples_per_second": 123456.7,
                "final_training_mse": np.nan if bad else good, "clipped_share": 0.25,
                "status": "diverged" if bad else "ok", "diverged_at": 212 if bad else np.nan,
                "outcome": "The gradient grew without bound." if bad else "It trained to the end.",
                "verdict": "step too large for the curvature (by far)" if bad else "stable",
            })  # fmt: skip
            self.starts.append(
                stability.Start(
                    key, sharpness=3.0 * hidden, limit=np.nan if key[0] == "clipped" else 200.0,
                    lyapunov=-0.5, block="U", share=70.0, growth=-50.0,
                    rises=bad, diverges=bad, trains=not bad,
                )
            )  # fmt: skip
            self.dynamics.append(dynamics(hidden))
        names = ["recipe", "hidden_size", "seed", "utterance", "reconstruction", "nmse"]
        mse = pd.DataFrame(rows, columns=names)
        mse.insert(5, "mse", mse["nmse"] * 0.98)
        mse["snr_db"] = -10 * np.log10(mse["nmse"].astype(float))
        mse["horizon_ms"] = np.where(mse["reconstruction"] == "free_running", 3.4, np.nan)
        bad_rows = (mse[["recipe", "hidden_size", "seed"]] == list(self.diverged)).all(axis=1)
        mse["status"] = np.where(bad_rows, "diverged", "ok")
        mse["diverged_at"] = np.where(bad_rows, 212, np.nan)
        mse["stopped_at"] = np.nan
        mse["set"] = "train"
        last = (mse["recipe"] == recipes[-1]) & (mse["hidden_size"] == sizes[0])
        mse.loc[last & (mse["reconstruction"] == "free_running"), "stopped_at"] = 5000
        self.mse, self.settings = mse, pd.DataFrame(settings)

    def _reconstruct(self, key, utterance, nmse, rng):
        original = self.original[utterance]
        noise = rng.normal(size=len(original)) * original.std()
        forced = original + np.sqrt(min(nmse, 1)) * noise * np.abs(original) / 9000
        free = np.roll(original, 700) * 0.8 + 0.3 * noise
        sounds = {"original": original, "teacher_forced": forced, "free_running": free}
        for name, samples in sounds.items():
            samples = np.clip(np.round(samples), -32768, 32767).astype(np.int16)
            if name != "original":
                samples[:ORDER] = original[:ORDER]
            self.sounds[key, utterance, name] = samples
            path = sound_path(self.run_folders[key] / "reconstructions", utterance, name)
            soundfile.write(path, samples, 16_000)

    def draw(self):
        """Draw the figures of the page, as the workflow does."""
        self.drawn = {
            name: self.folder / f"{name}.svg"
            for name in ("sizes", "training", "stability", "free_runs")
        }
        plot_mse_over_hidden_size(self.mse, self.drawn["sizes"])
        plot_training_curves(self.histories, self.settings, self.drawn["training"])
        histories = list(self.histories.values())
        plot_stability(self.starts, histories, self.dynamics, self.drawn["stability"])
        utterance = self.utterances[0]
        plot_free_runs(
            {
                recipe: (
                    f"{key[0]}, {key[1]}",
                    self.sounds[key, utterance, "free_running"],
                    horizon(),
                )
                for recipe, key in leaders(mean_over_utterances(self.mse), "free_running").items()
            },
            self.original[utterance],
            phone_segments(),
            ORDER,
            self.drawn["free_runs"],
        )
        return self

    def phone_means(self):
        """Errors by phone and by class, as in the tables."""
        tables = []
        for key in self.settings_keys:
            rows = []
            for utterance, kind in product(self.utterances, RECONSTRUCTIONS):
                what = {"utterance": utterance, "reconstruction": kind}
                heard = (self.original[utterance], self.sounds[key, utterance, kind])
                signals = (np.asarray(sound[ORDER:], float) / 1500 for sound in heard)
                parts = phone_errors.phone_errors(*signals, phone_segments(), ORDER)
                rows += [what | part for part in parts]
            tables.append(pd.DataFrame(rows))
        errors = phone_errors.gather_phone_errors(self.settings_keys, tables)
        return {
            key: phone_errors.mean_phone_errors(errors, key) for key in ("phone", "phone_class")
        }

    def page(self, **changed):
        """Write the page and return its text."""
        path = self.folder / "report.html"
        if not hasattr(self, "phones"):
            self.phones = self.phone_means()
        counted = rates(changed.get("mse", self.mse))
        tables = {"mse": self.mse, "settings": self.settings, "rates": counted}
        tables |= {f"by_{key}": table for key, table in self.phones.items()}
        for name, table in tables.items():
            table.to_csv(self.folder / f"{name}.csv", index=False)
        given = {
            "title": "A small experiment", "mse": self.mse, "settings": self.settings,
            "rates": counted, "phones": self.phones,
            "tables": {name: self.folder / f"{name}.csv" for name in tables},
            "run_folders": self.run_folders, "order": ORDER, "drawn": self.drawn,
            "utterances": {utterance: phone_segments() for utterance in self.utterances},
            "starts": self.starts, "cures": CURES, "corpus": CORPUS, "remarks": [],
            "made": made(),
        }  # fmt: skip
        report.write_report(path, **(given | changed))
        return path.read_text(encoding="utf-8")


CORPUS = {"name": "mini-TIMIT", "root": None, "synthetic": True, "utterances": 80, "hours": 0.05}


GRAPH = {
    "extract": [], "train": ["extract"], "tables": ["train"], "report": ["train", "tables"],
}  # fmt: skip


def made(**changed):
    """How the report was made, as far as this applies to invented results."""
    given = {
        "config": {"corpus": {"root": None}, "recipes": {"clipped": {"clip_norm": 1.0}}},
        "versions": {"rnnpipe": "0.1.0", "torch": "2.13.0"},
        "jobs": pd.DataFrame(
            [("train", "clipped-h50-s0", 61.25, 512.0), ("tables", "", 2.5, np.nan)],
            columns=["rule", "job", "seconds", "megabytes"],
        ),
        "graph": GRAPH,
        "rejected": pd.DataFrame(columns=["utterance", "text"]),
    }
    return report.Made(**(given | changed))


def horizon():
    samples = np.unique(np.geomspace(1, 1600, 30).round()).astype(int)
    nmse = np.minimum(0.01 * samples**0.7, 1.5)
    return pd.DataFrame(
        {"samples": samples, "nmse": nmse, "silence": 1.0, "persistence": np.minimum(nmse * 3, 2)}
    )


def dynamics(hidden):
    """The measures at initialisation that are drawn."""
    lags = np.unique(np.geomspace(1, 1000, 20).round()).astype(int)
    median = np.exp(-lags * 8 / hidden)
    row = {"lags": lags, "gradient_median": median, "gradient_p90": 4 * median}
    return pd.DataFrame([row])


def phone_segments(rate=16_000):
    ends = np.cumsum([round(seconds * rate) for _, seconds in PHONES])
    starts = [0, *ends[:-1]]
    return [Segment(int(a), int(b), p[0]) for a, b, p in zip(starts, ends, PHONES, strict=True)]


def speech(seed):
    """A signal that looks like speech: a voice of 120 Hz in vowels, and noise elsewhere."""
    rng = np.random.default_rng(seed)
    segments = phone_segments()
    t = np.arange(segments[-1][1]) / 16_000
    tones = ((120, 1), (240, 0.8), (600, 0.7), (1200, 0.3))
    voice = sum(a * np.sin(2 * np.pi * f * t + f) for f, a in tones)
    loudness = {"h#": 0.01, "dcl": 0.02, "q": 0.05, "s": 0.12, "d": 0.15}
    envelope = np.concatenate([np.full(e - s, loudness.get(p, 1.0)) for s, e, p in segments])
    envelope = np.convolve(envelope, np.hanning(500) / np.hanning(500).sum(), mode="same")
    sound = envelope * (voice + 0.3 * rng.normal(size=len(t)))
    return np.round(7000 * sound / np.abs(sound).max()).astype(np.int16)


def history(final, updates, diverged, clips, rng):
    update = np.arange(1, updates + 1)
    mse = final + np.exp(-update / 60) + 0.05 * final * rng.normal(size=updates)
    norm = 0.5 + 3 * np.exp(-update / 100) * rng.uniform(0.5, 1.5, updates)
    if diverged:
        mse = mse * np.exp(np.maximum(0, update - 180) / 5)
        norm = norm * np.exp(np.maximum(0, update - 150) / 8)
        mse[-1] = np.inf
    return pd.DataFrame({
        "update": update, "epoch": update / 10, "mse": np.abs(mse), "gradient_norm": norm,
        "clipped": (norm > 1) & clips, "learning_rate": 0.01, "free_nmse": np.nan,
    })  # fmt: skip
