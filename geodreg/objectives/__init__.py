"""What a solver minimises, the path energy with the density, and its derivatives; no step is taken.

:mod:`~geodreg.objectives.dense` works with whole Jacobians, :mod:`~geodreg.objectives.matrix_free` with products.
"""
