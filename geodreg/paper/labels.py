"""What methods and columns are called where a reader meets them."""

from __future__ import annotations

__all__ = ["LABELS", "NAMES"]

NAMES = {"geodreg": "GeodReg", "geodesic": "Geod", "straight": "StraightZ", "slerp": "Slerp"}
"""The paper's names of its methods, in its order, and of one that it does not have."""

LABELS = {
    "length": "length",
    "nll_mean": "mean NLL",
    "nll_max": "largest NLL",
    "gap": "longest chord / mean chord",
    "iterations": "iterations",
    "excess": "excess length",
    "distance": "distance from the line",
    "accepted": "accepted by the judge",
    "condition": "condition number",
}
"""What columns of a summary are called in a table that is read."""
