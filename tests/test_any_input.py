"""Whatever is passed in: paths whose invariants hold, or one sentence. Never a hang, never a NaN as a success."""

import io
import itertools
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn
from typer.testing import CliRunner

from geodreg import LatentManifold, Newton, interpolate
from geodreg.book.parameters import PageError, checked, declared
from geodreg.commands.cli import app
from geodreg.commands.pictures import PictureError, read_picture
from tests.generators import SineBackward, dcgan, styled, transformer

EXAMPLES = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
COMMANDS = settings(max_examples=120, deadline=None, derandomize=True)
HANG = 60  # seconds; a case takes a tenth of one
ROOT = Path(__file__).parent.parent


@contextmanager
def no_hang() -> Iterator[None]:
    """Fail if what is inside does not end."""

    def stop(_: int, __: FrameType | None) -> None:
        raise AssertionError(f"not done after {HANG} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(HANG)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def mlp(d: int, n: int, *between: nn.Module) -> nn.Sequential:
    torch.manual_seed(d + n)
    return nn.Sequential(nn.Linear(d, 8), *between, nn.Tanh(), nn.Linear(8, n)).requires_grad_(False)


@cache
def generators(d: int) -> dict[str, object]:
    """Good ones, degenerate ones, and such as must be refused, by name."""
    image = nn.Sequential(mlp(d, 12), nn.Unflatten(1, (3, 2, 2)))
    return {
        "perceptron": mlp(d, 5).eval(),
        "images": image.eval(),
        "narrow": mlp(d, 1).eval(),
        "batch norm": mlp(d, 4, nn.BatchNorm1d(8)).eval(),
        "constant": lambda z: torch.zeros_like(z) + 0.0 * z,
        "rank one": lambda z: torch.stack([z.sum(-1), z.sum(-1), 0 * z.sum(-1)], -1),
        "huge": lambda z: 1e12 * z,
        "tiny": lambda z: 1e-12 * z,
        "square": lambda z: z**2,
        "training dropout": mlp(d, 4, nn.Dropout(0.5)).train(),
        "training batch norm": mlp(d, 4, nn.BatchNorm1d(8)).train(),
        "batch statistics": mlp(d, 4, nn.BatchNorm1d(8, track_running_stats=False)).eval(),
        "dropout by function": lambda z: nn.functional.dropout(torch.cat([z, z.sin()], -1), 0.5),
        "random": lambda z: z + torch.randn_like(z),
        "mixes rows": lambda z: z - z.mean(0),
        "detached": lambda z: z.detach().sin(),
        "not finite": lambda z: z / 0.0,
        "logarithm": lambda z: z.log(),
        "numbers": lambda z: 3.0,  # noqa: ARG005
        "raises": lambda z: z @ z,
        "rectifiers": mlp(d, 5, nn.ReLU(inplace=True)).eval(),
        "leaky rectifiers": mlp(d, 5, nn.LeakyReLU(0.2), nn.PReLU()).eval(),
        "exponential units": mlp(d, 5, nn.ELU()).eval(),
        "layer norm": mlp(d, 5, nn.LayerNorm(8)).eval(),
        "group norm": mlp(d, 5, nn.GroupNorm(2, 8)).eval(),
        "instance norm": mlp(d, 5, nn.Unflatten(1, (2, 4)), nn.InstanceNorm1d(2), nn.Flatten()).eval(),
        "gated units": nn.Sequential(nn.Linear(d, 12), nn.GLU(), nn.Linear(6, 5)).eval(),
        "attention": transformer(d),
        "DCGAN": dcgan(d, nn.ReLU(inplace=True)),
        "StyleGAN": styled(d),
        "a backward pass of its own": lambda z: SineBackward.apply(2.0 * z),
        "partly detached": lambda z: z.sin() + z.detach(),
        "changes in place": lambda z: z.mul_(2.0).sin(),
        "a tuple": lambda z: (z, z),
        "a dictionary": lambda z: {"sample": z},
        "a distribution": lambda z: torch.distributions.Normal(z, 1.0),
    }


NAMES = list(generators(2))
REFUSED = {
    *("training dropout", "training batch norm", "batch statistics", "dropout by function", "random"),
    *("detached", "numbers", "partly detached", "a tuple", "a dictionary", "a distribution"),
}


def latents(shape: tuple[int, ...], kind: str, scale: float, seed: int) -> Tensor:
    """Ends of a kind: ordinary, not contiguous, not finite, whole numbers, half precision."""
    z = scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    if kind == "strided":
        return (
            torch.stack([z, z], -1).movedim(-1, 0)[0].mT.contiguous().mT
            if z.ndim > 1
            else torch.stack([z, z], -1)[:, 0]
        )
    if kind == "nan":
        z.view(-1)[:1] = float("nan")
    if kind == "infinite":
        z.view(-1)[-1:] = float("inf")
    types = {"double": torch.float64, "half": torch.float16, "whole": torch.int64, "complex": torch.complex64}
    return z.to(types.get(kind, torch.float32))


USUAL: dict[str, list[Any]] = {
    "generator": ["perceptron", "perceptron", "images", "batch norm", *(name for name in NAMES if name not in REFUSED)],
    "d": [2, 1, 3],
    "batch": [(3,), (1,), (), (2, 2)],
    "kind": ["single", "double", "strided"],
    "other": ["same"],
    "scale": [1.0],
    "method": ["geodreg", "geodesic", "straight"],
    "mu": [0.03, 0.1, 1.0, 0.0],
    "noise": [0.0, 0.1, 1.0],
    "n_points": [5, 9, 3],
    "init": ["straight", "graph"],
}
ODD: dict[str, list[Any]] = {
    "generator": sorted(REFUSED),
    "batch": [(0,), (3, 0)],
    "kind": ["half", "whole", "complex", "nan", "infinite", "meta"],
    "other": ["double", "other shape", "coincident"],
    "scale": [1e-9, 1e6],
    "method": ["shortest", ""],
    "mu": [-1.0, float("nan"), "much", 1e30],
    "n_points": [2, 4.5, -3],
    "init": ["bent"],
}


@st.composite
def cases(draw: st.DrawFn) -> dict[str, object]:
    """Usual arguments, and in every second case one that is odd."""
    case = {name: draw(st.sampled_from(values)) for name, values in USUAL.items()}
    if draw(st.booleans()):
        name = draw(st.sampled_from(sorted(ODD)))
        case[name] = draw(st.sampled_from(ODD[name]))
    return {**case, "seed": draw(st.integers(0, 10**6))}


@pytest.mark.slow
@EXAMPLES
@given(cases())
def test_interpolate_gives_paths_whose_invariants_hold_or_one_sentence(case: dict) -> None:  # type: ignore[type-arg]
    d = case["d"]
    start = latents((*case["batch"], d), case["kind"], case["scale"], case["seed"])
    end = latents((*case["batch"], d), case["kind"], case["scale"], case["seed"] + 1)
    if case["kind"] == "meta":
        end = end.to("meta")
    end = {"double": end.double, "other shape": lambda: end[..., :1], "coincident": start.clone}.get(
        case["other"], lambda: end
    )()
    generator = deepcopy(generators(d)[case["generator"]])  # which may be converted, and has statistics
    if isinstance(generator, nn.Module) and start.dtype in (torch.float64, torch.float16):
        generator = generator.to(start.dtype)
    options = {
        "mu": case["mu"],
        "n_points": case["n_points"],
        "init": case["init"],
        "solver": Newton(max_iterations=30),
    }
    try:
        with warnings.catch_warnings(), no_hang():
            warnings.simplefilter("error", RuntimeWarning)
            warnings.filterwarnings("ignore", "The generator has kinks", UserWarning)
            manifold = LatentManifold(generator, noise=case["noise"])  # type: ignore[arg-type]
            paths = interpolate(manifold, start, end, case["method"], **options)
    except (ValueError, TypeError) as error:
        sentence = str(error)
        event("refused")
        assert 20 < len(sentence) < 400, sentence
        assert "\n" not in sentence
        assert sentence.endswith((".", ")"))
        return
    event("paths")
    assert case["generator"] not in REFUSED
    assert paths.z.shape == (*case["batch"], case["n_points"], d)
    assert torch.equal(paths.z[..., 0, :], start)
    assert torch.equal(paths.z[..., -1, :], end)
    assert paths.z.dtype == start.dtype
    good = paths.converged
    assert paths.z[good].isfinite().all()
    assert paths.x[good].isfinite().all()
    assert paths.length[good].isfinite().all()
    assert paths.objective[good].isfinite().all()
    chord = (paths.x[..., -1, :] - paths.x[..., 0, :]) if paths.x.ndim == start.ndim + 1 else None
    if chord is not None and good.any():
        assert (paths.length[good] >= (1 - 1e-3) * chord.double().norm(dim=-1)[good]).all()
    assert paths.status.shape == case["batch"]


WORDS = st.one_of(
    st.sampled_from(
        ["0.1", "-1", "nan", "abc", "", "1e400", "mnist-gan", "circle-gan", "mnist-judge", "nobody", "x.png"]
    ),
    st.text(max_size=12),
)


@COMMANDS
@given(
    st.sampled_from(["run", "sweep", "interpolate", "train", "data fetch", "nothing"]),
    st.lists(WORDS, max_size=3),
    WORDS,
)
@pytest.mark.slow
def test_the_command_line_refuses_nonsense_in_a_sentence(command: str, words: list[str], value: str) -> None:
    options = {
        "run": ["fig2-circle", "-p", value or "mu", "abc"],
        "sweep": [f"no-{value}"],
        "interpolate": ["--model", f"no-{value}", "--pair", "1", "--out", "x.png"],
        "train": [f"no-{value}"],
        "data fetch": [f"no-{value}"],
        "nothing": [value],
    }[command]
    with no_hang():
        result = CliRunner().invoke(app, [*command.split(), *options, *words])
    assert result.exit_code in (1, 2)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.output.strip()
    assert "Traceback" not in result.output


PICTURES = {"png": "PNG", "jpg": "JPEG", "pgm": "PPM", "tif": "TIFF", "gif": "GIF"}
PIXELS = {"L": np.uint8, "RGB": np.uint8, "RGBA": np.uint8, "1": np.uint8, "P": np.uint8, "I;16": np.uint16}


@st.composite
def pictures(draw: st.DrawFn) -> bytes:
    """A picture of any size, depth and format, half of them whole, the others cut off or changed."""
    mode, ending = draw(st.sampled_from(list(PIXELS))), draw(st.sampled_from(list(PICTURES)))
    height, width = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    channels = {"RGB": (3,), "RGBA": (4,)}.get(mode, ())
    level = draw(st.sampled_from([1, 2, 256]))  # constant or not
    pixels = generator.integers(0, level, (height, width, *channels)).astype(PIXELS[mode])
    image = Image.fromarray(pixels) if mode in ("RGB", "RGBA", "I;16") else Image.fromarray(pixels).convert(mode)
    file = io.BytesIO()
    try:
        image.save(file, PICTURES[ending])
    except OSError:  # the format does not have this mode
        image.convert("L").save(file, PICTURES[ending])
    content = bytearray(file.getvalue())
    damage = draw(st.sampled_from(["none", "none", "cut", "changed", "words"]))
    if damage == "cut":
        del content[draw(st.integers(0, len(content) - 1)) :]
    if damage == "changed":
        content[draw(st.integers(0, min(len(content), 60) - 1))] ^= 1 << draw(st.integers(0, 7))
    return b"not a picture at all" if damage == "words" else bytes(content)


@COMMANDS
@given(pictures(), st.tuples(st.integers(1, 40), st.integers(1, 40)), st.booleans())
def test_a_picture_is_read_as_grey_values_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, shape: tuple[int, int], ink: bool
) -> None:
    file = tmp_path_factory.mktemp("picture") / "picture.png"
    file.write_bytes(content)
    try:
        with no_hang():
            x = read_picture(file, shape, ink)
    except PictureError as error:
        event("refused")
        sentence = str(error)
        assert sentence.startswith(f"{file} is not a picture that can be read (")
        assert sentence.endswith("give a PNG, JPEG or PGM file.")
        return
    event("read")
    assert x.shape == shape
    assert x.dtype == torch.float32
    assert ((x >= 0.0) & (x <= 1.0)).all()


