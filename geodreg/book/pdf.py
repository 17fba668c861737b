"""The whole book as one PDF: jupyter-book's single page, printed by the Chromium of the system.

jupyter-book's own ``pdfhtml`` builder prints with a browser that Playwright would download and cannot be told of
another one, does not wait until the mathematics is set, and writes its single page over the site's. So the page comes
from its ``singlehtml`` builder, and is printed here.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from geodreg.errors import PlainError
from geodreg.workspace.files import write_whole

__all__ = ["PrintError", "find_chromium", "print_page"]

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
PATIENCE = 600_000  # milliseconds: the mathematics of all pages is set one formula after another
MARGINS = {"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"}
FOOTER = '<div style="width: 100vw; font-size: 8px; text-align: center"><span class="pageNumber"></span></div>'
READY = """async () => {
    if (window.MathJax) await MathJax.startup.promise;
    document.querySelectorAll('details:not(.hide)').forEach(node => { node.open = true; });
    document.querySelectorAll('a[href]').forEach(link => { // a file of the site is on no other machine
        if (link.protocol === 'file:' && link.pathname !== location.pathname) link.removeAttribute('href');
    });
    await Promise.all([...document.images].map(image => { image.loading = 'eager'; return image.decode(); }));
    await document.fonts.ready;
}"""


class PrintError(PlainError):
    """A page that could not be printed."""


def find_chromium() -> str:
    """The program that prints: the one that ``CHROMIUM`` names, or that of the system.

    Raises:
        PrintError: if there is none.
    """
    named = os.environ.get("CHROMIUM")
    found = next(filter(None, map(shutil.which, [named] if named else NAMES)), None)
    if found is None:
        what = f"CHROMIUM names {named}, which is no program" if named else f"None of {', '.join(NAMES)} is installed"
        raise PrintError(f"{what}; install Chromium (apt-get install chromium), or set CHROMIUM to a browser like it.")
    return found


def print_page(page: Path, output: Path) -> None:
    """Print a page as A4, with numbers at the foot and an outline of its headings, whole or not at all.

    Args:
        page: HTML file; nothing but what lies beside it is read.
        output: PDF to write.

    Raises:
        PrintError: if there is no Chromium or no page, or a picture of the page is missing.
    """
    program = find_chromium()
    if not page.is_file():
        raise PrintError(f"There is no page {page} to print; make pdf builds it before.")
    from playwright.sync_api import Error, sync_playwright

    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        sheet = browser.new_page(color_scheme="light", offline=True)
        sheet.set_default_timeout(PATIENCE)
        sheet.emulate_media(media="print")
        sheet.goto(page.resolve().as_uri())
        try:
            sheet.evaluate(READY)
        except Error as error:
            raise PrintError(f"{page} has a picture that cannot be shown: {error.message.splitlines()[0]}") from None
        part = Path(scratch) / "book.pdf"
        sheet.pdf(
            path=part, format="A4", margin=MARGINS, print_background=True,  # type: ignore[arg-type]  # a plain dict
            display_header_footer=True, header_template="<span></span>", footer_template=FOOTER,
            outline=True, tagged=True,
        )  # fmt: skip
        browser.close()
        output.parent.mkdir(parents=True, exist_ok=True)
        write_whole(output, part.read_bytes())


def main(
    page: Annotated[Path, typer.Argument(help="HTML file of the whole book.")],
    output: Annotated[Path, typer.Argument(help="PDF to write.")],
) -> None:
    """Print the book's single page as a PDF."""
    try:
        print_page(page, output)
    except (PlainError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"Written: {output}, {output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    typer.run(main)
