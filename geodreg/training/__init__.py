"""Training of the book's models, a file for each kind, and their cards; no page trains in other ways.

``geodreg train NAME`` runs a recipe of :mod:`~geodreg.training.recipes`.
"""
