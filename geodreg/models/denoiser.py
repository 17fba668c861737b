"""A denoiser of digits, trained without labels: it gives a density of images, and features of them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["Denoiser"]


class Denoiser(nn.Module):
    r"""What a digit was before normal noise was added: ``(n, 28, 28)`` and a noise level to ``(n, 28, 28)``.

    At best it is the posterior mean :math:`E[x \mid x + \sigma\epsilon]`, which determines the score of the noisy data
    (Miyasawa 1961; Vincent 2011). It never sees a generated image, nor a label. The activations are SiLU, so that
    a density of its images is smooth.

    Args:
        width: channels at 14 x 14; twice as many at 7 x 7.
    """

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(2, width, 4, 2, 1), nn.SiLU())  # 14 x 14
        self.second = nn.Sequential(
            nn.Conv2d(width, 2 * width, 4, 2, 1), nn.SiLU(), nn.Conv2d(2 * width, 2 * width, 3, 1, 1), nn.SiLU()
        )  # 7 x 7
        self.whole = nn.Sequential(nn.Flatten(), nn.Linear(98 * width, 64), nn.SiLU(), nn.Linear(64, 98 * width))
        self.up = nn.Sequential(nn.SiLU(), nn.ConvTranspose2d(2 * width, width, 4, 2, 1), nn.SiLU())  # 14 x 14
        self.last = nn.ConvTranspose2d(2 * width, 1, 4, 2, 1)

    def forward(self, noisy: Tensor, sigma: Tensor) -> Tensor:
        """Grey values in (0, 1).

        Args:
            noisy: digits under noise, ``(n, 28, 28)``.
            sigma: its standard deviation, ``(n,)``, in grey values, above zero.
        """
        fine, coarse = self._down(noisy, sigma)
        coarse = coarse + self.whole(coarse).unflatten(1, coarse.shape[1:])
        return torch.sigmoid(self.last(torch.cat([fine, self.up(coarse)], dim=1))).squeeze(1)

    def features(self, images: Tensor, sigma: float) -> Tensor:
        """What the network makes of images at its narrowest place, ``(n, 28, 28)`` to ``(n, 64)``.

        Args:
            images: digits under noise, or clean ones.
            sigma: the noise level that the network is told, in grey values, above zero; for clean images a small one.

        Raises:
            ValueError: if the level is not above zero, or not finite.
        """
        if not 0.0 < sigma < math.inf:
            raise ValueError(
                f"The noise level sigma is {sigma}, and the network is told its logarithm; give a finite one above "
                "zero, such as 0.1 for clean images."
            )
        _, coarse = self._down(images, images.new_full((len(images),), sigma))
        return self.whole[:2](coarse)

    def _down(self, noisy: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Channels at 14 x 14 and at 7 x 7, of images whose noise is brought to one at most."""
        scale = (1.0 + sigma.square()).rsqrt()
        level = sigma.log().div(4.0).reshape(-1, 1, 1, 1).expand(-1, 1, *noisy.shape[-2:])
        fine = self.first(torch.cat([(noisy * scale.reshape(-1, 1, 1)).unsqueeze(1), level], dim=1))
        return fine, self.second(fine)
