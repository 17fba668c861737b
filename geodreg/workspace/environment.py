"""Scripts of an environment that was moved or copied: they name the Python of the place where it was made."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from geodreg.workspace.files import write_whole

__all__ = ["mend_scripts"]

# How pip begins a script: with the path of Python, or where that is long or has a space, by giving it to a shell.
NAMED = rb"""
\#!(?P<shell>/bin/sh\n'''exec'[ ])?
[^\n]*/%s/bin/python[\d.]*["']?
(?P<options>([ ]-\w+)*)
(?(shell)[ ]"\$0"[ ]"\$@"\n'[ ]''')\n
"""
# The same, with the Python beside the script: a shell reads the second line, which to Python is a text.
BESIDE = b"""#!/bin/sh
'''exec' "$(dirname -- "$0")/python"%s "$0" "$@"
' '''
"""


def mend_scripts(environment: Path) -> list[Path]:
    """Have the scripts of an environment run by the Python beside them, wherever it is moved or copied to.

    Args:
        environment: its folder. Scripts that name the Python of an environment of that name are its own.

    Returns:
        those that were mended; all other programs stay as they are.

    Raises:
        geodreg.workspace.files.FileError: if one cannot be written.
    """
    named = re.compile(NAMED % re.escape(environment.name.encode()), re.VERBOSE)
    mended = []
    for script in sorted((environment / "bin").iterdir()):
        if script.is_symlink() or not script.is_file():
            continue
        content, mode = script.read_bytes(), script.stat().st_mode
        if found := named.match(content):
            write_whole(script, BESIDE % found["options"] + content[found.end() :])
            script.chmod(mode)
            mended.append(script)
    return mended


if __name__ == "__main__":
    mend_scripts(Path(sys.argv[1]))
