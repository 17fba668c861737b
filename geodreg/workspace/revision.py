"""Which revision of the module is at work."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

__all__ = ["revision"]


def revision() -> str:
    """The commit of the checkout that the module is in, with a mark if files were changed; or the version."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=10"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return f"release {version('geodreg')}"
    return described.stdout.strip()
