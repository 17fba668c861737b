"""A page rerun with many values, as ``sweeps/*.yaml`` defines it, and its summary; nothing is run here.

Snakemake runs it (``sweep.smk``), by the commands of :mod:`geodreg.commands.sweep_job`.
"""
