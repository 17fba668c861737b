"""What the build would do after each of several changes, asked one after the other of one process of Snakemake.

``python -m tests.plans TREE`` reads lists of files from its input, as JSON. It lets everything in the tree count as
built; then, for each list, it adds a line to those files, plans the site, and puts the files back as they were. It
writes the plans.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path


def snakemake(tree: Path, *options: str) -> str:
    """What Snakemake says when it is called for the site of a tree."""
    from snakemake.cli import main  # not where the tests are collected

    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        try:
            main(["site", "--cores", "1", "--directory", str(tree), "--snakefile", str(tree / "Snakefile"), *options])
        except SystemExit as end:
            if end.code:
                raise RuntimeError(said.getvalue()) from None
    return said.getvalue()


@contextmanager
def changed(files: list[Path]) -> Iterator[None]:
    """The files with a line more, and then with the content and the times that they had."""
    before = [(file.read_bytes(), file.stat()) for file in files]
    for file, (content, _) in zip(files, before, strict=True):
        file.write_bytes(content + b"\n")
    yield
    for file, (content, state) in zip(files, before, strict=True):
        file.write_bytes(content)
        os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))


def plans(tree: Path, changes: list[list[str]]) -> Iterator[str]:
    """What Snakemake plans after each of the changes alone."""
    os.chdir(tree)
    snakemake(tree, "--touch", "--force")
    for names in changes:
        with changed([tree / name for name in names]):
            yield snakemake(tree, "--dry-run")


if __name__ == "__main__":
    json.dump(list(plans(Path(sys.argv[1]), json.load(sys.stdin))), sys.stdout)
