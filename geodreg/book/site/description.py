"""What a page says of itself to search engines and messengers: a description and a picture of its own site."""

from __future__ import annotations

import html
import posixpath
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["describe_page", "first_words"]

LONGEST = 200
"""Letters of a description; what shows it cuts longer ones."""
RASTER = (".png", ".jpg", ".jpeg", ".gif")
"""Pictures that messengers show; they show no SVG."""


def first_words(doctree: nodes.document, longest: int = LONGEST) -> str:
    """The first sentences of a page's own text, as many as fit, or its beginning where they would say little.

    Words in bold at the head of a paragraph are its title, and are left out.

    Args:
        doctree: of the page.
        longest: letters of the description.
    """
    text = next(
        (
            words
            for paragraph in doctree.findall(nodes.paragraph)
            if isinstance(paragraph.parent, nodes.section | nodes.document)
            and (words := " ".join("".join(map(_words, _untitled(paragraph))).split()))
        ),
        "",
    )
    if len(text) <= longest:
        return text
    sentences = text[: longest + 1].rpartition(". ")[0]
    return f"{sentences}." if len(sentences) > longest // 2 else text[: longest - 3].rpartition(" ")[0] + "..."


def _untitled(paragraph: nodes.paragraph) -> list[nodes.Node]:
    children = list(paragraph.children)
    return children[1:] if children and isinstance(children[0], nodes.strong) else children


def _words(node: nodes.Node) -> str:
    """The text of a node; of mathematics a symbol without its backslash, but no TeX, which nothing would set."""
    if isinstance(node, nodes.Text):
        return node.astext()
    if isinstance(node, nodes.math):
        return node.astext().replace("\\", "") if len(node.astext()) < 8 else "..."
    return "".join(_words(child) for child in node.children)


def describe_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add a description, and the properties of OpenGraph, to the head of a page.

    A description that the page's own header gives (``html_meta``) stands. The picture is the page's first one that is
    not SVG, or that of ``geodreg_picture``. Its address is absolute where ``html_baseurl`` says where the site is.
    """
    given, site = context.get("metatags", ""), app.config.html_title
    description = (doctree is not None and first_words(doctree)) or app.config.geodreg_description
    title = app.env.titles[pagename].astext() if pagename in app.env.titles else context.get("title", "")
    properties = {"og:title": title or site, "og:type": "article", "og:site_name": site}
    properties["og:description"] = description
    if picture := _picture(app, doctree):
        target = f"{app.builder.imagedir}/{picture}"
        base = app.config.html_baseurl
        folder = posixpath.dirname(pagename) or "."
        properties["og:image"] = posixpath.join(base, target) if base else posixpath.relpath(target, folder)
    if context.get("pageurl"):
        properties["og:url"] = context["pageurl"]
    tags = [f'<meta property="{name}" content="{html.escape(value)}" />' for name, value in properties.items()]
    if 'name="description"' not in given:
        tags.insert(0, f'<meta name="description" content="{html.escape(description)}" />')
    context["metatags"] = given + "\n".join(["", *tags, ""])


def _picture(app: Sphinx, doctree: nodes.document | None) -> str | None:
    """The name that the site has for the picture of a page."""
    images = app.env.images
    own = [node["uri"] for node in doctree.findall(nodes.image)] if doctree is not None else []
    for source in [*own, app.config.geodreg_picture]:
        name = PurePosixPath(source).name
        if source in images and name.endswith(RASTER):
            return str(images[source][1])
        if name.endswith(RASTER) and name in app.builder.images.values():  # as the page was written with it
            return name
    return None
