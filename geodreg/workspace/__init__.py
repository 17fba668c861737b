"""Files written whole, places, locks, revision, devices; the machine, which knows nothing of geometry."""
