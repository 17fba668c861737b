"""The manifold of a generator and curves on it: metric, volume, density, lengths; nothing is minimised here."""
