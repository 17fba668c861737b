"""The built site, read offline in headless Chromium, in light and dark, on a desk and on a phone."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Browser

from tests.built import IS_BUILT, NEEDS_SITE, PAGES, SCHEMES, SITE, WIDTHS, Look, look_at
from tests.conftest import Once
from tests.needs import needs_browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not IS_BUILT, reason=NEEDS_SITE),
    needs_browser,
    # On a loaded machine Chromium itself dies now and then; what it says of the site is never asked twice.
    pytest.mark.flaky(reruns=2, only_rerun=["TargetClosedError"]),
]


@pytest.fixture
def seen_on(once: Once, living_browser: Callable[[], Browser]) -> Look:
    """What is seen on a page of the site; the first test that asks opens it, for all workers."""

    def seen(name: str) -> dict[str, object]:
        made = once(f"page-{name.replace('/', '-')}", lambda _: json.dumps(look_at(living_browser(), name)))
        return json.loads(made)

    return seen


# The page varies fastest, so that workers do not wait for each other's.


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_page_reads_offline(seen_on: Look, name: str, scheme: str, width: int) -> None:
    shown = seen_on(name)["shown"][f"{scheme} {width}"]
    assert shown["theme"] == scheme
    assert shown["trouble"] == []
    assert shown["raw"] == []
    assert shown["width"] <= width
    assert shown["broken"] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_at_both_widths_and_in_both_themes(seen_on: Look, name: str) -> None:
    for seen_at, shown in seen_on(name)["shown"].items():
        assert shown["cut"] == [], seen_at
        assert "1280" not in seen_at or shown["scrolled"] == []
        assert shown["pale"] == [], seen_at
        assert shown["small"] == [], seen_at
        if not name.startswith(("figures/extending", "own-generator")):
            assert shown["open"] == 0


@pytest.mark.parametrize("name", PAGES)
def test_images_have_text_and_links_have_targets(seen_on: Look, name: str) -> None:
    seen = seen_on(name)
    assert seen["silent"] == 0
    for link in seen["links"]:
        if link.startswith("file://"):
            path, _, fragment = unquote(link.removeprefix("file://")).partition("#")
            assert Path(path).is_file(), link
            if fragment and path.endswith(".html") and fragment not in ("", "main-content"):
                assert f'id="{fragment}"' in Path(path).read_text(), link


@pytest.mark.parametrize("name", [name for name in PAGES if name.startswith("figures/")])
def test_figures_are_numbered_and_their_notebook_and_data_can_be_downloaded(seen_on: Look, name: str) -> None:
    seen = seen_on(name)
    assert seen["captions"]
    assert seen["figures"] == len(seen["captions"])
    assert all(re.fullmatch(r"Figure (S\d+|[1-4]) ?", caption) for caption in seen["captions"])
    assert any(link.endswith(".csv") for link in seen["downloads"])
    notebook = SITE / "_sources" / name.replace(".html", ".ipynb")
    assert json.loads(notebook.read_text())["metadata"]["papermill"]["exception"] is None
    assert "/.ipynb" not in seen["content"]


def test_the_first_screen_is_short_and_has_the_ways_on_before_the_first_heading(browser: Browser) -> None:
    page = browser.new_page()
    page.goto((SITE / "intro.html").as_uri())
    shown = page.evaluate("""() => {
        const first = document.querySelector('article section section');
        const before = [...document.querySelectorAll('article p, article .claim-marks a, article .sd-card')].filter(
            (each) => each.compareDocumentPosition(first) & Node.DOCUMENT_POSITION_FOLLOWING);
        const words = before.filter((each) => each.matches('section > p')).map((each) => each.innerText);
        const of = (selector) => before.filter((each) => each.matches(selector)).length;
        return {words, marks: of('.claim-marks a'), cards: of('.sd-card')};
    }""")
    said = [text for text in shown["words"] if text.startswith(("The idea.", "What holds.", "What does not hold, and"))]
    assert len(said) == 3
    assert sum(len(text.split()) for text in said) < 300
    assert sum(len(text.split()) for text in shown["words"]) < 360
    assert (shown["marks"], shown["cards"]) == (12, 3)
    page.close()


def test_no_page_shows_a_warning() -> None:
    notebooks = list((SITE / "_sources").rglob("*.ipynb"))
    assert notebooks
    for notebook in notebooks:
        outputs = [output for cell in json.loads(notebook.read_text())["cells"] for output in cell.get("outputs", [])]
        assert not [output["text"] for output in outputs if output.get("name") == "stderr"], notebook.name


def test_the_animation_moves_and_plays_without_a_script() -> None:
    animation = next((SITE / "_images").glob("fig2-solution*.gif"))
    assert "fig2-solution.gif" in (SITE / "figures" / "fig2-circle.html").read_text()
    with Image.open(animation) as frames:
        assert getattr(frames, "n_frames", 1) > 3


@pytest.mark.parametrize("name", ["figures/fig2-circle.html", "figures/fig3-mnist-gan.html"])
def test_a_figure_that_is_moved_says_what_its_table_says(browser: Browser, name: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto((SITE / name).as_uri())
    link = page.evaluate(
        "[...document.querySelectorAll('a.download')].map(a => a.href).find(h => /-slider.csv$/.test(h))"
    )
    table = pd.read_csv(unquote(link.removeprefix("file://")))
    slider = page.locator(".movable input[type=range]")
    for method, rows in table.groupby("method"):
        page.locator(f".movable input[value={method}]").check()
        slider.focus()
        page.keyboard.press("Home")
        for _, row in rows.iterrows():
            texts = page.evaluate("""Object.fromEntries([...document.querySelectorAll('.movable output [data-column]')]
                .map(value => [value.dataset.column, value.querySelector('b').textContent]))""")
            assert len(texts) >= 4
            for column, text in texts.items():
                last = 10.0 ** -len(text.partition(".")[2]) if column != "mu" else 1e-9
                assert float(text) == pytest.approx(row[column], abs=0.5000001 * last)
            assert page.locator(".movable-frame:visible").count() == 1
            page.keyboard.press("ArrowRight")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    card = "getComputedStyle(document.querySelector('.movable').parentElement).backgroundColor"
    assert page.evaluate(card) == "rgba(0, 0, 0, 0)"  # it has colours for the dark, and needs no light card
    page.close()


@pytest.mark.parametrize("name", ["intro.html", "figures/fig2-circle.html", "figures/fig3-mnist-gan.html"])
def test_a_page_with_a_figure_that_is_moved_weighs_at_most_3_mb(browser: Browser, name: str) -> None:
    """With its pictures; the scripts and styles of the theme are fetched once for the whole site."""
    page = browser.new_page()
    page.goto((SITE / name).as_uri())
    images = page.evaluate("[...new Set([...document.images].map(i => i.src))].filter(s => s.startsWith('file:'))")
    files = [SITE / name, *(Path(unquote(image.removeprefix("file://"))) for image in images)]
    assert sum(file.stat().st_size for file in files) <= 3_000_000
    page.close()


def test_the_animation_can_be_stopped_by_keyboard(browser: Browser) -> None:
    page = browser.new_page(reduced_motion="no-preference")
    page.goto((SITE / "figures" / "fig2-circle.html").as_uri())
    moving = page.locator("figure.animated img[src$='.gif']")
    still, button = page.locator("figure.animated img[src$='.png']"), page.locator("figure.animated button")
    assert (moving.is_visible(), still.is_visible()) == (True, False)
    button.focus()
    page.keyboard.press("Space")
    assert (moving.is_visible(), still.is_visible()) == (False, True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_it_is_in_its_head(seen_on: Look, name: str) -> None:
    head, book = seen_on(name)["head"], "Geodesics around holes"
    tags = head["tags"]
    assert head["titles"] == 1
    title, heading = head["title"], head["heading"].rstrip("#").strip()
    assert title.count(book) == 1
    assert title.removesuffix(f" \N{EM DASH} {book}") == heading
    assert 40 <= len(tags["description"]) <= 200
    assert tags["og:description"] == tags["description"]
    assert tags["og:title"] in heading
    assert tags["og:site_name"] == book
    assert "\\" not in tags["description"]
    picture = (SITE / name).parent / tags["og:image"]
    assert picture.suffix in (".png", ".gif", ".jpg")
    assert picture.is_file()


MYST = re.compile(r"\{[A-Za-z][\w:+.-]*\}`|^\s*[`:]{3,}\{|^\([^()\s]+\)=$|\)\{[.#\w]", re.MULTILINE)


@pytest.mark.parametrize("name", [name for name in PAGES if name.startswith("figures/")])
def test_a_downloaded_notebook_has_no_myst_left(name: str) -> None:
    notebook = json.loads((SITE / "_sources" / name.replace(".html", ".ipynb")).read_text())
    shown = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    outputs = [output.get("data", {}) for cell in notebook["cells"] for output in cell.get("outputs", [])]
    shown += ["".join(data["text/markdown"]) for data in outputs if "text/markdown" in data]
    for text in shown:
        prose = re.sub(r"^```.*?^```|(`+).+?\1", "", text, flags=re.DOTALL | re.MULTILINE)
        assert MYST.findall(prose) == []
        assert not re.search(r"!\[[^\]]*\]\((?!attachment:|data:|https?:)", prose), "a picture that is not in it"
    exported = json.loads((SITE.parent / "notebooks" / name.replace(".html", ".ipynb")).read_text())
    assert len(exported["cells"]) == len(notebook["cells"])
    assert not any(cell.get("outputs") for cell in exported["cells"])


def test_the_search_shows_excerpts_in_a_page_that_was_opened_as_a_file(browser: Browser) -> None:
    page = browser.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(f"{(SITE / 'search.html').as_uri()}?q=indicatrix")
    excerpts = page.locator("#search-results li p.context")
    excerpts.first.wait_for()
    assert any("indicatri" in text.lower() for text in excerpts.all_inner_texts())
    assert trouble == []
    assert (SITE / "_static" / "search-texts.js").stat().st_size < 2_000_000  # words, and no pictures
    page.close()


def test_works_are_listed_by_names_and_years_and_can_be_copied_as_bibtex(browser: Browser) -> None:
    page = browser.new_page()
    page.goto((SITE / "references.html").as_uri())
    labels = page.locator(".citation > .label").all_inner_texts()
    assert len(labels) > 20
    assert all(re.fullmatch(r"\[?[^\d+]+, \d{4}[a-z]?\]?", label.strip()) for label in labels)
    blocks = page.locator("div.highlight-bibtex")
    assert blocks.count() == 2
    assert blocks.locator("button.copybtn").count() == 2
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_printed_page_has_no_bars_of_folds_and_cuts_nothing(seen_on: Look, name: str) -> None:
    printed = seen_on(name)["printed"]
    assert printed["wide"] == []
    assert printed["folds"] == 0
    assert printed["bars"] == 0
    assert printed["narrow"] == 0  # paper is as wide as a drawing for wide screens
    assert printed["hidden"] == 0
    assert printed["headings"] >= 1
