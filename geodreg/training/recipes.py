"""From settings to a model on disk, for each of the book's models: train, measure, write weights and card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from geodreg.datasets.fakes import SEEN_FAKES, UNSEEN_FAKES, seen_fakes
from geodreg.datasets.lambert import face
from geodreg.datasets.mnist import CHECKSUMS, Digits, read_mnist
from geodreg.datasets.yale import Faces, read_yale, yale_checksums, yale_lights
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.invert import invert
from geodreg.models.denoiser import Denoiser
from geodreg.models.judge import Judge
from geodreg.models.mlp import VAE, DigitGenerator
from geodreg.models.zoo import load_judge, load_model
from geodreg.paper.folds import folded_share
from geodreg.paper.metrics import condition_numbers, high_frequency_ratios
from geodreg.paper.realism import (
    FeatureStatistics,
    acceptance_table,
    expected_calibration_error,
    reliability_table,
    separation,
)
from geodreg.paper.trial.kept import load_kept
from geodreg.training.cards import Order, table_bytes
from geodreg.training.circle_gan import train_circle_gan
from geodreg.training.decoders import cross_entropy, train_decoders
from geodreg.training.denoiser import noisy, train_denoiser
from geodreg.training.digit_gan import train_convolutional_gan, train_digit_gan
from geodreg.training.face_gan import train_face_gan
from geodreg.training.judge import train_judge
from geodreg.training.neighbours import train_neighbours
from geodreg.training.pictures import sample_grid
from geodreg.training.settings import changed_settings
from geodreg.training.vae import negative_elbo, train_vae

__all__ = ["RECIPES", "encode", "ordered", "train"]

SEPARATION = "held-out training digits told from the classifiers' fakes, mean AUC"
N_CODES = 1000  # test digits whose codes are kept with the VAE
NOISE_LEVELS = (0.1, 0.3, 1.0)  # at which the card of the denoiser says what is left
N_SAMPLES, N_SHOWN = 10_000, 64  # prior samples for the measures, and in the grid


def train(name: str, out: Path, root: str | Path | None = None, **changes: object) -> Path:
    """Train one of the book's models and write it below ``out``.

    Args:
        name: a key of :data:`RECIPES`.
        out: folder of models, ``data/models`` in a checkout.
        root: data root, where the model needs data.
        changes: settings that differ from the recipe's; ``None`` leaves one as it is.

    Returns:
        the model's folder.

    Raises:
        ValueError: if there is no such recipe, or it has no such setting.
        geodreg.datasets.DataError: if data are missing or damaged.
    """
    recipe, order = ordered(name, out, root, changes)
    return recipe(order)


def ordered(name: str, out: Path, root: str | Path | None, changes: dict[str, object]) -> tuple[Recipe, Order]:
    """The recipe of a name, and what it is asked for; arguments and errors are those of :func:`train`."""
    changes = {key: value for key, value in changes.items() if value is not None}
    settings = changed_settings(name, changes)
    return RECIPES[name], Order(name, out, root, settings, changes)


def _circle_gan(order: Order) -> Path:
    generator, run = train_circle_gan(order.settings, order.checkpoint)
    z = _prior_samples(2, 100_000, order.settings.seed)
    return order.deliver(
        generator,
        run,
        what="Generator 2-20-20-2 of a GAN on a noisy circle (Figure 2)",
        architecture={"kind": "CircleGenerator"},
        data={"generated": f"ring of radius 1 with radial spread {order.settings.spread}, by geodreg.datasets.ring"},
        measures={"folded share of the prior": folded_share(LatentManifold(generator), z)},
        derived={},
    )


def _mnist_vae(order: Order) -> Path:
    import pandas as pd

    settings = order.settings
    digits, test = read_mnist("train", order.root), read_mnist("test", order.root)
    judge = load_judge()
    vae, run = train_vae(settings, digits.images, test.images, order.checkpoint)
    codes = encode(vae, test.images[:N_CODES])
    table = pd.DataFrame(codes.numpy(), columns=[f"z{i}" for i in range(codes.shape[1])])
    table.insert(0, "label", test.labels[:N_CODES].numpy())
    table.insert(0, "test_index", range(N_CODES))
    z = _prior_samples(settings.latent_dim, N_SAMPLES, settings.seed)
    return order.deliver(
        vae,
        run,
        what="Variational autoencoder on MNIST (Figure 3)",
        architecture={
            "kind": "VAE",
            "sizes": {
                "latent_dim": settings.latent_dim,
                "hidden": list(settings.hidden),
                "activation": settings.activation,
            },
        },
        data=_mnist_sums(),
        measures={
            "test negative ELBO, grey values, nats": negative_elbo(vae, test.images, settings.seed),
            "test negative ELBO, sampled binary pixels, nats": negative_elbo(
                vae, test.images, settings.seed, binarise=True
            ),
            **_digit_measures(judge, vae.generator(z).detach(), test),
            **_conditions(LatentManifold(vae.generator), z),
        },
        derived={
            "test-codes.csv": table_bytes(table),
            "samples.png": sample_grid(vae.generator(z[:N_SHOWN]).detach(), ink=True),
        },
    )


def _mnist_vae_decoders(order: Order) -> Path:
    settings = order.settings
    vae = load_kept("mnist-vae", settings.of) if settings.of else load_model("mnist-vae")
    digits, test = read_mnist("train", order.root), read_mnist("test", order.root)
    sizes = vae.card["architecture"]["sizes"]
    assert isinstance(vae.module, VAE)  # noqa: S101 - what the card of that name says
    ensemble, run = train_decoders(vae.module, sizes, settings, digits.images, order.checkpoint)
    ensemble.requires_grad_(False)
    mean, log_variance = vae.module.encode(test.images)
    errors = [
        cross_entropy(each, mean, (0.5 * log_variance).exp(), test.images, torch.Generator().manual_seed(0)).item()
        for each in (vae.module.generator, *ensemble.members)
    ]
    return order.deliver(
        ensemble,
        run,
        what=f"{settings.decoders} decoders on the encoder of the VAE on MNIST",
        architecture={"kind": "DecoderEnsemble", "sizes": {"decoders": settings.decoders, **sizes}},
        data={**_mnist_sums(), "mnist-vae/weights.safetensors": vae.card["files"]["weights.safetensors"]},
        measures={
            "test cross-entropy of the VAE's own decoder, nats": errors[0],
            "test cross-entropy of the others, nats, mean": sum(errors[1:]) / settings.decoders,
        },
        derived={},
    )


@torch.no_grad()
def encode(vae: VAE, images: Tensor) -> Tensor:
    """Codes of images: the posterior's mean, ``(n, 28, 28)`` to ``(n, d)``."""
    return vae.encode(images)[0]


