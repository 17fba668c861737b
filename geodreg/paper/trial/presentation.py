"""Effects and verdicts for reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from geodreg.paper.trial.definitions import Claim, Definitions
from geodreg.paper.trial.effects import Effect, Outcome, Verdict, decide, verdicts
from geodreg.paper.trial.equal import curves, equal
from geodreg.paper.trial.plan import DERIVED
from geodreg.paper.trial.reading import method_name, sentence
from geodreg.paper.wording import percent, power_of_ten

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MARKS", "claim_markdown", "claims_markdown", "decisive", "effects_table", "told", "with_derived"]

MARKS = {Verdict.HOLDS: "✔", Verdict.MIXED: "◐", Verdict.FAILS: "✘", Verdict.UNDECIDED: "?"}
"""A mark for each word, so that a row can be read without colour."""

LEAST_PLAIN = 1e-3  # p-value that is not written as a power of ten
QUANTITIES = {"equal_length": "length", "equal_density": "nll_mean"}
SHORT = {None: "", "loss": "loss", "algorithm1": "Algorithm 1"}  # methods in a column, as in the names of curves


def with_derived(definitions: Definitions, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The measured tables, and those that are computed from them."""
    found = dict(tables)
    for name, source in DERIVED.items():
        if source in tables:
            table = tables[source]
            judged = [model for model in table["model"].unique() if model.startswith("mnist")]
            own = table[table["model"].isin(judged)].dropna(axis=1, how="all")
            if len(own):
                found[name] = equal(own, partial(curves, definitions.settings), QUANTITIES[name])
    return found


def number(value: float) -> str:
    """Three digits."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def interval(ends: tuple[float, float]) -> str:
    """From one to the other."""
    return f"{number(ends[0])} to {number(ends[1])}"


def effects_table(effects: Sequence[Effect]) -> pd.DataFrame:
    """A row for each test and model: the deciding part, its plain interval, all parts, p-value and outcome."""
    import pandas as pd

    rows = []
    for effect in effects:
        bound = "above" if effect.test.above is not None else "below"
        tested = [effect.test.what, SHORT[effect.test.method], effect.title, f"{bound} {effect.test.bound:g}"]
        row = ["primary" if effect.test.primary else "", *tested]
        if effect.outcome is Outcome.NO_DATA:
            rows.append([*row, "", "", "", "", str(effect.outcome)])
            continue
        part = effect.decisive
        values = sorted(each.value for each in effect.parts)
        spread = interval((values[0], values[-1])) if len(values) > 1 else ""
        named = f"{number(part.value)}{f' ({part.name})' if part.name else ''}"
        rows.append([*row, named, interval(part.interval), spread, _probability(effect.adjusted), str(effect.outcome)])
    columns = ["", "Number", "Method", "Model", "For if", "Effect", "95 % interval", "All parts", "p", "Outcome"]
    table = pd.DataFrame(rows, columns=columns)
    return table if table["Method"].any() else table.drop(columns="Method")


def _probability(value: float) -> str:
    """A p-value that the end of a line does not break in two."""
    return f"{value:.2g}" if value >= LEAST_PLAIN else power_of_ten(value).replace(" ", "\N{NO-BREAK SPACE}")


def decisive(effects: Sequence[Effect]) -> Effect | None:
    """The primary effect that decides a verdict: one that does not count for the claim, or else the least certain."""
    own = [effect for effect in effects if effect.test.primary and effect.outcome is not Outcome.NO_DATA]
    against = [effect for effect in own if effect.outcome is not Outcome.FOR]
    return max(against or own, key=lambda effect: effect.adjusted, default=None)


def claims_markdown(
    definitions: Definitions, tables: Mapping[str, pd.DataFrame], decided: Mapping[int, Sequence[Effect]]
) -> str:
    """The claims as a MyST table, a row for each claim and method.

    A row has the sentence, the verdict with its mark and what was found, the deciding number with its plain
    95 % interval, and what it rests on: trained models, and how many of their samples the judges accept.

    Args:
        definitions: the claims.
        tables: by name.
        decided: effects of each claim, from :func:`~geodreg.paper.trial.effects.decide`.
    """
    lines = [
        "| | The paper's claim, in our words | Verdict | Deciding number | Rests on |",
        "| --: | :-- | :-- | :-- | :-- |",
    ]
    for claim in definitions.claims:
        effects = decided[claim.number]
        for place, (method, verdict) in enumerate(verdicts(claim, effects).items()):
            own = [effect for effect in effects if method is None or effect.test.method in (method, None)]
            deciding = decisive(own)
            first = place == 0
            cells = [
                f"{{ref}}`{claim.number} <claim-{claim.name}>`" if first else "",
                f"{claim.sentence} ({claim.source})" if first else "",
                f"**{verdict_words(verdict, own)}**{f', {method_name(method)}' if method else ''}<br>"
                + sentence(claim, effects, method),
                "" if deciding is None else _deciding(deciding),
                rests_on(own, tables),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def verdict_words(verdict: Verdict, effects: Sequence[Effect]) -> str:
    """A verdict with its mark, whether some of its primary tests are still to be measured, and why there is none.

    Args:
        verdict: on one method, or on none.
        effects: what it was made of.
    """
    own = [effect.outcome is Outcome.NO_DATA for effect in effects if effect.test.primary]
    so_far = "" if not any(own) else " so far"
    why = (
        ""
        if verdict is not Verdict.UNDECIDED
        else ": not measured yet"
        if all(own)
        else ": no test is decided on these samples"
    )
    return f"{MARKS[verdict]} {verdict}{so_far}{why}"


def _deciding(effect: Effect) -> str:
    part = effect.decisive
    which = ", ".join(filter(None, [effect.title, part.name]))
    low, high = part.interval
    bound = effect.test.bound
    alone = effect.outcome is Outcome.UNDECIDED and not low <= bound <= high
    why = f"; with all tests counted, p = {effect.adjusted:.2g}" if alone else ""
    favourable = f"in favour {'above' if effect.test.above is not None else 'below'} {bound:g}"
    return f"{effect.test.what}: {number(part.value)} ({interval(part.interval)}), {favourable}; {which}{why}"


def rests_on(effects: Sequence[Effect], tables: Mapping[str, pd.DataFrame]) -> str:
    """Models of the primary tests, with the number of their trainings and the fraction of samples that is accepted.

    Those that are still to be measured come last.
    """
    found, missing = {}, dict.fromkeys(effect.title for effect in effects if effect.test.primary and not effect.parts)
    for effect in effects:
        if effect.test.primary and effect.parts:
            units = "persons" if effect.model.startswith("yale") else "trainings"
            number_of = f"{len(effect.parts[0].seeds)} {units}"
            found[effect.model] = f"{effect.title} ({number_of}{accepted(effect.model, tables)})"
    return "; ".join([*found.values(), *([f"not measured yet: {', '.join(missing)}"] if missing else [])])


def accepted(model: str, tables: Mapping[str, pd.DataFrame]) -> str:
    """How many of a digit model's samples the judges accept, from one to the other, or nothing."""
    samples = tables.get("samples")
    columns = [] if samples is None else [name for name in samples.columns if name.startswith("rejected_")]
    own = samples[samples["model"] == model] if samples is not None else None
    if own is None or not columns or own[columns].isna().all(axis=None) or not len(own):
        return ""
    rates = [1.0 - float(own[name].astype(float).mean()) for name in columns]
    return f"; {percent(min(rates))} to {percent(max(rates))} of its samples accepted"


