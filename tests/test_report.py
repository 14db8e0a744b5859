"""The figures and the report page, made from small invented results and read back from outside."""

import base64
import io
import itertools
import json
import re
import subprocess
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

from rnnpipe import figures, phone_errors, stability
from rnnpipe.errors import RnnpipeError
from rnnpipe.figures import curves, waveforms
from rnnpipe.report import explorer, export, numbers, provenance, sounds, standings
from rnnpipe.report import page as report

HOSTILE = "<script>alert('$x_1$')</script>"
ORDER = 200
PHONES = [
    ("h#", 0.16), ("w", 0.06), ("iy", 0.1), ("dcl", 0.05), ("d", 0.02), ("ow", 0.16), ("n", 0.06),
    ("q", 0.03), ("ah", 0.12), ("ix", 0.05), ("s", 0.1), ("ay", 0.18), ("h#", 0.1),
]  # fmt: skip


CURES = [
    {"recipe": "dumoulin2014", "hidden_size": 100, "seeds": 3, "trained": 1, "rising": 3,
     "sharpness": 301.23, "limit": 200.0, "final_mse": np.nan, "reached": np.nan},
    {"recipe": "half_rate", "hidden_size": 100, "seeds": 1, "trained": 1, "rising": 0,
     "sharpness": 299.0, "limit": 400.0, "final_mse": 0.41234, "reached": 321.0},
]  # fmt: skip


