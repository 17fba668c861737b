"""The recipes of the page on generators of one's own, as they are printed there, on random weights.

diffusers and MONAI are among the requirements of development. pythae cannot be: it asks for a backport of dataclasses
that no lock file for all Pythons can name. Its recipe is skipped where it is not installed, and ``nox -s generators``
installs and runs all of them.
"""

import re
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn

import geodreg
from geodreg.geometry.curve import chord_energy, straight
from geodreg.interpolation.paths import Paths
from geodreg.solvers import Status
from tests.test_own_generators import quasi_newton

PAGE = Path(__file__).parent.parent / "book" / "own-generator.md"
RECIPES: dict[str, str] = {
    name: "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    for name, text in re.findall(r"^:::\{tab-item\} (\S+)\n(.*?)^:::$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
}
K = 5
KINKED = ("pythae", "DCGAN")  # made of ReLUs, so that every method ends in a valley of its own
LONG = (*KINKED, "diffusers", "MONAI")  # may be under way when the iterations end
OF_SMOOTH, OF_VALLEYS = 1e-4, 5e-3  # of an energy, by which another valley may be lower, or the end of a long one
SLOW = ("diffusers", "MONAI")
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in RECIPES]
minutes = pytest.mark.skipif(find_spec("pythae") is None, reason="takes minutes; `nox -s generators` runs it")
COMPARED = [pytest.param(name, marks=minutes) if name in SLOW else name for name in RECIPES]


def _imported(name: str) -> Any:
    """A package that may be missing; it may warn of itself while it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(name)


def _diffusers() -> dict[str, Any]:
    """Latents of 4 x 8 x 8, images of 3 x 8 x 8."""
    vae = _imported("diffusers").AutoencoderKL(
        block_out_channels=(4,),
        down_block_types=("DownEncoderBlock2D",),
        up_block_types=("UpDecoderBlock2D",),
        latent_channels=4,
        norm_num_groups=2,
        sample_size=8,
    )
    return {"vae": vae, "images": torch.randn(2, 3, 8, 8)}


def _monai() -> dict[str, Any]:
    """Latents of 3 x 4 x 4, images of 1 x 8 x 8; its attention needs einops."""
    networks = _imported("monai.networks.nets")
    _imported("einops")
    vae = networks.AutoencoderKL(
        spatial_dims=2,
        channels=(4, 4),
        attention_levels=(False, True),
        latent_channels=3,
        num_res_blocks=1,
        norm_num_groups=2,
    )
    return {"vae": vae, "images": torch.randn(2, 1, 8, 8)}


def _pythae() -> dict[str, Any]:
    models = _imported("pythae.models")
    vae = models.VAE(models.VAEConfig(input_dim=(1, 8, 8), latent_dim=6))
    return {"vae": vae, "images": torch.rand(2, 1, 8, 8)}


def _dcgan() -> dict[str, Any]:
    """A generator of the tutorial's form, to images of 3 x 8 x 8."""
    layers = [nn.ConvTranspose2d(100, 64, 4, 1, 0, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)]
    generator = nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1, bias=False), nn.Tanh())
    generator(torch.randn(64, 100, 1, 1))  # statistics of the batch norm
    return {"generator": generator}


class StyleGAN(nn.Module):
    """A mapping, a constant modulated by styles, and noise that is drawn anew unless it is asked to be constant."""

    noise: Tensor
    z_dim = 12

    def __init__(self) -> None:
        super().__init__()
        self.mapping = nn.Sequential(nn.Linear(12, 16), nn.SiLU(), nn.Linear(16, 16), nn.SiLU())
        self.constant = nn.Parameter(torch.randn(1, 8, 4, 4))
        self.style = nn.Linear(16, 8)
        self.convolution, self.last = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 3, 1)
        self.register_buffer("noise", torch.randn(1, 1, 8, 8))

    def forward(self, z: Tensor, c: None = None, noise_mode: str = "random") -> Tensor:
        w = self.mapping(z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8))
        x = F.interpolate(self.constant * self.style(w)[:, :, None, None], scale_factor=2.0, mode="bilinear")
        noise = self.noise if noise_mode == "const" else torch.randn(len(z), 1, 8, 8).to(x)
        return self.last(F.silu(self.convolution(x) + 0.1 * noise))


