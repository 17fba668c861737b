r"""Densities of latents that may take the place of the push-forward density, from what a trained model has at hand.

Each is a differentiable log-density ``(n, d) -> (n,)`` up to a constant, for ``density=`` of
:class:`~geodreg.LatentManifold`. The push-forward density itself is

.. math:: \log p(z) - \tfrac12 \log\det(J^\top J + \sigma^2 I),

and its two halves are the prior and the inverse of the volume.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from geodreg.geometry.manifold import LatentManifold
from geodreg.models.convolutional import DigitDiscriminator

__all__ = ["aggregated_posterior", "bandwidth", "kernel_density", "realism_logit", "thin_volume"]

LogDensity = Callable[[Tensor], Tensor]


def thin_volume(manifold: LatentManifold) -> LogDensity:
    r"""The volume's half of the push-forward density, :math:`-\frac12 \log\det(J^\top J + \sigma^2 I)`, with its noise.

    Args:
        manifold: of the generator.
    """
    return lambda z: -manifold.log_volume(z)


def aggregated_posterior(mean: Tensor, log_variance: Tensor) -> MixtureSameFamily:
    r"""What an encoder makes of data, as one density of latents: :math:`\frac1N \sum_n q(z | x_n)`.

    Args:
        mean: of each data point's normal distribution, ``(N, d)``.
        log_variance: of the same, ``(N, d)``.

    Returns:
        a mixture of ``N`` normal distributions with diagonal covariance.
    """
    of_each = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    return MixtureSameFamily(Categorical(logits=mean.new_zeros(len(mean))), of_each)


def kernel_density(latents: Tensor, width: float | None = None) -> MixtureSameFamily:
    """A Gaussian kernel density of latents, of real data that were inverted for example.

    Args:
        latents: ``(N, d)``.
        width: standard deviation of the kernel, in latent units; default that of :func:`bandwidth`.
    """
    width = bandwidth(latents) if width is None else width
    return aggregated_posterior(latents, torch.full_like(latents, width).log() * 2.0)


def bandwidth(latents: Tensor, tried: int = 25) -> float:
    """The width at which a kernel density gives each point the largest mean log-density when that point is left out.

    Args:
        latents: ``(N, d)``, at least two.
        tried: number of widths, in even ratios between a twentieth of the root mean square distance of two points and
            that distance.

    Raises:
        ValueError: if there are fewer than two points.
    """
    n, d = latents.shape
    if n < 2:
        raise ValueError(f"latents has {n} points; pass at least two, of which one can be left out.")
    square = torch.cdist(latents, latents).double().square()
    largest = (square.sum() / (n * (n - 1))).sqrt()
    widths = torch.logspace(-1.3, 0.0, tried, dtype=torch.float64) * largest
    left_out = square.fill_diagonal_(torch.inf)
    means = [(-0.5 * left_out / width**2).logsumexp(-1).mean() - d * width.log() for width in widths]
    return float(widths[torch.stack(means).argmax()])


def realism_logit(
    generator: Callable[[Tensor], Tensor], discriminator: DigitDiscriminator, images: Tensor
) -> LogDensity:
    r"""A discriminator's logit of the image of each latent, :math:`\log p_{\mathrm{data}} / p_{\mathrm{model}}` at best.

    The discriminator also looks at how much the images of a batch differ; that is fixed here to what it is for given
    images, so that the density of a latent does not depend on the others.

    Args:
        generator: ``(n, d) -> (n, 28, 28)``.
        discriminator: it was trained against.
        images: samples of the generator, ``(N, 28, 28)``.
    """
    with torch.no_grad():
        spread = discriminator.spread(discriminator.features(images.unsqueeze(1)).flatten(1))
    return lambda z: discriminator.logits(generator(z), spread)
