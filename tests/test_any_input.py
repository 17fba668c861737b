"""Whatever is passed in: paths whose invariants hold, or one sentence. Never a hang, never a NaN as a success."""

import itertools
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from typer.testing import CliRunner

from geodreg import LatentManifold, Newton, interpolate
from geodreg.cli import app

EXAMPLES = settings(
    max_examples=450,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
COMMANDS = settings(max_examples=120, deadline=None, derandomize=True)


def mlp(d: int, n: int, *between: nn.Module) -> nn.Sequential:
    torch.manual_seed(d + n)
    return nn.Sequential(nn.Linear(d, 8), *between, nn.Tanh(), nn.Linear(8, n)).requires_grad_(False)


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
        "random": lambda z: z + torch.randn_like(z),
        "mixes rows": lambda z: z - z.mean(0),
        "detached": lambda z: z.detach().sin(),
        "not finite": lambda z: z / 0.0,
        "logarithm": lambda z: z.log(),
        "numbers": lambda z: 3.0,  # noqa: ARG005
        "raises": lambda z: z @ z,
    }


NAMES = list(generators(2))
REFUSED = {"training dropout", "training batch norm", "random", "detached", "numbers"}


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
    generator = generators(d)[case["generator"]]
    if isinstance(generator, nn.Module) and start.dtype in (torch.float64, torch.float16):
        generator = generator.to(start.dtype)
    options = {
        "mu": case["mu"],
        "n_points": case["n_points"],
        "init": case["init"],
        "solver": Newton(max_iterations=30),
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
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
def test_the_command_line_refuses_nonsense_in_a_sentence(command: str, words: list[str], value: str) -> None:
    options = {
        "run": ["fig2-circle", "-p", value or "mu", "abc"],
        "sweep": [f"no-{value}"],
        "interpolate": ["--model", f"no-{value}", "--pair", "1", "--out", "x.png"],
        "train": [f"no-{value}"],
        "data fetch": [f"no-{value}"],
        "nothing": [value],
    }[command]
    result = CliRunner().invoke(app, [*command.split(), *options, *words])
    assert result.exit_code in (1, 2)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.output.strip()
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "odd",
    [
        ["--mu", "nan"], ["--mu", "-1"], ["--mu", "inf"], ["--noise", "abc"], ["--points", "2"], ["--points", "100000000"],
        ["--images", "1"], ["--images", "100000000"], ["--pair", "0"], ["--pair", "100000000"], ["--device", "toaster"],
        ["--out", "strip.bmp"], ["--from", "nothing.png"], ["--model", "circle-gan"], ["--model", "mnist-judge"],
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