class Conditional(nn.Module):
    """Latents beside an embedded class."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 8)
        self.layers = nn.Sequential(nn.Linear(24, 32), nn.SiLU(), nn.Linear(32, 64), nn.Unflatten(1, (1, 8, 8)))

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        return self.layers(torch.cat([z, self.embedding(label)], dim=1))


GIVEN: dict[str, Callable[[], dict[str, Any]]] = {
    "diffusers": _diffusers,
    "MONAI": _monai,
    "pythae": _pythae,
    "DCGAN": _dcgan,
    "StyleGAN": lambda: {"generator": StyleGAN()},
    "Conditional": lambda: {"generator": Conditional()},
}


@pytest.fixture
def double() -> Iterator[None]:
    """What is made without a word on precision is made in double precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def follow(name: str, solved: bool = True) -> dict[str, Any]:
    """The variables after a recipe, or before the line that solves."""
    torch.manual_seed(0)
    variables = {"torch": torch, "geodreg": geodreg, **GIVEN[name]()}
    torch.manual_seed(1)
    recipe = RECIPES[name] if solved else RECIPES[name].partition("paths = ")[0]
    exec(compile(recipe, f"{PAGE.name}, {name}", "exec"), variables)  # noqa: S102 - it is the page's
    return variables


def is_found(name: str, paths: Paths) -> bool:
    """Whether a solve ended at a minimum, or in a status that says what random weights with few points lead to.

    So few points may be too few, and among kinks or in 256 dimensions the iterations may be.
    """
    honest = (Status.SWINGS, Status.ITERATIONS) if name in LONG else (Status.SWINGS,)
    return bool(paths.converged.all()) or all(status in honest for status in np.atleast_1d(paths.status))


def objective(manifold: geodreg.LatentManifold, z: Tensor, mu: float = 0.0) -> Tensor:
    """Chord energy with a density of paths ``(1, K, d)`` in a unit of time."""
    energy = chord_energy(manifold.generate_flat(z), 1.0).sum()
    return energy + mu / (z.shape[1] - 1) * manifold.nll(z[:, 1:-1]).sum() if mu else energy


def test_every_recipe_is_tried() -> None:
    assert RECIPES.keys() == GIVEN.keys()
    assert all("geodreg.interpolate(" in recipe for recipe in RECIPES.values())


@pytest.mark.parametrize("name", NAMES)
def test_recipes_run_as_they_are_printed_and_find_their_paths(name: str) -> None:
    found = follow(name)
    paths: Paths = found["paths"]
    assert is_found(name, paths), paths.status
    assert paths.z.dtype == torch.float32
    latent_shape = found["manifold"].latent_shape
    assert latent_shape is None or paths.z.shape[-len(latent_shape) :] == latent_shape


@pytest.mark.slow
@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("solver", ["newton", "matrix-free"])
@pytest.mark.parametrize("name", COMPARED)
def test_geodesics_of_recipes_are_no_longer_than_those_of_a_quasi_newton_method(name: str, solver: str) -> None:
    found = follow(name, solved=False)
    manifold = found["manifold"]
    start, end = (
        z.reshape(1, -1) for z in (found["latents"] if "latents" in found else (found["start"], found["end"]))
    )
    paths = geodreg.interpolate(manifold, start, end, "geodesic", n_points=K, interval=1.0, solver=solver)
    least = quasi_newton(lambda z: objective(manifold, z), straight(start, end, K))
    assert is_found(name, paths), paths.status
    assert paths.energy.item() == pytest.approx(objective(manifold, paths.flat_latents).item(), rel=1e-9)
    assert paths.energy.item() <= least * (1 + (OF_VALLEYS if name in (*KINKED, "MONAI") else OF_SMOOTH))


@pytest.mark.usefixtures("double")
def test_a_regularised_path_of_a_recipe_is_no_worse_than_that_of_a_quasi_newton_method() -> None:
    found = follow("Conditional")
    manifold, z = found["manifold"], found["paths"].z[None]
    settings: dict[str, Any] = {"n_points": K, "interval": 1.0}
    geodesic = geodreg.interpolate(manifold, z[:, 0], z[:, -1], "geodesic", **settings)
    paths = geodreg.interpolate(manifold, z[:, 0], z[:, -1], mu=0.03, **settings)
    least = quasi_newton(lambda z: objective(manifold, z, 0.03), geodesic.z)
    gained = objective(manifold, geodesic.z, 0.03).item() - least
    assert gained > 0.0
    assert paths.objective.item() <= least + 1e-2 * gained
