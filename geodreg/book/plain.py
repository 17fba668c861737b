"""MyST text as plain Markdown, for readers that know no roles and directives, such as Jupyter without extensions."""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

__all__ = ["Reader", "plain_notebook", "plain_text"]

FENCE = re.compile(
    r"^(?P<indent> *)(?P<mark>`{3,}|~{3,}|:{3,}) *(?:\{(?P<name>[^}]+)\} *(?P<argument>.*)|(?P<info>.*))$"
)
OPTION = re.compile(r"^:(?P<name>[\w-]+):(?: +(?P<value>.*))?$")
LABEL = re.compile(r"^ *\([^()\s]+\)=\s*$")
ATTRIBUTES = r"\{(?=[.#]|[\w-]+=)[^{}\n]*\}"
COMMENT = re.compile(r"^(?:%|\+\+\+)")
EQUATION = re.compile(r"^(?P<before>.*)\$\$ *\((?P<label>[^()\s]+)\) *$")
# A role, or else a span of code, which is left as it is.
INLINE = re.compile(
    r"\{(?P<role>[A-Za-z][\w:+.-]*)\}(?P<tick>`+)(?P<text>.+?)(?P=tick)(?!`)|(?P<code>`+).+?(?P=code)(?!`)", re.DOTALL
)
NAMED = re.compile(r"^(?P<words>.*?)\s*<(?P<target>[^<>]+)>$", re.DOTALL)
PICTURE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<target>[^)\s]+)\)")
NOTES = ("attention", "caution", "danger", "error", "hint", "important", "note", "seealso", "tip", "warning")
GLUED = "application/papermill.record/text/markdown"
PICTURES, CITED, NUMBERS = ("figure", "image"), "cite", ("numref", "eq")
MARKS = {"sub": "sub", "sup": "sup", "subscript": "sub", "superscript": "sup", "kbd": "kbd"}
WORDS = ("abbr", "term", "guilabel", "menuselection", "dfn")


@dataclass(frozen=True)
class Reader:
    """What the names on a page stand for, as Markdown.

    Attributes:
        refer: the link, or the words, for a label or a page, given the words that the text has for it or None.
        number: the number of an equation or a figure of a label, such as ``"3.1"``; None if it has none.
        cite: the names and years of a list of keys.
        read: the text of a file that a page includes.
        glued: texts that a notebook's cells computed for another place of it, by name.
    """

    refer: Callable[[str, str | None], str]
    number: Callable[[str], str | None]
    cite: Callable[[list[str]], str]
    read: Callable[[str], str]
    glued: Mapping[str, str] = field(default_factory=dict)


def plain_text(text: str, reader: Reader) -> str:
    r"""MyST text as Markdown that Jupyter shows without extensions.

    Roles become links or words, directives what they hold; labels, attributes and comments go. Code is left alone.

    Args:
        text: MyST text.
        reader: what labels, equations and keys stand for.

    Example:
        >>> reader = Reader(lambda target, words: f"*{words or target}*", lambda label: "2", ", ".join, str)
        >>> print(plain_text("(here)=\n# Title\nSee {ref}`there`, `{ref}` and {eq}`law`.", reader))
        # Title
        See *there*, `{ref}` and (2).
    """
    lines = text.split("\n")
    plain: list[str] = []
    prose: list[str] = []

    def flush() -> None:
        plain.append(_prose("\n".join(prose), reader))
        prose.clear()

    at = 0
    while at < len(lines):
        opened = FENCE.match(lines[at])
        # an inline code span may begin a line with as many ticks: its info would hold some
        if opened is None or (opened["info"] and "`" in opened["info"]):
            prose.append(lines[at])
            at += 1
            continue
        end = _closing(lines, at, opened["mark"])
        indent, body = opened["indent"], lines[at + 1 : end]
        if prose:
            flush()
        if opened["name"] is None and not opened["mark"].startswith(":"):
            plain.append("\n".join(lines[at : end + 1]))
        else:
            inner = [line.removeprefix(indent) for line in body]
            shown = _directive(opened["name"] or "", (opened["argument"] or "").strip(), inner, reader)
            plain.append("\n".join(f"{indent}{line}".rstrip() for line in shown.split("\n")))
        at = end + 1
    if prose:
        flush()
    return "\n".join(plain)


