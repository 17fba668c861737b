"""The tables of the benchmark, and what they say about speed; nothing is timed (see ``benchmarks/``)."""
