"""What decides the training of each of the book's models, checked before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from geodreg.datasets.mnist import check_mnist
from geodreg.datasets.yale import check_yale

__all__ = [
    "SETTINGS",
    "CircleGANSettings",
    "ConvolutionalGANSettings",
    "DecoderSettings",
    "DenoiserSettings",
    "DigitGANSettings",
    "FaceGANSettings",
    "GANSettings",
    "JudgeSettings",
    "LambertGANSettings",
    "NeighbourSettings",
    "VAESettings",
    "YaleGANSettings",
    "changed_settings",
    "check_data",
]


Seed = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]  # what torch takes; samples are drawn with the next one
Count = Annotated[int, Field(ge=1)]
Batch = Annotated[int, Field(ge=2)]  # batch normalisation has no spread of one
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Several = Annotated[int, Field(ge=2)]  # one decoder disagrees with nothing
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Quantile = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Decay = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]  # an average of decay one stays where it began
SomeDigits = Annotated[int, Field(ge=100, le=30_000)]  # two such parts of the 60,000 training digits do not overlap
EpochBatch = Annotated[int, Field(ge=1, le=60_000)]  # of which one at least is in the 60,000 training digits
Layers = tuple[Count, ...]
TwoLayers = Annotated[tuple[Count, ...], Field(min_length=2, max_length=2)]
FourLayers = Annotated[tuple[Count, ...], Field(min_length=4, max_length=4)]  # from 4 x 4 pixels to 32 x 32


@dataclass(frozen=True, kw_only=True)
class GANSettings:
    """What decides an adversarial training run; the same settings give the same weights on the same machine.

    Attributes:
        seed: of the weights, the data and the latents.
        steps: updates of discriminator and generator.
        batch_size: real examples, and as many fakes, in each update.
        learning_rate: of Adam, for both, brought down along a cosine.
        final_rate: what it is brought down to, as a fraction.
        penalty: weight of the gradient penalty on real examples (R1; Mescheder et al. 2018).
        penalty_every: updates from one penalty to the next, its weight raised by as much (Karras et al. 2020).
        averaging: decay of the moving average of the generator's weights, below one; zero keeps the last ones.
    """

    seed: Seed = 0
    steps: Count
    batch_size: Batch
    learning_rate: Positive
    final_rate: Fraction = 0.0
    penalty: NotNegative
    penalty_every: Count = 1
    averaging: Decay = 0.0


@dataclass(frozen=True, kw_only=True)
class CircleGANSettings(GANSettings):
    """What decides a training run; see also :class:`GANSettings`.

    Attributes:
        spread: standard deviation of the data's radius. Below 0.2 the trained map folds over in places.
    """

    spread: NotNegative = 0.2
    steps: Count = 3000
    batch_size: Count = 256  # nothing in its networks is taken over a batch
    learning_rate: Positive = 2e-3
    penalty: NotNegative = 3.0


@dataclass(frozen=True)
class JudgeSettings:
    """What decides a training run; the same settings give the same weights on the same machine.

    Attributes:
        seed: of the weights, the batches and the fakes.
        width: channels of the first layer.
        steps: number of updates.
        batch_size: real digits in each update.
        fakes_per_kind: fakes of each seen kind in each update.
        blurred: whether digits under a wide blur are one of these kinds.
        learning_rate: the highest of the one-cycle schedule.
        weight_decay: of AdamW.
        held_out: training digits kept back for calibration.
        accepted: fraction of the held-out digits that the threshold accepts.
    """

    seed: Seed = 0
    width: Count = 32
    steps: Count = 4500
    batch_size: Batch = 128
    fakes_per_kind: Count = 12
    blurred: bool = True
    learning_rate: Positive = 3e-3
    weight_decay: NotNegative = 1e-2
    held_out: SomeDigits = 5000
    accepted: Quantile = 0.965


@dataclass(frozen=True)
class NeighbourSettings:
    """What decides a training run; the same settings give the same weights on the same machine.

    Attributes:
        seed: of the weights, the batches, the moves and the choice of reference images.
        objective: what the features are trained for; see :func:`geodreg.training.neighbours.train_neighbours`.
        width: channels of the first layer.
        size: number of features.
        steps: number of updates.
        batch_size: digits in each update.
        temperature: of the contrast; a low one pushes near digits apart as well.
        noise: standard deviation of the noise that is to be removed, in grey values.
        angle: standard deviation of the moves' angle, in radians.
        scale: of their factor about one.
        shift: of their shift, as a fraction of half the image.
        learning_rate: the highest of the one-cycle schedule.
        weight_decay: of AdamW.
        neighbours: number of nearest reference images whose distances are averaged.
        reference: training digits whose features are kept.
        held_out: training digits kept back for the threshold.
        accepted: fraction of the held-out digits that the threshold accepts.
    """

    seed: Seed = 2
    objective: Literal["contrastive", "denoising"] = "contrastive"
    width: Count = 16
    size: Count = 32
    steps: Count = 3000
    batch_size: Batch = 256
    temperature: Positive = 0.2
    noise: NotNegative = 0.3
    angle: NotNegative = 0.2
    scale: NotNegative = 0.1
    shift: NotNegative = 0.1
    learning_rate: Positive = 3e-3
    weight_decay: NotNegative = 1e-2
    neighbours: Annotated[int, Field(ge=1, le=100)] = 5
    reference: SomeDigits = 10_000
    held_out: SomeDigits = 5000
    accepted: Quantile = 0.965


@dataclass(frozen=True)
class DenoiserSettings:
    """What decides a training run; the same settings give the same weights on the same machine.

    Attributes:
        seed: of the weights, the batches and the noise.
        width: channels of the first layer.
        steps: number of updates.
        batch_size: digits in each update.
        least_noise: the smallest standard deviation of the noise, in grey values.
        most_noise: the largest.
        learning_rate: the highest of the one-cycle schedule.
        weight_decay: of AdamW.
    """

    seed: Seed = 3
    width: Count = 24
    steps: Count = 4000
    batch_size: Batch = 128
    least_noise: Positive = 0.05
    most_noise: Positive = 2.0
    learning_rate: Positive = 3e-3
    weight_decay: NotNegative = 1e-2


@dataclass(frozen=True)
class VAESettings:
    """What decides a training run; the same settings give the same weights on the same machine.

    Attributes:
        seed: of the weights, the order of the images and the posterior samples.
        latent_dim: latent size. With 10 and more, training leaves coordinates unused, and the metric is singular there.
        hidden: sizes of the generator's hidden layers; the encoder has them in reverse.
        activation: between the layers.
        epochs: passes over the training images.
        batch_size: images in each update.
        learning_rate: the highest of the one-cycle schedule (Smith and Topin 2018).
        weight_decay: of AdamW.
    """

    seed: Seed = 0
    latent_dim: Count = 8
    hidden: Layers = (256, 512)
    activation: Literal["SiLU", "Tanh", "Softplus", "ReLU"] = "SiLU"
    epochs: Count = 30
    batch_size: EpochBatch = 128
    learning_rate: Positive = 2e-3
    weight_decay: NotNegative = 1e-4


@dataclass(frozen=True, kw_only=True)
class DecoderSettings:
    """What decides a training run; the same settings give the same weights on the same machine.

    Attributes:
        seed: of the weights, the orders of the images and the posterior samples.
        of: training of the VAE whose encoder stays as it is, a folder of ``data/trainings``; empty for the book's own.
        decoders: how many.
        epochs: passes over the training images.
        batch_size: images in each update of a decoder.
        learning_rate: the highest of the one-cycle schedule (Smith and Topin 2018).
        weight_decay: of AdamW.
    """

    seed: Seed = 0
    of: str = ""
    decoders: Several = 4
    epochs: Count = 15
    batch_size: EpochBatch = 128
    learning_rate: Positive = 2e-3
    weight_decay: NotNegative = 1e-4


@dataclass(frozen=True, kw_only=True)
class DigitGANSettings(GANSettings):
    """What decides a training run; see also :class:`GANSettings`.

    Attributes:
        latent_dim: latent size.
        hidden: sizes of the generator's hidden layers.
        instance_noise: standard deviation of the noise under which the discriminator sees digits and fakes, in grey
            values (Sønderby et al. 2017).
    """

    latent_dim: Count = 10
    hidden: Layers = (256, 512)
    instance_noise: NotNegative = 0.1
    steps: Count = 9000
    batch_size: Batch = 128
    learning_rate: Positive = 1e-3
    final_rate: Fraction = 0.4
    penalty: NotNegative = 0.5
    penalty_every: Count = 4
    averaging: Decay = 0.999


@dataclass(frozen=True, kw_only=True)
class ConvolutionalGANSettings(GANSettings):
    """What decides a training run; see also :class:`GANSettings`.

    Attributes:
        latent_dim: latent size.
        hidden: size of the generator's first layer.
        channels: of its layers of 7 x 7 and 14 x 14.
        instance_noise: as of :class:`DigitGANSettings`.
    """

    latent_dim: Count = 10
    hidden: Count = 128
    channels: TwoLayers = (48, 32)
    instance_noise: NotNegative = 0.05
    steps: Count = 20_000
    batch_size: Batch = 64
    learning_rate: Positive = 1e-3
    final_rate: Fraction = 0.1
    penalty: NotNegative = 1.0
    penalty_every: Count = 4
    averaging: Decay = 0.999


@dataclass(frozen=True, kw_only=True)
class FaceGANSettings(GANSettings):
    """What decides a training run; see also :class:`GANSettings`.

    Attributes:
        latent_dim: latent size. The lights have two angles.
        channels: of the generator's layers.
        shift: how far the images are moved before the discriminator sees them, as standard deviation and fraction of
            half their side; with 64 images it would know each by heart.
        cut: side of the square that is blanked, as a fraction of theirs.
    """

    latent_dim: Count = 3
    channels: FourLayers = (64, 48, 32, 16)
    shift: NotNegative = 0.08
    cut: Fraction = 0.35
    steps: Count = 6000
    batch_size: Batch = 32
    learning_rate: Positive = 1e-3
    penalty: NotNegative = 1.0
    penalty_every: Count = 4
    averaging: Decay = 0.999


@dataclass(frozen=True, kw_only=True)
class YaleGANSettings(FaceGANSettings):
    """What decides a training run on photographs.

    Attributes:
        subject: whose, such as ``"yaleB22"``.
    """

    subject: str = "yaleB22"


@dataclass(frozen=True, kw_only=True)
class LambertGANSettings(FaceGANSettings):
    """What decides a training run on rendered images.

    Attributes:
        shadows: with attached shadows, or without any.
    """

    shadows: bool


SETTINGS: dict[str, Any] = {
    "circle-gan": CircleGANSettings(),
    "mnist-judge": JudgeSettings(),
    "mnist-judge-sharp": JudgeSettings(seed=1, blurred=False),
    "mnist-neighbours": NeighbourSettings(),
    "mnist-denoiser": DenoiserSettings(),
    "mnist-vae": VAESettings(),
    "mnist-gan": DigitGANSettings(),
    "mnist-dcgan": ConvolutionalGANSettings(),
    "yale-dcgan": YaleGANSettings(),
    "lambert-dcgan": LambertGANSettings(shadows=True),
    "lambert-dcgan-linear": LambertGANSettings(shadows=False),
    "mnist-vae-decoders": DecoderSettings(),
}
"""The settings of the book's models, by name."""