def plain_notebook(notebook: Mapping[str, Any], reader: Reader, folder: Path) -> dict[str, Any]:
    """A notebook whose Markdown, in cells and in outputs, is plain; pictures that its cells show are put into it.

    Args:
        notebook: content of an ``.ipynb`` file of format 4; it stays as it is.
        reader: what labels, equations and keys stand for.
        folder: of the notebook; pictures are looked for there.
    """
    changed = deepcopy(dict(notebook))
    reader = replace(reader, glued=_glued(changed))
    for cell in changed["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = _with_pictures(cell, plain_text(_joined(cell["source"]), reader), folder)
        for output in cell.get("outputs", []):
            if "text/markdown" in output.get("data", {}):
                output["data"]["text/markdown"] = plain_text(_joined(output["data"]["text/markdown"]), reader)
    return changed


def _glued(notebook: Mapping[str, Any]) -> dict[str, str]:
    """Texts that cells computed for another place, as ``myst_nb.glue`` keeps them, by name."""
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    kept = [output for output in outputs if GLUED in output.get("data", {})]
    return {output["metadata"]["scrapbook"]["name"]: _joined(output["data"][GLUED]) for output in kept}


def _joined(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def _with_pictures(cell: dict[str, Any], text: str, folder: Path) -> str:
    """The text of a cell whose pictures are its attachments."""

    def attached(match: re.Match[str]) -> str:
        path = folder / match["target"]
        if not path.is_file():
            return match[0]
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        cell.setdefault("attachments", {})[path.name] = {kind: base64.b64encode(path.read_bytes()).decode()}
        return f"![{match['alt']}](attachment:{path.name})"

    return PICTURE.sub(attached, text)


def _closing(lines: list[str], start: int, mark: str) -> int:
    """The line that closes a fence; the last one of the text, if none does."""
    closing = re.compile(rf"^ *{re.escape(mark[0])}{{{len(mark)},}} *$")
    return next((at for at in range(start + 1, len(lines)) if closing.match(lines[at])), len(lines))


def _directive(name: str, argument: str, body: list[str], reader: Reader) -> str:
    """What a directive shows, as Markdown."""
    options = {}
    if body and body[0].strip() == "---":
        end = next((at for at in range(1, len(body)) if body[at].strip() == "---"), 0)
        pairs = (line.partition(":") for line in body[1:end])
        options, body = {key.strip(): value.strip() for key, _, value in pairs}, body[end + 1 :]
    while body and (option := OPTION.match(body[0])):
        options[option["name"]], body = option["value"] or "", body[1:]
    text = "\n".join(body).strip("\n")
    if name in PICTURES:
        picture = f"![{options.get('alt', '')}]({argument})"
        return f"{picture}\n\n{plain_text(text, reader)}" if text else picture
    if name == "math":
        return _equation(text, options.get("label"), reader)
    if name.startswith("glue"):
        return plain_text(reader.glued.get(argument, ""), reader).strip("\n")
    if name == "include":
        return plain_text(reader.read(argument), reader).strip("\n")
    if name in ("code", "code-block", "sourcecode"):
        return f"```{argument}\n{text}\n```"
    if name == "raw":
        return text if argument == "html" else ""
    shown = plain_text(text, reader)
    if name in NOTES or name == "admonition":
        title = argument if name == "admonition" else name.capitalize()
        beside = "" if name == "admonition" or not argument else f"{plain_text(argument, reader)}\n"
        quoted = f"**{title}.** {beside}{shown}"
        return "\n".join(f"> {line}".rstrip() for line in quoted.split("\n"))
    title = f"**{plain_text(argument, reader)}**\n\n" if argument else ""
    return f"{title}{shown}"


def _equation(text: str, label: str | None, reader: Reader) -> str:
    return f"$$\n{text}{_tag(label, reader) if label else ''}\n$$"


def _tag(label: str, reader: Reader) -> str:
    number = reader.number(label)
    return f" \\tag{{{number}}}" if number else ""


def _prose(text: str, reader: Reader) -> str:
    lines = []
    for line in text.split("\n"):
        if LABEL.match(line) or COMMENT.match(line) or re.fullmatch(rf" *{ATTRIBUTES} *", line):
            continue
        equation = EQUATION.match(line)
        if equation:
            line = f"{equation['before']}{_tag(equation['label'], reader).lstrip()}$$"
        lines.append(line)
    plain = INLINE.sub(lambda match: _role(match, reader), "\n".join(lines))
    return re.sub(rf"(\]\([^)\n]*\)){ATTRIBUTES}", r"\1", plain)


def _role(match: re.Match[str], reader: Reader) -> str:
    role, text = match["role"], match["text"]
    if role is None:
        return match[0]
    named = NAMED.match(text)
    words, target = (named["words"], named["target"]) if named else (None, text)
    name = role.rpartition(":")[2]
    if role.startswith(CITED):
        return reader.cite([key.strip() for key in text.split(",")])
    if name in NUMBERS:
        number = reader.number(target)
        if name == "eq":
            return f"({number or target})"
        pattern = words or "Figure %s"
        shown = number or target
        return pattern.replace("%s", shown).replace("{number}", shown)
    if name in ("ref", "doc"):
        return reader.refer(target, words)
    if name == "math":
        return f"${text}$"
    if name in MARKS:
        return f"<{MARKS[name]}>{text}</{MARKS[name]}>"
    if name in WORDS:
        return re.sub(r"\s*\([^()]*\)$", "", text) if name == "abbr" else words or text
    shown = words or target
    return f"`{shown.rpartition('.')[2] if shown.startswith('~') else shown}`"
