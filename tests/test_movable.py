"""Figures that can be moved: their markup, and what a reader makes of them in a browser, from a file."""

from __future__ import annotations

import base64
import io
import json
import math
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch
from matplotlib.animation import FuncAnimation
from matplotlib.lines import Line2D
from PIL import Image
from playwright.sync_api import Browser, Page
from torch import Tensor

from geodreg import LatentManifold, interpolate
from geodreg.book.movable import movable_markup
from geodreg.book.notebook import save_animation
from geodreg.interpolation.paths import Paths
from geodreg.paper.as_printed import AsPrinted, as_printed
from geodreg.paper.weight_series import at_weights, summarise_weights
from geodreg.plotting import plane_frames, strip_frames
from tests.needs import needs_browser

ROOT = Path(__file__).parent.parent
LABELS = {"length": "length", "nll_mean": "mean NLL", "radius_min": 'least <radius> & "more"'}
LOSS, PRINTED = [1.0, 0.0, 0.1, 1.0], [0.0, 0.003]
START, END = torch.tensor([-1.0, 0.2]).double(), torch.tensor([1.0, 0.2]).double()


def least_radius(profile: Any) -> Tensor:
    return profile.x.norm(dim=-1).amin(-1)


@pytest.fixture(scope="module")
def moved() -> list[Paths]:
    """Paths in a flat plane at three weights of the loss and two of Algorithm 1."""
    return at_weights(LatentManifold(lambda z: z), START, END, LOSS, PRINTED, AsPrinted(0.5, 20), n_points=9)


@pytest.fixture(scope="module")
def table(moved: list[Paths]) -> pd.DataFrame:
    return summarise_weights(moved, {"radius_min": least_radius})


@pytest.fixture(scope="module")
def plane(moved: list[Paths], table: pd.DataFrame) -> str:
    data = torch.randn(40, 2, generator=torch.Generator().manual_seed(0)).double()
    return movable_markup("plane", plane_frames(moved, data), table, LABELS)


@pytest.fixture(scope="module")
def strips(table: pd.DataFrame) -> str:
    images = torch.rand(len(table), 12, 28, 28, generator=torch.Generator().manual_seed(0))
    accepted = torch.arange(12) % 3 != 0
    return movable_markup("strips", strip_frames(list(images), [accepted] * len(table)), table, LABELS)


def parsed(markup: str) -> ET.Element:
    return ET.fromstring(markup)  # noqa: S314 - our own


def data_in(markup: str) -> dict[str, Any]:
    script = parsed(markup).find("script")
    assert script is not None
    assert script.get("type") == "application/json"
    found: dict[str, Any] = json.loads(script.text or "")
    return found


def test_a_path_at_a_weight_is_what_each_method_gives_there(moved: list[Paths]) -> None:
    plane, settings = LatentManifold(lambda z: z), AsPrinted(0.003, 20)
    assert [(path.method, path.mu) for path in moved] == [
        ("geodreg", 0.0), ("geodreg", 0.1), ("geodreg", 1.0), ("algorithm1", 0.0), ("algorithm1", 0.003)
    ]  # fmt: skip
    torch.testing.assert_close(moved[1].z, interpolate(plane, START, END, mu=0.1, n_points=9).z)
    torch.testing.assert_close(moved[4].z, as_printed(plane, START, END, settings, n_points=9).z)


def test_the_table_has_a_row_a_path_in_their_order(moved: list[Paths], table: pd.DataFrame) -> None:
    assert table["mu"].tolist() == [path.mu for path in moved]
    assert table["length"].tolist() == pytest.approx([path.length.item() for path in moved])
    radii = [path.resample(200).x.norm(dim=-1).min().item() for path in moved]
    assert table["radius_min"].tolist() == pytest.approx(radii)
    assert len(set(radii)) > 2
    assert "pair" not in table


