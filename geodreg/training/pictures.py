"""Pictures that are kept with a model card: a grid of samples and the loss curves."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from torch import Tensor

__all__ = ["loss_curves", "sample_grid"]

SAME_ALWAYS = {"svg.hashsalt": "geodreg", "svg.fonttype": "path"}


def sample_grid(images: Tensor, low: float = 0.0, high: float = 1.0, ink: bool = False) -> bytes:
    """Images ``(n, h, w)`` in rows of eight, as PNG.

    Args:
        images: the images.
        low: value that is shown darkest.
        high: value that is shown brightest.
        ink: whether high values are dark instead.
    """
    from torchvision.transforms.functional import to_pil_image
    from torchvision.utils import make_grid

    shade = ((images - low) / (high - low)).clamp(0.0, 1.0)
    grid = make_grid((1.0 - shade if ink else shade).unsqueeze(1), nrow=8, padding=2, pad_value=1.0)
    file = io.BytesIO()
    to_pil_image(grid[0]).save(file, format="png", optimize=True)
    return file.getvalue()


def loss_curves(curve: Mapping[str, Sequence[float]]) -> bytes:
    """The columns of a training curve over its first one, as SVG that is the same on every run."""
    import matplotlib.pyplot as plt

    (along, position), *columns = curve.items()
    file = io.BytesIO()
    with plt.style.context(["default", SAME_ALWAYS]):
        figure, axes = plt.subplots(figsize=(6.0, 2.6), layout="constrained")
        for name, values in columns:
            axes.plot(position, values, label=name, linewidth=1.0)
        axes.set(xlabel=along, ylabel="loss")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
        figure.savefig(file, format="svg", metadata={"Date": None})
        plt.close(figure)
    return file.getvalue()
