"""``interpolate`` and ``chain``: their arguments and the paths that they return; no geometry of its own.

:mod:`~geodreg.interpolation.interpolate` is the door, :mod:`~geodreg.interpolation.group_solve`
puts start curve, objective and solver together;
:mod:`~geodreg.interpolation.arguments` says what may come in, :mod:`~geodreg.interpolation.returned` what a start or a
solver of the user's own may give back.
"""