@pytest.mark.parametrize("kind", ["plane", "strips"])
def test_markup_is_well_formed_names_no_other_place_and_says_what_it_shows(
    kind: str, request: pytest.FixtureRequest, table: pd.DataFrame
) -> None:
    markup: str = request.getfixturevalue(kind)
    root = parsed(markup)
    assert not re.search(r"//|@import|url\(|\son[a-z]+=", re.sub(r";base64,[^\"]+", "", markup))
    assert all(image.get("src", "").startswith("data:image/png;base64,") for image in root.iter("img"))
    assert all(image.get("alt") for image in root.iter("img"))
    drawings = list(root.iter("svg"))
    assert drawings
    assert all(
        svg.get("aria-hidden") == "true" or (svg.get("role") == "img" and svg.get("aria-label")) for svg in drawings
    )
    captions = ["".join(node.itertext()) for node in root.iter("p")]
    assert len(captions) == len(table)
    assert captions[1].startswith("GeodReg (loss), weight 0.1: length ")
    assert captions[4].startswith("GeodReg (Algorithm 1), weight 0.003: length ")
    assert len(markup) < 400_000


def test_the_numbers_are_the_tables(plane: str, table: pd.DataFrame) -> None:
    root, data = parsed(plane), data_in(plane)
    lines = [["".join(cell.itertext()) for cell in line] for line in root.iter("tr")]
    assert lines[0] == ["method", "weight", *LABELS.values()]
    assert data["labels"] == LABELS
    assert data["methods"] == {"geodreg": "GeodReg (loss)", "algorithm1": "GeodReg (Algorithm 1)"}
    for place, row in enumerate(data["rows"]):
        assert (row["method"], row["mu"]) == (table["method"][place], table["mu"][place])
        assert lines[place + 1] == [data["methods"][row["method"]], *(row["text"][c] for c in ("mu", *LABELS))]
        for column in LABELS:
            assert row["numbers"][column] == table[column][place]
            text = row["text"][column]
            decimals = len(text.partition(".")[2])
            assert float(text) == pytest.approx(table[column][place], abs=0.5000001 * 10.0**-decimals)


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        ([1234.5, 998.0], ["1234", "998"]),
        ([28.44, 30.0, 404.5], ["28.4", "30.0", "404.5"]),
        ([0.52, 0.0, 0.0], ["0.520", "0.000", "0.000"]),
        ([0.01234, -0.011, 1.0], ["0.0123", "-0.0110", "1.0000"]),
        ([0.0, 0.0], ["0.00", "0.00"]),
        ([math.nan, 1.0], ["not finite", "1.00"]),
        ([math.inf, -math.inf], ["not finite", "not finite"]),
    ],
)
def test_numbers_of_a_column_have_the_same_decimals(numbers: list[float], texts: list[str]) -> None:
    table = pd.DataFrame({"method": "geodreg", "mu": [0.0, 1e-5, 2.0][: len(numbers)], "y": numbers})
    rows = data_in(movable_markup("a", ["<svg/>"] * len(numbers), table, {"y": "y"}))["rows"]
    assert [row["text"]["y"] for row in rows] == texts
    assert [row["numbers"]["y"] for row in rows] == [n if math.isfinite(n) else None for n in numbers]
    assert rows[1]["text"]["mu"] == "1e-05"


def test_data_cannot_end_the_element_they_stand_in() -> None:
    table = pd.DataFrame({"method": ["geodreg"], "mu": [1.0], "y": [1.0]})
    markup = movable_markup("a", ["<svg/>"], table, {"y": "</script><!--"})
    assert markup.count("</script>") == 1
    assert data_in(markup)["labels"] == {"y": "</script><!--"}


@pytest.mark.parametrize("n", [0, 1, 3])
def test_as_many_pictures_as_rows_are_asked_for(n: int) -> None:
    table = pd.DataFrame({"method": "geodreg", "mu": [0.0, 1.0], "y": 1.0})
    with pytest.raises(ValueError, match=f"{n} frames do not go with 2 rows"):
        movable_markup("a", ["<svg/>"] * n, table, {"y": "y"})
    with pytest.raises(ValueError, match="0 frames do not go with 0 rows"):
        movable_markup("a", [], table[:0], {"y": "y"})


