"""Generators with known geometry, and random ones."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

from geodreg.models import load_model


def sphere(z: Tensor) -> Tensor:
    """Unit sphere by polar angle and azimuth."""
    theta, phi = z.unbind(-1)
    return torch.stack([theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()], dim=-1)


def cylinder(z: Tensor) -> Tensor:
    """Unit cylinder by angle and height."""
    return torch.stack([z[:, 0].cos(), z[:, 0].sin(), z[:, 1]], dim=-1)


def swiss_roll(z: Tensor) -> Tensor:
    """The spiral r = angle, times a height."""
    angle, height = z.unbind(-1)
    return torch.stack([angle * angle.cos(), height, angle * angle.sin()], dim=-1)


def unrolled(z: Tensor) -> Tensor:
    """Isometric coordinates of the Swiss roll: arc length of the spiral, and height."""
    angle = z[..., 0]
    arc = 0.5 * (angle * (1.0 + angle**2).sqrt() + angle.asinh())
    return torch.stack([arc, z[..., 1]], dim=-1)


def random_decoder(
    sizes: Sequence[int], gain: float, seed: int = 0, dtype: torch.dtype = torch.float64
) -> nn.Sequential:
    """Fully connected hyperbolic tangents with normal weights of standard deviation gain / sqrt(inputs)."""
    chance = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        weight = torch.randn(a, b, generator=chance, dtype=torch.float64) * gain / a**0.5
        linear = nn.Linear(a, b, bias=False, dtype=dtype).requires_grad_(False)
        linear.weight.copy_(weight.mT)
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def random_convolutional(channels: Sequence[int], latent_dim: int, seed: int = 0) -> nn.Module:
    """Transposed convolutions and SiLU, as a DCGAN has them, to images in three colours.

    Args:
        channels: of the layers of 4 x 4, 8 x 8, ...; the image is twice as wide as the last one.
        latent_dim: latent size.
        seed: of the normal weights, which keep the size of what passes.
    """
    layers: list[nn.Module] = [nn.Unflatten(1, (latent_dim, 1, 1))]
    for place, (n_in, n_out) in enumerate(pairwise([latent_dim, *channels])):
        stride, padding = (1, 0) if place == 0 else (2, 1)
        layers += [nn.ConvTranspose2d(n_in, n_out, 4, stride, padding), nn.SiLU()]
    layers += [nn.ConvTranspose2d(channels[-1], 3, 4, 2, 1), nn.Tanh()]
    chance = torch.Generator().manual_seed(seed)
    for layer in layers:
        if isinstance(layer, nn.ConvTranspose2d):
            inputs = layer.in_channels * (1 if layer.stride == (1, 1) else 4)  # that meet in one output
            nn.init.normal_(layer.weight, std=(2.0 / inputs) ** 0.5, generator=chance)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return nn.Sequential(*layers).eval().requires_grad_(False)


def trained(name: str) -> nn.Module:
    """A trained generator of the book in double precision; without safetensors, which reads it, its test is skipped."""
    pytest.importorskip("safetensors")
    return load_model(name).generator.double()


def latents(n: int, d: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Standard normal latents ``(n, d)``; the same numbers in every dtype."""
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


class MultiHead(nn.Module):
    """Torch's own attention between six tokens made of four latents."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(4, 96), nn.Linear(16, 5)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, z: Tensor) -> Tensor:
        h = self.first(z).view(-1, 6, 16)
        return self.last(self.attention(h, h, h)[0])


class ScaledDotProducts(nn.Module):
    """Attention by torch's fused function."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(4, 96), nn.Linear(16, 5)

    def forward(self, z: Tensor) -> Tensor:
        h = self.first(z).view(-1, 6, 16)
        return self.last(F.scaled_dot_product_attention(h, h.sin(), h))


