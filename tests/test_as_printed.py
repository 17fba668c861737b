"""The paper's own method: what its settings mean, and that it stops where it says."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal

from geodreg import Algorithm1, GraphStart, LatentManifold, Status, interpolate
from geodreg.paper.as_printed import AsPrinted, as_printed, at_budgets
from geodreg.solvers.algorithm1 import step_limit
from tests.generators import latents, random_decoder

UNEVEN = 4.7  # longest over shortest chord


def _flat(z: Tensor) -> Tensor:
    return z


def _line(ratio: float, n_points: int = 21) -> Tensor:
    """A straight line whose chords grow evenly, the last ``ratio`` times as long as the first, with a faint zigzag."""
    chords = ratio ** torch.linspace(0.0, 1.0, n_points - 1, dtype=torch.float64)
    z = torch.zeros(n_points, 2, dtype=torch.float64)
    z[1:, 0] = chords.cumsum(0) / chords.sum()
    z[1:-1, 1] = 1e-7 * torch.tensor([(-1.0) ** k for k in range(1, n_points - 1)], dtype=torch.float64)
    return z


def _grows(manifold: LatentManifold, z: Tensor, eta: float, mu: float = 0.0) -> bool:
    method = "geodreg" if mu > 0.0 else "geodesic"
    solver = Algorithm1(eta=eta, max_iterations=600, tolerance=0.0)
    path = interpolate(manifold, z[0], z[-1], method, mu=mu, n_points=len(z), init=z, solver=solver)
    return bool(path.z[:, 1].abs().max() > 1e-7)


@pytest.mark.parametrize(("fraction", "grows"), [(0.98, False), (1.02, True)])
def test_even_chords_bear_a_step_up_to_half_a_chord(fraction: float, grows: bool) -> None:
    z = _line(ratio=1.0)
    assert step_limit(z) == pytest.approx(0.5 / (len(z) - 1))
    assert _grows(LatentManifold(_flat), z, fraction * step_limit(z).item()) is grows


def test_the_shortest_chords_set_the_limit_and_not_the_mean() -> None:
    z = _line(ratio=UNEVEN)
    mean = 0.5 / (len(z) - 1)
    assert step_limit(z) < 0.6 * mean
    assert not _grows(LatentManifold(_flat), z, 0.8 * step_limit(z).item())
    assert _grows(LatentManifold(_flat), z, 0.8 * mean)


def test_the_default_step_is_half_of_the_local_limit_of_each_pair() -> None:
    z = torch.stack([_line(1.0), 3.0 * _line(UNEVEN)])
    one = interpolate(_flat, z[:, 0], z[:, -1], "geodesic", n_points=21, init=z, solver=Algorithm1(max_iterations=1))
    for pair in range(2):
        given = Algorithm1(eta=0.5 * step_limit(z[pair]).item(), max_iterations=1)
        alone = interpolate(_flat, z[pair, 0], z[pair, -1], "geodesic", n_points=21, init=z[pair], solver=given)
        assert torch.allclose(one.z[pair], alone.z, atol=1e-14, rtol=0.0)


@pytest.mark.parametrize("steepness", [20.0, 200.0])
@pytest.mark.slow
def test_a_density_lowers_the_limit_by_its_closed_form(steepness: float) -> None:
    z, mu = _line(ratio=1.0), 0.5
    across = LatentManifold(_flat, density=lambda z: -0.5 * steepness * z[..., 1].square())
    # The linearised iteration on a straight line with even chords: eigenvalues of the stiffness are known.
    largest = 2.0 * (1.0 + math.cos(math.pi / (len(z) - 1))) * (len(z) - 1)
    exact = 2.0 / (largest + mu * steepness)
    limit = step_limit(z, mu * steepness).item()
    assert limit < exact < 1.01 * limit  # sufficient, and nearly necessary
    assert limit == pytest.approx(step_limit(z).item() / (1.0 + step_limit(z).item() * mu * steepness / 2.0))
    assert not _grows(across, z, 0.99 * exact, mu)
    assert _grows(across, z, 1.01 * exact, mu)


def test_a_look_on_the_way_is_what_a_run_of_that_length_ends_with() -> None:
    manifold = LatentManifold(random_decoder([2, 16, 12], gain=1.5), noise=0.2)
    start, end = latents(6, 2, seed=0).view(2, 3, 2), latents(6, 2, seed=1).view(2, 3, 2)
    start[0, 0] = end[0, 0]  # coincident, and another pair at rest early
    end[1, 1] = start[1, 1] + 1e-6
    looked = at_budgets(manifold, start, end, AsPrinted(mu=0.05), (7, 0, 30), n_points=9)
    assert list(looked) == [7, 0, 30]
    for budget, path in looked.items():
        alone = as_printed(manifold, start, end, AsPrinted(mu=0.05, budget=budget), n_points=9)
        for name in ("z", "x", "nll", "length", "objective", "gap", "iterations", "evaluations", "history"):
            assert torch.equal(getattr(path, name), getattr(alone, name)), name
        assert (path.status == alone.status).all()
        assert path.z.shape == (2, 3, 9, 2)
        assert path.iterations.max() <= budget
    assert torch.equal(looked[0].z, interpolate(manifold, start, end, "straight", n_points=9).z)
    assert not torch.equal(looked[7].z, looked[30].z)


def test_it_is_the_solver_of_that_name_with_the_same_step() -> None:
    manifold = LatentManifold(random_decoder([2, 16, 12], gain=1.5), noise=0.2)
    start, end = latents(2, 2, seed=0), latents(2, 2, seed=1)
    setting = AsPrinted(mu=0.05, budget=20, step_share=0.7)
    path = as_printed(manifold, start, end, setting, n_points=9)
    line = interpolate(manifold, start, end, "straight", n_points=9)
    solver = Algorithm1(max_iterations=20, share=0.7)
    same = interpolate(manifold, start, end, mu=0.05, n_points=9, init=line.z, solver=solver)
    assert torch.equal(path.z, same.z)
    assert (path.method, path.mu) == ("algorithm1", 0.05)
    assert torch.equal(path.objective, path.energy)  # it does not minimise the loss


@pytest.mark.parametrize("scale", [2.0, 0.25])
def test_a_wider_grey_scale_is_the_same_run_with_data_and_noise_scaled(scale: float) -> None:
    decoder = random_decoder([2, 16, 12], gain=1.5)
    start, end = latents(3, 2, seed=0), latents(3, 2, seed=1)
    setting = AsPrinted(mu=0.1, budget=60)
    narrow = as_printed(LatentManifold(decoder, noise=0.2), start, end, replace(setting, grey_range=scale), n_points=11)
    wide_manifold = LatentManifold(lambda z: scale * decoder(z), noise=0.2 * scale)
    wide = as_printed(wide_manifold, start, end, setting, n_points=11)
    assert (narrow.z - wide.z).abs().max() < 1e-9
    assert torch.allclose(scale * narrow.length, wide.length)
    usual = as_printed(LatentManifold(decoder, noise=0.2), start, end, setting, n_points=11)
    assert (narrow.z - usual.z).abs().max() > 1e-3  # it does matter


def test_of_a_given_density_too_the_grey_scale_is_a_factor_of_the_weight() -> None:
    manifold = LatentManifold(random_decoder([2, 16, 12], gain=1.5), density=Normal(0.0, 1.0))
    start, end = latents(2, 2, seed=3), latents(2, 2, seed=4)
    wide = as_printed(manifold, start, end, AsPrinted(mu=0.1, budget=30, grey_range=2.0), n_points=9)
    twice = as_printed(manifold, start, end, AsPrinted(mu=0.2, budget=30), n_points=9)
    assert torch.equal(wide.z, twice.z)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_shaped_latents_and_half_precision_come_back_as_they_were_given(dtype: torch.dtype) -> None:
    weight = torch.tensor([[1.0, 0.5], [0.0, 1.0], [0.3, -0.2]])
    manifold = LatentManifold(lambda z: (weight.to(z) @ z.flatten(1).mT).mT, noise=0.1, latent_shape=(2, 1))
    start, end = latents(3, 2, seed=5).to(dtype).unsqueeze(-1), latents(3, 2, seed=6).to(dtype).unsqueeze(-1)
    path = as_printed(manifold, start, end, AsPrinted(budget=5), n_points=7)
    assert path.z.shape == (3, 7, 2, 1)
    assert path.z.dtype == dtype
    assert torch.equal(path.z[:, 0], start)


def test_other_starts_are_begun_from() -> None:
    manifold = LatentManifold(random_decoder([2, 16, 12], gain=1.5), noise=0.2)
    start, end = latents(2, 2, seed=0), latents(2, 2, seed=1)
    graph, none = GraphStart(n_samples=200), AsPrinted(mu=0.1, budget=0)
    drawn = as_printed(manifold, start, end, none, n_points=9, init=graph)
    same = interpolate(
        manifold, start, end, mu=0.1, n_points=9, init=graph, solver=Algorithm1(max_iterations=0), interval=1.0
    )
    assert torch.equal(drawn.z, same.z)
    again = as_printed(manifold, start, end, none, n_points=9, init=drawn.z)
    assert torch.equal(again.z, drawn.z)
    with pytest.raises(ValueError, match="init is 'best'"):
        as_printed(manifold, start, end, none, init="best")


def test_a_path_at_rest_stays_where_it_is_whatever_the_budget() -> None:
    t = torch.linspace(0.0, 1.0, 9, dtype=torch.float64)[:, None]
    arch = torch.cat([t, 0.2 * (math.pi * t).sin()], dim=1)
    arch[-1, 1] = 0.0
    found = at_budgets(_flat, arch[0], arch[-1], AsPrinted(mu=0.0), (5, 1000, 2000), n_points=9, init=arch)
    assert [path.status.item() for path in found.values()] == [Status.ITERATIONS, Status.AT_REST, Status.AT_REST]
    assert 5 < found[1000].iterations < 1000
    assert torch.equal(found[1000].z, found[2000].z)
    assert found[1000].z[:, 1].abs().max() < 1e-3  # the segment


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("mu", value) for value in (-0.1, math.nan, math.inf, "0.1")),
        *(("budget", value) for value in (-1, 1.5, True, None)),
        *(("step_share", value) for value in (0.0, -1.0, math.nan, None)),
        *(("grey_range", value) for value in (0.0, -2.0, math.inf, "2")),
    ],
)
def test_a_setting_out_of_range_is_refused_in_one_sentence(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is .*; pass [^.]*(\d\.\d)?[^.]*\.$"):
        AsPrinted(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"budgets": ()}, "budgets is empty"),
        ({"budgets": (10, -1)}, "budget is -1"),
        ({"n_points": 2}, "n_points is 2"),
        ({"n_points": "auto"}, "n_points is 'auto'"),
        ({"init": "nowhere"}, "init is 'nowhere'"),
    ],
)
def test_a_bad_argument_is_refused(arguments: dict[str, object], sentence: str) -> None:
    ends = torch.zeros(2), torch.ones(2)
    with pytest.raises(ValueError, match=sentence):
        at_budgets(_flat, *ends, AsPrinted(), **({"budgets": (1,)} | arguments))  # type: ignore[arg-type]


def test_budgets_only_add_iterations() -> None:
    manifold = LatentManifold(random_decoder([2, 16, 12], gain=1.5), noise=0.2)
    looked = at_budgets(manifold, latents(2, 2, seed=0), latents(2, 2, seed=1), AsPrinted(mu=0.1), (0, 5, 10, 20))
    assert all((more.iterations >= less.iterations).all() for less, more in pairwise(looked.values()))
