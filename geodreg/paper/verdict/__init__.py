"""An earlier verdict on minimisers of the printed loss, whose tables the page on limits reads.

Its claims are defined in ``data/claims/claims.yaml`` (:mod:`~geodreg.paper.verdict.definitions`), its tables kept by
:mod:`~geodreg.paper.verdict.store`, made effects by :mod:`~geodreg.paper.verdict.effects`, and looked at by
:mod:`~geodreg.paper.verdict.sensitivity`. The claims themselves are judged in :mod:`geodreg.paper.trial`.
"""
