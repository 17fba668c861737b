"""The grey values of pictures that a user hands over: upright, of any depth, on the ground that shows them."""

import struct
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from geodreg.commands.pictures import PictureError, read_picture

RAMP = np.arange(15, dtype=np.float64).reshape(3, 5) / 14  # no symmetry: each way of turning it gives another one
Pixels = NDArray[Any]
SAVED: dict[str, dict[str, Any]] = {"jpg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}}


def read(file: Path, ink: bool = False, shape: tuple[int, int] | None = None) -> NDArray[np.float32]:
    if shape is None:
        with Image.open(file) as image:
            shape = (image.height, image.width)
    return read_picture(file, shape, ink).numpy()


def tiff(pixels: Pixels, bits: int, sample: int, white_is_zero: bool = False, order: Literal["<", ">"] = "<") -> bytes:
    """A TIFF of one channel, written by hand: libraries do not write all kinds that cameras and microscopes do."""
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    height, width = pixels.shape
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, int(not white_is_zero)), (273, 0), (277, 1)]
    tags += [(278, height), (279, len(data)), (339, sample)]
    begin = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(
        struct.pack(f"{order}HHI", tag, 4, 1) + struct.pack(f"{order}I", begin if tag == 273 else value)
        for tag, value in tags
    )
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, len(tags))
    return head + entries + bytes(4) + data


UPRIGHT: dict[int, Any] = {  # what a viewer does to the pixels in the file, EXIF 2.3, tag 274
    1: lambda x: x,
    2: np.fliplr,
    3: lambda x: np.rot90(x, 2),
    4: np.flipud,
    5: lambda x: x.T,
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x, 2).T,
    8: np.rot90,
}


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_photograph_is_upright_as_its_camera_noted(orientation: int, ending: str, tmp_path: Path) -> None:
    file = tmp_path / f"picture.{ending}"
    stored = np.kron(RAMP, np.ones((8, 8)))  # the blocks of JPEG
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray((255 * stored).round().astype(np.uint8)).save(file, exif=exif, **SAVED.get(ending, {}))
    expected = UPRIGHT[orientation](stored)
    np.testing.assert_allclose(read(file, shape=expected.shape), expected, atol=0.01)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("white", "kind", "bits", "sample"), [(255, "u1", 8, 1), (65535, "u2", 16, 1), (1, "f4", 32, 3)]
)
def test_a_tiff_has_its_grey_values_in_every_depth_and_order_of_bytes(
    white: int, kind: str, bits: int, sample: int, order: Literal["<", ">"], tmp_path: Path
) -> None:
    file = tmp_path / "picture.tif"
    pixels = white * RAMP
    file.write_bytes(tiff((pixels if kind == "f4" else pixels.round()).astype(kind), bits, sample, order=order))
    np.testing.assert_allclose(read(file), RAMP, atol=0.5 / white if white > 1 else 1e-6)


@pytest.mark.parametrize(("white", "kind", "sample"), [(255, "u1", 1), (65535, "u2", 1), (1, "f4", 3)])
def test_a_tiff_in_which_white_is_zero_is_no_negative(white: int, kind: str, sample: int, tmp_path: Path) -> None:
    file = tmp_path / "picture.tif"
    pixels = (white * (1 - RAMP)).astype(kind)
    file.write_bytes(tiff(pixels, 8 * pixels.itemsize, sample, white_is_zero=True))
    np.testing.assert_allclose(read(file), RAMP, atol=1.0 / white if white > 1 else 1e-6)


