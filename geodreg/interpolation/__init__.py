"""The front door, ``interpolate``, with its arguments and the paths it returns; no geometry of its own."""
