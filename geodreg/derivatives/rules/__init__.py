"""Rules for the functions that generators are made of: what each does to rows of values and of their tangents."""

from geodreg.derivatives.rules import arithmetic, attention, linear_layers, norms, pointwise, shapes

__all__ = ["arithmetic", "attention", "linear_layers", "norms", "pointwise", "shapes"]
