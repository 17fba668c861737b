"""Reports, budgets and bars: what a user sees of a long solve."""

import math

import pytest
import torch
from torch import Tensor, nn

import geodreg
from geodreg import LatentManifold, Newton, interpolate
from geodreg.geometry.curve import straight
from geodreg.interpolation.memory import bytes_per_pair, pairs_at_once
from geodreg.objectives.dense import PathObjective
from tests.generators import latents, random_decoder


def manifold() -> LatentManifold:
    return LatentManifold(random_decoder((3, 16, 16, 20), 2.0, seed=4), noise=0.1)


def test_a_report_adds_up_and_is_read() -> None:
    paths = interpolate(manifold(), latents(5, 3, 0), latents(5, 3, 1), mu=0.1)
    report = paths.report()
    assert report.energy + report.density == pytest.approx(report.objective)
    assert report.objective == pytest.approx(paths.objective.numpy())
    objective = PathObjective(paths.manifold, 0.1, paths.interval)
    z = paths.z.clone().requires_grad_()
    x = paths.manifold.generate_flat(z)
    step = paths.interval / 34
    energy = (x.diff(dim=1).square().sum((1, 2)) / (2 * step)).sum()
    value = energy + (0.1 * step[:, None] * paths.manifold.nll(z)[:, 1:-1]).sum()
    assert value.item() == pytest.approx(objective.value(paths.z).sum().item())
    (gradient,) = torch.autograd.grad(value, z)
    assert report.gradient_norm == pytest.approx(gradient[:, 1:-1].flatten(1).norm(dim=1).numpy(), rel=1e-5)
    text = str(report)
    for word in ("energy", "density", "gradient norm", "gap", "speed variation", "evaluations", "5 by geodreg, mu 0.1"):
        assert word in text
    assert "5  converged" in text
    assert f"{paths.seconds:.3g} s" in text


def test_a_report_is_a_table_of_the_pairs() -> None:
    pytest.importorskip("pandas")
    paths = interpolate(manifold(), latents(5, 3, 0), latents(5, 3, 1), mu=0.1)
    assert len(paths.report().to_frame()) == 5


def test_a_report_on_straight_lines_says_that_nothing_was_solved() -> None:
    pytest.importorskip("tqdm")
    paths = interpolate(manifold(), latents(2, 3, 0), latents(2, 3, 1), "straight", memory=1e-9, progress=True)
    assert "2  nothing to solve" in str(paths.report())
    assert "nan" in str(paths.report())
    assert "1  nothing to solve" in str(paths[0].report())


def test_speed_variation_of_even_and_uneven_chords() -> None:
    even = interpolate(lambda z: z, torch.zeros(2), torch.ones(2), "straight").report()
    assert even.speed_variation == pytest.approx(0.0, abs=1e-5)
    uneven = interpolate(
        lambda z: z.exp(), torch.zeros(1, 1), torch.full((1, 1), math.log(2.0)), "straight", n_points=3
    )
    first = math.sqrt(2.0) - 1.0  # of a whole of 1
    assert uneven.report().speed_variation[0] == pytest.approx(abs(2.0 * first - 1.0), rel=1e-5)


def test_a_budget_makes_groups_that_change_nothing() -> None:
    start, end = latents(7, 3, 0), latents(7, 3, 1)
    line = straight(start[:1], end[:1], 35)
    one = bytes_per_pair(manifold(), 0.1, line) / 2**30
    assert pairs_at_once(manifold(), 0.1, line, 7, 2.5 * one) == 2
    whole = interpolate(manifold(), start, end, mu=0.1)
    groups = interpolate(manifold(), start, end, mu=0.1, memory=2.5 * one)
    assert torch.allclose(whole.z, groups.z, atol=1e-6)
    assert groups.history.shape[0] == 7
    assert (groups.status == whole.status).all()


@pytest.mark.slow
def test_a_budget_bounds_what_a_group_computes_together() -> None:
    rows: list[int] = []
    decoder = random_decoder((3, 16, 16, 20), 2.0, seed=4)

    def counting(z: Tensor) -> Tensor:
        rows.append(len(z))
        return decoder(z)

    line = straight(latents(1, 3, 0), latents(1, 3, 1), 35)
    one = bytes_per_pair(manifold(), 0.1, line) / 2**30
    interpolate(LatentManifold(counting, noise=0.1), latents(40, 3, 0), latents(40, 3, 1), mu=0.1, memory=4.5 * one)
    assert max(rows) <= 4 * (1 + 3) * 35 * 8  # of four paths with the points between their points


def test_weights_do_not_count_for_every_point_and_no_limit_is_a_budget() -> None:
    wide = LatentManifold(random_decoder((2, 2000, 2), 1.0), noise=0.1)
    line = straight(latents(1, 2, 0), latents(1, 2, 1), 35)
    weights = 8 * 2 * 2 * 2000
    activations = 8 * 35 * 3 * 2000 * 10
    assert bytes_per_pair(wide, 0.1, line) < activations + 2 * weights
    assert pairs_at_once(wide, 0.1, line, 5, math.inf) == 5


def test_the_graph_of_a_gradient_counts_where_it_is_kept() -> None:
    deep, d, n_points = nn.Sequential(*(nn.Tanh() for _ in range(200))), 16, 9
    line = straight(latents(1, d, 0), latents(1, d, 1), n_points)
    assert bytes_per_pair(LatentManifold(deep), 0.0, line) > 8 * 200 * d * n_points


@pytest.mark.parametrize("memory", [0.0, -1.0, math.nan, 1e-9])
def test_a_budget_that_fits_nothing_is_refused(memory: float) -> None:
    with pytest.raises(ValueError, match=r"memory|budget"):
        interpolate(manifold(), latents(1, 3, 0), latents(1, 3, 1), mu=0.1, memory=memory)


@pytest.mark.parametrize("solver", ["newton", "algorithm1"])
def test_a_bar_counts_every_pair_once(solver: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    chosen = Newton() if solver == "newton" else geodreg.Algorithm1(max_iterations=5)
    interpolate(manifold(), latents(5, 3, 0), latents(5, 3, 1), "geodesic", solver=chosen, progress=True)
    assert "5/5" in capsys.readouterr().err


@pytest.mark.slow
def test_the_better_of_two_starts_is_no_worse_than_either() -> None:
    start, end = latents(6, 3, 0), latents(6, 3, 1)
    settings = {"mu": 0.1, "solver": Newton(tolerance=1e-9)}
    found = {
        init: interpolate(manifold(), start, end, init=init, **settings).objective  # type: ignore[arg-type]
        for init in ("straight", "graph", "best")
    }
    best = interpolate(manifold(), start, end, init="best", **settings)  # type: ignore[arg-type]
    least = torch.minimum(found["straight"], found["graph"])
    assert torch.allclose(found["best"], least)
    assert (best.history[:, 0] > best.history[:, -1]).all()
    assert not torch.allclose(found["straight"], found["graph"])


def test_coarse_paths_save_evaluations_and_change_no_minimum() -> None:
    generator = random_decoder((10, 64, 64, 100), 3.0, seed=0)
    start, end = latents(8, 10, 0), latents(8, 10, 1)
    fine, coarse = (
        interpolate(generator, start, end, "geodesic", solver=Newton(coarsest=coarsest)) for coarsest in (35, 17)
    )
    assert torch.allclose(fine.energy, coarse.energy, rtol=1e-4)
    assert coarse.evaluations.sum() < fine.evaluations.sum()
