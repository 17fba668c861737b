"""Files, places, locks, revision and devices: the machine beneath everything else, which knows nothing of geometry."""
