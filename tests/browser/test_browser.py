"""The report page in a real browser."""

import io
import re
import shutil

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from helpers.invented_results import HOSTILE, Results
from PIL import Image
from playwright.sync_api import expect, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: chromium)")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    hostile = HOSTILE.replace("/", "|")
    results = Results(
        folder, recipes=("dumoulin2014", HOSTILE), utterances=("TRAIN/A/B/SI1", hostile)
    )
    results.draw().page(title=HOSTILE)
    return results


@pytest.fixture(scope="module")
def report(results):
    return results.folder / "report.html"


@pytest.fixture(params=[(1440, "light"), (390, "dark")], ids=str)
def page(browser, report, request):
    """The open report, on a desktop screen in light mode and on a phone in dark mode."""
    width, scheme = request.param
    size = {"width": width, "height": 900}
    with browser.new_context(viewport=size, color_scheme=scheme) as context:
        page = context.new_page()
        page.complaints, page.requests = [], []
        page.on("console", lambda message: page.complaints.append(message))
        page.on("pageerror", lambda error: page.complaints.append(error))
        page.on("dialog", lambda dialog: page.complaints.append(dialog.message))
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(report.as_uri())
        yield page
        said = [one for one in page.complaints if getattr(one, "type", "error") in BAD]
        assert [getattr(one, "text", one) for one in said] == []
        asked = [url for url in page.requests if not url.startswith(("data:", "blob:"))]
        assert asked == [report.as_uri()]


BAD = ("error", "warning")


@pytest.fixture
def view(page):
    """The first utterance in view, drawn."""
    article = page.locator("details.setting[open] article.utterance").first
    article.scroll_into_view_if_needed()
    expect(article).to_have_class(re.compile("drawn"))
    return article


def shown(view):
    """Start and end of what a view shows, in seconds."""
    return [float(number) for number in re.findall(r"[\d.]+", view.locator("output").inner_text())]


def eventually(page, holds) -> bool:
    """Whether something comes to hold within 10 s: how soon is a matter of the machine."""
    for _ in range(200):
        if holds():
            return True
        page.wait_for_timeout(50)
    return False


def unfold(page):
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")


def column(page, table, index):
    rows = page.locator(f"{table} tbody:last-child tr:visible")
    return [row.locator("> *").nth(index).inner_text().strip() for row in rows.all()]


def test_every_picture_is_there_and_nothing_sticks_out(page):
    unfold(page)
    page.evaluate("Promise.all([...document.images].map(image => image.decode()))")
    assert page.evaluate("document.images.length") == 4
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")


def test_the_answer_is_on_the_first_screen(page):
    for words in page.locator(".advice > div").all():
        box = words.bounding_box()
        assert box["y"] + box["height"] < 900


@pytest.mark.parametrize("page", [(1440, "light")], ids=str, indirect=True)
def test_at_a_desk_so_are_the_sounds_and_no_table_is_cut_off(page):
    assert page.locator("audio").nth(3).bounding_box()["y"] < 900
    table = page.locator("#by-setting").bounding_box()
    assert table["x"] + table["width"] <= 1440 - 24


def test_hostile_names_are_shown_as_text(page, view):
    assert HOSTILE in page.inner_text("h1")
    label = view.locator(".view").get_attribute("aria-label")
    assert HOSTILE in label  # the best setting is of the recipe of that name
    assert page.evaluate("[...document.scripts].filter(one => !one.type).length") == 4


def test_a_table_sorts_by_a_click_on_its_header(page):
    header = page.locator("#by-setting th", has_text="Hidden")
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    assert column(page, "#by-setting", 1) == ["50"] * 4 + ["100"] * 4
    header.get_by_role("button").click()
    assert column(page, "#by-setting", 1) == ["100"] * 4 + ["50"] * 4
    error = page.locator("#by-setting thead tr:nth-child(2) th").nth(1)  # NMSE, teacher-forced
    error.get_by_role("button").focus()
    page.keyboard.press("Enter")
    texts = column(page, "#by-setting", 5)
    values = [float(text.strip("\u2007\u2008")) for text in texts if text[0] != "–"]
    assert values == sorted(values) and texts[-1].startswith("–"), "no value comes last"
    assert header.get_attribute("aria-sort") == "none"


def test_a_table_shows_the_rows_that_are_searched_for(page):
    page.get_by_label("Find settings").first.fill("dumoulin 100")
    assert column(page, "#by-setting", 1) == ["100", "100"]
    assert page.locator("#by-setting .baselines tr:visible").count() == 3
    assert "2 of 8" in page.locator("#table output").first.inner_text()
    page.get_by_label("Find settings").first.fill("")
    assert len(column(page, "#by-setting", 1)) == 8


