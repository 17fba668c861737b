"""How pages are run and recorded: parameters, execution, provenance, sweeps; no mathematics."""
