"""What a subclass of a manifold may change: nothing that the solver would not see."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["refuse_overrides"]

DENSITY, METRIC, GENERATOR = (
    "pass the log-density of latents as LatentManifold(generator, density=...), or a prior",
    "pass a map of data space whose image is measured as LatentManifold(generator, ambient=...)",
    "pass another callable as the generator, or one that follows it as ambient=",
)
SEAMS = {
    **dict.fromkeys(("nll", "log_volume", "log_prior", "in_support", "prior_precision", "sample_prior"), DENSITY),
    **dict.fromkeys(("metric", "jacobian", "pushforward", "pushforward_part", "pushed"), METRIC),
    **dict.fromkeys(("generate", "generate_flat", "data_size", "parts"), GENERATOR),
}
OURS = "_overrides"  # names that a class of this library replaces, and whose replacement its solver does call


def refuse_overrides(kind: type, base: type) -> None:
    """Refuse a class that overrides a public method of its base.

    Solvers take derivatives in their own way, so they do not call all of these methods; a report would, and be about
    another path than the one that was sought.

    Args:
        kind: the class of which an object is made.
        base: the class whose methods count.

    Raises:
        TypeError: with the names, and with what to pass instead.
    """
    names = sorted(set(_overridden(kind, base)))
    if names:
        ways = dict.fromkeys(SEAMS.get(name, DENSITY) for name in names)
        raise TypeError(
            f"{kind.__name__} overrides {', '.join(names)} of {base.__name__}, which the solver does not call, so path "
            f"and report would disagree; {', and '.join(ways)}."
        )


def _overridden(kind: type, base: type) -> Iterator[str]:
    public = {name for name in vars(base) if not name.startswith("_")}
    for each in kind.__mro__[: kind.__mro__.index(base)]:
        yield from (public & set(vars(each))) - set(vars(each).get(OURS, ()))
