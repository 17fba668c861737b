"""Figures of the book that re-make one of the paper's have its number; the others are numbered S1, S2 and so on.

A Sphinx extension. The setting ``paper_figures`` gives the paper's number by the name of a figure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

__all__ = ["renumber", "setup"]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.add_config_value("paper_figures", {}, "env", dict)
    app.connect("env-check-consistency", lambda app, env: renumber(env, app.config.paper_figures))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def renumber(env: BuildEnvironment, paper: dict[str, int]) -> None:
    """Replace the numbers that Sphinx has given to the figures, in the order of the book's pages.

    Args:
        env: what Sphinx knows of the pages once it has read all.
        paper: the paper's numbers by the names of figures.

    Raises:
        ValueError: if some of the named figures are on no page.
    """
    anonymous, missing = 0, set(paper)
    for page in _in_order(env):
        numbers: dict[str, tuple[Any, ...]] = env.toc_fignumbers.get(page, {}).get("figure", {})
        for name in numbers:
            if name in paper:
                missing.discard(name)
                numbers[name] = (str(paper[name]),)
            else:
                anonymous += 1
                numbers[name] = (f"S{anonymous}",)
    if 0 < len(missing) < len(paper):  # a book of other pages has none of them
        raise ValueError(f"paper_figures names {', '.join(sorted(missing))}, but no page has a figure of that name.")


def _in_order(env: BuildEnvironment) -> Iterator[str]:
    """Names of the pages as the table of contents has them."""
    seen = set()

    def below(page: str) -> Iterator[str]:
        if page not in seen:
            seen.add(page)
            yield page
            for child in env.toctree_includes.get(page, []):
                yield from below(child)

    yield from below(env.config.root_doc)
