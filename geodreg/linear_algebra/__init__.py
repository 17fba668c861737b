"""Linear algebra that knows nothing of generators: block-tridiagonal systems, conjugate gradients, Lanczos."""
