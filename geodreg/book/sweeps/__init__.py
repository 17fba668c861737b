"""Reruns of a page by the hundred: defined in ``sweeps/*.yaml``, run by Snakemake, summed up on a page."""
