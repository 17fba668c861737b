"""Effects and verdicts for reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from geodreg.paper.verdict.definitions import Claim, Definitions
from geodreg.paper.verdict.effects import Effect, Outcome, effects_of, verdict_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["claim_markdown", "claims_markdown", "effects_table"]

FEW = 6  # seeds whose effects are listed one by one


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _pair(interval: tuple[float, float]) -> str:
    return f"{_number(interval[0])} to {_number(interval[1])}"


def effects_table(effects: Sequence[Effect]) -> pd.DataFrame:
    """A row for each test and model: effect, interval, corrected interval, each seed, outcome."""
    import pandas as pd

    rows = []
    for effect in effects:
        bound = "above" if effect.test.above is not None else "below"
        row = [effect.test.what, effect.title, f"{bound} {effect.test.bound:g}"]
        if effect.outcome is Outcome.NO_DATA:
            rows.append([*row, "", "", "", "", str(effect.outcome)])
            continue
        shown = " minus ".join(_each(seeds.values()) for seeds in (effect.seeds, effect.versus) if seeds)
        interval = f"{_pair(effect.interval)}{' (range)' if effect.is_range else ''}"
        rows.append([*row, _number(effect.value), interval, _pair(effect.corrected), shown, str(effect.outcome)])
    columns = ["Number", "Model", "For if", "Effect", "95 % interval", "Corrected", "Each seed", "Outcome"]
    return pd.DataFrame(rows, columns=columns)


def _each(values: Collection[float]) -> str:
    """Effects of the seeds one by one, or their range."""
    return (
        " ".join(map(_number, values)) if len(values) <= FEW else f"{_pair((min(values), max(values)))} ({len(values)})"
    )


def claims_markdown(definitions: Definitions, tables: Mapping[str, pd.DataFrame]) -> str:
    """The claims as a MyST table, a row each: sentence and source, effects of its first number, verdict, links."""
    lines = [
        "| | The paper says | First number, effect on each model | Verdict | Computed on |",
        "| --: | :-- | :-- | :-- | :-- |",
    ]
    for claim in definitions.claims:
        effects = effects_of(claim, tables, definitions.n_outcomes)
        first = [effect for effect in effects if effect.test is claim.tests[0]]
        words = "<br>".join(f"{effect.title}: {_number(effect.value)} ({_pair(effect.interval)})" for effect in first)
        counts = Counter(effect.outcome for effect in effects)
        tally = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome if counts[outcome])
        lines.append(
            f"| {{ref}}`{claim.number} <claim-{claim.name}>` | {claim.sentence} ({claim.source}) "
            f"| {claim.tests[0].what}<br>{words} | **{verdict_of(effects)}**<br>{tally} | {{ref}}`{claim.page}` |"
        )
    return "\n".join(lines)


def claim_markdown(claim: Claim, effects: Sequence[Effect]) -> str:
    """What counts for a claim and against it, what of it cannot fail, and its numbers, as MyST text."""
    parts = [
        f"**{str(verdict_of(list(effects))).capitalize()}.**",
        f"*For:* {claim.counts_for}",
        f"*Against:* {claim.counts_against}",
    ]
    if claim.by_construction is not None:
        parts.append(f"*True by construction:* {claim.by_construction}")
    return "\n\n".join([*parts, effects_table(effects).to_markdown(index=False)])
