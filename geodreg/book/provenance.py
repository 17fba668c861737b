"""The provenance page: what made each page of a build, and the cards of the models."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from geodreg.book.notebook import RECORD, VARIANT
from geodreg.errors import PlainError
from geodreg.models.store import model_path, read_card
from geodreg.paper.labels import MEASURES
from geodreg.plotting.themes import for_both_themes
from geodreg.workspace.files import write_whole

__all__ = ["provenance_page", "variants_table"]

PICTURES = (("samples.png", "Samples", 60), ("losses.svg", "Losses in training", 70))  # width in per cent of the page


def provenance_page(notebooks: Sequence[Path], models: Sequence[str]) -> str:
    """Tables of executed notebooks and of models, as MyST text.

    Args:
        notebooks: executed notebooks of the book.
        models: names of the models they use.

    Raises:
        ValueError: if a notebook holds no record of its run.
    """
    records = {
        path: (_required(path), json.loads(path.read_text(encoding="utf-8"))["metadata"]["papermill"])
        for path in notebooks
    }
    runs = [
        (f"{{doc}}`figures/{path.stem}`", _settings(run["parameters"]), f"`{run['commit']}`", run["device"],
         run["threads"], papermill["start_time"][:19].replace("T", " "), f"{papermill['duration']:.0f}")
        for path, (run, papermill) in records.items()
    ]  # fmt: skip
    versions = sorted({", ".join(f"{k} {v}" for k, v in run["versions"].items()) for run, _ in records.values()})
    return "\n\n".join(
        [
            "## Pages",
            _table("Page | Parameters, seed among them | Commit | Device | Threads | Started (UTC) | Seconds", runs),
            f"Versions: {'; '.join(versions)}.",
            "## Models",
            *(_model(name) for name in models),
        ]
    )


def variants_table(notebooks: Sequence[Path]) -> str:
    """What each page minimises, from where and how, as a MyST table; pages without solves of their own are left out.

    Args:
        notebooks: executed notebooks of the book.
    """
    found = {path: _record(path, VARIANT) for path in notebooks}
    rows = {f"{{doc}}`/figures/{path.stem}`": variant for path, variant in found.items() if variant is not None}
    if not rows:
        return "No page has solves of its own."
    columns = next(iter(rows.values()))
    return _table(" | ".join(["Page", *columns]), [(page, *variant.values()) for page, variant in rows.items()])


def _required(path: Path) -> dict[str, Any]:
    record = _record(path, RECORD)
    if record is None:
        raise ValueError(f"{path} holds no record of its run; its first cell must call geodreg.book.notebook.begin.")
    return record


def _record(path: Path, name: str) -> dict[str, Any] | None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            if output.get("metadata", {}).get("scrapbook", {}).get("name", "").endswith(name):
                text = next(value for kind, value in output["data"].items() if kind.endswith("text/plain"))
                record: dict[str, Any] = json.loads(ast.literal_eval("".join(text)))  # the text is a string's repr
                return record
    return None


def _model(name: str) -> str:
    card = read_card(name)
    rows = [
        ("What", card["what"]),
        ("Seed", card["seed"]),
        ("Settings", _settings(card["settings"])),
        ("Data", _data(card["data"])),
        *((_capitalised(MEASURES.get(name, name)), f"{value:.4g}") for name, value in card["measures"].items()),
        ("Files", _sums(card["files"])),
        ("Made by", f"`{card['command']}` in {card['seconds']:.0f} s on {card['threads']} thread(s)"),
        ("Versions", ", ".join(f"{package} {version}" for package, version in card["versions"].items())),
    ]  # fmt: skip
    pictures = [
        f"```{{image}} _generated/{_picture(name, file)}\n:alt: {alt} of {name}.\n:width: {width}%\n```"
        for file, alt, width in PICTURES
        if file in card["files"]
    ]
    return "\n\n".join([f"### {name}", _table("Entry | Value", rows), *pictures])


def _capitalised(text: str) -> str:
    return text[0].upper() + text[1:]


def _picture(name: str, file: str) -> str:
    return f"{name}-{file}"


def _data(files: Mapping[str, str]) -> str:
    if "generated" in files:
        return files["generated"]
    if len(files) <= 4:
        return _sums(files)
    first, *_, last = files
    digest = hashlib.sha256("".join(f"{sum_}  {file}\n" for file, sum_ in files.items()).encode()).hexdigest()
    return f"{len(files)} files from {first} to {last} (sha256 of their list of sums `{digest[:12]}...`)"


def _sums(files: Mapping[str, str]) -> str:
    return ", ".join(f"{file} (sha256 `{sha256[:12]}...`)" for file, sha256 in files.items())


def _settings(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _table(header: str, rows: Sequence[Sequence[object]]) -> str:
    columns = header.split(" | ")
    lines = ["| " + header + " |", "|" + " :-- |" * len(columns)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def main(
    notebooks: Annotated[list[Path], typer.Argument(help="Executed notebooks.", exists=True)],
    out: Annotated[Path, typer.Option(help="Text to write.")],
) -> None:
    """Write the tables of the provenance page."""
    try:
        _write(notebooks, out)
    except (PlainError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _write(notebooks: Sequence[Path], out: Path) -> None:
    models = sorted({name for path in notebooks for name in _models(path)})
    out.parent.mkdir(parents=True, exist_ok=True)
    for name in models:
        for file, *_ in PICTURES:
            if file in read_card(name)["files"]:
                content = model_path(name, file).read_bytes()
                shown = for_both_themes(content.decode()).encode() if file.endswith(".svg") else content
                write_whole(out.parent / _picture(name, file), shown)
    write_whole(out, f"{provenance_page(notebooks, models)}\n".encode())
    write_whole(out.with_name("variants.md"), f"{variants_table(notebooks)}\n".encode())


def _models(path: Path) -> list[str]:
    names: list[str] = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("geodreg", {}).get("models", [])
    return names


if __name__ == "__main__":
    typer.run(main)
