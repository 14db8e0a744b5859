"""The figures and the report page, made from small invented results and read back from outside."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

from rnnpipe import figures, report, stability
from rnnpipe.errors import RnnpipeError
from rnnpipe.figures import curves, style, waveforms

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
        """Draw all figures, as the workflow does."""
        self.size_figure = self.folder / "size.svg"
        self.curve_figure = self.folder / "curves.svg"
        figures.plot_mse_over_hidden_size(self.mse, self.size_figure)
        figures.plot_training_curves(self.histories, self.settings, self.curve_figure)
        self.stability_figure = self.folder / "stability.svg"
        histories = list(self.histories.values())
        figures.plot_stability(self.starts, histories, self.dynamics, self.stability_figure)
        self.waveform_figures = {}
        for i, utterance in enumerate(self.utterances):  # one for all settings, to save time
            recipe, hidden, seed = key = self.settings_keys[0]
            path = self.folder / f"waveforms{i}.png"
            sounds = [self.sounds[key, utterance, kind] for kind in report.SOUNDS]
            title = f"{recipe}, {hidden} hidden units, seed {seed}: {utterance}"
            figures.plot_waveforms(*sounds, phone_segments(), ORDER, 40, path, title)
            self.waveform_figures |= {(key, utterance): path for key in self.settings_keys}
        return self

    def page(self, **changed):
        """Write the page and return its text."""
        path = self.folder / "report.html"
        given = {
            "title": "A small experiment", "mse": self.mse, "settings": self.settings,
            "run_folders": self.run_folders, "waveform_figures": self.waveform_figures,
            "curve_figure": self.curve_figure, "size_figure": self.size_figure,
            "stability_figure": self.stability_figure, "starts": self.starts, "cures": CURES,
            "config": {"corpus": {"root": None}, "recipes": {"clipped": {"clip_norm": 1.0}}},
            "versions": {"rnnpipe": "0.1.0", "torch": "2.13.0"},
            "corpus": {"name": "mini-TIMIT", "root": None, "synthetic": True, "utterances": 80,
                       "rejected": 0, "hours": 0.05},
        }  # fmt: skip
        report.write_report(path, **(given | changed))
        return path.read_text(encoding="utf-8")


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
        "clipped": (norm > 1) & clips, "learning_rate": 0.01,
    })  # fmt: skip


class Page(HTMLParser):
    """What a reader gets from the page: rows of tables, text, images, sounds, links."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.sounds, self.images, self.addresses, self.tags = [], [], [], [], set()
        self.words, self._row, self._hidden = [], None, 0
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        loading = ("src", "srcset", "href", "data", "poster")
        self.addresses += [attrs[name] for name in loading if name in attrs]
        if tag == "audio":
            self.sounds.append(attrs)
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


def decoded(uri):
    return base64.b64decode(uri.partition(";base64,")[2])


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
    visible = re.sub(r"data:[^\"]*", "", html)
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


def test_the_players_hold_exactly_the_samples_of_the_wav_files(results, page):
    expected = [
        results.sounds[key, utterance, kind]
        for key in results.settings_keys
        for utterance in results.utterances
        for kind in report.SOUNDS
    ]
    assert len(page.sounds) == len(expected) == 3 * 8 * 2
    for sound, samples in zip(page.sounds, expected, strict=True):
        decoded_samples, rate = soundfile.read(io.BytesIO(decoded(sound["src"])), dtype="int16")
        assert rate == 16_000
        np.testing.assert_array_equal(decoded_samples, samples)
        assert sound["preload"] == "none" and "controls" in sound
    labels = [sound["aria-label"] for sound in page.sounds]
    assert len(set(labels)) == len(labels)
    assert labels[0].startswith("Original: TRAIN/DR1/FABC0/SI1, dumoulin2014, 50 hidden units")


def test_every_image_has_words_for_those_who_do_not_see_it(page):
    assert len(page.images) == 3 + 16
    assert all(len(image["alt"]) > 40 for image in page.images)


def test_the_summary_follows_the_numbers(results):
    mse = results.mse.copy()
    key = (mse["recipe"] == "dumoulin2014") & (mse["hidden_size"] == 50) & (mse["seed"] == 1)
    forced, free = (mse["reconstruction"] == kind for kind in figures.RECONSTRUCTIONS)

    mse.loc[key & forced, "nmse"] = 0.0009
    mse.loc[key & free, "nmse"] = 0.5
    text = Page(results.page(mse=mse)).text
    assert text.count("Best: dumoulin2014, 50 hidden units, seed 1 .") == 2
    assert "Its error is 100 times smaller than that of the best one, linear." in text
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
    drawn = results.stability_figure.read_text()
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
    columns = ["update", "epoch", "mse", "gradient_norm", "clipped", "learning_rate"]
    histories = {
        ("a", 1, 0): pd.DataFrame([(1, 1, 0.5, 1, False, 1)], columns=columns),
        ("a", 2, 0): pd.DataFrame(
            [(1, 1, 0.5, 1, False, 1), (2, 2, np.inf, np.nan, False, 1)], columns=columns
        ),
    }
    settings = pd.DataFrame(
        [("a", 1, 0, "ok"), ("a", 2, 0, "diverged")],
        columns=["recipe", "hidden_size", "seed", "status"],
    )
    path = tmp_path / "curves.svg"
    figures.plot_training_curves(histories, settings, path)
    assert "diverged" in path.read_text()


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
    page = Page(results.page(mse=mse, settings=settings, waveform_figures={}))
    assert page.text.count("No setting has a result: every one diverged or was cut off.") == 2
    assert "8 of 8 settings diverged" in page.text and not page.sounds
    figures.plot_mse_over_hidden_size(mse, tmp_path / "size.svg")
    assert "dumoulin2014" in (tmp_path / "size.svg").read_text()


