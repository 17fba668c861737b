"""Block-tridiagonal systems, conjugate gradients, Lanczos; nothing that knows of generators or curves."""
