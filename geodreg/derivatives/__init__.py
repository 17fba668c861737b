"""Derivatives of a generator and products with its Jacobian; no curves, no densities.

:mod:`~geodreg.derivatives.ladder` chooses the way to differentiate and checks it,
:mod:`~geodreg.derivatives.rungs` lists the ways, :mod:`~geodreg.derivatives.rules` has the rules of forward mode, layer
by layer, and :mod:`~geodreg.derivatives.jacobian_products` the products for large latents, by reverse mode alone.
:mod:`~geodreg.derivatives.modes` keeps away what a program has set for speed: autocast, TF32, inference mode.
"""