def test_a_free_run_that_was_cut_off_is_said_to_be(page):
    assert "In 2 of 8 settings a free run grew beyond its bound" in page.text
    row = next(row for row in page.rows if row[:3] == ["clipped", "50", "0"])
    assert row[-1] == "free run cut off (2 of 2)"


def test_a_synthetic_corpus_is_said_to_be_one(results, page):
    assert "Synthetic speech." in page.text
    real = {"name": "TIMIT", "root": "/data/timit", "synthetic": False, "rejected": 0}
    text = Page(results.page(corpus=real | {"utterances": 1, "hours": 0.0004})).text
    assert "ynthetic" not in text and "/data/timit" in text
    assert "corpus TIMIT (1 utterance, 1.4 s)" in text


def test_hostile_text_is_shown_as_text(tmp_path):
    results = Results(
        tmp_path, recipes=(HOSTILE, "b"), sizes=(8,), seeds=(0,),
        utterances=(HOSTILE.replace("/", "|"),),
    ).draw()  # fmt: skip
    results.settings[["verdict", "outcome"]] = HOSTILE
    html = results.page(
        title=HOSTILE,
        config={HOSTILE: [HOSTILE, {"path": tmp_path}]},
        versions={HOSTILE: HOSTILE},
        corpus={
            "name": HOSTILE,
            "root": HOSTILE,
            "synthetic": False,
            "utterances": 1,
            "rejected": 0,
            "hours": 1,
        },
    )
    assert html.count("<script") == 1  # our own
    assert "alert(&#39;$x_1$&#39;)" in html
    assert Page(html).text.count(HOSTILE) > 10
    for svg in (results.size_figure, results.curve_figure):
        drawn = svg.read_text()
        assert "<script" not in drawn and "alert('$x_1$')&lt;/script&gt;</text>" in drawn


def test_figures_are_valid_and_name_what_they_show(results):
    for svg in (results.size_figure, results.curve_figure):
        drawn = svg.read_text()
        assert drawn.startswith("<?xml") and svg.stat().st_size < 300_000
        for word in ("dumoulin2014", "clipped", "diverged"):
            assert f">{word}</text>" in drawn
    size, curves = results.size_figure.read_text(), results.curve_figure.read_text()
    for word in ("silence 1", "persistence 0.24", "linear 0.09", "hidden size (units)"):
        assert f">{word}</text>" in size
    for word in ("training MSE", "gradient norm", "50 hidden units", "100 hidden units"):
        assert f">{word}</text>" in curves
    for path in results.waveform_figures.values():
        with Image.open(path) as image:
            assert image.format == "PNG" and image.width >= 1400


def test_waveforms_bear_the_labels_of_their_phones(tmp_path, monkeypatch):
    # The same drawing as SVG, whose text can be read back.
    as_svg = lambda figure, path: figure.savefig(path, format="svg")  # noqa: E731
    monkeypatch.setattr(style, "_write_png", as_svg)
    sound = speech(seed=0)
    path = tmp_path / "waveforms.png"
    figures.plot_waveforms(sound, sound, sound, phone_segments(), ORDER, 40, path, "It's $5 & a_b")
    drawn = path.read_text()
    for label, _ in PHONES:
        assert f">{label}</text>" in drawn
    assert ">It's $5 &amp; a_b</text>" in drawn and f"the {ORDER} samples that were given" in drawn


@pytest.mark.parametrize("samples", [300, 40_000])
def test_waveforms_of_silence_noise_and_odd_lengths_can_be_drawn(tmp_path, samples):
    silence = np.zeros(samples, np.int16)
    loud = np.full(samples, -32768, np.int16)
    phones = [(0, samples // 2, "h#"), (samples // 2, samples, "axr")]
    figures.plot_waveforms(silence, silence, loud, phones, ORDER, 60, tmp_path / "w.png", "t")
    assert (tmp_path / "w.png").stat().st_size > 1000


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
    assert again.page() == html  # the PNG files are in it
    assert again.size_figure.read_bytes() == results.size_figure.read_bytes()
    assert again.curve_figure.read_bytes() == results.curve_figure.read_bytes()


def test_a_missing_sound_is_named(results):
    folders = results.run_folders | {results.settings_keys[0]: results.folder / "elsewhere"}
    message = r"elsewhere.*TRAIN-DR1-FABC0-SI1\.original\.wav: .*not there"
    with pytest.raises(RnnpipeError, match=message):
        results.page(run_folders=folders)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0029, "0.00290"), (0.9996, "1.00"), (3.74, "3.74"), (123.4, "123"), (4321.0, "4321"),
     (0.0, "0.00"), (np.nan, "–"), (np.inf, "∞"), (2.5e9, "2.50e9"), (3e-7, "3.00e−7"),
     (-0.5, "−0.500")],
)  # fmt: skip
def test_numbers_have_three_significant_digits(value, text):
    assert report._significant(value) == text


def test_points_align_in_a_column():
    column = report._aligned([0.0029, 12.3, 456.0, np.nan])
    assert column == ["0.00290", "12.3" + "\u2007" * 4, "456\u2008" + "\u2007" * 5,
                      "–\u2008" + "\u2007" * 5]  # fmt: skip
