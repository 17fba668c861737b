"""What a solver minimises: the path energy with the density, by whole Jacobians or by products with them."""