@pytest.mark.parametrize("name", ["", "a b", "1", '"', "a.b"])
def test_a_name_that_is_no_part_of_an_address_is_refused(name: str) -> None:
    table = pd.DataFrame({"method": ["geodreg"], "mu": [0.0], "y": [1.0]})
    with pytest.raises(ValueError, match="pass letters, digits and hyphens"):
        movable_markup(name, ["<svg/>"], table, {"y": "y"})


def test_a_drawing_has_the_path_the_points_and_the_endpoints_where_they_are(moved: list[Paths]) -> None:
    data = torch.tensor([[0.5, 1.0], [-0.25, 0.0]]).double()
    root = parsed(plane_frames([moved[0]], data, n=3)[0])
    assert root.get("viewBox") == "-160 -160 320 320"
    dots, line, points, ends = (path.get("d", "") for path in root.iter("path"))
    assert dots == "M50 -100h0M-25 0h0"  # the second axis points up in the plane and down in the drawing
    assert line == "M-100 -20 0 -20 100 -20"
    assert points.count("h0") == 9
    assert ends == "M-100 -20h0M100 -20h0"


def test_of_many_data_some_are_drawn_and_what_is_not_finite_is_not(moved: list[Paths]) -> None:
    data = torch.linspace(0, 1, 1000).double()[:, None].expand(-1, 2).clone()
    data[0] = math.nan
    (frame,) = plane_frames([moved[0]], data, n_data=100)
    dots = next(parsed(frame).iter("path")).get("d", "")
    assert dots.count("h0") == 99
    assert "nan" not in frame


def test_images_of_a_strip_are_ink_on_paper_and_marked_by_shape_as_the_judge_says() -> None:
    image = torch.zeros(3, 4)
    image[0, 0], image[1, 1], image[2, 3], image[2, 0] = 1.0, 0.5, 7.0, math.nan
    (frame,) = strip_frames([torch.stack([image, image])], [torch.tensor([True, False])])
    first, second = parsed(frame)
    shapes = [item[1][0].get("d") for item in (first, second)]
    assert shapes[0] != shapes[1]
    assert [item[0].get("alt") for item in (first, second)] == ["Image 1 of 2, accepted", "Image 2 of 2, rejected"]
    content = base64.b64decode(first[0].get("src", "").split(",", 1)[1])
    pixels = torch.tensor(list(Image.open(io.BytesIO(content)).convert("L").tobytes())).reshape(3, 4)
    assert pixels[0, 0] == 0
    assert pixels[2, 3] == 0  # beyond the range
    assert pixels[0, 1] == pixels[2, 0] == 255
    assert abs(pixels[1, 1].item() - 127.5) < 255 / 15


def test_an_animation_is_saved_with_its_last_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    figure, axes = plt.subplots(figsize=(1, 1))
    (line,) = axes.plot([0, 1], [0, 0])

    def draw(frame: int) -> list[Line2D]:
        line.set_data([0, 1], [0, frame])
        return [line]

    axes.set_ylim(0, 3)
    save_animation(FuncAnimation(figure, draw, frames=4), "moving.gif")
    plt.close(figure)
    assert {path.name for path in tmp_path.iterdir()} == {"moving.gif", "moving.png"}
    with Image.open("moving.gif") as moving, Image.open("moving.png") as still:
        assert moving.n_frames == 4  # type: ignore[attr-defined]
        pictures = []
        for place in range(4):
            moving.seek(place)
            pictures.append(moving.convert("RGB").tobytes())
        assert still.convert("RGB").tobytes() == pictures[-1]
        assert len(set(pictures)) == 4


# What a reader does, in a browser.


