"""``python -m geodreg`` is the command ``geodreg``."""

from geodreg.commands.cli import app

app(prog_name="geodreg")
