"""The manifold of a generator, with its metric, volume and density, and curves; nothing is minimised."""
