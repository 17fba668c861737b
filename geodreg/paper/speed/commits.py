"""At which commits the benchmark's tables were measured, and whether that is one."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["CHANGED", "disagreement", "where_measured"]

CHANGED = "-dirty"  # behind a commit: files were changed since


def where_measured(commits: Mapping[str, str]) -> str:
    """Commits with their tables, as Markdown.

    Args:
        commits: of each table, by its name.

    Example:
        >>> where_measured({"cost": "a1", "races": "a1", "starts": "b2"})
        'cost, races at commit `a1`; starts at commit `b2`'
    """
    found: dict[str, list[str]] = {}
    for table, commit in commits.items():
        found.setdefault(commit, []).append(table)
    return "; ".join(f"{', '.join(tables)} at commit `{commit}`" for commit, tables in found.items())


def disagreement(commits: Mapping[str, str]) -> str | None:
    """A sentence that names the tables that are not all of one commit; None if they are.

    Args:
        commits: of each table, by its name.

    Example:
        >>> "races was measured with changes" in disagreement({"cost": "a1", "races": "a1-dirty"})
        True
        >>> disagreement({"cost": "a1", "races": "a1"}) is None
        True
    """
    changed = [table for table, commit in commits.items() if commit.endswith(CHANGED)]
    mixed = len(set(commits.values())) > 1
    if not (mixed or changed):
        return None
    parts = [f"not all of one commit ({where_measured(commits)})"] if mixed else []
    if changed:
        verb = "was" if len(changed) == 1 else "were"
        parts.append(f"{', '.join(changed)} {verb} measured with changes that no commit has")
    said = ", and ".join(parts)
    subject = f"The tables of the benchmark are {said}" if mixed else f"Of the tables of the benchmark, {said}"
    return f"{subject}; `make bench` measures all of them at one."
