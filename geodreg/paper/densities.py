r"""Densities of latents that may take the place of the push-forward density, from what a trained model has at hand.

Each is a differentiable log-density ``(n, d) -> (n,)`` up to a constant, for ``density=`` of
:class:`~geodreg.LatentManifold`. The push-forward density itself is

.. math:: \log p(z) - \tfrac12 \log\det(J^\top J + \sigma^2 I),

and its two halves are the prior and the inverse of the volume.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from geodreg.models.convolutional import DigitDiscriminator
from geodreg.models.denoiser import Denoiser

__all__ = [
    "aggregated_posterior",
    "agreement",
    "bandwidth",
    "denoising_bound",
    "kernel_density",
    "mean_and_disagreement",
    "realism_logit",
    "with_features",
]

LogDensity = Callable[[Tensor], Tensor]


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
    r"""A discriminator's logit of the image of each latent.

    At best it is the logarithm of the data's density over the model's (Goodfellow et al. 2014), a density of neither.
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


def denoising_bound(
    denoiser: Denoiser, levels: Sequence[float] = (0.2, 0.4, 0.8), n_draws: int = 1, seed: int = 0
) -> LogDensity:
    r"""A stand-in for a log-density of digits from a denoiser: what it leaves undone at a few levels of noise.

    .. math:: - \sum_i \Delta \log \sigma_i \; \mathbb E_\epsilon
       \frac{|x - \hat x(x + \sigma_i\epsilon, \sigma_i)|^2}{\sigma_i^2}

    With all levels and all draws, the integral is the lower bound that diffusion models maximise, up to a constant
    (Kingma et al. 2021, the loss in continuous time). With a few it is no bound. All images have the same draws, each
    with both signs, so that it is smooth, and images differ in it by what they are and not by their draws.

    Args:
        denoiser: trained on real digits.
        levels: of the noise, in even ratios, in grey values.
        n_draws: at each level.
        seed: of the draws.

    Returns:
        a log-density of images, ``(n, 28, 28) -> (n,)``, in nats, up to a constant and to what is left out.
    """
    draws = torch.randn(n_draws, 28, 28, generator=torch.Generator().manual_seed(seed))
    noise = torch.cat([draws, -draws])
    step = math.log(levels[1] / levels[0]) if len(levels) > 1 else 1.0

    def log_density(images: Tensor) -> Tensor:
        total = images.new_zeros(len(images))
        for sigma in levels:
            under_noise = images.unsqueeze(1) + sigma * noise.to(images)  # n x draws x 28 x 28
            told = images.new_full((under_noise.shape[:2].numel(),), sigma)
            left = denoiser(under_noise.flatten(0, 1), told).unflatten(0, under_noise.shape[:2]) - images.unsqueeze(1)
            total = total - step / sigma**2 * left.square().sum((-1, -2)).mean(-1)
        return total

    return log_density


def mean_and_disagreement(images: Tensor, weight: float) -> Tensor:
    r"""Images of several decoders as their mean and by how much each differs from it, for ``ambient=``.

    .. math:: g = \bar J^\top \bar J + w \, \frac1N \sum_i (J_i - \bar J)^\top (J_i - \bar J)

    With the weight 1 that is the mean of the decoders' metrics (Syrota et al. 2024; :func:`geodreg.stacked`), without
    it the metric of the mean decoder.

    Args:
        images: of ``N`` decoders, ``(n, N, *data_shape)``.
        weight: ``w`` of their disagreement.

    Returns:
        ``(n, (N + 1) D)``.

    Example:
        >>> mean_and_disagreement(torch.tensor([[[1.0], [7.0]]]), 1.0).square().sum()  # the mean of 1 and 49
        tensor(25.)
    """
    mean = images.mean(1)
    differences = (images - mean.unsqueeze(1)) * (weight / images.shape[1]) ** 0.5
    return torch.cat([mean.flatten(1), differences.flatten(1)], dim=1)


def agreement(decoders: Callable[[Tensor], Tensor]) -> LogDensity:
    """Minus the variance of several decoders' images, added up over the pixels, in squared grey values.

    Args:
        decoders: ``(n, d) -> (n, N, *data_shape)``.

    Example:
        >>> agreement(lambda z: torch.stack([z, 3.0 * z], dim=1))(torch.ones(1, 2))
        tensor([-2.])
    """
    return lambda z: -decoders(z).flatten(2).var(1, correction=0).sum(-1)


def with_features(features: Callable[[Tensor], Tensor], weight: float) -> Callable[[Tensor], Tensor]:
    r"""Data and their features side by side, for ``ambient=``: the metric :math:`g + w\,g_\phi`.

    Args:
        features: ``(n, *data_shape) -> (n, ...)``.
        weight: ``w`` of the features' metric; none is the data's own metric.

    Example:
        >>> with_features(lambda x: 3.0 * x, 4.0)(torch.ones(1, 1))
        tensor([[1., 6.]])
    """
    return lambda x: torch.cat([x.flatten(1), weight**0.5 * features(x).flatten(1)], dim=1)
