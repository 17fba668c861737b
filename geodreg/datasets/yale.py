"""The Extended Yale Face Database B: one person under 64 lights, from the original files, checked by their sums."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from geodreg.datasets.download import download
from geodreg.datasets.root import DataError, data_root, verify_checksum

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Faces",
    "check_subject",
    "check_yale",
    "fetch_yale",
    "light_of",
    "read_yale",
    "verify_yale",
    "yale_checksums",
    "yale_lights",
    "yale_subjects",
]

SOURCE = "https://raw.githubusercontent.com/Uranium2/recognition/55008b5f2ab707eb7ae4464daa727d30b858d488/CroppedYale/"
FOLDERS = ("yale_b", "CroppedYale")  # ours, and the one in the original archive
LIGHT = re.compile(r"A(?P<azimuth>[+-]\d{3})E(?P<elevation>[+-]\d{2})\.pgm$")


@dataclass(frozen=True)
class Faces:
    """Images of one person.

    Attributes:
        images: grey values in [0, 1], ``(n, size, size)``.
        azimuth: of the light, in degrees, ``(n,)``; positive to the right of the person, who looks at the camera.
        elevation: of the light, in degrees, ``(n,)``; positive above the horizon.
    """

    images: Tensor
    azimuth: Tensor
    elevation: Tensor


@cache
def yale_checksums() -> dict[str, str]:
    """SHA-256 of the files of every known subject, by path such as ``yaleB22/yaleB22_P00A+000E+00.pgm``."""
    lines = (files("geodreg.datasets") / "yale_b.sha256").read_text(encoding="utf-8").splitlines()
    return {path: sha256 for sha256, path in (line.split() for line in lines)}


def yale_subjects() -> list[str]:
    """The subjects whose files are known by their sums."""
    return sorted({path.split("/")[0] for path in yale_checksums()})


def light_of(name: str) -> tuple[float, float]:
    """Azimuth and elevation of the light, in degrees, from the name of a file.

    Raises:
        ValueError: if the name tells no direction.

    Example:
        >>> light_of("yaleB22_P00A-035E+15.pgm")
        (-35.0, 15.0)
    """
    match = LIGHT.search(name)
    if match is None:
        raise ValueError(f"{name} names no light; a name ends like A-035E+15.pgm.")
    return float(match["azimuth"]), float(match["elevation"])


def read_yale(subject: str, root: str | Path | None = None, size: int = 64) -> Faces:
    """One person's images, in the order of the file names, brought to a square of ``size`` pixels.

    They are under 64 lights; of seven of the 28 persons one to five of the photographs were never usable.

    Args:
        subject: such as ``"yaleB22"``.
        root: the data root; the folders of the subjects are in its folder ``yale_b`` (or ``CroppedYale``).
        size: side of the images; they are shrunk from 192 x 168 with antialiasing.

    Raises:
        geodreg.datasets.DataError: if the subject is not known, there is no data root, or a file is missing or damaged.
    """
    import numpy as np
    import torch
    from PIL import Image
    from torchvision.transforms.functional import resize

    folder = check_yale(subject, root)
    pictures = []
    for name in _files_of(subject):
        with Image.open(folder / name) as picture:
            pictures.append(torch.from_numpy(np.array(picture)))
    images = resize(torch.stack(pictures).float() / 255.0, [size, size], antialias=True).clamp(0.0, 1.0)
    return Faces(images, *yale_lights(subject))


def verify_yale(root: Path) -> int:
    """Check every file of every known person that has a folder below a data root.

    Returns:
        the number of files; 0 if no known person has a folder.

    Raises:
        geodreg.datasets.DataError: for the first file that is missing or damaged.
    """
    found = [subject for subject in yale_subjects() if _folder(root, subject) is not None]
    for subject in found:
        check_yale(subject, root)
    return sum(len(_files_of(subject)) for subject in found)


def check_yale(subject: str, root: str | Path | None = None) -> Path:
    """Check one person's files below a data root, which must be there.

    Returns:
        the folder that holds the person's folder.

    Raises:
        geodreg.datasets.DataError: if the subject is not known, there is no data root, or a file is missing or damaged.
    """
    names = _files_of(subject)
    base = data_root(root)
    folder = _folder(base, subject) or base / FOLDERS[0]
    for name in names:
        verify_checksum(folder / name, yale_checksums()[name], _mend(base, subject))
    return folder


def _folder(root: Path, subject: str) -> Path | None:
    """The folder that holds the person's folder, if there is one."""
    return next((root / name for name in FOLDERS if (root / name / subject).is_dir()), None)


def _mend(root: Path, subject: str) -> str:
    return f"`geodreg data fetch yale --subject {subject} --root {shlex.quote(str(root))}` downloads it"


def yale_lights(subject: str | None = None) -> tuple[Tensor, Tensor]:
    """Azimuths and elevations, in degrees, of the lights of a person's images, in the order of the file names.

    Args:
        subject: whose; default one of those who have all 64.

    Raises:
        geodreg.datasets.DataError: if the subject is not known.
    """
    import torch

    names = max(map(_files_of, yale_subjects()), key=len) if subject is None else _files_of(subject)
    azimuth, elevation = torch.tensor([light_of(name) for name in names]).unbind(1)
    return azimuth, elevation


def fetch_yale(root: str | Path, subject: str) -> Path:
    """Download one person's files into ``root/yale_b``, unless they are there; check every one.

    Raises:
        geodreg.datasets.DataError: if the subject is not known, or what arrives is damaged.
        OSError: if the source cannot be reached.
    """
    folder = Path(root) / FOLDERS[0]
    download(SOURCE, {name: yale_checksums()[name] for name in _files_of(subject)}, folder)
    return folder / subject


def check_subject(subject: str) -> None:
    """Refuse a subject whose files are not known.

    Raises:
        geodreg.datasets.DataError: if it is none of :func:`yale_subjects`.
    """
    if subject not in yale_subjects():
        raise DataError(f"No checksums are known of a subject {subject!r}; choose one of {', '.join(yale_subjects())}.")


def _files_of(subject: str) -> list[str]:
    check_subject(subject)
    return sorted(name for name in yale_checksums() if name.startswith(f"{subject}/"))