def test_settings_are_found_by_their_names(page):
    page.locator("#find-setting").fill("diverged")
    assert page.locator("details.setting:visible").count() == 1
    assert page.locator("details.recipe:visible").count() == 1


def test_a_csv_file_can_be_saved_from_the_page(page, results):
    with page.expect_download() as download:
        page.get_by_role("link", name="mse.csv").click()
    assert download.value.suggested_filename == "mse.csv"
    saved = download.value.path().read_bytes()
    assert saved == (results.folder / "mse.csv").read_bytes()


def test_a_view_zooms_pans_and_shows_the_whole_again(page, view):
    whole = shown(view)
    assert whole == [0, pytest.approx(1.19, abs=0.01)]
    view.get_by_role("button", name="Zoom in").click()
    page.wait_for_function("a => a.querySelector('output').textContent[4] !== '0'",
                           arg=view.element_handle())  # fmt: skip
    start, end = shown(view)
    assert end - start == pytest.approx(whole[1] / 2, abs=0.002)
    view.locator(".view").focus()
    page.keyboard.press("ArrowRight")
    assert eventually(page, lambda: shown(view)[0] > start)
    page.keyboard.press("0")
    assert eventually(page, lambda: shown(view) == whole)
    view.locator(".view").evaluate("plot => plot.scrollIntoView({behavior: 'instant'})")
    place = view.locator(".plot").bounding_box()
    middle = place["x"] + place["width"] / 2, place["y"] + 100
    page.mouse.move(*middle)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    assert eventually(page, lambda: shown(view)[1] - shown(view)[0] < whole[1])
    page.wait_for_timeout(300)  # until the wheel is at rest
    start, _ = shown(view)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 60, middle[1], steps=4)
    page.mouse.up()
    assert eventually(page, lambda: shown(view)[0] > start), "dragged to the left"


def test_a_sound_plays_moves_the_playhead_and_silences_the_one_before(page, view):
    sounds = view.locator("audio")
    head = view.locator(".playhead")
    before = head.bounding_box()["x"]
    play = """audio => new Promise(playing => {
        audio.ontimeupdate = () => { if (audio.currentTime > 0.2) playing(); };
        audio.play();
    })"""
    sounds.nth(0).evaluate(play)
    far = 0.15 * view.locator(".plot").bounding_box()["width"] * 0.2 / 1.19
    assert eventually(page, lambda: head.bounding_box()["x"] - before > far)
    sounds.nth(1).evaluate(play)
    assert sounds.nth(0).evaluate("audio => audio.paused")
    assert not sounds.nth(1).evaluate("audio => audio.paused")
    sounds.nth(1).evaluate("audio => audio.pause()")
    view.locator(".view").evaluate("plot => plot.scrollIntoView({behavior: 'instant'})")
    place = view.locator(".plot").bounding_box()
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + 100)
    middle = pytest.approx(0.595, abs=0.01)
    assert eventually(page, lambda: sounds.nth(2).evaluate("audio => audio.currentTime") == middle)


def test_the_view_is_drawn_from_the_very_samples(page, results, view):
    drawn = page.evaluate("decode('s0')")  # the first original
    samples = np.array(list(drawn.values()) if isinstance(drawn, dict) else drawn)
    expected = results.original[results.utterances[0]]
    np.testing.assert_array_equal(np.round(samples * 32768), expected)


def test_what_is_folded_is_not_drawn_before_it_is_opened(page):
    page.wait_for_timeout(500)
    assert page.locator("details.setting:not([open]) .players").count() == 0
    fold = page.locator("details.setting:not([open])").first
    fold.locator("xpath=ancestor::details").evaluate("group => { group.open = true; }")
    fold.locator("summary").click()
    article = page.locator("details.setting[open] article").first
    article.scroll_into_view_if_needed()
    expect(article).to_have_class(re.compile("drawn"))


def test_a_link_in_the_table_unfolds_its_setting(page):
    link = page.locator("#by-setting tbody:last-child a").first
    target = page.locator(link.get_attribute("href"))
    link.click()
    assert eventually(page, target.is_visible)
    assert target.evaluate("fold => fold.open")


def test_a_link_finds_a_setting_that_was_folded_again_or_is_hidden_by_a_search(page):
    link = page.locator("#by-setting tbody:last-child a").first
    target = page.locator(link.get_attribute("href"))
    link.click()
    target.evaluate("fold => { fold.open = false; }")
    link.click()
    assert eventually(page, lambda: target.evaluate("fold => fold.open"))
    page.locator("#find-setting").fill("no such setting")
    assert not target.is_visible()
    link.click()
    assert eventually(page, target.is_visible)
    assert page.locator("#find-setting").input_value() == ""


