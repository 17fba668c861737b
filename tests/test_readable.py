"""What a reader sees: drawings in both themes, text that is large enough, edges that say what they cut, contrast."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jupytext
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from playwright.sync_api import Browser, Page

from geodreg import LatentManifold
from geodreg.book.notebook import show_drawings
from geodreg.book.parameters import pair
from geodreg.interpolation.paths import Paths
from geodreg.paper.as_printed import AsPrinted
from geodreg.paper.comparison import compare
from geodreg.paper.strips import describe_fading, fading, pairs_to_show
from geodreg.paper.wording import percent
from geodreg.plotting import (
    plot_density,
    plot_each,
    plot_interpolations,
    plot_magnification,
    plot_nine,
    plot_plane,
    plot_straightness,
    use_house_style,
)
from geodreg.plotting.stacked import stack
from geodreg.plotting.style import METHOD_STYLE
from geodreg.plotting.themes import DARK_GROUND, KEPT, contrast, for_both_themes, on_dark
from tests.built import AA, SMALLEST, decoded, text_sizes, width_of
from tests.needs import needs_browser

ROOT = Path(__file__).parent.parent
COLUMN, THIRD, PHONE = 688, 299, 340  # pixels that a drawing gets: in the text, as one of three, on a telephone of 390


# Both themes.


@pytest.mark.parametrize("color", ["#c8372d", "#2b61a8", "#7b5aa6", "#8a8a8a", "#23803f", "#d98a1f", "#5a5a5a"])
def test_a_colour_contrasts_with_the_dark_as_it_did_with_white(color: str) -> None:
    wanted = contrast(color, "#ffffff")
    assert contrast(on_dark(color), DARK_GROUND) == pytest.approx(max(wanted, 3.0 if wanted >= 2.0 else 1.0), rel=0.02)


def test_colours_of_methods_can_be_read_as_text_in_both_themes() -> None:
    for style in METHOD_STYLE.values():
        assert contrast(style["color"], "#ffffff") >= AA
        assert contrast(on_dark(style["color"]), DARK_GROUND) >= AA


def test_the_arrows_of_a_colour_bar_keep_its_colours_in_the_dark(of_plane: tuple[LatentManifold, object]) -> None:
    figure, axes = plt.subplots(figsize=(4.0, 3.6), layout="constrained")
    plot_magnification(axes, of_plane[0], 2.0, n=9)
    svg = io.StringIO()
    figure.savefig(svg, format="svg")
    assert len(re.findall(rf'<g id="{KEPT}-\d">', svg.getvalue())) == 2
    plt.close(figure)


def test_a_drawing_for_both_themes_is_as_it_was_but_for_a_style_that_names_each_of_its_colours() -> None:
    path = '<path style="fill: #c8372d; stroke: #000000"/>'
    svg = f'<?xml version="1.0"?><svg viewBox="0 0 1 1">{path}<g fill="#ffffff"/></svg>'
    both = for_both_themes(svg)
    (style,) = re.findall(r"<style>.*?</style>", both)
    assert both.replace(style, "") == svg
    for kind, color in (("fill", "#c8372d"), ("stroke", "#000000"), ("fill", "#ffffff")):
        assert f"{{{kind}:{on_dark(color)}!important}}" in style
        assert f':not([id^="{KEPT}"] *){{{kind}:{on_dark(color)}' in style
    assert "svg{fill:#ced6dd}" in style  # matplotlib writes no colour where it is black
    with pytest.raises(ValueError, match="pass a drawing as SVG"):
        for_both_themes("no drawing")


# Figures.


@pytest.fixture(scope="module")
def of_plane() -> tuple[LatentManifold, Mapping[str, Paths]]:
    manifold = LatentManifold(lambda z: torch.cat([z[:, :1], z[:, 1:] + 0.3 * z[:, :1].square()], dim=-1), noise=0.1)
    start = torch.tensor([[1.0, 0.0]]).double()
    return manifold, compare(
        manifold,
        start,
        torch.tensor([[-1.5, 0.2]]).double(),
        n_points=9,
        with_algorithm1=AsPrinted(0.1, 3),
        with_slerp=True,
    )


@pytest.fixture(scope="module")
def of_images() -> Mapping[str, Paths]:
    spread = torch.linspace(-1, 1, 32).double().reshape(2, 4, 4)

    def generate(z: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(torch.einsum("nd,dhw->nhw", z, spread) + z[:, :1, None] ** 2)

    start = torch.tensor([[1.0, 0.0], [0.3, -1.0]]).double()
    return compare(
        LatentManifold(generate, noise=0.1),
        start,
        -start.flip(0),
        n_points=7,
        with_algorithm1=AsPrinted(0.1, 3),
        with_slerp=True,
    )


def drawn(figure: Figure) -> str:
    return decoded(re.findall(r'src="([^"]+)"', show_drawings({"drawing": figure}).data)[0])


def accepts(images: torch.Tensor) -> torch.Tensor:
    return images.flatten(1).mean(-1) > 0.5


@pytest.mark.parametrize("is_narrow", [False, True])
@pytest.mark.parametrize("kind", ["strips", "plane", "straightness", "nine"])
def test_no_text_of_a_figure_is_below_nine_pixels_where_it_is_shown(
    kind: str, is_narrow: bool, of_plane: Any, of_images: Mapping[str, Paths]
) -> None:
    use_house_style()
    manifold, paths = of_plane
    with plt.rc_context():
        if kind == "plane":
            figure = plot_plane(manifold, torch.zeros(3, 2), paths, 0, is_narrow=is_narrow)
        elif kind == "straightness":
            three = {method: of_images[method] for method in ("geodreg", "geodesic", "straight")}
            both = plot_straightness(three)
            figure = both[is_narrow]
            plt.close(both[not is_narrow])
        elif kind == "strips":
            figure = plot_interpolations(of_images, [0, 1], 6, accepts=accepts, is_narrow=is_narrow)
        else:
            figure = plot_nine({"Model": (of_images, "gray", None)}, 1)["Model"]
        svg = drawn(figure)
    shown = THIRD if kind == "nine" else PHONE if is_narrow else COLUMN
    sizes = text_sizes(svg)
    assert len(sizes) > 5
    assert min(sizes) * shown / width_of(svg) >= SMALLEST


@pytest.mark.slow
def test_each_panel_is_a_numbered_drawing_for_both_widths(of_images: Mapping[str, Paths]) -> None:
    drawings = plot_each(of_images, [1, 0], "Panel {}", (6, 3), accepts=accepts)
    assert list(drawings) == ["Panel 1", "Panel 2"]
    for number, (wide, narrow) in enumerate(drawings.values(), start=1):
        for figure, images, shown in ((wide, 6, COLUMN), (narrow, 3, PHONE)):
            assert str(number) in [text.get_text() for text in figure.texts]
            marks = sum(len(np.asarray(line.get_xdata())) for line in figure.axes[0].lines)
            assert marks == images * len(of_images)  # one under each image
            svg = drawn(figure)
            assert min(text_sizes(svg)) * shown / width_of(svg) >= SMALLEST
            plt.close(figure)


def test_a_mark_of_the_judge_stands_under_each_image(of_images: Mapping[str, Paths]) -> None:
    figure = plot_interpolations(of_images, [1], 5, accepts=accepts)
    strips = figure.axes[0]
    marks = {
        (round(x, 3), round(y, 3)): line.get_color()
        for line in strips.lines
        for x, y in np.asarray(line.get_xydata(), float).tolist()
    }
    assert len(marks) == 5 * len(of_images)
    for line, (method, paths) in enumerate(of_images.items()):
        said = accepts(paths[1].resample(5).x)
        of_line = {x: color for (x, y), color in marks.items() if line < y < line + 1}
        assert [of_line[place + 0.5] == "#1f6fb2" for place in range(5)] == said.tolist(), method
    plt.close(figure)


def test_grey_values_of_a_panel_are_stretched_alike(of_images: Mapping[str, Paths]) -> None:
    figure = plot_interpolations(of_images, [0], 4)
    shown = torch.stack(
        [torch.tensor(np.ma.filled(np.ma.asarray(image.get_array()), np.nan)) for image in figure.axes[0].images]
    )
    seen = shown[~shown.isnan()]
    assert (seen.min().item(), seen.max().item()) == (0.0, 1.0)
    given = torch.stack([of_images[method][0].resample(4).x for method in of_images])
    stretched = (given - given.min()) / (given.max() - given.min())
    assert torch.stack([row[~row.isnan()].mean() for row in shown]).tolist() == pytest.approx(
        stretched.flatten(1).mean(1).tolist(), abs=0.01
    )
    plt.close(figure)


def test_straightness_is_shown_as_excess_beside_each_other_and_as_a_band(of_images: Mapping[str, Paths]) -> None:
    three = {method: of_images[method] for method in ("geodreg", "geodesic", "straight")}
    figure, narrow = plot_straightness(three)
    plt.close(narrow)
    left, right = figure.axes
    chord = (three["straight"].x[:, -1] - three["straight"].x[:, 0]).flatten(1).norm(dim=-1)
    for line, path in zip(left.lines, three.values(), strict=True):
        assert sorted(np.asarray(line.get_ydata(), float)) == pytest.approx(
            sorted((100 * (path.length / chord - 1)).tolist())
        )
    places = [x for line in left.lines for x in np.asarray(line.get_xdata(), float)]
    assert len(set(places)) == len(places)
    assert len(right.lines) == len(right.collections) == 3
    plt.close(figure)


def test_paths_that_lie_close_are_enlarged_and_others_are_not(of_plane: Any) -> None:
    manifold, paths = of_plane
    close = {**paths, "geodesic": paths["straight"]}  # the same path twice needs no larger drawing
    assert not plot_plane(manifold, torch.zeros(3, 2), close, 0).axes[2].child_axes
    figure = plot_plane(manifold, torch.zeros(3, 2), paths, 0, extent=20.0)
    (inset,) = figure.axes[2].child_axes
    middle = paths["geodesic"].resample(201).z[0, 100]
    (low, high), (bottom, top) = inset.get_xlim(), inset.get_ylim()
    assert low < middle[0] < high
    assert bottom < middle[1] < top
    plt.close("all")


def test_drawings_have_a_text_each_and_one_of_two_is_for_narrow_screens() -> None:
    first, second, third = (plt.figure(figsize=(1, 1)) for _ in range(3))
    markup = show_drawings({'a "b" <c>': (first, second), "d": third}).data
    assert re.findall(r'alt="([^"]*)"', markup) == ["a &quot;b&quot; &lt;c&gt;", "d"]
    assert (
        len(re.findall(r'<picture><source media="screen and \(max-width: \d+px\)" srcset="data:image/svg', markup)) == 1
    )
    assert not plt.get_fignums()


@pytest.mark.parametrize("is_drawn", [False, True], ids=["at once", "drawn before"])
def test_panels_in_a_row_stand_one_below_the_other_on_a_narrow_screen(
    of_plane: tuple[LatentManifold, Mapping[str, Paths]], is_drawn: bool
) -> None:
    use_house_style()
    figure, axes = plt.subplots(1, 2, figsize=(8.0, 3.6), layout="constrained", sharey=True)
    for ax in axes:
        plot_density(ax, of_plane[0], 2.0)
    axes[1].set_ylabel("")
    handles = [Line2D([], [], label=name) for name in "abcde"]
    figure.legend(handles=handles, loc="outside lower center", ncols=5)
    if is_drawn:
        figure.draw_without_rendering()
    assert stack(figure)
    assert not stack(figure)
    first, second = (ax.get_window_extent() for ax in axes)
    assert first.y0 > second.y1
    assert first.x0 == pytest.approx(second.x0, abs=1.0)
    assert axes[1].get_ylabel() == axes[0].get_ylabel() != ""
    width, height = figure.get_size_inches() * figure.dpi
    for ax in figure.axes:  # with the labels of their colorbars
        box = ax.get_tightbbox()
        assert box is not None
        assert box.x0 >= -1.0
        assert box.x1 <= width + 1.0
        assert box.y0 >= -1.0
        assert box.y1 <= height + 1.0
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list("abcde")
    assert legend.get_window_extent().width <= width
    svg = io.StringIO()
    figure.savefig(svg, format="svg")
    assert min(text_sizes(svg.getvalue())) * PHONE / width_of(svg.getvalue()) >= SMALLEST
    plt.close(figure)


@pytest.mark.parametrize(("words", "columns"), [("short", 2), ("a name that is as long as half a screen", 1)])
def test_a_legend_above_stacked_panels_is_no_wider_than_they_are(words: str, columns: int) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.0), layout="constrained")
    for number in range(4):
        axes[0].plot([0, 1], label=f"{number} {words}")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    assert stack(figure)
    (legend,) = figure.legends
    extent = legend.get_window_extent()
    assert extent.x0 >= 0.0
    assert extent.x1 <= figure.bbox.width
    assert legend._ncols == columns  # type: ignore[attr-defined]
    assert {text.get_fontsize() for text in legend.get_texts()} == {8.0}
    plt.close(figure)


def test_stacked_pictures_without_a_bar_of_colours_fill_the_width() -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9.0, 4.6), layout="constrained")
    for ax in axes:
        ax.set_aspect("equal")
    assert stack(figure)
    width, height = figure.get_size_inches()
    assert height == pytest.approx(2 * width)
    assert axes[0].get_window_extent().width > 0.8 * width * figure.dpi
    plt.close(figure)


@pytest.mark.parametrize("grid", [(1, 1), (2, 1), (2, 2)])
def test_a_figure_without_a_row_of_panels_stays_as_it_is(grid: tuple[int, int]) -> None:
    figure, _ = plt.subplots(*grid, figsize=(5.0, 4.0), layout="constrained")
    assert not stack(figure)
    assert figure.get_size_inches().tolist() == [5.0, 4.0]
    plt.close(figure)


# What the strips show.


def test_pairs_are_shown_that_can_be_told_apart_and_others_only_where_there_are_too_few() -> None:
    face = torch.rand(6, 8, 8, generator=torch.Generator().manual_seed(0))
    other = torch.rand(6, 8, 8, generator=torch.Generator().manual_seed(1))
    face[0] *= 0.01  # black
    other[2] *= 0.01
    other[3] = face[3] + 0.01  # the same
    assert pairs_to_show(face, other, 3) == [1, 4, 5]
    assert pairs_to_show(face, other, 5) == [1, 4, 5, 0, 2]
    assert pairs_to_show(face[:1], other[:1], 3) == [0]


def test_a_strip_fades_by_what_is_left_of_the_paler_endpoints_contrast(of_images: Mapping[str, Paths]) -> None:
    image = torch.rand(4, 4, generator=torch.Generator().manual_seed(0))
    strip = torch.stack([image, 0.25 * image, 0.5 * image])
    assert fading(strip).item() == pytest.approx(0.5)
    assert fading(strip[[0, 2]]).item() == pytest.approx(1.0)
    left = {m: fading(p.resample(50).x).tolist() for m, p in of_images.items()}
    said = describe_fading(of_images, [1, 0], 50)
    for values in left.values():
        for panel, value in ((1, values[1]), (2, values[0])):
            assert (f"{panel} ({percent(value)})" in said) == (value < 0.8)


# Code.


@pytest.mark.parametrize("is_shown", [False, True])
def test_code_is_folded_unless_the_page_says_that_it_is_the_point(is_shown: bool, tmp_path: Path) -> None:
    header = "---\nkernelspec:\n  name: python3\n  display_name: Python 3\n  language: python\n"
    header += "geodreg:\n  code: shown\n" if is_shown else ""
    cells = "".join(
        f"```{{code-cell}} ipython3\n{tags}\n1 + 1\n```\n\n"
        for tags in ("", ":tags: [parameters]\n", ":tags: [hide-cell]\n")
    )
    source = tmp_path / "page.md"
    source.write_text(f"{header}---\n\nText.\n\n{cells}")
    pair(source, tmp_path / "page.ipynb")
    found = [
        cell.metadata.get("tags", [])
        for cell in jupytext.read(tmp_path / "page.ipynb").cells
        if cell.cell_type == "code"
    ]
    folded = [] if is_shown else ["hide-input"]
    assert found == [folded, ["parameters", *folded], ["hide-cell"]]


# In a browser.


@pytest.fixture
def small_page(tmp_path: Path) -> Path:
    """A page of our own with a wide table, folded code and a drawing, and the book's style sheet and script."""
    for name in ("readable.js", "readable.css", "book.css"):
        shutil.copy(ROOT / "book" / "_static" / name, tmp_path)
    fold = '<div class="cell"><details class="hide"><summary>Code</summary><pre>1 + 1</pre></details></div>'
    size = 'width="40" height="20"'
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20" {size}><rect {size} style="fill: #ffffff"/></svg>'
    )
    (tmp_path / "drawing.svg").write_text(for_both_themes(svg))
    (tmp_path / "page.html").write_text(
        '<!DOCTYPE html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>Page</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="book.css">'
        '<link rel="stylesheet" href="readable.css"><script src="readable.js"></script></head>'
        f'<body style="margin: 0" class="bd-content"><article class="bd-article"><h1>Title</h1>{fold}{fold}'
        '<table id="wide"><tr>'
        f"{'<td>some words</td>' * 30}</tr></table><table id='slim'><tr><td>1</td></tr></table>"
        '<figure><img src="drawing.svg" alt="A drawing"><figcaption>Caption</figcaption></figure>'
        "</article></body></html>",
        encoding="utf-8",
    )
    return tmp_path / "page.html"


