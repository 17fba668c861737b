"""What a judge of realism does, and the first kind of judge: a digit classifier with a reject class, calibrated."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

__all__ = ["REJECT", "Judge", "RealismJudge"]

REJECT = 10
"""Index of the class of everything that is no digit."""

IMAGES_AT_ONCE = 128  # so that they stay in a processor's cache


class RealismJudge(Protocol):
    """What every judge of realism can be asked, whatever it goes by."""

    def doubt(self, images: Tensor) -> Tensor:
        """How little images look like digits, below zero where accepted: ``(..., 28, 28)`` to ``(...)``."""
        ...

    def accepts(self, images: Tensor) -> Tensor:
        """Whether images pass as digits: ``(..., 28, 28)`` to ``(...)``."""
        ...


class Judge(nn.Module):
    """A small convolutional classifier of ten digits and one class for everything else.

    Its probabilities are calibrated by a temperature (Guo et al. 2017); an image is accepted as a digit when its
    probability of being none stays below a threshold. Both are set on digits held out from training.
    """

    temperature: Tensor
    threshold: Tensor

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 5, stride=2, padding=2),  # 14 x 14
            nn.BatchNorm2d(width),
            nn.SiLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),  # 7 x 7
            nn.BatchNorm2d(2 * width),
            nn.SiLU(),
            nn.Conv2d(2 * width, 2 * width, 3, padding=1),
            nn.BatchNorm2d(2 * width),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(2 * width * 49, 128),
            nn.SiLU(),
        )
        self.classifier = nn.Linear(128, 11)
        self.register_buffer("temperature", torch.tensor(1.0))
        self.register_buffer("threshold", torch.tensor(0.5))

    def embed(self, images: Tensor) -> Tensor:
        """Features before the last layer: grey images ``(..., 28, 28)`` to ``(..., 128)``."""
        return self.features(images.reshape(-1, 1, 28, 28)).reshape(*images.shape[:-2], -1)

    @torch.no_grad()
    def features_of(self, images: Tensor) -> Tensor:
        """Features of many images, some at a time: ``(..., 28, 28)`` to ``(..., 128)``."""
        parts = images.reshape(-1, 28, 28).split(IMAGES_AT_ONCE)
        return torch.cat([self.embed(part) for part in parts]).reshape(*images.shape[:-2], -1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of ten digits and the reject class: ``(..., 28, 28)`` to ``(..., 11)``."""
        return self.classifier(self.embed(images))

    def probabilities(self, images: Tensor) -> Tensor:
        """Calibrated probabilities: ``(..., 28, 28)`` to ``(..., 11)``."""
        return torch.softmax(self._calibrated(images), dim=-1)

    def classify(self, images: Tensor) -> Tensor:
        """The most probable digit, whether accepted or not: ``(..., 28, 28)`` to ``(...)``."""
        return self.probabilities(images)[..., :REJECT].argmax(-1)

    def doubt(self, images: Tensor) -> Tensor:
        """Log-odds of the reject class less those at the threshold, of the logits: ``(..., 28, 28)`` to ``(...)``.

        A probability near one cannot be told from one in single precision; its logits can.
        """
        logits = self._calibrated(images)
        log_odds = logits[..., REJECT] - logits[..., :REJECT].logsumexp(-1)
        return log_odds - torch.logit(self.threshold)

    def accepts(self, images: Tensor) -> Tensor:
        """Whether images pass as digits: ``(..., 28, 28)`` to ``(...)``."""
        return self.doubt(images) < 0

    @torch.no_grad()
    def _calibrated(self, images: Tensor) -> Tensor:
        parts = images.reshape(-1, 28, 28).split(IMAGES_AT_ONCE)
        logits = torch.cat([self(part) for part in parts]).reshape(*images.shape[:-2], -1)
        return logits / self.temperature
