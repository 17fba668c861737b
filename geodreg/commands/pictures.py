"""Pictures that a user hands over, as the grey values that they show."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from geodreg.errors import PlainError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image
    from torch import Tensor

    Grey = NDArray[np.float32]

__all__ = ["PictureError", "check_picture", "read_picture"]

LIGHT = 0.5  # grey value between dark and light
STRAY = 0.01  # fraction of a drawing in one ink that may look otherwise, such as the rim of a stroke
DEEP = ("PNG", "PPM", "TIFF", "JPEG2000")  # formats in which more than 8 bits have a white that is known
BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339  # TIFF 6.0, sections 8 and 19
WHITE_IS_ZERO, SIGNED = 0, 2


class PictureError(PlainError):
    """A picture that cannot be read, or whose grey values are not known; the message says why."""


def read_picture(path: Path, shape: tuple[int, int], ink: bool) -> Tensor:
    """A picture in grey values of a given size, ``(height, width)``, from 0 to 1; says what was done to it.

    It is turned upright if its camera noted how. What is transparent is taken for white paper, or for black ground if
    nothing dark can be seen, which would vanish on white.

    Args:
        path: any format that Pillow reads; whole numbers of up to 16 bits, or floating-point ones from 0 to 1.
        shape: height and width; a picture of another size is resized.
        ink: whether the model has bright ink on dark; a picture of dark ink on a bright ground is turned around then.

    Raises:
        PictureError: if it cannot be read, shows nothing, or does not say which of its values is white.
    """
    number, grey, alpha = _decoded(path)
    import numpy as np
    import torch
    from PIL import Image

    if number > 1:
        typer.echo(f"{path}: the first of {number} pictures in the file is taken.")
    drawn = None  # whether dark on light; None where it is not known
    if alpha.min() < 1.0:
        dark = float((alpha * (grey < LIGHT)).sum() / alpha.sum())
        drawn = {dark < STRAY: False, dark > 1.0 - STRAY: True}.get(True)
        typer.echo(f"{path}: what is transparent is taken for {'black' if drawn is False else 'white'}.")
        grey = grey * alpha + (0.0 if drawn is False else 1.0 - alpha)
    if grey.shape != shape:
        typer.echo(f"{path}: resized from {grey.shape[1]} x {grey.shape[0]} to {shape[1]} x {shape[0]} pixels.")
        grey = np.array(Image.fromarray(grey).resize((shape[1], shape[0]), Image.Resampling.BOX))
    x = torch.from_numpy(grey).clamp(0.0, 1.0)
    if ink and (x.mean() > LIGHT if drawn is None else drawn):
        typer.echo(f"{path}: taken for dark ink on a bright ground, and turned around.")
        x = 1.0 - x
    return x


def check_picture(path: Path) -> None:
    """Refuse what :func:`read_picture` would refuse, without PyTorch, which takes seconds to import.

    Raises:
        PictureError: as it does.
    """
    _decoded(path)


def _decoded(path: Path) -> tuple[int, Grey, Grey]:
    """Number of pictures in a file, and grey values and opacity of the first, upright."""
    from PIL import Image, ImageOps

    try:
        # From memory: an uncompressed TIFF that is to be turned comes out garbled where Pillow maps the file.
        with Image.open(io.BytesIO(path.read_bytes())) as opened:
            number = getattr(opened, "n_frames", 1)
            grey, alpha = _grey(opened, ImageOps.exif_transpose(opened))
        if alpha.max() == 0.0:
            raise ValueError("all of it is transparent")  # noqa: TRY301 - told as all other reasons are
    except Exception as error:  # noqa: BLE001 - a damaged picture raises whatever its decoder stumbles over
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        message = f"{path} is not a picture that can be read ({reason}); give a PNG, JPEG or PGM file."
        raise PictureError(message) from None
    return number, grey, alpha


def _grey(opened: Image.Image, image: Image.Image) -> tuple[Grey, Grey]:
    """Grey values and opacity, from 0 to 1 in single precision.

    Args:
        opened: the picture as it stands in its file, whose format and tags count.
        image: the same, upright.

    Raises:
        ValueError: if it does not say which of its values is white.
    """
    import numpy as np

    tags = getattr(opened, "tag_v2", {})
    if SIGNED in tags.get(SAMPLE_FORMAT, ()):
        raise ValueError("its numbers are signed, and it is not known which of them is white")
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        grey = values / (_unit(values) if image.mode == "F" else _white(opened, tags))
        if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:  # Pillow heeds it for 8 bits and fewer
            grey = 1.0 - grey
        clear = image.info.get("transparency")  # the one value of a PNG that stands for nothing
        alpha = values != clear if isinstance(clear, int) else np.ones_like(values)
        return grey.astype(np.float32), alpha.astype(np.float32)
    if image.mode == "La":  # of which Pillow makes nothing but LA
        image = image.convert("LA")
    alpha = np.full(image.size[::-1], 255)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
        image = image.convert("RGB")
    return np.asarray(image.convert("L"), dtype=np.float32) / np.float32(255), alpha.astype(np.float32) / np.float32(
        255
    )


def _unit(values: NDArray[np.float32]) -> float:
    """The value of white in a picture of floating-point numbers, of which nothing but usage says that it is 1."""
    low, high = float(values.min()), float(values.max())
    if not (low >= 0.0 and high <= 1.0):
        raise ValueError(f"its floating-point numbers are from {low:g} to {high:g} instead of from 0 to 1")
    return 1.0


def _white(opened: Image.Image, tags: dict[int, tuple[int, ...]]) -> float:
    """The value of white in a picture of whole numbers of more than 8 bits."""
    bits = max(tags.get(BITS_PER_SAMPLE, (16,)))
    if bits > 16 or opened.format not in DEEP:
        number = str(bits) if bits > 16 else "more than 8"
        raise ValueError(f"its grey values have {number} bits, and it is not known which of them is white")
    return float(2**bits - 1)
