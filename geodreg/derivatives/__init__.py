"""Derivatives of a generator, layer by layer, and products with its Jacobian; no curves, no densities."""
