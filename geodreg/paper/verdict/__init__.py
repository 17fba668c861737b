"""The paper's twelve claims as tests, over many pairs and trainings; no claim is defined in code.

A claim is defined in ``data/claims/claims.yaml`` (:mod:`~geodreg.paper.verdict.definitions`). Its tables are measured
in :mod:`~geodreg.paper.verdict.measures`, for each model and training (:mod:`~geodreg.paper.verdict.plan`), and kept
by :mod:`~geodreg.paper.verdict.store`. :mod:`~geodreg.paper.verdict.effects` makes them effects with intervals, and
:mod:`~geodreg.paper.verdict.reading` says what we read in those. Claim 6, realism, for example, is the entry ``number:
6`` of that file, on the tables ``paths`` and ``frechet``, with the judge of :mod:`geodreg.models.judge` and the
measures of :mod:`geodreg.paper.realism`; :mod:`~geodreg.paper.verdict.presentation` makes its table and its verdict,
which ``notebooks/claims.md`` shows.
"""
