"""Where Jacobians are dear: gradients by single passes, and the mean metric of a path as the model of curvature."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal

from geodreg import Algorithm1, LatentManifold, MatrixFree, Newton, Status, interpolate
from geodreg.derivatives.calling import DifferentiableCall
from geodreg.derivatives.cost import USUAL, jacobian_cost
from geodreg.derivatives.rungs import RUNGS
from geodreg.geometry.curve import straight
from geodreg.objectives.dense import PathObjective
from geodreg.objectives.fixed_metric import FixedMetricObjective
from geodreg.objectives.mean_metric import DAMPING, MeanMetric
from geodreg.solvers.descent import descend
from geodreg.solvers.stopping import Rest
from tests.generators import latents, random_decoder, sphere

N_PAIRS, N_POINTS, D = 3, 8, 5
LINES = straight(latents(N_PAIRS, D, 0), latents(N_PAIRS, D, 1), N_POINTS)
INTERVAL = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
STEP = INTERVAL / (N_POINTS - 1)


def decoder(d: int = D) -> Callable[[Tensor], Tensor]:
    return random_decoder([d, 32, 32, 20], gain=1.5)


def kinked(d: int) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(d, 48), nn.ReLU(), nn.Linear(48, 32), nn.ReLU(), nn.Linear(32, 20)).double()


def test_it_is_the_inverse_of_the_gauss_newton_matrix_of_a_linear_generator() -> None:
    weights = latents(D, 7, seed=2)
    manifold, density = LatentManifold(lambda z: z @ weights), torch.tensor([0.0, 0.3, 2.0], dtype=torch.float64)
    metric = MeanMetric.exact(manifold, LINES[:, [0, -1]])
    place = PathObjective(manifold, 0.0, INTERVAL).trial(LINES).place(torch.arange(N_PAIRS))
    q = latents(N_PAIRS * (N_POINTS - 2), D, seed=3).view(N_PAIRS, N_POINTS - 2, D)
    solved = metric.inverse(N_POINTS - 2, STEP, density)(q)
    image = (place.diagonal @ solved.unsqueeze(-1)).squeeze(-1)
    image[:, :-1] += (place.upper @ solved[:, 1:].unsqueeze(-1)).squeeze(-1)
    image[:, 1:] += (place.upper.mT @ solved[:, :-1].unsqueeze(-1)).squeeze(-1)
    damping = 2.0 * DAMPING * (weights @ weights.T).trace() / D / STEP
    assert torch.allclose(image + (damping + density)[:, None, None] * solved, q, atol=1e-10)


def test_leading_directions_found_by_products_are_those_of_the_jacobians() -> None:
    d, rank = 24, 8
    scale = torch.cat([torch.logspace(1, 0, rank), torch.full((d - rank,), 0.03)]).double()
    frame = torch.linalg.qr(latents(d, d, seed=0)).Q
    manifold, ends = LatentManifold(lambda z: (z @ frame) * scale), latents(2, d, seed=1).view(1, 2, d)
    found = MeanMetric.leading(manifold, ends, rank, n_rows=5)
    assert torch.allclose(found.values.flip(-1), scale[:rank].square().expand(1, -1), rtol=1e-2)
    assert torch.allclose(found.vectors.mT @ found.vectors, torch.eye(rank).double(), atol=1e-10)
    assert (found.others >= 0.0).all()
    assert (found.others <= found.values[:, 0]).all()
    whole, exact = MeanMetric.leading(manifold, ends, d, n_rows=5), MeanMetric.exact(manifold, ends)
    q = latents(4, d, seed=2).view(1, 4, d)
    one, other = (each.inverse(4, torch.ones(1).double(), torch.zeros(1).double())(q) for each in (whole, exact))
    assert torch.allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("density", [None, Normal(0.0, 0.7)])
def test_gradients_are_those_of_the_objective_with_jacobians(density: Normal | None, keep: bool) -> None:
    manifold, mu = LatentManifold(decoder(), density=density), 0.0 if density is None else 0.4
    objective, rows = PathObjective(manifold, mu, INTERVAL), torch.tensor([0, 2])
    metric = MeanMetric.exact(manifold, LINES[:, [0, -1]])
    trial = FixedMetricObjective.of(objective, LINES, metric, n_rows=4, keep=keep).trial(LINES)
    place, expected = trial.place(rows), objective.trial(LINES).place(rows)
    assert torch.allclose(trial.value, objective.value(LINES), rtol=1e-12)
    for name in ("value", "energy", "rounding", "gradient", "density_gradient"):
        assert torch.allclose(getattr(place, name), getattr(expected, name), rtol=1e-9), name


@pytest.mark.slow
@pytest.mark.parametrize("density", [None, Normal(0.0, 1.0)])
def test_both_models_of_curvature_find_the_same_path(density: Normal | None) -> None:
    manifold = LatentManifold(random_decoder([16, 32, 20], gain=0.7), density=density)
    start, end = latents(3, 16, seed=1), latents(3, 16, seed=2)
    method = "geodesic" if density is None else "geodreg"
    points, mean = (
        interpolate(manifold, start, end, method, mu=0.1, n_points=15, solver=Newton(1e-11, curvature=curvature))
        for curvature in ("points", "mean")
    )
    assert points.converged.all()
    assert mean.converged.all()
    assert torch.allclose(mean.objective, points.objective, rtol=1e-7)
    assert torch.allclose(mean.z, points.z, atol=1e-3)
    assert "all points" in points.curvature
    assert "mean metric" in mean.curvature
    by_products = interpolate(manifold, start, end, method, mu=0.1, n_points=15, solver=MatrixFree(1e-11))
    assert torch.allclose(by_products.objective, points.objective, rtol=1e-7)


@pytest.mark.slow
def test_what_costs_less_is_taken_and_reported() -> None:
    few = interpolate(decoder(6), latents(1, 6, 1), latents(1, 6, 2), "geodesic", n_points=9)
    many = interpolate(decoder(80), latents(1, 80, 1), latents(1, 80, 2), "geodesic", n_points=9)
    assert few.curvature.startswith("curvature from the Jacobians at all points")
    assert many.curvature.startswith("curvature from the mean metric of both endpoints")
    assert "a Jacobian costs as much as 4" in many.curvature  # half of the latents: a tangent is half a gradient
    assert many.curvature in str(many.report())
    assert many.converged.all()


@pytest.mark.parametrize("rung", ["layers", "vmap"])
def test_a_tangent_costs_half_a_gradient(rung: str) -> None:
    net = DifferentiableCall(nn.Sequential(nn.Linear(50, 400), nn.Tanh(), nn.Linear(400, 300)))
    assert jacobian_cost(net, RUNGS[rung], latents(1, 50, 0, dtype=torch.float32)) == pytest.approx(25.0, rel=0.15)


def test_what_has_no_products_to_count_costs_as_usual() -> None:
    assert jacobian_cost(DifferentiableCall(torch.tanh), RUNGS["layers"], torch.zeros(1, 50)) == USUAL * 50


@pytest.mark.slow
def test_a_generator_with_kinks_comes_to_rest_near_the_minimum() -> None:
    manifold = LatentManifold(kinked(44))
    start, end = latents(2, 44, seed=1), latents(2, 44, seed=2)
    objective = PathObjective(manifold, 0.0, torch.ones(2, dtype=torch.float64))
    paths = interpolate(manifold, start, end, "geodesic", n_points=12, tolerance=1e-7)
    longer = interpolate(manifold, start, end, "geodesic", n_points=12, tolerance=1e-8, init=paths.z)
    assert {str(status) for status in paths.status} <= {str(Status.CREEPING), str(Status.CONVERGED), str(Status.SWINGS)}
    values = objective.value(paths.z), objective.value(longer.z)
    assert (values[0] <= 1.02 * values[1]).all()  # there are more minima than one
    assert (values[0] < 0.9 * objective.value(straight(start, end, 12))).all()


def test_a_pair_that_creeps_has_come_to_rest_only_where_that_is_asked_for() -> None:
    start, end = latents(1, 40, seed=1), latents(1, 40, seed=2)
    line, one = straight(start, end, 9), torch.ones(1, dtype=torch.float64)
    manifold = LatentManifold(kinked(40))
    metric = MeanMetric.exact(manifold, line[:, [0, -1]])
    first = FixedMetricObjective.of(PathObjective(manifold, 0.0, one), line, metric, 100, keep=True).trial
    solutions = [descend(first(line), None, rest, 400 * one, 30) for rest in (Rest(1e-12, 1e-2), Rest(1e-12))]
    assert list(solutions[0].status) == [Status.CREEPING]
    assert solutions[0].iterations < solutions[1].iterations
    lately = solutions[0].history[0, -21] - solutions[0].history[0, -1]
    assert lately <= 1e-2 * solutions[0].history[0, -1]


@pytest.mark.parametrize("n_points", [35, 201])
def test_default_tolerance_places_points_within_a_hundred_thousandth(n_points: int) -> None:
    def large(z: Tensor) -> Tensor:
        return 2.0 * sphere(z)

    start, end = torch.tensor([0.8, 0.0]).double(), torch.tensor([1.2, 2.0]).double()
    path = interpolate(large, start, end, "geodesic", n_points=n_points)
    normal = nn.functional.normalize(torch.linalg.cross(path.x[0], path.x[-1]), dim=0)
    angle = math.acos(float(path.x[0] @ path.x[-1]) / 4.0)
    assert path.converged
    assert (path.x @ normal).abs().max() < 1e-5 * path.length
    assert path.gap - 1.0 < 1e-5
    assert path.chord_length.item() == pytest.approx(4.0 * (n_points - 1) * math.sin(angle / (2 * (n_points - 1))))


@pytest.mark.parametrize(
    ("solver", "tolerances"), [("newton", (0.3, 1e-3)), ("matrix-free", (0.3, 1e-3)), ("algorithm1", (0.5, 0.2))]
)
def test_a_tighter_tolerance_takes_longer_and_comes_nearer(solver: str, tolerances: tuple[float, float]) -> None:
    start, end = latents(1, D, seed=1), latents(1, D, seed=2)
    loose, tight = (
        interpolate(decoder(), start, end, "geodesic", n_points=9, solver=solver, tolerance=tolerance)
        for tolerance in tolerances
    )
    assert loose.iterations < tight.iterations
    assert (tight.chord_length < loose.chord_length).all()


@pytest.mark.parametrize("tolerance", [0.0, -1.0, math.nan, math.inf, True, "1e-3"])
def test_a_tolerance_that_is_none_is_refused(tolerance: object) -> None:
    with pytest.raises(ValueError, match="pass a positive number, or None for the solver's own"):
        interpolate(decoder(), LINES[0, 0], LINES[0, -1], tolerance=tolerance)  # type: ignore[arg-type]


def test_a_tolerance_beside_a_solver_of_ones_own_is_refused() -> None:
    class Own:
        def solve(self, *_: object) -> None: ...

    with pytest.raises(ValueError, match=r"tolerance is 0\.1 beside a Own; leave it out"):
        interpolate(decoder(), LINES[0, 0], LINES[0, -1], tolerance=0.1, solver=Own())  # type: ignore[arg-type]
    path = interpolate(
        decoder(), LINES[0, 0], LINES[0, -1], "geodesic", tolerance=0.5, solver=Algorithm1(tolerance=1e-9)
    )
    assert path.converged


def test_an_unknown_curvature_is_refused() -> None:
    with pytest.raises(ValueError, match="choose one of 'points', 'mean', or None for what costs less"):
        Newton(curvature="exact")  # type: ignore[arg-type]