def changed_settings(name: str, changes: Mapping[str, object]) -> Any:  # noqa: ANN401 - one of the classes above
    """The settings of a model with some of them changed.

    Args:
        name: a key of :data:`SETTINGS`.
        changes: values by name; each is read as the type of the setting.

    Raises:
        ValueError: if there is no such model or setting, or a value is of another type or out of its bounds.
    """
    if name not in SETTINGS:
        raise ValueError(f"There is no recipe {name!r}; choose one of {', '.join(SETTINGS)}.")
    from pydantic import TypeAdapter, ValidationError

    settings = SETTINGS[name]
    known = [field.name for field in fields(settings)]
    for key in changes:
        if key not in known:
            raise ValueError(f"{name} has no setting {key}; it has {', '.join(known)}.")
    given = {**asdict(settings), **changes}
    try:
        return TypeAdapter(type(settings)).validate_python(given)
    except ValidationError as error:
        wrong = error.errors()[0]
        key = str(wrong["loc"][0])  # of a list's element the list
        raise ValueError(f"{name}'s setting {key} is {given[key]!r}: {wrong['msg']}.") from None


def check_data(settings: object, root: str | Path | None = None) -> None:
    """Check every file of the data that a training reads against its checksum.

    Args:
        settings: of the training.
        root: data root, or None for the usual one.

    Raises:
        geodreg.datasets.DataError: if there is no data root, or a file is missing or damaged.
    """
    of_digits = (
        VAESettings,
        DigitGANSettings,
        ConvolutionalGANSettings,
        DenoiserSettings,
        JudgeSettings,
        NeighbourSettings,
        DecoderSettings,
    )
    if isinstance(settings, of_digits):
        check_mnist(root)
    elif isinstance(settings, YaleGANSettings):
        check_yale(settings.subject, root)
