"""Between which latents the book's pages interpolate, and which pairs of lights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from geodreg.datasets.yale import yale_lights
from geodreg.geometry.manifold import LatentManifold
from geodreg.models.zoo import TrainedModel, load_judge
from geodreg.paper.comparison import random_pairs

__all__ = [
    "choose_digit_endpoints",
    "choose_digits",
    "choose_endpoints",
    "choose_lights",
    "choose_ring_endpoints",
    "codes_at",
    "codes_of",
]

SAMPLES_A_PAIR = 40  # prior samples for each pair of the circle GAN
N_CANDIDATES = 1000  # prior samples among which a GAN's endpoints are chosen, as many as there are codes of the VAE


def codes_of(model: TrainedModel, file: str) -> Tensor:
    """Latents in the columns ``z0, z1, ...`` of a model's table: ``(n, d)``."""
    return torch.tensor(model.table(file).filter(regex=r"^z\d").to_numpy(), dtype=torch.float32)


def choose_endpoints(model: TrainedModel, n_pairs: int, seed: int) -> tuple[Tensor, Tensor]:
    """Random pairs of latents of one of the book's models; more pairs with the same seed begin with the same ones.

    On the VAE they are codes of test digits of different classes. On the GANs of digits, which have no codes, they are
    prior samples that the judge accepts as digits, of different classes by its judgement. On the faces they are codes
    of images.

    Args:
        model: a digit or face model.
        n_pairs: number of pairs.
        seed: of the choice.

    Returns:
        start and end, ``(n_pairs, d)`` each, on the CPU.
    """
    if "codes.csv" in model.card["files"]:
        z, labels = codes_of(model, "codes.csv"), None
    else:
        z, labels = _digit_latents(model, seed)
    start, end = z[random_pairs(z, n_pairs, seed, labels)].unbind(1)
    return start, end


def choose_digit_endpoints(model: TrainedModel, n_pairs: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Random pairs of latents of a digit model, in turn of one class and of two.

    They are drawn among the latents that :func:`choose_endpoints` draws among; more pairs with the same seed begin with
    the same ones.

    Args:
        model: a digit model.
        n_pairs: number of pairs.
        seed: of the choice.

    Returns:
        start and end, ``(n_pairs, d)`` each, and whether a pair is of two classes, ``(n_pairs,)``.
    """
    z, labels = _digit_latents(model, seed)
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(seed)).tolist()
    pairs: list[tuple[int, int]] = []
    while len(pairs) < n_pairs:
        first, of_two = order.pop(0), len(pairs) % 2 == 1
        partner = next(i for i in order if bool(labels[i] != labels[first]) is of_two)
        order.remove(partner)
        pairs.append((first, partner))
    start, end = z[torch.tensor(pairs)].unbind(1)
    return start, end, torch.arange(n_pairs) % 2 == 1


def choose_digits(model: TrainedModel, classes: Sequence[int], n_each: int, seed: int) -> tuple[Tensor, Tensor]:
    """Random latents of digits of some classes, as many of each.

    More of each with the same seed begin with the same ones. They are drawn among the latents that
    :func:`choose_endpoints` draws among.

    Args:
        model: a digit model.
        classes: digits, each named once.
        n_each: latents of each class.
        seed: of the choice.

    Returns:
        latents ``(n, d)`` and their classes ``(n,)``, in the order of ``classes``.

    Raises:
        ValueError: if a class is named twice, or has fewer latents than ``n_each``.
    """
    z, labels = _digit_latents(model, seed)
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(seed))
    chosen = [order[labels[order] == digit][:n_each] for digit in classes]
    if len(set(classes)) < len(classes) or any(len(own) < n_each for own in chosen):
        counts = ", ".join(f"{int((labels == digit).sum())} of the digit {digit}" for digit in sorted(set(classes)))
        raise ValueError(
            f"classes are {list(classes)}, with {n_each} of each; {model.name} has {counts}: "
            "name each class once, and take no more than there are."
        )
    index = torch.cat(chosen)
    return z[index], labels[index]


def _digit_latents(model: TrainedModel, seed: int) -> tuple[Tensor, Tensor]:
    """Latents of digits, ``(n, d)``, and their classes: codes of test digits, or samples that the judge accepts."""
    if "test-codes.csv" in model.card["files"]:
        labels = torch.tensor(model.table("test-codes.csv")["label"].to_numpy())
        return codes_of(model, "test-codes.csv"), labels
    z = torch.randn(N_CANDIDATES, model.latent_dim, generator=torch.Generator().manual_seed(seed))
    device = next(model.generator.parameters()).device
    judge, images = load_judge(), model.generator(z.to(device)).cpu()
    accepted = judge.accepts(images)
    return z[accepted], judge.classify(images[accepted])


def choose_ring_endpoints(manifold: LatentManifold, n_pairs: int, seed: int) -> tuple[Tensor, Tensor]:
    """Random pairs of latents of a circle GAN that are mapped close to the circle, with the hole between them.

    They are prior samples at a radius of 0.8 to 1.2 in data space, those of a pair at least 120 degrees apart there.

    Args:
        manifold: of a generator from the plane to the plane, in double precision.
        n_pairs: number of pairs; fewer, if that many are not found.
        seed: of the choice.

    Returns:
        start and end, ``(n_pairs, 2)`` each.
    """
    z = manifold.sample_prior(SAMPLES_A_PAIR * n_pairs, torch.zeros(2, dtype=torch.float64), seed)
    z = z[(manifold.generate(z).norm(dim=-1) - 1).abs() < 0.2]
    z = z[: len(z) // 2 * 2].unflatten(0, (-1, 2))  # pairs
    one, other = manifold.generate(z).unbind(1)
    start, end = z[torch.cosine_similarity(one, other) < -0.5][:n_pairs].unbind(1)
    return start, end


def codes_at(model: TrainedModel, angles: Tensor) -> Tensor:
    """Codes of a face model at lights given by azimuth and elevation in degrees: ``(..., 2)`` to ``(..., d)``.

    Raises:
        ValueError: if there is no image under one of the lights.
    """
    table = model.table("codes.csv")
    lights = torch.tensor(table[["azimuth", "elevation"]].to_numpy())
    same = (lights == angles.unsqueeze(-2)).all(-1)  # ... x n
    if not same.any(-1).all():
        raise ValueError(f"{model.name} has no image under one of these lights; choose among those of its codes.csv.")
    return codes_of(model, "codes.csv")[same.int().argmax(-1)]


def choose_lights(n_pairs: int, seed: int) -> Tensor:
    """Random pairs of those Yale lights that are in front of the object, none at the pole of their angles.

    Args:
        n_pairs: number of pairs.
        seed: of the choice.

    Returns:
        azimuth and elevation in degrees, ``(n_pairs, 2, 2)``: pair, end, angle.
    """
    azimuth, elevation = yale_lights()
    in_front = (azimuth.abs() <= 90.0) & (elevation < 90.0)
    angles = torch.stack([azimuth, elevation], dim=-1)[in_front]
    return angles[random_pairs(angles, n_pairs, seed)]
