"""Which density, or which metric, makes paths realistic: candidates, what is measured of each, and what decides.

Nothing here draws or prints; the page and the command do.
"""
