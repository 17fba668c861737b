"""The pages of the built site as Chromium shows them: each is opened twice, and what is seen is kept for every test."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from playwright.sync_api import Browser, Page

SITE = Path(__file__).parent.parent / "_build" / "html"
PAGES = sorted(
    path.relative_to(SITE).as_posix()
    for path in SITE.rglob("*.html")
    if "_static" not in path.parts and not re.match(r"genindex|search|py-modindex|prf-prf|index", path.name)
) or ["intro.html"]
IS_BUILT = (SITE / "intro.html").is_file()
NEEDS_SITE = "needs the built site: make book"

SCHEMES, WIDTHS = ("light", "dark"), (1280, 390)
A4 = {"width": 673, "height": 987}  # within the margins, in pixels
SMALLEST = 9.0  # pixels
AA, AA_LARGE = 4.5, 3.0  # WCAG 2.1, 1.4.3
ROUNDING = 0.05  # of contrasts of colours that were rounded to 8 bits

Seen = dict[str, Any]
Look = Callable[[str], Seen]

RAW = """() => {
  const article = document.querySelector('.bd-article').cloneNode(true);
  article.querySelectorAll('pre, code, script, mjx-container').forEach(node => node.remove());
  return article.textContent;
}"""

READ = """() => {
  const light = c => { const l = c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2]; };
  const parse = text => { const n = (text.match(/[\\d.]+/g) || []).map(Number); return n.length < 3 ? null : [...n.slice(0, 3), n[3] ?? 1]; };
  const over = (a, b) => a.slice(0, 3).map((v, i) => v * a[3] + b[i] * (1 - a[3]));
  const ground = e => { const layers = [];
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c && c[3] > 0) { layers.push(c); if (c[3] === 1) break; }
    }
    return layers.reverse().reduce((below, c) => over(c, below), [255, 255, 255]); };
  const cut = [...document.querySelectorAll(".bd-article :is(table, mjx-container[display='true'])")].filter(e => e.checkVisibility()).filter(e => {
    const scroller = /auto|scroll/.test(getComputedStyle(e).overflowX) ? e : null;
    const over = e.scrollWidth > e.clientWidth + 1;
    return over && !(scroller && e.classList.contains('is-cut')) || e.getBoundingClientRect().right > innerWidth + 1;
  }).map(e => e.textContent.trim().slice(0, 60));
  const pale = new Map(), walker = document.createTreeWalker(document.querySelector('.bd-article'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || e.closest('script, style, svg, mjx-assistive-mml')) continue;
    const style = getComputedStyle(e), below = ground(e), text = parse(style.color);
    if (!text) continue;
    const [a, b] = [light(over(text, below)), light(below)].sort((x, y) => y - x), found = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize), isLarge = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
    if (found < (isLarge ? LARGE : SMALL)) pale.set(`${e.tagName}.${e.className} ${style.color} on ${below.map(Math.round)}`, [found, walker.currentNode.textContent.trim().slice(0, 30)]);
  }
  const images = [...document.querySelectorAll('.bd-article img')].filter(i => i.checkVisibility() && i.clientWidth)
    .map(i => [i.currentSrc || i.src, i.clientWidth]);
  const open = [...document.querySelectorAll('.bd-article .cell_input')].filter(c => !c.closest('details')).length;
  const scrolled = [...document.querySelectorAll('.bd-article table.is-cut:not(.works)')].filter(e => e.checkVisibility()).map(e => e.textContent.trim().slice(0, 60));
  return { cut, pale: [...pale], images, open, scrolled };
}"""  # noqa: E501
READ = READ.replace("LARGE", str(AA_LARGE - ROUNDING)).replace("SMALL", str(AA - ROUNDING))

HEAD = """text => {
  const page = new DOMParser().parseFromString(text, 'text/html');
  const tags = [...page.querySelectorAll('head > meta')].map(tag => [tag.getAttribute('property') || tag.name, tag.content]);
  return { titles: page.querySelectorAll('head > title').length, title: page.title, tags: Object.fromEntries(tags),
    heading: page.querySelector('article h1').textContent };
}"""  # noqa: E501

HELD = """() => {
  const all = (selector, value) => [...document.querySelectorAll(selector)].map(value);
  return {
    silent: all('article img', i => i).filter(i => !i.alt.trim()).length,
    links: all('a[href]', a => a.href),
    captions: all('figure figcaption .caption-number', n => n.textContent),
    figures: all('figure', f => f).length,
    downloads: all('a.download', a => a.getAttribute('href')),
  };
}"""

PRINTED = """() => {
  const count = selector => [...document.querySelectorAll(selector)].filter(e => e.checkVisibility({ visibilityProperty: true })).length;
  return {
    wide: [...document.querySelectorAll('.bd-article :is(table, pre, img, svg, mjx-math)')]
      .filter(node => node.getClientRects().length && node.getBoundingClientRect().right > innerWidth + 1)
      .map(node => node.outerHTML.slice(0, 80)),
    folds: count('details.hide > summary'),
    bars: count('.bd-sidebar-primary, .copybtn, #jb-print-docs-body, .readable-button, .toggle-button'),
    narrow: [...document.querySelectorAll('.bd-article picture > source')].filter(s => s.nextElementSibling.currentSrc === s.srcset).length,
    hidden: [...document.querySelectorAll('.sd-tab-content, .tag_printed .cell_input')].filter(e => !e.checkVisibility()).length,
    headings: count('article h1'),
  };
}"""  # noqa: E501


def look_at(browser: Browser, name: str) -> Seen:
    """What there is to see on a page of the site.

    It is opened in light on a desk, and in dark on a phone; each is then made as wide as the other, and in the end it
    is printed. The head is that of the file, before any script.
    """
    context = browser.new_context(viewport={"width": WIDTHS[0], "height": 900})
    page = context.new_page()
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("request", lambda request: trouble.append(request.url) if not _is_local(request.url) else None)
    address = (SITE / name).as_uri()
    seen: Seen = {"shown": {}}
    for scheme, widths in zip(SCHEMES, (WIDTHS, WIDTHS[::-1]), strict=True):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": widths[0], "height": 900})
        page.goto(address)
        page.wait_for_function("window.MathJax === undefined || MathJax.startup.promise !== undefined")
        page.evaluate("window.MathJax ? MathJax.startup.promise.then(() => null) : null")
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(200)  # for what watches its own width
            seen["shown"][f"{scheme} {width}"] = {**_shown(page), "trouble": [*trouble]}
    seen |= page.evaluate(HELD)
    seen |= {"head": page.evaluate(HEAD, (SITE / name).read_text(encoding="utf-8")), "content": page.content()}
    page.emulate_media(media="print", color_scheme=SCHEMES[0])  # type: ignore[arg-type]
    page.set_viewport_size(A4)  # type: ignore[arg-type]
    page.wait_for_timeout(200)
    seen["printed"] = page.evaluate(PRINTED)
    context.close()
    return seen


def _is_local(url: str) -> bool:
    return url.startswith(("file:", "data:", "blob:"))


def _shown(page: Page) -> Seen:
    read = page.evaluate(READ)
    return {
        **{key: read[key] for key in ("cut", "pale", "open", "scrolled")},
        "small": too_small(read["images"]),
        "theme": page.evaluate("document.documentElement.dataset.theme"),
        "width": page.evaluate("document.documentElement.scrollWidth"),
        "broken": page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"),
        "raw": _raw_tex(page.evaluate(RAW)),
    }


def _raw_tex(text: str) -> list[str]:
    """Mathematics that was left as source in what a reader sees, outside of code."""
    return re.findall(r"\\\(.{0,40}|\\\[.{0,40}|\\(?:frac|mu|top|sum|log)\b.{0,20}|\$[^$]{1,40}\$", text)


def text_sizes(svg: str) -> list[float]:
    """Sizes of the texts of a drawing by matplotlib, in its own units; text is written as outlines of 100 units."""
    return [
        100 * float(size)
        for size in re.findall(r'<g id="text_\d+">(?:\s*<!--.*?-->)?\s*<g[^>]*?scale\(([\d.]+) -', svg, re.DOTALL)
    ]


def width_of(svg: str) -> float:
    """Width of a drawing, in its own units."""
    found = re.search(r'viewBox="0 0 ([\d.]+)', svg)
    assert found is not None
    return float(found[1])


def decoded(address: str) -> str:
    """The drawing in an address that holds it."""
    return base64.b64decode(address.split(",", 1)[1]).decode()


def too_small(images: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Drawings of which some text is below nine pixels, and how large that is, given their addresses and widths."""
    found = []
    for address, shown in images:
        if address.startswith("data:image/svg+xml;base64,"):
            svg = decoded(address)
        elif address.endswith(".svg"):
            svg = Path(unquote(address.removeprefix("file://"))).read_text()
        else:
            continue
        size = min(text_sizes(svg), default=SMALLEST) * shown / width_of(svg)
        if size < SMALLEST - ROUNDING:
            found.append((address[-80:], size))
    return found
