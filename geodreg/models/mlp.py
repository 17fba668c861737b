"""Multi-layer perceptrons: the generators of the circle and of the digits, and their counterparts in training."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["ACTIVATIONS", "VAE", "CircleGenerator", "DecoderEnsemble", "DigitGenerator", "perceptron"]

ACTIVATIONS: dict[str, type[nn.Module]] = {kind.__name__: kind for kind in (nn.SiLU, nn.Tanh, nn.Softplus, nn.ReLU)}
"""What may stand between the layers of a digit model. The book's are smooth; ReLU is there to see what it does."""


def perceptron(sizes: Sequence[int], activation: type[nn.Module], batch_norm: bool = False) -> nn.Sequential:
    """Linear layers of the given sizes with an activation between them, after a batch normalisation if asked for.

    Example:
        >>> [type(layer).__name__ for layer in perceptron([2, 20, 2], nn.Tanh)]
        ['Linear', 'Tanh', 'Linear']
    """
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes[:-1]):
        layers += [nn.Linear(n_in, n_out), *([nn.BatchNorm1d(n_out)] if batch_norm else []), activation()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


class CircleGenerator(nn.Module):
    """The paper's generator of Figure 2: 2-20-20-2, hyperbolic tangents; ``(n, 2)`` to ``(n, 2)``."""

    latent_dim = 2

    def __init__(self) -> None:
        super().__init__()
        self.layers = perceptron([2, 20, 20, 2], nn.Tanh)

    def forward(self, z: Tensor) -> Tensor:
        """Points of the plane."""
        return self.layers(z)


class DigitGenerator(nn.Module):
    """Images of 28 x 28 grey values in (0, 1) from a latent vector: ``(n, d)`` to ``(n, 28, 28)``.

    Args:
        latent_dim: latent size ``d``.
        hidden: sizes of the hidden layers.
        batch_norm: with batch normalisation, for training.
        activation: between the layers, a key of :data:`ACTIVATIONS`.
    """

    def __init__(
        self,
        latent_dim: int,
        hidden: Sequence[int] = (256, 512),
        batch_norm: bool = False,
        activation: str = "SiLU",
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.layers = perceptron([latent_dim, *hidden, 28 * 28], ACTIVATIONS[activation], batch_norm)

    def logits(self, z: Tensor) -> Tensor:
        """Log-odds of the grey values: ``(n, d)`` to ``(n, 784)``."""
        return self.layers(z)

    def forward(self, z: Tensor) -> Tensor:
        """Grey values."""
        return torch.sigmoid(self.layers(z)).unflatten(-1, (28, 28))


class DecoderEnsemble(nn.Module):
    """Decoders of one latent space: ``(n, d)`` to ``(n, N, 28, 28)``.

    Args:
        decoders: their number ``N``.
        latent_dim: latent size ``d``.
        hidden: sizes of the hidden layers of each.
        activation: between the layers, a key of :data:`ACTIVATIONS`.
    """

    def __init__(
        self, decoders: int, latent_dim: int, hidden: Sequence[int] = (256, 512), activation: str = "SiLU"
    ) -> None:
        super().__init__()
        self.decoders = nn.ModuleList(
            DigitGenerator(latent_dim, hidden, activation=activation) for _ in range(decoders)
        )

    @property
    def members(self) -> list[DigitGenerator]:
        """Each of them."""
        return [decoder for decoder in self.decoders if isinstance(decoder, DigitGenerator)]

    def forward(self, z: Tensor) -> Tensor:
        """Grey values of all of them."""
        return torch.stack([decoder(z) for decoder in self.decoders], dim=1)


class VAE(nn.Module):
    """A Gaussian encoder before a digit generator (Kingma and Welling 2013).

    Args:
        latent_dim: latent size ``d``.
        hidden: sizes of the generator's hidden layers; the encoder has them in reverse.
        activation: between the layers of both, a key of :data:`ACTIVATIONS`.
    """

    def __init__(self, latent_dim: int, hidden: Sequence[int] = (256, 512), activation: str = "SiLU") -> None:
        super().__init__()
        self.encoder = perceptron([28 * 28, *reversed(hidden), 2 * latent_dim], ACTIVATIONS[activation])
        self.generator = DigitGenerator(latent_dim, hidden, activation=activation)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the approximate posterior: ``(n, 28, 28)`` to ``(n, d)`` twice."""
        mean, log_variance = self.encoder(images.flatten(1)).chunk(2, dim=-1)
        return mean, log_variance

    def negative_elbo(self, images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Binary cross-entropy and Kullback-Leibler divergence of each image, in nats, with one posterior sample.

        Args:
            images: grey values in [0, 1], ``(n, 28, 28)``; the cross-entropy is taken against them as they are.
            generator: source of the posterior sample.

        Returns:
            cross-entropy ``(n,)`` and divergence ``(n,)``; their sum is the negative evidence lower bound.
        """
        mean, log_variance = self.encode(images)
        draw = torch.randn(mean.shape, generator=generator, dtype=mean.dtype)
        z = mean + (0.5 * log_variance).exp() * draw.to(mean.device)
        cross_entropy = nn.functional.binary_cross_entropy_with_logits(
            self.generator.logits(z), images.flatten(1), reduction="none"
        ).sum(-1)
        divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1.0).sum(-1)
        return cross_entropy, divergence