def _mnist_gan(order: Order) -> Path:
    settings = order.settings
    digits, test = read_mnist("train", order.root), read_mnist("test", order.root)
    z, judge = _prior_samples(settings.latent_dim, N_SAMPLES, settings.seed), load_judge()

    @torch.no_grad()
    def watch(generator: DigitGenerator) -> dict[str, float]:
        return {"accepted": judge.accepts(generator(z)).double().mean().item()}

    generator, run = train_digit_gan(settings, digits.images, order.checkpoint, watch)
    generator.requires_grad_(False)
    return order.deliver(
        generator,
        run,
        what="Generator of a GAN on MNIST, multi-layer perceptrons (Figure 3)",
        architecture={
            "kind": "DigitGenerator",
            "sizes": {"latent_dim": settings.latent_dim, "hidden": list(settings.hidden)},
        },
        data=_mnist_sums(),
        measures={**_digit_measures(judge, generator(z), test), **_conditions(LatentManifold(generator), z)},
        derived={"samples.png": sample_grid(generator(z[:N_SHOWN]), ink=True)},
    )


def _mnist_dcgan(order: Order) -> Path:
    from safetensors.torch import save

    settings = order.settings
    digits, test = read_mnist("train", order.root), read_mnist("test", order.root)
    generator, run = train_convolutional_gan(settings, digits.images, order.checkpoint)
    generator.requires_grad_(False)
    z = _prior_samples(settings.latent_dim, N_SAMPLES, settings.seed)
    return order.deliver(
        generator,
        run,
        what="Generator of a convolutional GAN on MNIST, with the discriminator it was trained against",
        architecture={
            "kind": "ConvolutionalDigitGenerator",
            "sizes": {
                "latent_dim": settings.latent_dim,
                "hidden": settings.hidden,
                "channels": list(settings.channels),
            },
        },
        data=_mnist_sums(),
        measures={**_digit_measures(load_judge(), generator(z), test), **_conditions(LatentManifold(generator), z)},
        derived={
            "samples.png": sample_grid(generator(z[:N_SHOWN]), ink=True),
            "discriminator.safetensors": save(dict(run.parts["discriminator"].state_dict())),
        },
    )


