"""The report page, made from small invented results and read back from outside."""

import base64
import importlib.metadata
import io
import itertools
import json
import re
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from importlib.metadata import PackageNotFoundError

import numpy as np
import pandas as pd
import pytest
import soundfile
from helpers.invented_results import CORPUS, GRAPH, HOSTILE, Results, made, phone_segments

from rnnpipe.errors import RnnpipeError
from rnnpipe.figures.sizes import plot_mse_over_hidden_size
from rnnpipe.findings import stability
from rnnpipe.findings.standings import standings
from rnnpipe.report import explorer, export, provenance, sounds
from rnnpipe.vocabulary import NOTE_UTTERANCE, RECONSTRUCTIONS

pytestmark = pytest.mark.slow  # most of these tests draw, write and read a page


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return Results(tmp_path_factory.mktemp("results")).draw()


class Page(HTMLParser):
    """The content of the page: rows of tables, text, images, sounds, links."""

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
    """The data in the page for its scripts, by id."""
    found = re.findall(r'<script type="[a-z]+/[a-z]+" id="(\w+)">(.*?)</script>', html, re.DOTALL)
    return dict(found)


def samples_of(block):
    return soundfile.read(io.BytesIO(base64.b64decode(block)), dtype="int16")


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
    assert html.count(library) == 1  # its addresses for maps and formulas are never requested here
    visible = re.sub(r"data:[^\"]*|<script type=.*?</script>", "", html.replace(library, ""))
    assert not re.search(r"https?:|//[a-z]|@import|url\(", visible)
    assert "default-src 'none'" in html  # and the browser enforces it


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


def test_the_page_says_how_often_free_runs_stay_close(results):
    mse = with_nmse(results, {("clipped", 100, "free_running"): 0.05})
    own = (mse["recipe"] == "clipped") & (mse["hidden_size"] == 100)
    runs = int((own & (mse["reconstruction"] == "free_running")).sum())
    rows = Page(results.page(mse=mse)).rows
    [row] = [row for row in rows if row[:3] == ["clipped", "100", f"{runs} of {runs}"]]
    assert row[3:5] == [f"0 of {runs}", "100 %"] and row[5].endswith(" to 100 %")
    assert ["clipped", "50", f"0 of {runs}", f"0 of {runs}", "0 %", "0 to 49 %"] in rows
    alone = results.mse[results.mse["utterance"] == results.utterances[0]]
    assert "How often it talks" not in Page(results.page(mse=alone[alone["seed"] != 1])).text


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
    forced, free = (mse["reconstruction"] == kind for kind in RECONSTRUCTIONS)

    mse.loc[key & forced, "nmse"] = 0.0009
    mse.loc[key & free, "nmse"] = 0.5
    text = Page(results.page(mse=mse)).text
    assert text.count("Best: dumoulin2014, 50 hidden units, seed 1 (on the 2 utt") == 2
    assert "Its error is 100 times smaller than the best baseline's, linear." in text
    assert "1 of 8 settings is closer to the original than silence." in text

    networks = mse["hidden_size"].notna()
    mse.loc[networks & forced, "nmse"] = 0.6
    mse.loc[networks & free, "nmse"] = 3.7
    text = Page(results.page(mse=mse)).text
    assert "It is better than silence, worse than persistence and linear." in text
    assert "It is worse than every baseline. Left to itself, no network here comes closer" in text

    mse.loc[networks & free, "nmse"] = 0.995  # below 1, but still level with silence
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
    starts = [replace(start, rises=False, diverges=False) for start in results.starts]
    text = Page(results.page(cures=[], starts=starts)).text
    assert "Does the error go up with more hidden units? No, it never rises: not in any" in text
    assert "Why" not in text and "Cures compared" not in text and "Prediction" not in text
    assert "Curvature and gradients by setting" in text


def test_a_diverged_setting_is_never_the_best_whatever_its_numbers(results):
    mse = results.mse.copy()
    mse.loc[mse["status"] == "diverged", ["mse", "nmse"]] = 1e-6
    text = Page(results.page(mse=mse)).text
    recipe, hidden, seed = results.diverged
    assert f"Best: {recipe}, {hidden} hidden units, seed {seed}" not in text


