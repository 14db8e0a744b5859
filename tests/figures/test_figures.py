"""The figures, drawn from small invented results and read back as files."""

import re

import numpy as np
import pandas as pd
import pytest
from helpers.invented_results import (
    ORDER,
    PHONES,
    Results,
    history,
    horizon,
    phone_segments,
    speech,
)
from PIL import Image

from rnnpipe.figures import curves, waveforms
from rnnpipe.figures.curves import plot_training_curves
from rnnpipe.figures.free_runs import plot_free_runs
from rnnpipe.figures.sizes import plot_mse_over_hidden_size
from rnnpipe.figures.stability import plot_stability
from rnnpipe.figures.style import versions
from rnnpipe.figures.waveforms import plot_waveforms
from rnnpipe.findings import stability
from rnnpipe.vocabulary import Setting


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return Results(tmp_path_factory.mktemp("results")).draw()


def test_the_figure_of_stability_names_its_limits_and_sizes(results):
    drawn = results.drawn["stability"].read_text()
    words = ("limit of the step, 200", "above 0, gradients explode", "50 hidden units")
    for text in (*words, "error rises, diverges"):
        assert f">{text}</text>" in drawn
    assert re.search(">10⁻[⁰¹²³⁴⁵⁶⁷⁸⁹]+</text>", drawn)


def test_stability_of_one_setting_without_limits_or_gradients_is_drawn(tmp_path):
    lone = stability.Start(
        Setting("a", 3, 0), np.inf, np.nan, -np.inf, "c", 60.0, np.nan, True, True, False
    )
    rows = history(0.5, 2, True, False, np.random.default_rng(0))
    nothing = pd.DataFrame(
        [{"lags": [1, 2], "gradient_median": [0, 0], "gradient_p90": [0, np.inf]}]
    )
    plot_stability([lone], [rows], [nothing], tmp_path / "lone.svg")
    assert "error rises, diverges" in (tmp_path / "lone.svg").read_text()


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
    plot_training_curves(histories, settings, path)
    assert "diverged" in path.read_text()
    assert "NMSE of the free run" not in path.read_text()


def test_the_training_curves_show_the_free_run_where_training_tried_it(tmp_path):
    tried = history(0.1, 300, False, False, np.random.default_rng(0))
    tried.loc[49::50, "free_nmse"] = 0.5
    settings = pd.DataFrame({"recipe": ["a"], "hidden_size": [1], "seed": [0], "status": ["ok"]})
    plot_training_curves({("a", 1, 0): tried}, settings, tmp_path / "curves.svg")
    assert "NMSE of the free run" in (tmp_path / "curves.svg").read_text()


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


def test_the_versions_of_a_figure(tmp_path):
    drawn = versions(tmp_path / "x.svg", tmp_path / "papers/x", [89, 183.5])
    assert [(path.relative_to(tmp_path).as_posix(), width) for path, width in drawn] == [
        ("x.svg", None), ("papers/x/x-89mm.svg", 89), ("papers/x/x-183.5mm.svg", 183.5)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "width"),
    [("sizes", 89), ("sizes", 183), ("training", 89), ("stability", 89), ("free_runs", 89),
     ("waveforms", 89)],
)  # fmt: skip
def test_a_figure_for_a_paper_is_as_wide_as_asked_with_readable_type(
    results, tmp_path, name, width
):
    sound, path = speech(seed=0), tmp_path / "x.svg"
    phones = phone_segments()
    if name == "sizes":
        plot_mse_over_hidden_size(results.mse, path, width)
    elif name == "training":
        plot_training_curves(results.histories, results.settings, path, width)
    elif name == "stability":
        histories = list(results.histories.values())
        plot_stability(results.starts, histories, results.dynamics, path, width)
    elif name == "free_runs":
        runs = {"clipped": ("clipped, 50", sound, horizon())}
        plot_free_runs(runs, sound, phones, ORDER, path, width)
    else:
        plot_waveforms(sound, sound, sound, phones, ORDER, 40, path, "t", width)
    svg, pdf = path.read_text(), path.with_suffix(".pdf").read_bytes()
    size = [
        float(points) / 72 * 25.4 for points in re.findall(r'(?:width|height)="([\d.]+)pt"', svg)
    ]
    assert size[0] == pytest.approx(width)
    assert size[1] < 270  # a page
    assert min(map(float, re.findall(r"font-size: ([\d.]+)px", svg))) >= 7
    assert pdf.startswith(b"%PDF") and b"/Type3" not in pdf and b"CreationDate" not in pdf
    assert not path.with_suffix(".png").exists()


