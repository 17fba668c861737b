"""What only this paper's study needs, its pairs, comparisons, controls and claims; no pages, no plots.

The twelve claims are in :mod:`geodreg.paper.trial`, the statements below each figure in
:mod:`geodreg.paper.figure_claims`, those about speed in :mod:`geodreg.paper.speed`.
"""