@pytest.fixture
def site(tmp_path: Path, plane: str, strips: str) -> Path:
    """A page with both figures and an animation, with the book's style sheets and script, and nothing else of it."""
    for name in ("movable.js", "movable.css", "book.css"):
        shutil.copy(ROOT / "book" / "_static" / name, tmp_path)
    grey = [Image.new("L", (60, 40), level) for level in (0, 90, 180)]
    grey[0].save(tmp_path / "moving.gif", save_all=True, append_images=grey[1:], duration=200, loop=0)
    grey[-1].save(tmp_path / "moving.png")
    page = tmp_path / "page.html"
    page.write_text(
        '<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>Page</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="book.css"><link rel="stylesheet" href="movable.css">'
        '<style>html { background: #fff; color: #222 } html[data-theme="dark"] { background: #14181e; color: #ced6dd;'
        " --pst-color-text-base: #ced6dd }</style>"
        f'<script src="movable.js"></script></head><body><article class="bd-article">{plane}{strips}'
        '<figure class="animated"><img alt="moving" src="moving.gif"><figcaption><p>Caption</p><div class="legend">'
        '<p><img alt="still" src="moving.png"></p></div></figcaption></figure></article></body></html>',
        encoding="utf-8",
    )
    return page


def opened(browser: Browser, site: Path, **context: Any) -> Page:
    page = browser.new_context(**context).new_page()
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.on("request", lambda request: None if request.url.startswith(("file:", "data:")) else pytest.fail(request.url))
    page.goto(site.as_uri())
    return page


def shown(page: Page, name: str) -> dict[str, str]:
    """The numbers beside the picture of a figure, by column."""
    found: dict[str, str] = page.evaluate(
        "name => Object.fromEntries([...document.querySelectorAll(`#${name} output [data-column]`)]"
        ".map(value => [value.dataset.column, value.querySelector('b').textContent]))",
        name,
    )
    return found


def visible_frames(page: Page, name: str) -> list[int]:
    found: list[int] = page.evaluate(
        "name => [...document.querySelectorAll(`#${name} .movable-frame`)]"
        ".flatMap((frame, place) => frame.checkVisibility() ? [place] : [])",
        name,
    )
    return found


def is_at(page: Page, name: str, markup: str, row: int) -> bool:
    texts = data_in(markup)["rows"][row]["text"]
    marked = page.evaluate(
        "name => [...document.querySelectorAll(`#${name} tbody tr`)].findIndex(tr => tr.ariaCurrent === 'true')", name
    )
    return shown(page, name) == texts and visible_frames(page, name) == [row] and marked == row


@needs_browser
@pytest.mark.parametrize("name", ["plane", "strips"])
def test_arrows_move_the_slider_and_the_picture_and_the_numbers_are_those_of_the_next_row(
    browser: Browser, site: Path, name: str, request: pytest.FixtureRequest
) -> None:
    page, markup = opened(browser, site), request.getfixturevalue(name)
    assert is_at(page, name, markup, 0)
    for _ in range(20):  # by keyboard alone, from the top of the page
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == f"{name}-weight":
            break
    assert page.evaluate("document.activeElement.id") == f"{name}-weight"
    for row in (1, 2):
        page.keyboard.press("ArrowRight")
        assert is_at(page, name, markup, row)
    page.keyboard.press("ArrowRight")
    assert is_at(page, name, markup, 2)  # the last of this method
    assert page.evaluate("document.activeElement.ariaValueText") == "weight 1"
    page.keyboard.press("Home")
    assert is_at(page, name, markup, 0)
    page.keyboard.press("End")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowDown")  # from the radio button of the one method to that of the other
    assert is_at(page, name, markup, 4)  # which has two weights: the last is the nearest to where the slider was
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    assert is_at(page, name, markup, 3)
    page.context.close()


