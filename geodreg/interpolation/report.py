"""What a solver says about each path, for reading."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Report"]


@dataclass(frozen=True, eq=False)
class Report:
    """What a solver says about each of ``P`` paths; printed, it is a table of medians and ranges.

    Attributes:
        title: method, number of paths and of points, seconds.
        energy: chord energy.
        density: the regulariser; both add up to the objective.
        objective: what was minimised.
        gradient_norm: norm of its gradient with respect to the latents, where the solve stopped; NaN if none was taken.
        gap: longest chord over mean chord.
        chord_ratio: length of the path over that of the polyline through its points; above 1.01 it swings out between.
        speed_variation: standard deviation of the chords' lengths over their mean.
        evaluations: of the objective; one with fewer points counts for as much as its fraction of points.
        status: why the solver stopped.
        derivatives: how the generator was differentiated, and what that was checked against.
        curvature: what the solver knew of the energy's curvature, and what a Jacobian costs if that was counted.
    """

    title: str
    energy: NDArray[np.float64]
    density: NDArray[np.float64]
    objective: NDArray[np.float64]
    gradient_norm: NDArray[np.float64]
    gap: NDArray[np.float64]
    chord_ratio: NDArray[np.float64]
    speed_variation: NDArray[np.float64]
    evaluations: NDArray[np.float64]
    status: NDArray[np.object_]
    derivatives: str
    curvature: str = ""

    def __str__(self) -> str:
        lines = [self.title, f"{'':16} {'median':>10} {'least':>10} {'most':>10}"]
        for name in self._numbers():
            values = getattr(self, name)
            values = values[np.isfinite(values)]
            shown = [np.median(values), values.min(), values.max()] if values.size else [np.nan] * 3
            lines.append(f"{name.replace('_', ' '):16} " + " ".join(f"{value:10.4g}" for value in shown))
        counts = Counter(str(status) for status in self.status).most_common()
        return "\n".join([*lines, *(f"{count:6d}  {status}" for status, count in counts), *self._said()])

    def to_frame(self) -> pd.DataFrame:
        """A row for each path."""
        import pandas as pd

        return pd.DataFrame({**{name: getattr(self, name) for name in self._numbers()}, "status": self.status})

    def _said(self) -> list[str]:
        return [sentence for sentence in (self.derivatives, self.curvature) if sentence]

    def _numbers(self) -> list[str]:
        return [
            field.name for field in fields(self) if field.name not in ("title", "status", "derivatives", "curvature")
        ]