def _mnist_judge(order: Order) -> Path:
    settings = order.settings
    digits, test = read_mnist("train", order.root), read_mnist("test", order.root)
    judge, run = train_judge(settings, digits.images, digits.labels, order.checkpoint)
    seen = seen_fakes(blurred=settings.blurred)
    acceptance = acceptance_table(judge, test, settings.seed, seen)
    reliability = reliability_table(judge, test, settings.seed, seen)
    unseen = acceptance.loc[acceptance["group"] == "unseen"].set_index("kind")["accepted"]
    return order.deliver(
        judge,
        run,
        what="Judge of realism: a classifier of digits with a reject class"
        + ("" if settings.blurred else ", to which no blurred digit was shown as a fake"),
        architecture={"kind": "Judge", "sizes": {"width": settings.width}},
        data=_mnist_sums(),
        measures={
            "test accuracy": float(acceptance["accuracy"].iloc[0]),
            "real test digits accepted": float(acceptance["accepted"].iloc[0]),
            "unseen fakes accepted, worst kind": unseen[list(UNSEEN_FAKES)].max().item(),
            **{f"{kind} digits accepted": unseen[kind].item() for kind in SEEN_FAKES if kind not in seen},
            "expected calibration error": expected_calibration_error(reliability),
        },
        derived={
            "acceptance.csv": table_bytes(acceptance),
            "reliability.csv": table_bytes(reliability),
            "test-features.safetensors": FeatureStatistics.of(judge, test.images).to_bytes(),
        },
    )


def _mnist_neighbours(order: Order) -> Path:
    settings = order.settings
    digits, test = read_mnist("train", order.root), read_mnist("test", order.root)
    judge, run = train_neighbours(settings, digits.images, order.checkpoint)
    held_out = Digits(digits.images[-settings.held_out :], digits.labels[-settings.held_out :])
    acceptance = acceptance_table(judge, test, settings.seed, seen=())
    accepted = acceptance.set_index("kind")["accepted"]
    sizes = {"width": settings.width, "size": settings.size, "neighbours": settings.neighbours}
    return order.deliver(
        judge,
        run,
        what="Judge of realism: distance to the nearest real digits, in features trained without labels and fakes",
        architecture={"kind": "NeighbourJudge", "sizes": {**sizes, "n_reference": settings.reference}},
        data=_mnist_sums(),
        measures={
            SEPARATION: separation(judge, held_out, settings.seed).mean(),
            "real test digits accepted": accepted["digits"].item(),
            "unseen fakes accepted, worst kind": accepted[list(UNSEEN_FAKES)].max().item(),
            "seen fakes of the classifiers accepted, worst kind": accepted[list(SEEN_FAKES)].max().item(),
        },
        derived={"acceptance.csv": table_bytes(acceptance)},
    )


def _mnist_denoiser(order: Order) -> Path:
    settings = order.settings
    digits, test = read_mnist("train", order.root), read_mnist("test", order.root)
    denoiser, run = train_denoiser(settings, digits.images, order.checkpoint)
    errors = {f"{sigma:g}": _denoised(denoiser, test.images, sigma, settings.seed) for sigma in NOISE_LEVELS}
    return order.deliver(
        denoiser,
        run,
        what="Denoiser of digits under normal noise of many levels, trained without labels",
        architecture={"kind": "Denoiser", "sizes": {"width": settings.width}},
        data=_mnist_sums(),
        measures={f"noise {sigma}, test images, error left, grey values": error for sigma, error in errors.items()},
        derived={},
    )


@torch.no_grad()
def _denoised(denoiser: Denoiser, images: Tensor, sigma: float, seed: int) -> float:
    """Root mean square error of denoised images, in grey values."""
    under_noise, level = noisy(images, sigma, sigma, torch.Generator().manual_seed(seed))
    parts = zip(under_noise.split(1000), level.split(1000), strict=True)
    return (torch.cat([denoiser(*part) for part in parts]) - images).square().mean().sqrt().item()


def _yale_dcgan(order: Order) -> Path:
    subject = order.settings.subject
    faces = read_yale(subject, order.root)
    sums = {f"yale_b/{name}": sha256 for name, sha256 in yale_checksums().items() if name.startswith(f"{subject}/")}
    return _face_gan(order, faces, 0.0, f"DCGAN on one person, {subject}, under 64 lights (Figures 3 and 4)", sums)