def test_a_search_that_is_cleared_leaves_the_recipes_as_they_were(page):
    folds = page.locator("details.recipe")
    folds.first.evaluate("fold => { fold.open = false; }")
    page.locator("#find-setting").fill("50 hidden")
    assert folds.evaluate_all("all => all.every(fold => fold.open)")
    page.locator("#find-setting").fill("")
    assert not folds.first.evaluate("fold => fold.open")


def test_the_wheel_zooms_out_to_the_whole_and_a_finger_scrolls_the_page(page, view):
    whole = shown(view)
    view.locator(".view").evaluate("plot => plot.scrollIntoView({behavior: 'instant'})")
    place = view.locator(".plot").bounding_box()
    page.mouse.move(place["x"] + place["width"] * 0.8, place["y"] + 100)
    page.keyboard.down("Control")
    for turn in (-300, -300, *[300] * 8):
        page.mouse.wheel(0, turn)
        page.wait_for_timeout(60)
    page.keyboard.up("Control")
    assert eventually(page, lambda: shown(view) == whole)
    layers = view.locator(".plot").locator(".bk-events")  # in shadow roots, which this looks into
    actions = layers.evaluate_all("all => all.map(one => getComputedStyle(one).touchAction)")
    assert len(actions) == 8 and set(actions) == {"pan-y"}


def test_a_sound_that_runs_out_of_view_takes_it_along_and_panning_does_not_pull_it_back(page, view):
    audio = view.locator("audio").first
    for _ in range(3):
        view.get_by_role("button", name="Zoom in").click()
    view.get_by_role("button", name="Later").click(click_count=3)
    assert eventually(page, lambda: shown(view)[0] > 0.1)
    # So slowly that the sound does not run on out of view while a busy machine looks.
    slowly = "audio => { audio.currentTime = 0; audio.playbackRate = 0.1; return audio.play(); }"
    audio.evaluate(slowly)
    assert eventually(page, lambda: shown(view)[0] < 0.1), "the view goes to where the sound begins"
    audio.evaluate("audio => audio.pause()")


def test_what_is_folded_away_falls_silent(page, view):
    audio = view.locator("audio").first.element_handle()
    audio.evaluate("audio => audio.play()")
    audio.evaluate("audio => { audio.closest('details').open = false; }")
    assert eventually(page, lambda: audio.evaluate("audio => audio.paused"))


def test_no_serious_fault_of_accessibility_is_found(page, view):
    unfold(page)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    serious = [
        (one["id"], node["target"], node["failureSummary"])
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
    assert serious == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_have_the_ground_of_the_page(browser, report, scheme):
    with browser.new_context(
        viewport={"width": 1440, "height": 900}, color_scheme=scheme
    ) as context:
        page = context.new_page()
        page.goto(report.as_uri())
        # The plots above are drawn when they come into view, which moves what is below them.
        page.evaluate(
            "document.querySelectorAll('main > :not(#hidden-size)').forEach(e => e.remove())"
        )
        picture = page.locator("#hidden-size .figure")
        with Image.open(io.BytesIO(picture.screenshot())) as image:
            pixels = np.asarray(image.convert("L"), float)
    assert np.median(pixels) == pytest.approx({"light": 255, "dark": 32}[scheme], abs=6)
    assert (np.abs(pixels - np.median(pixels)) > 120).mean() > 0.005  # text and lines


def test_a_table_that_goes_on_has_a_shadow_at_that_edge(browser, report):
    with browser.new_context(viewport={"width": 390, "height": 900}) as context:
        page = context.new_page()
        page.goto(report.as_uri())
        table = page.locator("#table .scroll").first

        def edges():
            with Image.open(io.BytesIO(table.screenshot())) as image:
                pixels = np.asarray(image.convert("L"), float)
            return pixels[2:12, 2:6].mean(), pixels[2:12, -6:-2].mean()

        left, right = edges()
        assert left - right > 25
        table.evaluate("box => box.scrollLeft = box.scrollWidth")
        left, right = edges()
        assert abs(right - 251) < 3


def test_print_shows_the_waveforms_of_the_best_and_cuts_nothing(browser, report):
    with browser.new_context(viewport={"width": 718, "height": 1000}) as context:  # A4 less margins
        page = context.new_page()
        page.goto(report.as_uri())
        assert page.locator(".strip.printed:visible").count() == 0
        page.emulate_media(media="print")
        assert page.locator("details[open] .strip.printed:visible").count() >= 6
        assert page.locator(".players:visible, .controls:visible, audio:visible").count() == 0
        wide = page.evaluate(
            """[...document.querySelectorAll("main *")].filter(e => e.checkVisibility()
               && e.getBoundingClientRect().right > 720).map(e => e.tagName + "." + e.className)"""
        )
        assert wide == []
