"""What methods and columns are called where a reader meets them."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["LABELS", "MEASURES", "NAMES", "UNSOLVED", "label_of", "names_of"]

NAMES = {
    "geodreg": "GeodReg",
    "geodesic": "Geod",
    "straight": "StraightZ",
    "algorithm1": "GeodReg (Algorithm 1)",
    "slerp": "Slerp",
}
"""The paper's names of its methods, in its order, and of one that it does not have.

``"geodreg"`` is the minimiser of the printed loss, ``"algorithm1"`` what the printed iteration gives.
"""

UNSOLVED = ("straight", "slerp")
"""Methods that draw a curve and leave it."""


def names_of(methods: Iterable[str]) -> dict[str, str]:
    """What methods are called beside each other, in the order of :data:`NAMES`; others have no name.

    Where both are shown, what the paper calls GeodReg is two things, and each is named for what it is.

    Example:
        >>> names_of(["straight", "geodreg"])
        {'geodreg': 'GeodReg', 'straight': 'StraightZ'}
        >>> names_of(["algorithm1", "geodreg"])
        {'geodreg': 'GeodReg (loss)', 'algorithm1': 'GeodReg (Algorithm 1)'}
    """
    present = set(methods)
    both = {"geodreg", "algorithm1"} <= present
    names = {method: name for method, name in NAMES.items() if method in present}
    return {**names, "geodreg": f"{NAMES['geodreg']} (loss)"} if both else names


LABELS = {
    "length": "length",
    "nll_mean": "mean NLL (nats)",
    "nll_max": "largest NLL (nats)",
    "gap": "longest chord / mean chord",
    "iterations": "iterations",
    "excess": "excess length",
    "distance": "distance from the segment",
    "accepted": "fraction accepted by the judge",
    "accepted_judge": "fraction accepted by the classifier",
    "accepted_sharp": "fraction accepted by the sharp classifier",
    "accepted_neighbours": "fraction accepted by the neighbours",
    "condition": "condition number",
    "rejected": "rejected length",
    "angle": "largest angle between chords (degrees)",
    "nll_points": "mean NLL at the points (nats)",
    "at_rest": "at rest",
    "radius_min": "smallest radius",
}
"""What columns of a summary are called in a table that is read."""


def label_of(column: str) -> str:
    """What a column is called where a reader meets it: by :data:`LABELS`, or else by its name in plain words.

    Example:
        >>> label_of("nll_mean"), label_of("largest_distance")
        ('mean NLL (nats)', 'largest distance')
    """
    return LABELS.get(column, column.replace("_", " "))


JUDGES = {"judge": "classifier", "sharp": "sharp classifier", "neighbours": "neighbours"}
"""What the judges of columns are called for reading; the second was trained without blurred fakes."""


MEASURES = {
    "folded share of the prior": "fraction of the prior that is folded over",
    "share of the rarest class among samples": "fraction of the rarest class among samples",
    "held-out training digits told from the classifiers' fakes, mean AUC": (
        "held-out training digits told from the classifiers' fakes, mean area under the ROC curve"
    ),
}
"""What those measures of model cards are called whose names are not for reading; cards keep the names they have."""