class Results:
    """What the workflow has when it comes to write the report."""

    def __init__(self, folder, recipes=("dumoulin2014", "clipped"), sizes=(50, 100), seeds=(0, 1),
                 utterances=("TRAIN/DR1/FABC0/SI1", "TEST/DR2/MXYZ0/SX2"), seed=0):  # fmt: skip
        self.folder = folder
        self.utterances = utterances
        rng = np.random.default_rng(seed)
        self.settings_keys = [(r, h, s) for r in recipes for h in sizes for s in seeds]
        self.diverged = self.settings_keys[len(sizes) * len(seeds) - 1]
        self.original = {u: speech(seed=i) for i, u in enumerate(utterances)}
        self.sounds, self.run_folders, self.histories = {}, {}, {}
        rows = []
        baselines = {"silence": (1, 1), "persistence": (0.24, 1.31), "linear": (0.09, 0.99)}
        for name, nmse in baselines.items():
            for utterance in utterances:
                for reconstruction, value in zip(figures.RECONSTRUCTIONS, nmse, strict=True):
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
                for reconstruction, value in zip(figures.RECONSTRUCTIONS, values, strict=True):
                    rows.append([recipe, hidden, run_seed, utterance, reconstruction, value])
            self.histories[key] = history(good, 212 if bad else 500, bad, recipe != recipes[0], rng)
            settings.append({
                "recipe": recipe, "hidden_size": hidden, "seed": run_seed,
                "parameters": hidden * (hidden + 265) + 1, "updates": 212 if bad else 500,
                "wall_seconds": 12.3, "samples_per_second": 123456.7,
                "final_training_mse": np.nan if bad else good, "clipped_share": 0.25,
                "status": "diverged" if bad else "ok", "diverged_at": 212 if bad else np.nan,
                "outcome": "The gradient grew without bound." if bad else "It trained to the end.",
                "verdict": "step too large for the curvature (by far)" if bad else "stable",
            })  # fmt: skip
            self.starts.append(
                stability.Start(
                    *key, sharpness=3.0 * hidden, limit=np.nan if key[0] == "clipped" else 200.0,
                    lyapunov=-0.5, block="U", share=70.0,
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
            file = f"{utterance.replace('/', '-')}.{name}.wav"
            soundfile.write(self.run_folders[key] / "reconstructions" / file, samples, 16_000)

    def draw(self):
        """Draw the figures of the page, as the workflow does."""
        self.drawn = {
            name: self.folder / f"{name}.svg"
            for name in ("sizes", "training", "stability", "free_runs")
        }
        figures.plot_mse_over_hidden_size(self.mse, self.drawn["sizes"])
        figures.plot_training_curves(self.histories, self.settings, self.drawn["training"])
        histories = list(self.histories.values())
        figures.plot_stability(self.starts, histories, self.dynamics, self.drawn["stability"])
        utterance = self.utterances[0]
        figures.plot_free_runs(
            {
                recipe: (
                    f"{key[0]}, {key[1]}",
                    self.sounds[key, utterance, "free_running"],
                    horizon(),
                )
                for recipe, key in figures.leaders(self.mse).items()
            },
            self.original[utterance],
            phone_segments(),
            ORDER,
            self.drawn["free_runs"],
        )
        return self

    def phone_means(self):
        """Errors by phone and by class, as the tables have them."""
        errors = phone_errors.gather_phone_errors(
            self.settings_keys,
            [self.run_folders[key] / "reconstructions" for key in self.settings_keys],
            {utterance: PHONE_MAPPINGS for utterance in self.utterances},
            ORDER,
            1500.0,
        )
        return {
            key: phone_errors.mean_phone_errors(errors, key) for key in ("phone", "phone_class")
        }

    def page(self, **changed):
        """Write the page and return its text."""
        path = self.folder / "report.html"
        if not hasattr(self, "phones"):
            self.phones = self.phone_means()
        tables = {"mse": self.mse, "settings": self.settings}
        tables |= {f"by_{key}": table for key, table in self.phones.items()}
        for name, table in tables.items():
            table.to_csv(self.folder / f"{name}.csv", index=False)
        given = {
            "title": "A small experiment", "mse": self.mse, "settings": self.settings,
            "phones": self.phones, "tables": {name: self.folder / f"{name}.csv" for name in tables},
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
    """How it was made, as far as it was made at all."""
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
    """What is measured at initialisation, as far as it is drawn."""
    lags = np.unique(np.geomspace(1, 1000, 20).round()).astype(int)
    median = np.exp(-lags * 8 / hidden)
    row = {"lags": lags, "gradient_median": median, "gradient_p90": 4 * median}
    return pd.DataFrame([row])


def phone_segments(rate=16_000):
    ends = np.cumsum([round(seconds * rate) for _, seconds in PHONES])
    starts = [0, *ends[:-1]]
    return [(int(a), int(b), p[0]) for a, b, p in zip(starts, ends, PHONES, strict=True)]


PHONE_MAPPINGS = [dict(zip(("start", "end", "label"), p, strict=True)) for p in phone_segments()]


def speech(seed):
    """Something with the look of speech: a voice of 120 Hz in the vowels, hiss in the rest."""
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


class Page(HTMLParser):
    """What a reader gets from the page: rows of tables, text, images, sounds, links."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.articles, self.images, self.addresses, self.tags = [], [], [], [], set()
        self.words, self._row, self._hidden = [], None, 0
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        loading = ("src", "srcset", "href", "data", "poster")
        self.addresses += [attrs[name] for name in loading if name in attrs]
        if "data-sounds" in attrs:
            self.articles.append(attrs)
        if tag == "img":
            self.images.append(attrs)
        if tag == "tr":
            self._row = []
            self.rows.append(self._row)
        if tag in ("td", "th") and self._row is not None:
            self._row.append("")
        if tag in ("style", "script"):
            self._hidden += 1

    def handle_endtag(self, tag):
        if tag == "tr":
            self._row = None
        if tag in ("style", "script"):
            self._hidden -= 1

    def handle_data(self, data):
        if not self._hidden:
            self.words.append(data)
            if self._row:
                self._row[-1] = " ".join(f"{self._row[-1]} {data}".split())


def blocks(html):
    """What lies in the page for its scripts, by id."""
    found = re.findall(r'<script type="[a-z]+/[a-z]+" id="(\w+)">(.*?)</script>', html, re.DOTALL)
    return dict(found)


def samples_of(block):
    return soundfile.read(io.BytesIO(base64.b64decode(block)), dtype="int16")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return Results(tmp_path_factory.mktemp("results")).draw()


@pytest.fixture(scope="module")
def html(results):
    return results.page()


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_the_page_is_one_file_that_asks_for_nothing_else(html, page):
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert "link" not in page.tags and "iframe" not in page.tags
    library = explorer.script()
    assert html.count(library) == 1  # what it would fetch for maps and formulas, nothing here asks
    visible = re.sub(r"data:[^\"]*|<script type=.*?</script>", "", html.replace(library, ""))
    assert not re.search(r"https?:|//[a-z]|@import|url\(", visible)
    assert "default-src 'none'" in html  # and the browser is told to hold us to it


def test_every_setting_has_its_row_and_its_section_also_the_diverged_one(results, page):
    for recipe, hidden, seed in results.settings_keys:
        start = [recipe, str(hidden), str(seed)]
        rows = [row for row in page.rows if [row[0].split()[0], *row[1:3]] == start]
        assert rows, (recipe, hidden, seed)
        if (recipe, hidden, seed) == results.diverged:
            assert "diverged at update 212" in rows[0][-1]
            assert rows[0][5] == "–"
        assert f"{hidden} hidden units, seed {seed}" in page.text
    assert "1 of 8 settings diverged" in page.text


def test_the_baselines_stand_in_the_same_table(page):
    names = [row[0] for row in page.rows]
    for name in ("silence", "persistence", "linear"):
        row = next(row for row in page.rows if row[0] == name and row[-1] == "baseline")
        assert names.index(name) < names.index("clipped") and len(row) == 14


def test_the_table_holds_means_over_utterances_and_the_folded_one_each(results):
    mse = results.mse.copy()
    ours = (mse["recipe"] == "clipped") & (mse["hidden_size"] == 100) & (mse["seed"] == 0)
    ours &= mse["reconstruction"] == "teacher_forced"
    mse.loc[ours, "nmse"] = [0.001, 0.003]
    page = Page(results.page(mse=mse))
    rows = [row for row in page.rows if row[0] == "clipped" and row[1:3] == ["100", "0"]]
    assert [rows[0][5].strip(), rows[0][6]] == ["0.00200", "27.0"]  # -10 log10 0.002
    assert [row[4] for row in rows[1:3]] == ["0.00100", "0.00300"]
    assert [row[3] for row in rows[1:3]] == list(results.utterances)


def test_one_utterance_needs_no_table_by_utterance(results):
    one = results.mse[results.mse["utterance"] == results.utterances[0]]
    text = Page(results.page(mse=one)).text
    assert "Error by utterance" not in text and "Plain means" not in text


def test_the_page_holds_exactly_the_samples_of_the_wav_files_each_once(results, html, page):
    lying = blocks(html)
    utterances = json.loads(lying["utterances"])
    assert [one["name"] for one in utterances] == list(results.utterances)
    assert utterances[0]["phones"] == [list(segment) for segment in phone_segments()]
    assert len(page.articles) == 8 * 2
    seen = set()
    for article, (key, utterance) in zip(
        page.articles, itertools.product(results.settings_keys, results.utterances), strict=True
    ):
        assert utterances[int(article["data-utterance"])]["name"] == utterance
        assert article["data-setting"] == "{}, {} hidden units, seed {}".format(*key)
        for kind, block in json.loads(article["data-sounds"]).items():
            samples, rate = samples_of(lying[block])
            assert rate == 16_000
            np.testing.assert_array_equal(samples, results.sounds[key, utterance, kind])
            seen.add(block)
    assert len(seen) == 2 + 2 * 8 * 2, "an original lies there once, and not once a setting"
    assert {name for name in lying if re.fullmatch(r"s\d+", name)} == seen


def test_a_page_that_is_full_says_where_the_other_sounds_are(results, monkeypatch):
    monkeypatch.setattr(sounds, "LEAST", 400_000)
    monkeypatch.setattr(sounds, "SHARE", 0)
    html = results.page()
    page = Page(html)
    assert 0 < len(page.articles) < 16
    inlined = sum(len(block) for name, block in blocks(html).items() if name[0] == "s")
    assert inlined <= 400_000
    assert "No sound of this setting is in the page" in page.text
    assert "results/runs/dumoulin2014/h50/s0/reconstructions" in page.text
    best = re.search("Best: (.+?, seed .)", page.text)[1]
    assert page.articles[0]["data-setting"] == best or best in [
        article["data-setting"] for article in page.articles
    ]


def test_every_image_has_words_for_those_who_do_not_see_it(page):
    assert len(page.images) == 4
    assert all(len(image["alt"]) > 40 for image in page.images)


def test_the_summary_follows_the_numbers(results):
    mse = results.mse.copy()
    key = (mse["recipe"] == "dumoulin2014") & (mse["hidden_size"] == 50) & (mse["seed"] == 1)
    forced, free = (mse["reconstruction"] == kind for kind in figures.RECONSTRUCTIONS)

    mse.loc[key & forced, "nmse"] = 0.0009
    mse.loc[key & free, "nmse"] = 0.5
    text = Page(results.page(mse=mse)).text
    assert text.count("Best: dumoulin2014, 50 hidden units, seed 1 .") == 2
    assert "Its error is 100 times smaller than the best baseline's, linear." in text
    assert "1 of 8 settings is closer to the original than silence." in text

    networks = mse["hidden_size"].notna()
    mse.loc[networks & forced, "nmse"] = 0.6
    mse.loc[networks & free, "nmse"] = 3.7
    text = Page(results.page(mse=mse)).text
    assert "It is better than silence, worse than persistence and linear." in text
    assert "It is worse than every baseline. Left to itself, no network here comes closer" in text

    mse.loc[networks & free, "nmse"] = 0.995  # below 1, but no better than silence for that
    text = Page(results.page(mse=mse)).text
    assert "It is better than persistence, level with silence and linear. Left to itself" in text


def test_the_question_stands_above_its_answer_its_figure_and_the_cures(results, page):
    assert "Why does the error go up with more hidden units?" in page.text
    assert stability.answer(results.starts) in page.text
    rows = {row[0]: row for row in page.rows if row and row[-1] in ("200", "400")}
    assert rows["half_rate"] == [
        *("half_rate", "100", "1", "yes", "no", "0.412", "321", "299", "400")
    ]
    assert rows["dumoulin2014"][3:7] == ["1 of 3 seeds", "yes", "–", "never"]
    predictions = [
        row for row in page.rows if row and row[-1] == "step too large for the curvature (by far)"
    ]
    assert [row[3:10] for row in predictions] == [
        ["300", "200", "U 70 %", "−0.5", "rises", "never rises", "rises"]
    ]


def test_where_no_error_rises_there_are_no_cures(results):
    text = Page(results.page(cures=[])).text
    assert "Cures, side by side" not in text and "Prediction and verdict by setting" in text


def test_the_figure_of_stability_names_its_limits_and_sizes(results):
    drawn = results.drawn["stability"].read_text()
    words = ("limit of the step, 200", "above 0, gradients explode", "50 hidden units")
    for text in (*words, "error rises, diverges"):
        assert f">{text}</text>" in drawn
    assert re.search(">10⁻[⁰¹²³⁴⁵⁶⁷⁸⁹]+</text>", drawn)


def test_stability_of_one_setting_without_limits_or_gradients_is_drawn(tmp_path):
    lone = stability.Start("a", 3, 0, np.inf, np.nan, -np.inf, "c", 60.0, True, True, False)
    rows = history(0.5, 2, True, False, np.random.default_rng(0))
    nothing = pd.DataFrame(
        [{"lags": [1, 2], "gradient_median": [0, 0], "gradient_p90": [0, np.inf]}]
    )
    figures.plot_stability([lone], [rows], [nothing], tmp_path / "lone.svg")
    assert "error rises, diverges" in (tmp_path / "lone.svg").read_text()


def test_a_diverged_setting_is_never_the_best_whatever_its_numbers(results):
    mse = results.mse.copy()
    mse.loc[mse["status"] == "diverged", ["mse", "nmse"]] = 1e-6
    text = Page(results.page(mse=mse)).text
    recipe, hidden, seed = results.diverged
    assert f"Best: {recipe}, {hidden} hidden units, seed {seed}" not in text


def test_a_training_of_one_update_and_one_that_ends_in_infinity_are_drawn(tmp_path):
    columns = ["update", "epoch", "mse", "gradient_norm", "clipped", "learning_rate", "free_nmse"]
    start = (1, 1, 0.5, 1, False, 1, np.nan)
    histories = {
        ("a", 1, 0): pd.DataFrame([start], columns=columns),
        ("a", 2, 0): pd.DataFrame(
            [start, (2, 2, np.inf, np.nan, False, 1, np.nan)], columns=columns
        ),
    }
    settings = pd.DataFrame(
        [("a", 1, 0, "ok"), ("a", 2, 0, "diverged")],
        columns=["recipe", "hidden_size", "seed", "status"],
    )
    path = tmp_path / "curves.svg"
    figures.plot_training_curves(histories, settings, path)
    assert "diverged" in path.read_text()
    assert "NMSE of the free run" not in path.read_text()


def test_the_training_curves_show_the_free_run_where_training_tried_it(tmp_path):
    tried = history(0.1, 300, False, False, np.random.default_rng(0))
    tried.loc[49::50, "free_nmse"] = 0.5
    settings = pd.DataFrame({"recipe": ["a"], "hidden_size": [1], "seed": [0], "status": ["ok"]})
    figures.plot_training_curves({("a", 1, 0): tried}, settings, tmp_path / "curves.svg")
    assert "NMSE of the free run" in (tmp_path / "curves.svg").read_text()


def test_a_free_run_that_was_cut_off_is_never_the_best(results):
    mse = results.mse.copy()
    cut_off = mse["stopped_at"].notna() & (mse["status"] == "ok")
    assert cut_off.any()
    mse.loc[cut_off, "nmse"] = 0.5  # silence after the cut scores better than the other runs
    recipe, hidden, _ = mse.loc[cut_off, ["recipe", "hidden_size", "seed"]].iloc[0]
    card = Page(results.page(mse=mse)).text.split("On its own")[1].split("Error by setting")[0]
    assert f"Best: {recipe}, {hidden:.0f} hidden units" not in card
    assert "0.500" not in card


def test_a_report_of_diverged_settings_alone_says_so(results, tmp_path):
    mse, settings = results.mse.copy(), results.settings.copy()
    networks = mse["hidden_size"].notna()
    mse.loc[networks, ["mse", "nmse", "snr_db", "horizon_ms"]] = np.nan
    mse.loc[networks, "status"] = settings["status"] = "diverged"
    page = Page(results.page(mse=mse, settings=settings, utterances={}))
    assert page.text.count("No setting has a result: every one diverged or was cut off.") == 2
    assert "8 of 8 settings diverged" in page.text and not page.articles
    figures.plot_mse_over_hidden_size(mse, tmp_path / "size.svg")
    assert "dumoulin2014" in (tmp_path / "size.svg").read_text()


def test_a_free_run_that_was_cut_off_is_said_to_be(page):
    assert "In 2 of 8 settings a free run grew beyond its bound" in page.text
    row = next(row for row in page.rows if row[:3] == ["clipped", "50", "0"])
    assert row[-1] == "free run cut off (2 of 2)"


def test_a_synthetic_corpus_is_said_to_be_one(results, page):
    assert "Synthetic speech." in page.text
    real = {"name": "TIMIT", "root": "/data/timit", "synthetic": False}
    text = Page(results.page(corpus=real | {"utterances": 1, "hours": 0.0004})).text
    assert "ynthetic" not in text and "/data/timit" in text
    assert "corpus TIMIT (1 utterance, 1.4 s)" in text


def test_hostile_text_is_shown_as_text(tmp_path):
    results = Results(
        tmp_path, recipes=(HOSTILE, "b"), sizes=(8,), seeds=(0,),
        utterances=(HOSTILE.replace("/", "|"),),
    ).draw()  # fmt: skip
    results.settings[["verdict", "outcome"]] = HOSTILE
    jobs = pd.DataFrame([(HOSTILE, HOSTILE, 1.0, 2.0)], columns=made().jobs.columns)
    html = results.page(
        title=HOSTILE,
        utterances={results.utterances[0]: [(0, 16_000, HOSTILE)]},
        phones={
            key: table.replace({key: {"iy": HOSTILE, "vowel": HOSTILE}})
            for key, table in results.phone_means().items()
        },
        corpus=CORPUS | {"name": HOSTILE, "root": HOSTILE, "synthetic": False},
        made=made(
            config={HOSTILE: [HOSTILE, {"path": tmp_path}]},
            versions={HOSTILE: HOSTILE},
            jobs=jobs,
            graph={HOSTILE: [HOSTILE + "?"], HOSTILE + "?": []},
            rejected=pd.DataFrame([(HOSTILE, HOSTILE)], columns=["utterance", "text"]),
        ),
    )
    ours = html.replace(explorer.script(), "")
    assert len(re.findall("<script>", ours)) == 4  # the library, and our own
    assert "<script>alert" not in ours
    assert "alert(&#39;$x_1$&#39;)" in html
    assert Page(html).text.count(HOSTILE) > 10
    for name, svg in results.drawn.items():
        drawn = svg.read_text()
        assert "<script" not in drawn
        assert name == "stability" or "alert('$x_1$')&lt;/script&gt;" in drawn


def test_figures_are_valid_and_name_what_they_show(results):
    for svg in (results.drawn["sizes"], results.drawn["training"]):
        drawn = svg.read_text()
        assert drawn.startswith("<?xml") and svg.stat().st_size < 300_000
        for word in ("dumoulin2014", "clipped", "diverged"):
            assert f">{word}</text>" in drawn
    size, curves = (results.drawn[name].read_text() for name in ("sizes", "training"))
    for word in ("silence 1", "persistence 0.24", "linear 0.09", "hidden size (units)"):
        assert f">{word}</text>" in size
    for word in ("training MSE", "gradient norm", "50 hidden units", "100 hidden units"):
        assert f">{word}</text>" in curves
    free_runs = results.drawn["free_runs"].read_text()
    for word in ("NMSE over time in the free run", "samples since the true past", "persistence"):
        assert f">{word}</text>" in free_runs
    for svg in results.drawn.values():
        with Image.open(svg.with_suffix(".png")) as image:
            assert image.width == 3000 and round(image.info["dpi"][0]) == 300


def test_waveforms_bear_the_labels_of_their_phones(tmp_path):
    sound = speech(seed=0)
    path = tmp_path / "waveforms.svg"
    figures.plot_waveforms(sound, sound, sound, phone_segments(), ORDER, 40, path, "It's $5 & a_b")
    drawn = path.read_text()
    for label, _ in PHONES:
        assert f">{label}</text>" in drawn
    assert ">It's $5 &amp; a_b</text>" in drawn and f"the {ORDER} samples that were given" in drawn
    assert len(drawn) < 600_000


def test_the_outline_of_a_long_sound_keeps_its_extremes():
    sound = np.zeros(100_000, np.int16)
    sound[50_001] = 30_000
    seconds, drawn = waveforms._extremes(sound)
    assert len(drawn) <= 4000 and drawn.max() == 30_000
    assert seconds[drawn.argmax()] == pytest.approx(50_001 / 16_000, abs=0.005)


@pytest.mark.parametrize("samples", [300, 40_000])
def test_waveforms_of_silence_noise_and_odd_lengths_can_be_drawn(tmp_path, samples):
    silence = np.zeros(samples, np.int16)
    loud = np.full(samples, -32768, np.int16)
    phones = [(0, samples // 2, "h#"), (samples // 2, samples, "axr")]
    figures.plot_waveforms(silence, silence, loud, phones, ORDER, 60, tmp_path / "w.svg", "t")
    for name in ("w.svg", "w.png"):
        assert (tmp_path / name).stat().st_size > 1000


def test_the_magnified_stretch_is_the_loudest_after_the_given_samples():
    samples = np.zeros(4000, np.int16)
    samples[:100] = 30_000  # given, so of no interest
    samples[2500:2600] = 9000
    start, stop = waveforms._loudest_stretch(samples, order=200, length=160)
    assert stop - start == 160 and start <= 2500 and stop >= 2600


def test_curves_are_thinned_to_means_and_keep_their_last_update():
    history = pd.DataFrame({"update": range(1, 10_002), "mse": 1.0, "gradient_norm": 2.0})
    history.loc[10_000, "gradient_norm"] = 1e9  # the step that ended it
    updates, norms = curves.thinned(history, "gradient_norm", 100)
    assert len(updates) == 101 and (norms[:-1] == 2.0).all() and updates[0] == 50.5
    assert (updates[-1], norms[-1]) == (10_001, 1e9)
    history.loc[10_000, "gradient_norm"] = np.inf  # not to be drawn
    assert curves.thinned(history, "gradient_norm", 100)[0][-1] == 10_000


def test_one_setting_with_one_update_can_be_drawn(tmp_path):
    results = Results(tmp_path, recipes=("one", "two"), sizes=(4,), seeds=(0,))
    key = ("one", 4, 0)
    history = results.histories[key].head(1)
    figures.plot_training_curves({key: history}, results.settings, tmp_path / "curves.svg")
    figures.plot_mse_over_hidden_size(results.mse.query("recipe != 'two'"), tmp_path / "size.svg")


def test_the_same_results_give_the_same_bytes(results, html, tmp_path):
    again = Results(tmp_path).draw()
    assert again.page() == html
    for name, svg in results.drawn.items():
        for suffix in (".svg", ".png"):
            assert again.drawn[name].with_suffix(suffix).read_bytes() == (
                svg.with_suffix(suffix).read_bytes()
            )


def test_a_missing_sound_is_named(results):
    folders = results.run_folders | {results.settings_keys[0]: results.folder / "elsewhere"}
    message = r"elsewhere.*TRAIN-DR1-FABC0-SI1\.teacher_forced\.wav: .*not there"
    with pytest.raises(RnnpipeError, match=message):
        results.page(run_folders=folders)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0029, "0.00290"), (0.9996, "1.00"), (3.74, "3.74"), (123.4, "123"), (4321.0, "4321"),
     (0.0, "0.00"), (np.nan, "–"), (np.inf, "∞"), (2.5e9, "2.50e9"), (3e-7, "3.00e−7"),
     (-0.5, "−0.500")],
)  # fmt: skip
def test_numbers_have_three_significant_digits(value, text):
    assert numbers.significant(value) == text


def test_points_align_in_a_column():
    column = numbers.aligned([0.0029, 12.3, 456.0, np.nan])
    assert column == ["0.00290", "12.3" + "\u2007" * 4, "456\u2008" + "\u2007" * 5,
                      "–\u2008" + "\u2007" * 5]  # fmt: skip


# --- the answer -----------------------------------------------------------------------------------


def answered(results, mse):
    page = Page(results.page(mse=mse)).text
    size = page.split("Which hidden size? ")[1].split("Does it talk?")[0]
    talk = page.split("Does it talk? ")[1].split("Given the true past")[0]
    return size, talk


def with_nmse(results, values):
    """The table with the NMSE of some (recipe, size) and reconstruction, the others at 2."""
    mse = results.mse[results.mse["status"] == "ok"].copy()
    mse["stopped_at"] = np.nan
    networks = mse["hidden_size"].notna()
    mse.loc[networks, "nmse"] = 2.0
    for (recipe, size, kind), nmse in values.items():
        own = (mse["recipe"] == recipe) & (mse["hidden_size"] == size)
        mse.loc[own & (mse["reconstruction"] == kind), "nmse"] = nmse
    return mse


def test_a_network_that_follows_the_original_talks_and_its_size_is_the_answer(results):
    values = {("clipped", 50, "free_running"): 0.02, ("clipped", 100, "teacher_forced"): 0.001}
    size, talk = answered(results, with_nmse(results, values))
    assert size.startswith("50 units, clipped. Free-running, it has the lowest error: NMSE 0.0200")
    assert talk.startswith("Yes. On its own, the best network follows the original: NMSE 0.0200")


def test_where_none_talks_the_best_teacher_forced_size_is_the_answer(results):
    values = {
        ("clipped", 50, "teacher_forced"): 0.0104,
        ("clipped", 100, "teacher_forced"): 0.01,
    }
    size, talk = answered(results, with_nmse(results, values))
    assert size.startswith("100 units, clipped. Teacher-forced, it has the lowest error")
    assert "50 units come within a tenth of it." in size
    assert talk.startswith("No. On its own, the best network has an NMSE of 2.00")
    assert "saying nothing at all has 1.00" in talk


def test_a_free_run_between_silence_and_the_original_talks_in_part(results):
    _, talk = answered(results, with_nmse(results, {("clipped", 50, "free_running"): 0.6}))
    assert talk.startswith("In part.")


def test_a_size_at_which_a_seed_failed_is_not_the_answer(results):
    mse = results.mse.copy()
    own = (mse["recipe"] == "dumoulin2014") & (mse["hidden_size"] == 100)  # one seed diverged
    mse.loc[own & (mse["status"] == "ok"), "nmse"] = 1e-6
    size, _ = answered(results, mse)
    assert not size.startswith("100 units, dumoulin2014")


def test_on_the_notes_utterance_its_numbers_stand_beside_ours(results, page):
    assert "Then and now" not in page.text
    assert not [row for row in page.rows if row and row[0] == "the 2014 note"]
    mse = results.mse[results.mse["utterance"] == results.utterances[0]]
    mse = mse.assign(utterance=standings.NOTE_UTTERANCE)
    page = Page(results.page(mse=mse))
    rungs = [row for row in page.rows if row[0] == "the 2014 note"]
    assert [row[1] for row in rungs] == ["0.485–0.517", "3.74"]
    rows = {row[0]: row for row in page.rows if row}
    assert rows["Training MSE"][1] == "0.426"
    assert rows["Teacher-forced NMSE"][1] == "0.485 to 0.517"
    header = rows["On the note's own utterance"]
    assert header[2].startswith("dumoulin2014, 100 hidden units, seed")


def test_on_the_notes_utterance_its_free_run_and_the_best_are_heard_side_by_side(tmp_path):
    results = Results(tmp_path, utterances=(standings.NOTE_UTTERANCE,))
    results.draw()
    html = results.page()
    compared = html.partition('<div class="compared">')[2].partition("</section>")[0]
    labels = re.findall(r"<span>(.*?)</span>", compared)
    assert labels[0] == "Original" and labels[1].startswith("dumoulin2014, 100 hidden units")
    assert labels[2].startswith("clipped") and len(labels) == 3
    recipe, hidden, seed = re.fullmatch(
        r"(\w+), (\d+) hidden units, seed (\d+)", labels[2]
    ).groups()
    spoken = results.sounds[(recipe, int(hidden), int(seed)), results.utterances[0], "free_running"]
    block = re.findall(r'data-sound="(\w+)"', compared)[2]
    np.testing.assert_array_equal(samples_of(blocks(html)[block])[0], spoken)


# --- tables outside the page ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def exported(results):
    export.write_exports(results.folder, results.mse, results.settings, results.phone_means())
    return results.folder


def test_the_table_for_a_terminal_holds_every_setting(results, exported):
    lines = (exported / "mse.txt").read_text().splitlines()
    assert len(lines) == 2 + 3 + 8
    assert max(map(len, lines)) <= 100
    assert lines[2].split()[0] == "silence" and lines[2].endswith("baseline")
    assert any(line.endswith("diverged at 212") for line in lines)


def test_markdown_and_latex_have_the_same_rows(results, exported):
    for name, rows in (("mse", 11), ("by_phone_class", 7), ("by_phone", 12)):
        written = (exported / f"{name}.md").read_text().splitlines()
        table = [line for line in written if line.startswith("|")]
        assert len(table) == 2 + rows, name
        assert len({line.count(" | ") for line in table}) == 1
        latex = (exported / f"{name}.tex").read_text()
        assert latex.count("\\endhead") == 1
        body = latex.split("\\endlastfoot")[1]
        assert body.count(r"\\") == rows


def test_hostile_names_stay_text_in_markdown_and_latex():
    name = "a|b <i>*x*</i> $y_1$ \\input{z} & # %\nnext"
    markdown = export.markdown(["n"], [[name]], "c")
    assert markdown.splitlines()[-1] == (
        r"| a\|b \<i\>\*x\*\</i\> \$y\_1\$ \\input\{z\} \& \# % next |"
    )
    latex = export.latex(["n"], [[name]], "c")
    assert r"\$y\_1\$ \textbackslash input\{z\} \& \# \% next \\" in latex


# --- how it was made ------------------------------------------------------------------------------


def test_jobs_are_read_from_what_snakemake_measured_and_those_of_old_settings_are_not(tmp_path):
    header = "s\th:m:s\tmax_rss\tmax_vms\n"
    (tmp_path / "train").mkdir()
    (tmp_path / "train/a-b-h5-s0.tsv").write_text(header + "61.5\t0:01:01\t250.5\t1\n")
    (tmp_path / "train/gone-h5-s0.tsv").write_text(header + "9\t0:00:09\t1\t1\n")
    (tmp_path / "tables.tsv").write_text(header + "0.5\t0:00:00\t-\t-\n")
    table = provenance.jobs(tmp_path, [("a-b", 5, 0)])
    assert table[["rule", "job"]].to_numpy().tolist() == [["tables", ""], ["train", "a-b-h5-s0"]]
    assert table["seconds"].tolist() == [0.5, 61.5]
    assert np.isnan(table["megabytes"][0]) and table["megabytes"][1] == 250.5


def test_a_rule_stands_right_of_all_that_it_needs_and_detours_are_left_out():
    drawn = provenance.layered(GRAPH)
    columns = {node["name"]: node["column"] for node in drawn["nodes"]}
    assert columns == {"extract": 0, "train": 1, "tables": 2, "report": 3}
    edges = {(start["name"], end["name"]) for start, end in drawn["edges"]}
    assert edges == {("extract", "train"), ("train", "tables"), ("tables", "report")}


def test_the_commit_is_named_with_what_was_changed_since(tmp_path):
    assert provenance.commit(tmp_path) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    (tmp_path / "Snakefile").write_text("")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True)
    commit = provenance.commit(tmp_path)
    assert re.fullmatch("[0-9a-f]{40}", commit)
    (tmp_path / "Snakefile").write_text("changed")
    assert provenance.commit(tmp_path) == f"{commit} and uncommitted changes"


def test_the_page_tells_the_machine_the_cost_and_what_was_left_out(results):
    rejected = pd.DataFrame(
        [
            ("TRAIN/DR1/FXYZ0/SA1", "SA1.PHN, line 2: no end"),
            ("TRAIN/DR1/FXYZ0/SA1", "SA1.WAV: cut"),
        ],
        columns=["utterance", "text"],
    )
    page = Page(results.page(made=made(rejected=rejected, versions=provenance.machine())))
    assert "1 utterance was left out of the corpus" in page.text
    assert "TRAIN/DR1/FXYZ0/SA1: SA1.PHN, line 2: no end" in page.text
    assert "Processor" in page.text and "Memory" in page.text
    assert ["train", "1", "61.2", "61.2", "512.0"] in page.rows
    assert ["train", "clipped-h50-s0", "61.2", "512.0"] in page.rows
    assert ["tables", "1", "2.5", "2.5", "–"] in page.rows
