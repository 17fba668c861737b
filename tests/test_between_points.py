"""What a path does between its points, and curves that are drawn rather than solved."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from geodreg import Newton, Status, interpolate
from geodreg.geometry.curve import slerp, straight
from geodreg.paper.comparison import compare, medians, summarise
from tests.generators import latents, random_decoder

TURN = 24.0  # radians on the whole path: at 35 points a chord spans 0.7 and is a fiftieth shorter than its arc


def coil(z: Tensor) -> Tensor:
    """A helix, whose arc length is a multiple of the latent's."""
    return torch.stack([(TURN * z[:, 0]).cos(), (TURN * z[:, 0]).sin(), z[:, 0]], dim=-1)


def instance_norm() -> nn.Sequential:
    torch.manual_seed(2)
    layers = [nn.Linear(4, 64), nn.Unflatten(1, (4, 4, 4)), nn.InstanceNorm2d(4), nn.Conv2d(4, 1, 3)]
    return nn.Sequential(*layers).eval().double().requires_grad_(False)


ENDS = torch.zeros(1).double(), torch.ones(1).double()
RATIO = (TURN / 68) / math.sin(TURN / 68)


@pytest.mark.parametrize("method", ["geodesic", "geodreg"])
@pytest.mark.parametrize("solver", ["newton", "matrix-free"])
def test_a_path_that_swings_out_between_its_points_says_so(method: str, solver: str) -> None:
    paths = interpolate(coil, *ENDS, method, mu=1e-6, solver=solver)
    assert paths.converged
    assert paths.status == Status.SWINGS
    assert paths.swings
    assert (paths.length / paths.chord_length).item() == pytest.approx(RATIO, rel=1e-2)
    assert "chord ratio" in str(paths.report())
    assert "longer between them: take more points" in str(paths.report())
    assert paths.report().chord_ratio.item() == pytest.approx((paths.length / paths.chord_length).item())


def test_an_instance_norm_is_found_out_at_35_points() -> None:
    start, end = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    generator, few = instance_norm(), Newton(max_iterations=60)
    paths = interpolate(generator, start, end, "geodesic", solver=few)
    longer = paths.length > interpolate(generator, start, end, "straight").length
    assert longer.any()  # so there is something to find
    assert not (longer.numpy() & (paths.status == Status.CONVERGED)).any()
    solved = [Status(status).is_minimum for status in paths.status]
    assert [status == Status.SWINGS for status in paths.status] == [
        s and bool(w) for s, w in zip(solved, paths.swings, strict=True)
    ]


def test_automatic_points_are_doubled_until_the_path_is_what_it_seems() -> None:
    paths = interpolate(coil, *ENDS, "geodesic", n_points="auto")
    assert paths.z.shape == (69, 1)
    assert paths.status == Status.CONVERGED
    assert paths.length.item() == pytest.approx(math.hypot(TURN, 1.0), rel=1e-3)
    first = interpolate(coil, *ENDS, "geodesic")
    assert paths.evaluations > first.evaluations * 35 / 69
    far = interpolate(coil, ENDS[0], 50 * ENDS[1], "geodesic", n_points="auto", solver=Newton(max_iterations=3))
    assert far.z.shape == (273, 1)  # the limit
    assert far.swings


def test_automatic_points_are_35_where_these_are_enough_and_the_batch_has_as_many_as_one_needs() -> None:
    generator, (start, end) = random_decoder([3, 16, 9], gain=1.0), (latents(2, 3, 0), latents(2, 3, 1))
    usual = interpolate(generator, start, end, "geodesic")
    assert torch.equal(interpolate(generator, start, end, "geodesic", n_points="auto").z, usual.z)
    both = interpolate(
        coil, torch.zeros(2, 1).double(), torch.tensor([[0.01], [1.0]]).double(), n_points="auto", mu=1e-6
    )
    assert both.z.shape == (2, 69, 1)
    given = interpolate(coil, *ENDS, "geodesic", n_points="auto", init=straight(*ENDS, 21))
    assert given.z.shape == (81, 1)  # 21, 41, 81: a chord of 81 spans 0.3
    with pytest.raises(ValueError, match="at least 3, or 'auto'"):
        interpolate(coil, *ENDS, n_points="many")  # type: ignore[arg-type]


