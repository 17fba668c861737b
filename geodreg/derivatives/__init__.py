"""Derivatives of a generator: rules layer by layer, and products with its Jacobian; nothing of curves or densities."""