def test_the_plot_has_a_mark_for_each_row_where_its_numbers_are(plane: str, table: pd.DataFrame) -> None:
    root = parsed(plane)
    (plot,) = [svg for svg in root.iter("svg") if svg.get("class") == "movable-plot"]
    marks = {int(mark.get("data-row", "")): mark for mark in plot.iter("circle")}
    assert sorted(marks) == list(range(len(table)))
    for column, axis, sign in (("length", "cx", 1.0), ("nll_mean", "cy", -1.0)):
        places = [float(marks[row].get(axis, "")) for row in range(len(table))]
        share = (table[column] - table[column].min()) / (table[column].max() - table[column].min())
        spread = sign * (max(places) - min(places))
        least = min(places) if sign > 0 else max(places)
        assert places == pytest.approx((least + spread * share).tolist(), abs=0.06)
    texts = ["".join(text.itertext()) for text in plot.iter("text")]
    assert {LABELS["length"], LABELS["nll_mean"]} <= set(texts)
    assert len(texts) == 6  # the least and the largest number of both


@pytest.mark.parametrize(
    ("numbers", "marked"), [([1.0, math.nan], [0]), ([math.nan, math.inf], []), ([2.0, 2.0], [0, 1])]
)
def test_a_plot_leaves_out_what_is_not_finite(numbers: list[float], marked: list[int]) -> None:
    table = pd.DataFrame({"method": "geodreg", "mu": [0.0, 0.1], "length": numbers, "nll_mean": [1.0, 2.0]})
    root = parsed(movable_markup("one", ["<b/>"] * 2, table, {"length": "length", "nll_mean": "NLL"}))
    assert [int(mark.get("data-row", "")) for mark in root.iter("circle")] == marked
    assert not [mark for mark in root.iter("circle") if not math.isfinite(float(mark.get("cx", "nan")))]
    assert not list(parsed(movable_markup("one", ["<b/>"] * 2, table, {"length": "length"})).iter("circle"))


@needs_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_row_and_its_mark_light_each_other_up(browser: Browser, site: Path, plane: str, theme: str) -> None:
    page = opened(browser, site, viewport={"width": 1280, "height": 1400})
    page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
    page.locator("#plane summary").click()
    row, mark = page.locator("#plane tbody tr").nth(1), page.locator("#plane [data-row='1']")
    lit = "[...document.querySelectorAll('#plane .is-lit')].map(each => each.tagName.toLowerCase()).sort()"
    dim = page.evaluate("getComputedStyle(document.querySelector('#plane tbody tr:nth-child(2)')).backgroundColor")
    for one, other in ((row, mark), (mark, row)):
        one.hover()
        assert page.evaluate(lit) == ["circle", "tr"]
        assert "is-lit" in (other.get_attribute("class") or "")
        assert (
            page.evaluate("getComputedStyle(document.querySelector('#plane tbody tr.is-lit')).backgroundColor") != dim
        )
        page.locator("#plane summary").hover()
        assert page.evaluate(lit) == []
    mark.click()
    assert is_at(page, "plane", plane, 1)
    assert mark.get_attribute("aria-current") == row.get_attribute("aria-current") == "true"
    page.context.close()