def claim_markdown(claim: Claim, effects: Sequence[Effect]) -> str:
    """What counts for a claim and against it, what of it cannot fail, and its numbers, as MyST text."""
    words = [
        verdict_words(verdict, [effect for effect in effects if method is None or effect.test.method in (method, None)])
        + (f" ({method_name(method)})" if method else "")
        for method, verdict in verdicts(claim, effects).items()
    ]
    parts = [
        f"**{'; '.join(words)}.** {sentence(claim, effects)}",
        f"*For:* {claim.counts_for}",
        f"*Against:* {claim.counts_against}",
    ]
    if claim.by_construction is not None:
        parts.append(f"*True by construction:* {claim.by_construction}")
    if claim.cited:
        parts.append(f"*Predicted by* {{cite:p}}`{','.join(claim.cited)}`.")
    return "\n\n".join([*parts, effects_table(effects).to_markdown(index=False)])


def told(definitions: Definitions, tables: Mapping[str, pd.DataFrame], only: Claim | None = None) -> str:
    """All claims, or one, for a terminal."""
    everything = decide(definitions, with_derived(definitions, tables))
    blocks = []
    for claim in definitions.claims if only is None else [only]:
        effects = everything[claim.number]
        words = ", ".join(
            f"{str(verdict).upper()}{f' ({method})' if method else ''}"
            for method, verdict in verdicts(claim, effects).items()
        )
        table = effects_table(effects).to_string(index=False)
        blocks.append(f"\n{claim.number}. {claim.sentence}  {words}\n{sentence(claim, effects)}\n{table}")
    return "\n".join(blocks)