def test_the_best_is_that_on_held_out_speech_which_stands_in_every_table(results):
    mse = results.mse.copy()
    values = {  # by heart, and in general
        ("clipped", 50, "teacher_forced"): (0.0001, 0.9),
        ("clipped", 100, "teacher_forced"): (0.003, 0.8),
        ("dumoulin2014", 50, "teacher_forced"): (0.5, 0.0123),
    }
    unheard = mse.assign(set="held_out", utterance="TEST/DR1/FZZZ0/SX1")
    for (recipe, hidden, kind), (known, new) in values.items():
        for table, value in ((mse, known), (unheard, new)):
            own = (table["recipe"] == recipe) & (table["hidden_size"] == hidden)
            table.loc[own & (table["reconstruction"] == kind), "nmse"] = value
    both = pd.concat([mse, unheard.drop_duplicates(["recipe", "hidden_size", "seed",
                                                    "reconstruction"])])  # fmt: skip
    page = Page(results.page(mse=both))
    best = r"Best: dumoulin2014, 50 hidden units, seed \d \(on held-out speech\)"
    assert re.search(best, page.text)
    assert "that it was trained on" not in page.text.split("Error by setting")[0]
    assert "NMSE held out: of 1 utterance that no network was trained on." in page.text
    by_setting = page.text.split("Error by setting")[1].split("Bold: ")[0]
    assert "0.0123" in by_setting and "NMSE held out" in by_setting
    everyone = standings(both, results.settings)
    printed = export.text([*everyone.baselines, *everyone.settings])
    assert printed.splitlines()[1].split().count("held") == 2
    lines = [line.split() for line in printed.splitlines() if "0.0123" in line]
    assert lines and all(line[:2] == ["dumoulin2014", "50"] for line in lines)


def test_a_free_run_that_was_cut_off_is_never_the_best(results):
    mse = results.mse.copy()
    cut_off = mse["stopped_at"].notna() & (mse["status"] == "ok")
    assert cut_off.any()
    mse.loc[cut_off, "nmse"] = 0.5  # low because of the silence after the cut
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
    plot_mse_over_hidden_size(mse, tmp_path / "size.svg")
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
    message = r"elsewhere.*TRAIN-DR1-FABC0-SI1\.teacher_forced\.wav: .*missing"
    with pytest.raises(RnnpipeError, match=message):
        results.page(run_folders=folders)


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
    where = "on the 2 utterances that it was trained on"
    assert size.startswith(
        f"50 units, clipped. Free-running, it has the lowest error {where}: NMSE 0.0200"
    )
    assert talk.startswith(
        f"Yes. On its own, the best network follows the original {where}: NMSE 0.0200"
    )
    assert "tries" not in talk


def test_the_best_of_many_tries_is_said_to_be_that(results):
    settings = results.settings.assign(tries=50)
    values = {("clipped", 50, "free_running"): 0.02}
    page = Page(results.page(mse=with_nmse(results, values), settings=settings)).text
    assert "That is the best of 50 tries on what it was trained on." in page


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
    mse = mse.assign(utterance=NOTE_UTTERANCE)
    page = Page(results.page(mse=mse))
    rungs = [row for row in page.rows if row[0] == "the 2014 note"]
    assert [row[1] for row in rungs] == ["0.485–0.517", "3.74"]
    rows = {row[0]: row for row in page.rows if row}
    assert rows["Training MSE"][1] == "0.426"
    assert rows["Teacher-forced NMSE"][1] == "0.485 to 0.517"
    header = rows["On the note's own utterance"]
    assert header[2].startswith("dumoulin2014, 100 hidden units, seed")


def test_on_the_notes_utterance_its_free_run_and_the_best_are_heard_side_by_side(tmp_path):
    results = Results(tmp_path, utterances=(NOTE_UTTERANCE,))
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


def test_without_the_package_the_version_is_that_of_the_folder(tmp_path, monkeypatch):
    def version(name):
        if name == "rnnpipe":
            raise PackageNotFoundError(name)
        return "1"

    told = provenance.versions(tmp_path)
    assert told["rnnpipe"] == importlib.metadata.version("rnnpipe")
    monkeypatch.setattr(provenance, "version", version)
    assert provenance.versions(tmp_path)["rnnpipe"] == "not installed"
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "7.8"\n')
    assert provenance.versions(tmp_path) == {
        "rnnpipe": "7.8", "snakemake": "1", "torch": "1", "numba": "1"
    }  # fmt: skip


@pytest.mark.parametrize("missing", [("snakemake",), ("torch", "numba"), ("rnnpipe", "torch")])
def test_what_is_not_installed_is_said_to_be_that_and_the_rest_has_its_version(
    tmp_path, monkeypatch, missing
):
    def version(name):
        if name in missing:
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(provenance, "version", version)
    for folder in (tmp_path, tmp_path / "gone"):
        told = provenance.versions(folder)
        assert {name for name in told if told[name] == "not installed"} == set(missing)


@pytest.mark.parametrize(
    "project",
    ["[tool]\n", "[project]\nname = 'other'\nversion = '9'\n", "[project\n", "project = 1\n"],
)
def test_the_project_of_others_is_not_taken_for_rnnpipe(tmp_path, monkeypatch, project):
    monkeypatch.setattr(provenance, "version", missing_version)
    (tmp_path / "pyproject.toml").write_text(project)
    assert provenance.versions(tmp_path)["rnnpipe"] == "not installed"


def missing_version(name):
    raise PackageNotFoundError(name)


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