@needs_browser
def test_fingers_move_it_too_and_a_row_of_the_table_shows_its_picture(browser: Browser, site: Path, plane: str) -> None:
    page = opened(browser, site, has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    box = page.locator("#plane-weight").bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    assert is_at(page, "plane", plane, 2)
    page.locator("#plane label", has_text="Algorithm 1").tap()
    assert is_at(page, "plane", plane, 4)
    page.locator("#plane summary").tap()
    page.locator("#plane tbody tr").nth(1).tap()
    assert is_at(page, "plane", plane, 1)
    assert page.locator("#plane input:checked").get_attribute("value") == "geodreg"
    page.context.close()


@needs_browser
def test_without_a_script_all_pictures_are_shown_with_their_numbers(browser: Browser, site: Path, plane: str) -> None:
    page = opened(browser, site, java_script_enabled=False, viewport={"width": 390, "height": 844})
    for name in ("plane", "strips"):
        frames, captions = page.locator(f"#{name} .movable-frame"), page.locator(f"#{name} .movable-caption")
        assert frames.count() == 5
        assert all(frames.nth(place).is_visible() and captions.nth(place).is_visible() for place in range(5))
        assert page.locator(f"#{name} input").count() == 0
    length = data_in(plane)["rows"][2]["text"]["length"]
    assert f"weight 1: length {length}," in page.locator("#plane .movable-caption").nth(2).inner_text()
    assert page.locator("figure img").nth(0).is_visible()
    assert page.locator("figure img").nth(1).is_visible()
    page.context.close()


@needs_browser
@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_it_fits_its_column_and_can_be_read(browser: Browser, site: Path, width: int, script: bool) -> None:
    page = opened(browser, site, java_script_enabled=script, viewport={"width": width, "height": 844})
    page.locator("#plane summary").click()
    # Playwright's own evaluation works where a page's scripts do not.
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("plane", "strips"):
        boxes = page.evaluate(
            "name => [...document.querySelectorAll(`#${name} :is(svg, img, input, output, p)`)]"
            ".filter(e => e.checkVisibility()).map(e => e.getBoundingClientRect())"
            ".map(b => [b.left, b.right, b.width])",
            name,
        )
        assert all(left >= 0 and right <= width and size > 0 for left, right, size in boxes)
    sizes = page.evaluate(
        "[...document.querySelectorAll('.movable *')].filter(e => e.checkVisibility() && e.innerText)"
        ".map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 9
    page.context.close()


def luminance(color: str) -> float:
    levels = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@needs_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_lines_marks_and_text_stand_out_in_both_themes(browser: Browser, site: Path, theme: str) -> None:
    page = opened(browser, site)
    page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
    background = luminance(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
    for selector, what, least in (
        (".movable-path.geodreg", "stroke", 3.0), (".movable-path.algorithm1", "stroke", 3.0),
        (".movable-mark.accepted", "color", 3.0), (".movable-mark.rejected", "color", 3.0),
        (".movable-values", "color", 4.5), (".movable-button", "color", 4.5),
        (".movable-numbers summary", "color", 4.5),
    ):  # fmt: skip
        color = page.evaluate("([s, what]) => getComputedStyle(document.querySelector(s))[what]", [selector, what])
        one, other = sorted([luminance(color), background], reverse=True)
        assert (one + 0.05) / (other + 0.05) >= least, (selector, color)
    page.context.close()


@needs_browser
@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_an_animation_can_be_stopped_and_is_still_where_less_motion_is_wished_for(
    browser: Browser, site: Path, motion: str
) -> None:
    page = opened(browser, site, reduced_motion=motion)
    moving, still, button = page.get_by_alt_text("moving"), page.get_by_alt_text("still"), page.get_by_role("button")
    is_still = motion == "reduce"
    for _ in range(3):
        assert (moving.is_visible(), still.is_visible()) == (not is_still, is_still)
        assert button.inner_text() == ("Play the animation" if is_still else "Stop the animation")
        button.focus()
        page.keyboard.press("Enter")
        is_still = not is_still
    page.context.close()


@needs_browser
def test_without_a_script_less_motion_leaves_the_last_picture(browser: Browser, site: Path) -> None:
    page = opened(browser, site, java_script_enabled=False, reduced_motion="reduce")
    assert not page.get_by_alt_text("moving").is_visible()
    assert page.get_by_alt_text("still").is_visible()
    page.context.close()


@needs_browser
def test_printed_it_shows_all_pictures(browser: Browser, site: Path) -> None:
    page = opened(browser, site)
    page.emulate_media(media="print")
    assert visible_frames(page, "plane") == list(range(5))
    assert not page.locator("#plane .movable-controls").is_visible()
    page.context.close()


def test_the_script_of_every_page_is_small_and_asks_nobody() -> None:
    script = (ROOT / "book" / "_static" / "movable.js").read_bytes()
    assert len(script) < 6000
    assert not re.search(rb"https?:|fetch|XMLHttpRequest|import\b|eval|innerHTML", script)
