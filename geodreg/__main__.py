"""``python -m geodreg`` is the command ``geodreg``."""

from geodreg.cli import app

app(prog_name="geodreg")
