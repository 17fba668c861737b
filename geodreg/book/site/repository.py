"""What needs a public repository: offered where one is named, left out as a whole where none is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

__all__ = ["offer_repository"]

BINDER = "https://mybinder.org"


def offer_repository(app: Sphinx, config: Config) -> None:
    """Set the theme's options that a repository makes possible: its link, its issues and the launch of notebooks.

    The address is the one setting, ``repository: url`` of ``_config.yml``. The branch there is that of the exported
    notebooks, which ``make export`` writes with the pages where the theme's links look for them.
    """
    options = config.html_theme_options
    if not options.get("repository_url"):
        return
    options.update(
        use_repository_button=True,
        use_issues_button=True,
        launch_buttons={"binderhub_url": BINDER, "notebook_interface": "jupyterlab"},
    )
