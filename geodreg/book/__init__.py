"""How a page is run and recorded, from its parameters to its provenance, and sweeps; no mathematics.

:mod:`~geodreg.book.execution` executes a page and keeps an earlier result if it fails, :mod:`~geodreg.book.notebook` is
what the page itself calls. What a page computes is in :mod:`geodreg.paper`, what it draws in :mod:`geodreg.plotting`.
"""