TYPES = {"float": float, "int": int, "bool": bool, "str": str, "list": list}


@COMMANDS
@given(
    st.sampled_from(["fig2-circle", "fig3-mnist-gan", "fig3-yale"]),
    st.sampled_from(["mu", "n_points", "seed", "noise", "subject", "moo", "retrain", "__builtins__", ""]),
    st.one_of(
        *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.binary(max_size=4)),
        *(st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=2), st.integers(), max_size=2)),
        st.sampled_from(["0.1", "3", "nan", "-inf", "true", "1e999", "__import__('os')", "0.1\nx = 1"]),
    ),
)
@pytest.mark.slow
def test_a_parameter_has_the_declared_type_or_is_refused_by_its_name(page: str, name: str, value: object) -> None:
    source = ROOT / "notebooks" / f"{page}.md"
    known = declared(source)
    try:
        with no_hang():
            found = checked(source, {name: value})[name]
    except PageError as error:
        event("refused")
        sentence = str(error)
        assert "\n" not in sentence
        assert f"has no parameter {name};" in sentence or f"parameter {name} is {value!r}, but it must" in sentence
        return
    event("taken")
    assert type(found) is TYPES[known[name].kind]
    assert not isinstance(found, float) or np.isfinite(found)


@pytest.mark.parametrize(
    "odd",
    [
        ["--mu", "nan"], ["--mu", "-1"], ["--mu", "inf"], ["--noise", "abc"],
        ["--points", "2"], ["--points", "100000000"],
        ["--images", "1"], ["--images", "100000000"], ["--pair", "0"], ["--pair", "100000000"], ["--device", "toaster"],
        ["--out", "strip.bmp"], ["--from", "nothing.png"], ["--model", "circle-gan"], ["--model", "mnist-judge"],
        ["--model", "mnist-neighbours"],
        ["--model", "mnist-denoiser"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_an_interpolation_with_one_odd_option_writes_nothing(odd: list[str], tmp_path: Path) -> None:
    usual = {"--model": "mnist-vae", "--pair": "1", "--out": str(tmp_path / "strip.png")}
    options = {**usual, odd[0]: odd[1]}
    result = CliRunner().invoke(app, ["interpolate", *itertools.chain(*options.items())])
    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.output.strip()
    assert not list(tmp_path.iterdir())
