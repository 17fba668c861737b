"""A module in training mode, whose layers draw at random, mix the rows of a batch or change themselves."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.spectral_norm import SpectralNorm

__all__ = ["refuse_training_mode"]


def refuse_training_mode(*functions: Callable[[Tensor], Tensor] | None) -> None:
    """Refuse generators and ambient maps whose layers do in training mode what a row-wise function does not.

    Raises:
        ValueError: with the layer.
    """
    modules = [each for each in functions if isinstance(each, nn.Module)]
    for part in (part for module in modules for part in module.modules()):
        what = _what_it_does(part) if getattr(part, "training", False) else None  # what is frozen has no mode
        if what is not None:
            raise ValueError(f"The generator is in training mode, where its {what}; call .eval() on it first.")


def _what_it_does(part: nn.Module) -> str | None:
    """What a layer in training mode does beside its work on each row, if it does anything."""
    if isinstance(part, _DropoutNd | _NormBase):
        return f"{type(part).__name__} draws at random or mixes the batch"
    hooks = getattr(part, "_forward_pre_hooks", {}).values()
    if isinstance(part, _SpectralNorm) or any(isinstance(hook, SpectralNorm) for hook in hooks):
        return "spectral norm changes the weights with every call"
    return None