def contrast(one, other):
    def luminance(colour):
        parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        parts = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_colour_of_a_figure_can_be_seen_by_who_prefers_dark_ones(results):
    for path in results.drawn.values():
        svg = path.read_text()
        rules = dict(re.findall(r"fill: (#\w{6})\"\]{fill:(#\w{6})!important}", svg))
        colours = set(re.findall(r"(?:fill|stroke): (#\w{6})", svg.split("</style>")[-1]))
        assert len(colours) > 4
        for colour in colours - {"#ffffff", "#e3e5e8"}:  # the ground, and the grid
            assert contrast(rules.get(colour, colour), rules["#ffffff"]) >= 2.99, colour
        assert contrast(rules["#2b2f33"], rules["#ffffff"]) > 12  # text


def test_an_error_below_the_floor_is_drawn_there_and_its_tick_says_so(tmp_path):
    sound = speech(seed=0)
    perfect = {"clipped": ("clipped, 50", sound, horizon())}
    plot_free_runs(perfect, sound, phone_segments(), ORDER, tmp_path / "f.svg")
    assert ">≤ 0.00001</text>" in (tmp_path / "f.svg").read_text()


def test_waveforms_bear_the_labels_of_their_phones(tmp_path):
    sound = speech(seed=0)
    path = tmp_path / "waveforms.svg"
    plot_waveforms(sound, sound, sound, phone_segments(), ORDER, 40, path, "It's $5 & a_b")
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
    plot_waveforms(silence, silence, loud, phones, ORDER, 60, tmp_path / "w.svg", "t")
    for name in ("w.svg", "w.png"):
        assert (tmp_path / name).stat().st_size > 1000


def test_the_magnified_stretch_is_the_loudest_after_the_given_samples():
    samples = np.zeros(4000, np.int16)
    samples[:100] = 30_000  # given samples, which do not count
    samples[2500:2600] = 9000
    start, stop = waveforms._loudest_stretch(samples, order=200, length=160)
    assert stop - start == 160 and start <= 2500 and stop >= 2600


def test_curves_are_thinned_to_means_and_keep_their_last_update():
    history = pd.DataFrame({"update": range(1, 10_002), "mse": 1.0, "gradient_norm": 2.0})
    history.loc[10_000, "gradient_norm"] = 1e9  # the update that diverged
    updates, norms = curves.thinned(history, "gradient_norm", 100)
    assert len(updates) == 101 and (norms[:-1] == 2.0).all() and updates[0] == 50.5
    assert (updates[-1], norms[-1]) == (10_001, 1e9)
    history.loc[10_000, "gradient_norm"] = np.inf  # cannot be drawn
    assert curves.thinned(history, "gradient_norm", 100)[0][-1] == 10_000


def test_one_setting_with_one_update_can_be_drawn(tmp_path):
    results = Results(tmp_path, recipes=("one", "two"), sizes=(4,), seeds=(0,))
    key = ("one", 4, 0)
    history = results.histories[key].head(1)
    plot_training_curves({key: history}, results.settings, tmp_path / "curves.svg")
    plot_mse_over_hidden_size(results.mse.query("recipe != 'two'"), tmp_path / "size.svg")