@pytest.mark.parametrize(
    ("pixels", "bits", "sample", "reason"),
    [
        (3.0 * RAMP, 32, 3, r"its floating-point numbers are from 0 to 3 instead of from 0 to 1"),
        (RAMP - 0.5, 32, 3, r"from -0\.5 to 0\.5 instead"),
        (np.where(RAMP > 0.5, np.nan, RAMP), 32, 3, "from nan to nan instead"),
        ((2**31 * RAMP).astype("u4"), 32, 1, "its grey values have 32 bits, and it is not known which"),
        ((1000 * RAMP).astype("i4"), 32, 2, "its numbers are signed"),
        ((1000 * RAMP).astype("i2"), 16, 2, "its numbers are signed"),
        ((100 * RAMP).astype("i1"), 8, 2, "its numbers are signed"),
    ],
)
def test_a_picture_that_does_not_say_what_is_white_is_refused(
    pixels: Pixels, bits: int, sample: int, reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "picture.tif"
    file.write_bytes(tiff(pixels.astype("f4") if sample == 3 else pixels, bits, sample))
    with pytest.raises(PictureError, match=rf"picture\.tif is not a picture that can be read \(.*{reason}.*\); give"):
        read(file)


@pytest.mark.parametrize("top", [15, 255, 1023, 65535])
def test_a_portable_map_is_white_at_its_own_greatest_value(top: int, tmp_path: Path) -> None:
    file = tmp_path / "picture.pgm"
    pixels = (top * RAMP).round().astype(">u2" if top > 255 else "u1")
    file.write_bytes(b"P5 5 3 %d\n" % top + pixels.tobytes())
    np.testing.assert_allclose(read(file), RAMP, atol=0.5 / top + 0.5 / 255)


LETTER = np.zeros((6, 8), dtype=bool)
LETTER[1:5, 2] = LETTER[4, 2:6] = True  # an L


def drawing(mode: str, ink: int, tmp_path: Path, opacity: int = 255, shape: Pixels = LETTER) -> Path:
    """A drawing in one ink on transparent ground; the ink is beneath the transparent part too, as editors write it."""
    file = tmp_path / f"drawing-{mode}.png"
    height, width = shape.shape
    value, alpha = np.full(shape.shape, ink, dtype=np.uint8), (opacity * shape).astype(np.uint8)
    if mode == "P":
        image = Image.new("P", (width, height), 0)
        image.putpalette([ink] * 6)
        image.putdata(shape.astype(int).ravel().tolist())
        image.save(file, transparency=bytes([0, opacity]))
    elif mode == "I;16":
        ground = 40_000  # a value that no pixel of the drawing has
        Image.fromarray(np.where(shape, 257 * ink, ground).astype(np.uint16)).save(file, transparency=ground)
    else:
        channels = [value, alpha] if mode == "LA" else [value, value, value, alpha]
        Image.fromarray(np.stack(channels, axis=-1)).save(file)
    return file


@pytest.mark.parametrize("ink_of_model", [False, True])
@pytest.mark.parametrize("mode", ["LA", "RGBA", "P", "I;16"])
@pytest.mark.parametrize(("value", "ground"), [(255, "black"), (230, "black"), (0, "white"), (60, "white")])
def test_a_drawing_on_transparent_ground_stands_out_from_it(
    value: int, ground: str, mode: str, ink_of_model: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = drawing(mode, value, tmp_path)
    x = read(file, ink=ink_of_model)
    dark_on_light = ground == "white" and not ink_of_model
    assert x[LETTER].std() == pytest.approx(0.0, abs=1e-6)
    assert x[~LETTER].std() == pytest.approx(0.0, abs=1e-6)
    assert (x[LETTER].mean() < x[~LETTER].mean()) == dark_on_light
    assert abs(x[LETTER].mean() - x[~LETTER].mean()) > 0.7
    assert f"what is transparent is taken for {ground}." in capsys.readouterr().out


@pytest.mark.parametrize("value", [0, 255])
def test_a_bold_drawing_that_fills_its_picture_is_bright_ink_on_dark_for_a_model_of_ink(
    value: int, tmp_path: Path
) -> None:
    bold = np.ones((6, 8), dtype=bool)
    bold[2, 3] = False
    np.testing.assert_array_equal(read(drawing("RGBA", value, tmp_path, shape=bold), ink=True), bold)


def test_a_picture_with_dark_and_light_lies_on_white_and_one_that_shows_nothing_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "page.png"
    page = np.full((10, 10, 2), 255, dtype=np.uint8)  # ink on paper whose corners are cut
    page[4, 2:8, 0] = 0
    page[[0, 0, -1, -1], [0, -1, 0, -1], 1] = 0
    Image.fromarray(page).save(file)
    expected = np.ones((10, 10))
    expected[4, 2:8] = 0.0
    np.testing.assert_array_equal(read(file), expected)
    np.testing.assert_array_equal(read(file, ink=True), 1 - expected)
    with pytest.raises(PictureError, match="all of it is transparent"):
        read(drawing("RGBA", 255, tmp_path, opacity=0))


def test_colours_of_every_kind_have_the_grey_of_their_luma(tmp_path: Path) -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]]], dtype=np.uint8)
    expected = np.array([[0.299, 0.587, 0.114, 1.0, 0.0]])  # ITU-R 601
    picture = Image.fromarray(np.kron(colours, np.ones((16, 16, 1), dtype=np.uint8)))
    expected = np.kron(expected, np.ones((16, 16)))
    for mode, ending in {"RGB": "png", "P": "gif", "CMYK": "tif", "YCbCr": "jpg", "RGBA": "webp"}.items():
        file = tmp_path / f"colours.{ending}"
        image = picture.convert(mode)
        image.save(
            file,
            **(
                {"lossless": True}
                if ending == "webp"
                else {"quality": 100, "subsampling": 0}
                if ending == "jpg"
                else {}
            ),
        )
        np.testing.assert_allclose(read(file), expected, atol=0.03, err_msg=mode)
    picture.convert("CMYK").save(tmp_path / "inks.jpg", quality=100)
    np.testing.assert_allclose(read(tmp_path / "inks.jpg"), expected, atol=0.03)
    lines = np.array([[0, 1, 1, 0, 1]], dtype=bool)
    for ending in ("png", "tif", "pbm"):
        Image.fromarray(lines).save(tmp_path / f"lines.{ending}")
        np.testing.assert_array_equal(read(tmp_path / f"lines.{ending}"), lines)


def test_of_several_pictures_in_a_file_the_first_is_taken_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = [Image.fromarray(np.full((4, 4), value, dtype=np.uint8)) for value in (255, 0, 51)]
    for ending in ("gif", "tif", "png", "webp"):
        file = tmp_path / f"frames.{ending}"
        frames[0].save(file, save_all=True, append_images=frames[1:], **SAVED.get(ending, {}))
        assert read(file).mean() == pytest.approx(1.0), ending
        assert f"{file}: the first of 3 pictures in the file is taken." in capsys.readouterr().out