@pytest.mark.parametrize("d", [2, 3, 50])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_spherical_interpolation_is_shoemakes(d: int, dtype: torch.dtype) -> None:
    a, b = latents(5, d, 0, dtype), latents(5, d, 1, dtype)
    paths = interpolate(lambda z: 1.0 * z, a, b, "slerp", n_points=9)
    angle = torch.arccos((a * b).sum(-1) / a.norm(dim=-1) / b.norm(dim=-1)).view(-1, 1, 1)
    t = torch.linspace(0, 1, 9, dtype=dtype).view(1, -1, 1)
    expected = (((1 - t) * angle).sin() * a.unsqueeze(1) + (t * angle).sin() * b.unsqueeze(1)) / angle.sin()
    assert paths.z.dtype == dtype
    assert torch.allclose(paths.z, expected, atol=1e-4 if dtype == torch.float32 else 1e-10)
    assert torch.equal(paths.z[:, [0, -1]], torch.stack([a, b], dim=1))
    assert set(paths.status) == {"nothing to solve"}


@pytest.mark.parametrize("d", [1, 2, 7])
def test_spherical_interpolation_of_vectors_without_a_plane(d: int) -> None:
    a = latents(4, d, 0)
    line = {"the same": a, "longer": 3.0 * a, "zero": 0.0 * a, "hardly another": a * (1.0 + 1e-15)}
    for name, b in line.items():
        assert torch.allclose(slerp(a, b, 7), straight(a, b, 7), atol=1e-12), name
        assert torch.allclose(slerp(b, a, 7), straight(b, a, 7), atol=1e-12), name
    for b in (-a, -2.0 * a, -a + 1e-9):
        curve = slerp(a, b, 7)
        assert torch.equal(curve[:, [0, -1]], torch.stack([a, b], dim=1))
        if d == 1:
            assert torch.allclose(curve, straight(a, b, 7))
        else:
            norms = torch.lerp(a.norm(dim=-1)[:, None], b.norm(dim=-1)[:, None], torch.linspace(0, 1, 7).double())
            assert torch.allclose(curve.norm(dim=-1), norms, atol=1e-6)
            turns = torch.nn.functional.cosine_similarity(curve[:, 1:], curve[:, :-1], dim=-1).arccos()
            assert torch.allclose(turns, torch.full_like(turns, math.pi / 6), atol=1e-6)


def test_spherical_interpolation_stands_beside_the_papers_methods() -> None:
    generator, (start, end) = random_decoder([3, 16, 9], gain=1.0), (latents(2, 3, 0), latents(2, 3, 1))
    assert list(compare(generator, start, end, n_points=9)) == ["geodreg", "geodesic", "straight"]
    paths = compare(generator, start, end, with_slerp=True, n_points=9)
    table = medians(summarise(paths), {"length": "length"})
    assert table["method"].tolist() == ["GeodReg", "Geod", "StraightZ", "Slerp"]
    assert table["converged"].tolist()[2:] == ["(not solved)"] * 2


def test_the_command_line_draws_it(tmp_path: Path) -> None:
    from geodreg.commands.cli import app

    words = ["interpolate", "--model", "mnist-gan", "--pair", "1", "--points", "5", "--slerp", "--mu", "0"]
    result = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "strip.svg")])
    assert result.exit_code == 0, result.output
    assert "Slerp: 1 by slerp, 5 points" in result.output


def test_an_objective_that_overflows_in_the_precision_given_back_is_no_success() -> None:
    start, end = latents(2, 2, 0, torch.float32), latents(2, 2, 1, torch.float32)
    paths = interpolate(lambda z: 1e12 * z, start, end, mu=1e30, n_points=5)
    assert not paths.converged.any()
    assert set(paths.status) == {Status.NOT_FINITE}
