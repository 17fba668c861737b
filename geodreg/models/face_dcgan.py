"""A DCGAN of faces that somebody else trained: fetched from the package index, checked, and kept without pickle.

The wheel ``gan_face_generate`` 1.1.1 (MIT licence) holds the weights of PyTorch's tutorial DCGAN (Radford et al. 2016),
trained on pictures of rendered people. They come as a pickle, and this is the one place of the project that touches
one. It is safe for two reasons: the wheel must have the SHA-256 that stands here, which is that of the file whose
contents were looked at, and PyTorch reads it with ``weights_only=True``, which builds tensors and containers and runs
no code. What is read is written as safetensors, and from then on only that is read.

They lie in the folder named by the environment variable ``GEODREG_FACE_DCGAN``, if that is set, else in
``data/raw/face-dcgan`` of the checkout that holds the package, else of the working directory.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import subprocess
import sys
import tempfile
import warnings
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from geodreg.models.store import ModelError
from geodreg.workspace.files import has_its_sum, sha256_of, sum_file, write_whole
from geodreg.workspace.places import PACKAGE

__all__ = ["FaceDCGAN", "face_dcgan_folder", "fetch_face_dcgan", "load_face_dcgan", "read_wheel"]

REQUIREMENT, WHEEL = "gan_face_generate==1.1.1", "gan_face_generate-1.1.1-py3-none-any.whl"
SHA256 = "24102f4be41d164e44251168ede0458a45e498a888c81493e2aea48529640569"
MEMBER, KEY, PREFIX = "gan_face_generate/weights.tar", "netG_state_dict", "main."
WEIGHTS = "weights.safetensors"
PATIENCE = 300  # seconds for the download of 14 MB


class FaceDCGAN(nn.Module):
    """Latents ``(n, latent_dim)`` to colour pictures ``(n, 3, 64, 64)``, each value in (-1, 1).

    Args:
        latent_dim: latent size ``d``.
        channels: of the layers, the first of 4 x 4 pixels and each twice as large as the one before.

    Example:
        >>> FaceDCGAN(5, (8, 4, 4, 2))(torch.zeros(2, 5)).shape
        torch.Size([2, 3, 64, 64])
    """

    def __init__(self, latent_dim: int = 100, channels: tuple[int, ...] = (512, 256, 128, 64)) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        sizes = [latent_dim, *channels]
        layers: list[nn.Module] = []
        for index, (before, after) in enumerate(pairwise(sizes)):
            stride, padding = (1, 0) if index == 0 else (2, 1)
            layers.append(nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False))
            layers += [nn.BatchNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(sizes[-1], 3, 4, 2, 1, bias=False), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        """As the class says."""
        x: Tensor = self.layers(z[..., None, None])
        return x


def load_face_dcgan(folder: Path | None = None) -> FaceDCGAN:
    """The generator in evaluation mode, its parameters fixed; it is fetched if it is not there, or without its sum.

    Args:
        folder: where the weights lie; default the search above.

    Raises:
        geodreg.models.ModelError: if it can be neither found nor fetched, or is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = (folder or face_dcgan_folder()) / WEIGHTS
    if not (path.is_file() and sum_file(path).is_file()):
        fetch_face_dcgan(path.parent)
    if not has_its_sum(path):
        raise ModelError(f"{path} is not what was written there; remove it, and it is fetched again.")
    try:
        return _built(load_file(path)).eval().requires_grad_(False)
    except SafetensorError as error:
        raise ModelError(f"{path} holds no weights ({error}); remove it, and it is fetched again.") from None


def face_dcgan_folder() -> Path:
    """Where the weights lie, or will."""
    named = os.environ.get("GEODREG_FACE_DCGAN")
    checkout = PACKAGE.parent if (PACKAGE.parent / "data" / "models").is_dir() else Path()
    return Path(named) if named else checkout / "data" / "raw" / "face-dcgan"


def fetch_face_dcgan(folder: Path | None = None) -> Path:
    """Write the weights as safetensors, with their sum beside them.

    The sum is written first, and one without weights counts for nothing: whoever looks in between, or after a process
    that was killed there, fetches them again.

    The wheel is taken from the folder if it lies there, as on a machine without network, else from the package index.

    Args:
        folder: where they go; default the search above.

    Returns:
        the file of weights.

    Raises:
        geodreg.models.ModelError: if the wheel cannot be had or is damaged.
        geodreg.workspace.files.FileError: if the weights cannot be written.
    """
    from safetensors.torch import save

    folder = folder or face_dcgan_folder()
    if (folder / WHEEL).is_file():
        weights = read_wheel(folder / WHEEL, SHA256)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            weights = read_wheel(_downloaded(Path(scratch), folder), SHA256)
    _built(weights)
    folder.mkdir(parents=True, exist_ok=True)
    path, content = folder / WEIGHTS, save(weights)
    digest = hashlib.sha256(content).hexdigest()
    if path.is_file() and sha256_of(path) != digest:
        path.unlink(missing_ok=True)  # beside the new sum it would pass for damaged
    write_whole(sum_file(path), f"{digest}  {path.name}\n".encode())
    write_whole(path, content)
    return path


def read_wheel(wheel: Path, sha256: str) -> dict[str, Tensor]:
    """The generator's state in a wheel, by the names that :class:`FaceDCGAN` has.

    Args:
        wheel: the file.
        sha256: that it must have; nothing of it is read if it differs.

    Raises:
        geodreg.models.ModelError: if it differs, or holds something else than a state of tensors.
    """
    found = sha256_of(wheel)
    if found != sha256:
        raise ModelError(
            f"{wheel} is damaged: its sha256 is {found}, expected {sha256}; remove it, and fetch it again."
        )
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(MEMBER)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickles of other kinds, which are refused or read like any other
            held: Any = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        state = {f"layers.{name.removeprefix(PREFIX)}": tensor.contiguous() for name, tensor in held[KEY].items()}
    except (
        zipfile.BadZipFile,
        pickle.UnpicklingError,
        LookupError,
        TypeError,
        AttributeError,
        RuntimeError,
        EOFError,
    ) as e:
        reason = (str(e).splitlines() or [type(e).__name__])[0]
        raise ModelError(f"{wheel} holds no weights of a generator that can be read safely ({reason}).") from None
    return state


def _downloaded(scratch: Path, folder: Path) -> Path:
    """The wheel alone, from the package index, by pip, which checks its sum as well."""
    requirement = scratch / "requirement.txt"
    requirement.write_text(f"{REQUIREMENT} --hash=sha256:{SHA256}\n", encoding="utf-8")
    options = ["--no-deps", "--ignore-requires-python", "--only-binary", ":all:", "--require-hashes"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", *options]
    try:
        run = subprocess.run(  # noqa: S603 - our own command
            [*command, "--dest", str(scratch), "--requirement", str(requirement)],
            capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        reason = "" if run.returncode == 0 else (run.stderr.strip().splitlines() or ["pip failed"])[-1]
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    if reason:
        raise ModelError(
            f"{WHEEL} could not be downloaded ({reason}); where there is a network, call `pip download --no-deps "
            f"--ignore-requires-python {REQUIREMENT}`, and put the file into {folder}."
        )
    return scratch / WHEEL


def _built(weights: dict[str, Tensor]) -> FaceDCGAN:
    """The generator with these weights."""
    generator = FaceDCGAN()
    try:
        generator.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"These weights are of another generator than the face DCGAN ({reason}).") from None
    return generator
