"""Convolutional networks for faces and digits: the generators of the DCGANs, and what they are trained against."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, pad

__all__ = ["ConvolutionalDigitGenerator", "DigitDiscriminator", "FaceDiscriminator", "FaceGenerator"]


class ConvolutionalDigitGenerator(nn.Module):
    """Images of 28 x 28 grey values in (0, 1) by transposed convolutions: ``(n, d)`` to ``(n, 28, 28)``.

    Two linear layers come before the first image, so that the latent space can be stretched where one digit turns into
    another. The activations are SiLU, so that the map is smooth.

    Args:
        latent_dim: latent size ``d``.
        hidden: size of the first layer.
        channels: of the layers of 7 x 7 and 14 x 14.
        batch_norm: with batch normalisation, for training.
    """

    def __init__(
        self, latent_dim: int, hidden: int = 128, channels: Sequence[int] = (48, 32), batch_norm: bool = False
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        first, second = channels

        def active(norm: nn.Module) -> list[nn.Module]:
            return [norm, nn.SiLU()] if batch_norm else [nn.SiLU()]

        self.layers = nn.Sequential(
            nn.Linear(latent_dim, hidden),
            *active(nn.BatchNorm1d(hidden)),
            nn.Linear(hidden, 49 * first),
            *active(nn.BatchNorm1d(49 * first)),
            nn.Unflatten(1, (first, 7, 7)),
            nn.ConvTranspose2d(first, second, 4, 2, 1),
            *active(nn.BatchNorm2d(second)),
            nn.ConvTranspose2d(second, 1, 4, 2, 1),
        )

    def forward(self, z: Tensor) -> Tensor:
        """Grey values."""
        return torch.sigmoid(self.layers(z)).squeeze(1)


class DigitDiscriminator(nn.Module):
    """Scores of images: ``(n, 28, 28)`` to ``(n, 1)``; smooth, so that the score can serve as a density too.

    The last layer also sees how much the images of a batch differ (Karras et al. 2018).

    Args:
        channels: of the layers of 14 x 14, 7 x 7 and 4 x 4.
    """

    def __init__(self, channels: Sequence[int] = (32, 64, 96)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for place, (n_in, n_out) in enumerate(pairwise([1, *channels])):
            kernel = 3 if place == 2 else 4
            layers += [nn.Conv2d(n_in, n_out, kernel, 2, 1), nn.SiLU()]
        self.features = nn.Sequential(*layers)
        self.score = nn.Linear(16 * channels[-1] + 1, 1)

    @staticmethod
    def spread(features: Tensor) -> Tensor:
        """How much the images of a batch differ, of their features ``(n, m)``: a number."""
        return features.std(dim=0).mean()

    def logits(self, images: Tensor, spread: Tensor | None = None) -> Tensor:
        """Scores ``(n,)``, with the spread of the batch or with a given one, which makes rows independent."""
        features = self.features(images.unsqueeze(1)).flatten(1)
        seen = self.spread(features) if spread is None else spread
        return self.score(torch.cat([features, seen.expand(len(features), 1)], dim=1)).squeeze(1)

    def forward(self, images: Tensor) -> Tensor:
        """Scores."""
        return self.logits(images).unsqueeze(1)


class FaceGenerator(nn.Module):
    """Images of 64 x 64 by transposed convolutions (Radford et al. 2015): ``(n, d)`` to ``(n, 64, 64)``.

    Unlike there, the activations are SiLU, so that the map is smooth, and the last layer interpolates before it
    convolves, without which single pixels alternate where light turns to shadow (Odena et al. 2016).

    Args:
        latent_dim: latent size ``d``.
        channels: of the layers of 4 x 4, 8 x 8, 16 x 16 and 32 x 32.
        low: lowest value of a pixel.
        high: highest value of a pixel.
        batch_norm: with batch normalisation, for training.
    """

    def __init__(
        self,
        latent_dim: int,
        channels: Sequence[int] = (64, 48, 32, 16),
        low: float = 0.0,
        high: float = 1.0,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        self.latent_dim, self.low, self.high = latent_dim, low, high
        layers: list[nn.Module] = [nn.Unflatten(1, (latent_dim, 1, 1))]
        for place, (n_in, n_out) in enumerate(pairwise([latent_dim, *channels])):
            stride, padding = (1, 0) if place == 0 else (2, 1)
            layers += [nn.ConvTranspose2d(n_in, n_out, 4, stride, padding)]
            layers += [nn.BatchNorm2d(n_out), nn.SiLU()] if batch_norm else [nn.SiLU()]
        upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.layers = nn.Sequential(*layers, upsample, nn.Conv2d(channels[-1], 1, 3, padding=1))
        self.stretch: Tensor
        self.register_buffer("stretch", _shifted_interpolation(32), persistent=False)

    def forward(self, z: Tensor) -> Tensor:
        """Images."""
        for layer in list(self.layers)[:-2]:
            z = layer(z)
        return self.low + (self.high - self.low) * torch.sigmoid(self._convolve_upsampled(z))

    def _convolve_upsampled(self, x: Tensor) -> Tensor:
        """What the last two layers compute, ``(n, c, 32, 32)`` to ``(n, 64, 64)``, in a tenth of the time.

        Both are linear, so the channels are summed first, for each of the nine places of the kernel, and the nine
        images that are left are interpolated and shifted by matrix products, along the rows and then the columns.
        """
        weight, bias = self.layers[-1].parameters()
        places = conv2d(x, weight.flatten(2).permute(2, 1, 0).unsqueeze(-1))
        by_row = places.unflatten(1, (3, 3)).permute(0, 1, 3, 2, 4).flatten(3).flatten(1, 2)  # n x 3 h x 3 w
        return self.stretch @ (by_row @ self.stretch.mT) + bias


def _shifted_interpolation(size: int) -> Tensor:
    """Linear interpolation to twice the size, shifted by one pixel down, by none and by one up: ``(2 n, 3 n)``."""
    stretch = interpolate(torch.eye(size)[None], scale_factor=2, mode="linear", align_corners=False)[0].mT  # 2n x n
    padded = pad(stretch, (0, 0, 1, 1))
    return torch.cat([padded[place : place + 2 * size] for place in range(3)], dim=1)


class FaceDiscriminator(nn.Module):
    """Scores of images: ``(n, 64, 64)`` to ``(n, 1)``.

    The last layer also sees how much the images of a batch differ (Karras et al. 2018), which keeps the generator from
    making only some of them.

    Args:
        channels: of the layers of 32 x 32, 16 x 16, 8 x 8 and 4 x 4.
    """

    def __init__(self, channels: Sequence[int] = (16, 32, 64, 96)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise([1, *channels]):
            layers += [nn.Conv2d(n_in, n_out, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.features = nn.Sequential(*layers)
        self.score = nn.Linear(16 * channels[-1] + 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Scores."""
        features = self.features(images.unsqueeze(1)).flatten(1)
        spread = features.std(dim=0).mean().expand(len(features), 1)
        return self.score(torch.cat([features, spread], dim=1))