def opened(browser: Browser, page: Path, width: int) -> Page:
    shown = browser.new_page(viewport={"width": width, "height": 800})
    shown.set_default_timeout(60_000)
    shown.goto(page.as_uri())
    return shown


@needs_browser
def test_an_edge_is_faded_while_there_is_more_behind_it(browser: Browser, small_page: Path) -> None:
    page = opened(browser, small_page, 390)
    page.wait_for_selector("#wide.is-cut.has-more-behind:not(.has-more-before)")
    assert page.evaluate("getComputedStyle(document.querySelector('#wide')).maskImage").startswith("linear-gradient")
    assert page.locator("#slim.is-cut").count() == 0
    page.evaluate("document.querySelector('#wide').scrollLeft = 99999")
    page.wait_for_selector("#wide.is-cut.has-more-before:not(.has-more-behind)")
    page.locator("#wide").focus()
    assert page.evaluate("document.activeElement.id") == "wide"
    page.close()


@needs_browser
def test_one_switch_unfolds_all_code_and_folds_it(browser: Browser, small_page: Path) -> None:
    page = opened(browser, small_page, 1280)
    switch, opened_ones = page.locator("button.unfold"), "[...document.querySelectorAll('details')].map(d => d.open)"
    switch.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(opened_ones) == [True, True]
    page.locator("button.unfold[aria-expanded=true]:text-is('Fold all code')").wait_for()
    page.locator("summary").first.click()
    page.locator("button.unfold[aria-expanded=false]:text-is('Unfold all code')").wait_for()
    switch.click()
    switch.click()
    assert page.evaluate(opened_ones) == [False, False]
    page.close()


@needs_browser
def test_a_drawing_is_enlarged_by_keyboard_and_put_back(browser: Browser, small_page: Path) -> None:
    page = opened(browser, small_page, 390)
    page.locator("figure img").focus()
    page.keyboard.press("Enter")
    shown = page.locator("dialog[open] img[alt='A drawing']")
    shown.wait_for()
    assert shown.bounding_box()["width"] >= 390  # type: ignore[index]
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.locator("figure img").click()
    page.locator("dialog[open] button").click()
    assert page.locator("dialog[open]").count() == 0
    page.close()


@needs_browser
def test_a_drawing_takes_the_theme_that_the_page_has_and_not_the_systems(browser: Browser, small_page: Path) -> None:
    page = opened(browser, small_page, 390)
    colours = []
    for system in ("light", "dark"):
        page.emulate_media(color_scheme=system)
        for theme in ("light", "dark"):
            page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
            assert page.evaluate("getComputedStyle(document.querySelector('img')).colorScheme") == theme
            picture = page.locator("figure img").screenshot()
            colours.append(picture)
    assert colours[0] == colours[2]
    assert colours[1] == colours[3]
    assert colours[0] != colours[1]
    page.close()
