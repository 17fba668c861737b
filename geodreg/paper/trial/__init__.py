"""The trial of the paper's sentences: definitions, what is measured, what decides, and how it is read.

Nothing here draws or prints; the pages and commands do.
"""