def _lambert_dcgan(order: Order) -> Path:
    shadows = order.settings.shadows
    faces = lambert_faces(shadows)
    kind = "with attached shadows" if shadows else "without shadows"
    return _face_gan(
        order,
        faces,
        0.0 if shadows else -1.0,
        f"DCGAN on a rendered face-like surface under the same 64 lights, {kind} (Figure 4's control)",
        {"generated": f"geodreg.datasets.lambert.face, rendered {kind}"},
    )


def _face_gan(order: Order, faces: Faces, low: float, what: str, data: dict[str, str]) -> Path:
    import pandas as pd

    settings = order.settings
    generator, run = train_face_gan(settings, faces.images, low, checkpoint=order.checkpoint)
    generator.requires_grad_(False)
    z = _prior_samples(settings.latent_dim, 1000, settings.seed)
    samples = generator(z)
    found = invert(generator, faces.images, settings.latent_dim, n_starts=4, max_iterations=30, seed=settings.seed)
    codes = pd.DataFrame(found.z.numpy(), columns=[f"z{i}" for i in range(settings.latent_dim)])
    codes.insert(0, "residual", found.residual.numpy())
    codes.insert(0, "elevation", faces.elevation.numpy())
    codes.insert(0, "azimuth", faces.azimuth.numpy())
    singular_values = torch.linalg.svdvals(faces.images.flatten(1).double())
    ratios = high_frequency_ratios(samples, faces.images)
    return order.deliver(
        generator,
        run,
        what=what,
        architecture={
            "kind": "FaceGenerator",
            "sizes": {"latent_dim": settings.latent_dim, "channels": list(settings.channels), "low": low, "high": 1.0},
        },
        data=data,
        measures={
            **{f"high-frequency energy of samples over real, {name}": ratio for name, ratio in ratios.items()},
            "distance from an image to the model, relative, median": (
                found.residual / faces.images.flatten(1).norm(dim=1)
            )
            .median()
            .item(),
            **_conditions(LatentManifold(generator), z),
        },
        derived={
            "codes.csv": table_bytes(codes),
            "singular-values.csv": table_bytes(pd.DataFrame({"singular_value": singular_values.numpy()})),
            "samples.png": sample_grid(samples[:N_SHOWN], low),
        },
    )


def lambert_faces(shadows: bool) -> Faces:
    """The face-like object under the lights of the Yale faces."""
    azimuth, elevation = yale_lights()
    z = torch.stack([azimuth, elevation], dim=-1).double().deg2rad()
    return Faces(face(shadows=shadows)(z).float(), azimuth, elevation)


def _prior_samples(latent_dim: int, n: int, seed: int) -> Tensor:
    return torch.randn(n, latent_dim, generator=torch.Generator().manual_seed(seed + 1))


def _mnist_sums() -> dict[str, str]:
    return {f"mnist/{file}": sha256 for file, sha256 in CHECKSUMS.items()}


def _digit_measures(judge: Judge, samples: Tensor, test: Digits) -> dict[str, float]:
    """What the judge makes of a generator's samples, against real test digits."""
    accepted = judge.accepts(samples).double().mean().item()
    shares = judge.classify(samples).bincount(minlength=10).double() / len(samples)
    return {
        "samples accepted by the judge": accepted,
        "real test digits accepted by the judge": judge.accepts(test.images).double().mean().item(),
        "share of the rarest class among samples": shares.min().item(),
    }


def _conditions(manifold: LatentManifold, z: Tensor) -> dict[str, float]:
    conditions = condition_numbers(manifold, z[:1000])
    quantiles = {"median": 0.5, "95 % quantile": 0.95}
    return {f"condition number of the metric, {name}": conditions.quantile(q).item() for name, q in quantiles.items()}


Recipe = Callable[[Order], Path]

RECIPES: dict[str, Recipe] = {
    "circle-gan": _circle_gan,
    "mnist-judge": _mnist_judge,
    "mnist-judge-sharp": _mnist_judge,
    "mnist-neighbours": _mnist_neighbours,
    "mnist-denoiser": _mnist_denoiser,
    "mnist-vae": _mnist_vae,
    "mnist-gan": _mnist_gan,
    "mnist-dcgan": _mnist_dcgan,
    "yale-dcgan": _yale_dcgan,
    "lambert-dcgan": _lambert_dcgan,
    "lambert-dcgan-linear": _lambert_dcgan,
    "mnist-vae-decoders": _mnist_vae_decoders,
}
"""What trains each of the models that :data:`~geodreg.training.settings.SETTINGS` has settings for."""
