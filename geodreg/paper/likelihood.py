"""The density that a VAE is trained by: the marginal likelihood of images, by its importance-weighted bound."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from geodreg.models.mlp import VAE

__all__ = ["bound_of_nll", "pixel_entropy"]

IMAGES_AT_ONCE = 250


@torch.no_grad()
def bound_of_nll(vae: VAE, images: Tensor, n_samples: int, seed: int) -> Tensor:
    r"""Upper bound of the negative log-likelihood of images: ``(n, 28, 28)`` to ``(n,)``, in nats.

    .. math:: -\log \frac1S \sum_s \frac{p(x \mid z_s)\, p(z_s)}{q(z_s \mid x)}, \qquad z_s \sim q(z \mid x),

    of which the expectation falls to the negative log-likelihood as :math:`S` grows (Burda et al. 2016). The
    cross-entropy is taken against the grey values as they are, as in training.

    Args:
        vae: encoder and generator.
        images: grey values in [0, 1].
        n_samples: number :math:`S` of posterior samples for each image.
        seed: of the samples.
    """
    chance = torch.Generator().manual_seed(seed)
    parts = []
    for some in images.split(IMAGES_AT_ONCE):
        mean, log_variance = vae.encode(some)
        noise = torch.randn(n_samples, *mean.shape, generator=chance)
        z = mean + (0.5 * log_variance).exp() * noise
        logits = vae.generator.logits(z.flatten(0, 1)).unflatten(0, (n_samples, len(some)))
        target = some.flatten(1).expand_as(logits)
        log_likelihood = -binary_cross_entropy_with_logits(logits, target, reduction="none").sum(-1)
        log_ratio = 0.5 * (noise.square() - z.square() + log_variance).sum(-1)
        parts.append(math.log(n_samples) - torch.logsumexp(log_likelihood + log_ratio, dim=0))
    return torch.cat(parts)


def pixel_entropy(images: Tensor) -> Tensor:
    """Entropy in nats of coins with the grey values for probabilities, over all pixels: ``(..., h, w)`` to ``(...)``.

    It is the least cross-entropy that any generator can have against an image of these grey values.

    Example:
        >>> round(pixel_entropy(torch.tensor([[0.0, 1.0], [0.5, 0.5]])).item() / math.log(2.0), 6)
        2.0
    """
    inside = images.clamp(0.0, 1.0)
    return -(torch.xlogy(inside, inside) + torch.xlogy(1.0 - inside, 1.0 - inside)).sum((-2, -1))
