"""Rules for the functions that generators are made of: what each does to rows of values and of their tangents.

An activation is a formula with its first two derivatives in ``activations``, which ``pointwise`` makes rules of. Layers
with weights are in ``linear_layers``, norms in ``norms``, softmax and products of variables in ``attention`` and
``arithmetic``, whatever only moves numbers in ``shapes``.
"""

from geodreg.derivatives.rules import arithmetic, attention, linear_layers, norms, pointwise, shapes

__all__ = ["arithmetic", "attention", "linear_layers", "norms", "pointwise", "shapes"]
