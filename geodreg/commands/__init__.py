"""The command line, and the commands that Snakemake calls, a file for each kind; no mathematics.

They read options, call the rooms below, and say in a sentence what was wrong with what they were given.
"""
