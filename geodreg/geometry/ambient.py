"""What may be measured in place of data: other metrics of data space, and several decoders at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

__all__ = ["Stacked", "fisher_rao_bernoulli", "fisher_rao_logits", "stacked"]


def fisher_rao_bernoulli(p: Tensor) -> Tensor:
    r"""Probabilities as points of a space where lengths are those of the Fisher-Rao metric of Bernoulli variables.

    .. math:: \theta = 2 \arcsin \sqrt p, \qquad d\theta^2 = \frac{dp^2}{p (1 - p)}

    (Rao 1945; Amari and Nagaoka 2000, section 2.2). For ``ambient=`` of a decoder that ends in a sigmoid. The
    derivative is infinite at 0 and 1, which a sigmoid in single precision reaches; :func:`fisher_rao_logits` has no
    such place.

    Args:
        p: probabilities, of any shape, between 0 and 1.

    Example:
        >>> fisher_rao_bernoulli(torch.tensor([0.0, 0.5, 1.0]))
        tensor([0.0000, 1.5708, 3.1416])
    """
    return 2.0 * p.sqrt().asin()


def fisher_rao_logits(s: Tensor) -> Tensor:
    r"""The same from logits, smooth everywhere: for a decoder that is cut before its sigmoid.

    .. math:: \theta = 2 \arctan e^{s/2} = \tfrac{\pi}{2} + 2 \arctan \tanh \tfrac{s}{4}, \qquad
       p = \frac{1}{1 + e^{-s}}

    The second form neither overflows nor has a derivative that does.

    Args:
        s: logits, of any shape.

    Example:
        >>> fisher_rao_logits(torch.tensor([-1000.0, 0.0, 1000.0]))
        tensor([0.0000, 1.5708, 3.1416])
    """
    return torch.pi / 2 + 2.0 * (s / 4).tanh().atan()


class Stacked(nn.Module):
    """Decoders of one latent space side by side; see :func:`stacked`.

    Args:
        decoders: callables ``(n, d) -> (n, *data_shape)``.
    """

    def __init__(self, decoders: Sequence[Callable[[Tensor], Tensor]]) -> None:
        super().__init__()
        self.decoders = tuple(decoders)
        self.modules_among_them = nn.ModuleList(each for each in decoders if isinstance(each, nn.Module))

    def forward(self, z: Tensor) -> Tensor:
        """Images of all decoders over the root of their number, ``(n, d)`` to ``(n, N, *data_shape)``."""
        return torch.stack([decoder(z) for decoder in self.decoders], dim=1) / len(self.decoders) ** 0.5


def stacked(decoders: Sequence[Callable[[Tensor], Tensor]]) -> nn.Module:
    r"""Several decoders of one latent space as one generator, whose pull-back metric is the mean of theirs.

    .. math:: f(z) = \frac{1}{\sqrt N} \bigl( f_1(z), \dots, f_N(z) \bigr), \qquad g(z) = \frac1N \sum_i g_i(z)

    Where the decoders of an ensemble disagree, far from data as a rule, so do their Jacobians, and the mean of their
    metrics depends less on the chance of one training (Syrota et al. 2024). Data points are divided by the root of
    the number; ``x * N**0.5`` are the images of all decoders.

    Args:
        decoders: callables ``(n, d) -> (n, *data_shape)``, at least one.

    Raises:
        TypeError: if one is not callable.
        ValueError: if there is none.

    Example:
        >>> both = stacked([lambda z: 1.0 * z, lambda z: 7.0 * z])
        >>> both(torch.ones(1, 1)).square().sum().round()  # the mean of 1 and 49
        tensor(25.)
    """
    if len(decoders) == 0:
        raise ValueError("decoders is empty; pass at least one callable from latents (n, d) to data (n, ...).")
    each: object
    for place, each in enumerate(decoders):
        if not callable(each):
            raise TypeError(
                f"Decoder {place} is {each!r}; pass callables that take latents (n, d) to data (n, ...), all of one "
                "shape."
            )
    return Stacked(decoders)
