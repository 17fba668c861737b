"""Batch normalisation, taken out of a network once it is trained."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

__all__ = ["fold_batch_norms"]


def fold_batch_norms(layers: nn.Sequential) -> nn.Sequential:
    """The same map as layers in evaluation mode, each batch normalisation made part of the linear layer before it.

    Example:
        >>> layers = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.SiLU()).eval()
        >>> [type(layer).__name__ for layer in fold_batch_norms(layers)]
        ['Linear', 'SiLU']
    """
    folded: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm1d) and isinstance(folded[-1], nn.Linear):
            folded[-1] = fuse_linear_bn_eval(folded[-1], layer)
        elif isinstance(layer, nn.BatchNorm2d) and isinstance(folded[-1], nn.ConvTranspose2d):
            folded[-1] = fuse_conv_bn_eval(folded[-1], layer, transpose=True)
        else:
            folded.append(layer)
    return nn.Sequential(*folded)