class NormAfterAttention(nn.Module):
    """A picture of attended tokens, transposed, then normalised in groups of channels."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.query, self.norm = nn.Linear(4, 128), nn.Linear(8, 8), nn.GroupNorm(2, 8)

    def forward(self, z: Tensor) -> Tensor:
        x = self.first(z).reshape(-1, 16, 8)
        query = self.query(x)
        attended = (query @ query.mT).softmax(-1) @ x
        return self.norm(attended.transpose(1, 2).reshape(-1, 8, 4, 4))


class Arctangent(nn.Module):
    """A layer that has no rule."""

    def forward(self, z: Tensor) -> Tensor:
        return z.atan()


class SineBackward(torch.autograd.Function):
    """A sine with a backward pass of its own and no forward mode."""

    @staticmethod
    def forward(ctx: object, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)  # type: ignore[attr-defined]
        return z.sin()

    @staticmethod
    def backward(ctx: object, *cotangents: Tensor) -> Tensor:
        (z,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return cotangents[0] * z.cos()


class SineForward(SineBackward):
    """The same with a forward mode, but no way through ``vmap``."""

    @staticmethod
    def jvp(ctx: object, *tangents: Tensor) -> Tensor:
        return tangents[0] * ctx.z.cos()  # type: ignore[attr-defined]

    @staticmethod
    def forward(ctx: object, z: Tensor) -> Tensor:
        ctx.save_for_backward(z)  # type: ignore[attr-defined]
        ctx.z = z  # type: ignore[attr-defined]
        return z.sin()


class GridSampler(nn.Module):
    """A picture of fixed pixels, seen where the latents say."""

    picture: Tensor

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.places = nn.Linear(4, 18)
        self.register_buffer("picture", torch.rand(1, 3, 8, 8))

    def forward(self, z: Tensor) -> Tensor:
        grid = self.places(z).tanh().view(-1, 3, 3, 2)
        return F.grid_sample(self.picture.expand(len(z), -1, -1, -1), grid, align_corners=False)


class Residual(nn.Module):
    """Two convolutions beside a path that skips them, as latent diffusion's decoders have them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.GroupNorm(2, channels, eps=1e-6) for _ in range(2))
        self.convolutions = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        h = x
        for norm, convolution in zip(self.norms, self.convolutions, strict=True):
            h = convolution(F.silu(norm(h)))
        return x + h


class PixelAttention(nn.Module):
    """Attention between the pixels of a picture, one head."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(2, channels, eps=1e-6)
        self.query, self.key, self.value, self.last = (nn.Linear(channels, channels) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        h = self.norm(x.view(batch, channels, height * width)).transpose(1, 2)
        query, key, value = (
            layer(h).view(batch, -1, 1, channels).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        h = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(batch, -1, channels)
        return self.last(h).transpose(-1, -2).reshape(batch, channels, height, width) + x


def autoencoder(channels: int = 8, size: int = 3, seed: int = 0) -> nn.Sequential:
    """A decoder like those of latent diffusion: from ``2 * size * size`` latents to images ``3 x 2 size x 2 size``."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Unflatten(1, (2, size, size)),
        nn.Conv2d(2, channels, 3, padding=1),
        Residual(channels),
        PixelAttention(channels),
        Residual(channels),
        nn.Upsample(scale_factor=2.0, mode="nearest"),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.GroupNorm(2, channels, eps=1e-6),
        nn.SiLU(),
        nn.Conv2d(channels, 3, 3, padding=1),
    ).eval()


def transformer(d: int, seed: int = 0) -> nn.Sequential:
    """Torch's own encoder of transformers, from ``d`` latents to four tokens of eight numbers."""
    torch.manual_seed(seed)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    return nn.Sequential(nn.Linear(d, 32), nn.Unflatten(1, (4, 8)), encoder, nn.Linear(8, 6)).eval()


def dcgan(d: int, activation: nn.Module, seed: int = 0) -> nn.Sequential:
    """Transposed convolutions with norms of a batch long gone, from ``d`` latents to images ``3 x 8 x 8``."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Unflatten(1, (d, 1, 1)),
        nn.ConvTranspose2d(d, 8, 4, 1, 0, bias=False),
        nn.BatchNorm2d(8),
        activation,
        nn.ConvTranspose2d(8, 3, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    nn.init.uniform_(net[2].running_var, 0.05, 0.2)  # type: ignore[arg-type]
    return net.eval()


def styled(d: int, seed: int = 0) -> nn.Module:
    """Noise that does not change, modulated by a style, as in StyleGAN."""

    class Styled(nn.Module):
        noise: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.mapping = nn.Sequential(nn.Linear(d, 16), nn.LeakyReLU(0.2), nn.Linear(16, 16), nn.SiLU())
            self.constant = nn.Parameter(torch.randn(1, 8, 4, 4))
            self.style, self.last = nn.Linear(16, 16), nn.Conv2d(8, 3, 3, padding=1)
            self.register_buffer("noise", torch.randn(1, 1, 4, 4))

        def forward(self, z: Tensor) -> Tensor:
            z = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
            scale, shift = self.style(self.mapping(z)).unsqueeze(-1).unsqueeze(-1).chunk(2, dim=1)
            x = F.instance_norm(self.constant.expand(len(z), -1, -1, -1) + 0.1 * self.noise)
            return self.last(F.silu(x * (1.0 + scale) + shift))

    torch.manual_seed(seed)
    return Styled().eval()
