"""Exponential map, logarithm, parallel transport, distances and means against closed forms."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Uniform

from geodreg import (
    GeodesicError,
    LatentManifold,
    Newton,
    Status,
    exponential_map,
    frechet_mean,
    geodesic_distance,
    geodesic_distances,
    initial_velocity,
    interpolate,
    logarithm_map,
    parallel_transport,
)
from geodreg.derivatives.jacobian_products import Allocated
from geodreg.geometry.curve import straight
from geodreg.riemannian import Distances
from geodreg.riemannian.mean import _moved
from tests.generators import SineBackward, latents, random_decoder, sphere

SPHERE = LatentManifold(sphere)
TIGHT = Newton(tolerance=1e-14)
MATRIX = torch.randn(3, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
POINTS = torch.tensor([[1.0, 0.2], [1.8, 2.0], [0.7, -0.9], [2.1, 0.4], [1.4, -0.6]], dtype=torch.float64)

LIST: Any = [1.0, 0.2]


def flat(z: Tensor) -> Tensor:
    return z @ MATRIX


def saddle(z: Tensor) -> Tensor:
    x, y = z.unbind(-1)
    return torch.stack([x, y, 2.0 * (x**2 - y**2)], dim=-1)


def polar(z: Tensor) -> Tensor:
    return z[:, :1] * torch.stack([z[:, 1].cos(), z[:, 1].sin()], dim=-1)


def arc(a: Tensor, b: Tensor) -> Tensor:
    """Angle between points of the sphere, given by their latents."""
    return torch.arccos((SPHERE.generate(a) * SPHERE.generate(b)).sum(-1))


def great_circle(z: Tensor, velocity: Tensor, t: Tensor | float = 1.0) -> Tensor:
    """Where the great circle from ``z`` with ``velocity`` is at time ``t``, in space."""
    u = (SPHERE.jacobian(z) @ velocity.unsqueeze(-1)).squeeze(-1)
    speed = u.norm(dim=-1, keepdim=True)
    return torch.cos(t * speed) * SPHERE.generate(z) + torch.sin(t * speed) * u / speed


def norm(manifold: LatentManifold, z: Tensor, vector: Tensor) -> Tensor:
    return (manifold.jacobian(z) @ vector.unsqueeze(-1)).squeeze(-1).norm(dim=-1)


def test_exponential_of_a_sphere_follows_great_circles() -> None:
    starts, velocity = POINTS[:3].repeat(2, 1).view(2, 3, 2), 0.4 * latents(6, 2, seed=2).view(2, 3, 2)
    ends = exponential_map(SPHERE, starts, velocity)
    assert ends.shape == (2, 3, 2)
    assert (SPHERE.generate(ends) - great_circle(starts, velocity)).norm(dim=-1).max() < 1e-7


def test_exponential_returns_the_way_at_constant_speed() -> None:
    velocity = torch.tensor([0.9, 0.4], dtype=torch.float64)
    curve = exponential_map(SPHERE, POINTS[0], velocity, n_points=11)
    t = torch.linspace(0.0, 1.0, 11, dtype=torch.float64).unsqueeze(-1)
    assert (SPHERE.generate(curve) - great_circle(POINTS[0], velocity, t)).norm(dim=-1).max() < 1e-7
    assert torch.equal(exponential_map(SPHERE, POINTS[0], velocity), curve[-1])


def test_exponential_from_one_point_in_many_directions() -> None:
    fan = 0.5 * latents(7, 2, seed=1)
    ends = exponential_map(SPHERE, POINTS[0], fan)
    alone = torch.stack([exponential_map(SPHERE, POINTS[0], velocity) for velocity in fan])
    assert (ends - alone).abs().max() < 1e-7  # company does not loosen the tolerance of a geodesic


def test_resting_neighbours_do_not_loosen_the_tolerance() -> None:
    velocities = torch.cat([POINTS[:1], torch.zeros(99, 2, dtype=torch.float64)])
    alone, among = (exponential_map(SPHERE, POINTS[0], velocity, rtol=1e-4) for velocity in (POINTS[0], velocities))
    assert (among[0] - alone).abs().max() < 1e-12


def test_exponential_takes_tolerances() -> None:
    def error(rtol: float, atol: float) -> float:
        end = exponential_map(SPHERE, POINTS[0], POINTS[0], rtol=rtol, atol=atol)
        return (SPHERE.generate(end) - great_circle(POINTS[0], POINTS[0])).norm().item()

    tight = error(1e-12, 1e-12)
    assert tight < 1e-10
    assert error(1e-3, 1e-12) > 10.0 * tight
    assert error(1e-12, 1e-3) > 10.0 * tight


@pytest.mark.parametrize("function", [exponential_map, logarithm_map])
def test_flat_space_adds_and_subtracts(function: Callable[..., Tensor]) -> None:
    z, other = latents(4, 3, seed=2), latents(4, 3, seed=3)
    expected = z + other if function is exponential_map else other - z
    assert (function(flat, z, other) - expected).abs().max() < 1e-8


@pytest.mark.parametrize("manifold", [SPHERE, LatentManifold(random_decoder([2, 24, 12], gain=1.2))])
@pytest.mark.slow
def test_exponential_inverts_the_logarithm(manifold: LatentManifold) -> None:
    start, end = POINTS[0].expand(4, 2), POINTS[1:]
    velocity = logarithm_map(manifold, POINTS[0], end, n_points=61)  # the batches broadcast
    assert velocity.shape == (4, 2)
    assert (exponential_map(manifold, start, velocity) - end).abs().max() < 1e-4
    assert (exponential_map(manifold, start, -velocity) - end).abs().max() > 0.1


def test_logarithm_of_a_sphere_is_as_long_as_the_arc() -> None:
    velocity = logarithm_map(SPHERE, POINTS[0], POINTS[1])
    assert velocity.shape == (2,)
    assert norm(SPHERE, POINTS[0], velocity).item() == pytest.approx(arc(POINTS[0], POINTS[1]).item(), rel=1e-6)
    assert (great_circle(POINTS[0], velocity) - SPHERE.generate(POINTS[1])).norm() < 1e-5


def test_logarithm_is_of_fourth_order_and_the_initial_velocity_of_second() -> None:
    def errors(n_points: int) -> tuple[float, float]:
        path = interpolate(SPHERE, POINTS[0], POINTS[1], "geodesic", n_points=n_points, solver=TIGHT)
        velocities = (
            logarithm_map(SPHERE, POINTS[0], POINTS[1], n_points=n_points, solver=TIGHT),
            initial_velocity(path),
        )
        target = SPHERE.generate(POINTS[1])
        first, second = ((great_circle(POINTS[0], velocity) - target).norm().item() for velocity in velocities)
        return first, second

    coarse, fine = errors(9), errors(17)
    assert coarse[0] / fine[0] > 12.0
    assert 3.5 < coarse[1] / fine[1] < 4.5


def test_logarithm_of_a_point_at_itself_is_zero() -> None:
    assert torch.equal(logarithm_map(SPHERE, POINTS[:2], POINTS[[0, 2]])[0], torch.zeros(2, dtype=torch.float64))


def test_logarithm_names_the_pairs_that_did_not_converge() -> None:
    ends = torch.stack([POINTS[0], POINTS[1], POINTS[2]])
    with pytest.raises(
        GeodesicError, match=r"2 of 3 geodesics did not converge: pair 1 \(iteration limit\), pair 2"
    ) as failure:
        logarithm_map(SPHERE, POINTS[0], ends, solver=Newton(max_iterations=1))
    assert failure.value.paths is not None
    assert failure.value.paths.converged.tolist() == [True, False, False]
    assert initial_velocity(failure.value.paths).shape == (3, 2)


def test_initial_velocity_is_of_geodesics_only() -> None:
    with pytest.raises(ValueError, match="paths are by 'straight'; pass what method='geodesic' gave"):
        initial_velocity(interpolate(SPHERE, POINTS[0], POINTS[1], "straight"))


def test_transport_around_a_triangle_turns_by_its_area() -> None:
    corners = POINTS[:3]
    a, b, c = SPHERE.generate(corners)
    area = 2.0 * torch.atan2(torch.linalg.det(torch.stack([a, b, c])), 1.0 + a @ b + b @ c + c @ a)
    sides = interpolate(SPHERE, corners, corners.roll(-1, 0), "geodesic", n_points=101, solver=TIGHT)
    vector = torch.tensor([0.3, 0.8], dtype=torch.float64)
    around = vector
    for side in sides.z:
        around = parallel_transport(SPHERE, side, around)[-1]
    before, after = (SPHERE.jacobian(corners[0]) @ v for v in (vector, around))
    angle = torch.atan2(a @ torch.linalg.cross(before, after), before @ after)
    assert angle.item() == pytest.approx(area.item(), abs=2e-4)
    assert abs(area.item()) > 0.5


def test_transport_is_of_second_order() -> None:
    # Around the circle of latitude theta a vector turns by -2 pi cos(theta).
    theta = 1.0
    azimuth = torch.linspace(0.0, 2.0 * math.pi, 21, dtype=torch.float64)
    circle = torch.stack([torch.full_like(azimuth, theta), azimuth], dim=-1)

    def error(n_sub: int) -> float:
        south, east = parallel_transport(SPHERE, circle, circle.new_tensor([1.0, 0.0]), n_sub=n_sub)[-1]
        turned = math.atan2(east.item() * math.sin(theta), south.item()) + 2.0 * math.pi * math.cos(theta)
        return abs(math.remainder(turned, 2.0 * math.pi))

    assert error(8) < 1e-3
    assert 3.5 < error(2) / error(4) < 4.5


def test_transport_is_an_isometry_and_linear() -> None:
    manifold = LatentManifold(random_decoder([3, 24, 12], gain=1.5))
    curve = latents(9, 3, seed=4) * 0.3 + torch.linspace(-1.0, 1.0, 9, dtype=torch.float64).unsqueeze(-1)
    vectors = latents(2, 3, seed=5)
    both = torch.cat([vectors, vectors.sum(0, keepdim=True)])  # three vectors along one curve
    carried = parallel_transport(manifold, curve, both)
    assert carried.shape == (3, 9, 3)
    assert torch.equal(carried[:, 0], both)
    assert torch.allclose(carried[0] + carried[1], carried[2], rtol=1e-10)
    pushed = (manifold.jacobian(curve) @ carried.unsqueeze(-1)).squeeze(-1)
    products = torch.einsum("ikd,jkd->kij", pushed, pushed)
    assert torch.allclose(products, products[:1].expand_as(products), rtol=1e-10)
    assert (carried[:, -1] - both).abs().max() > 0.1  # so it does more than stay


def test_geodesics_carry_their_velocity() -> None:
    manifold = LatentManifold(random_decoder([2, 24, 12], gain=1.2))
    forth, back = logarithm_map(manifold, POINTS[[0, 1]], POINTS[[1, 0]], n_points=101)
    path = interpolate(manifold, POINTS[0], POINTS[1], "geodesic", n_points=101, solver=TIGHT)
    assert (parallel_transport(manifold, path.z, forth)[-1] + back).norm() < 1e-3 * back.norm()


def test_transport_in_flat_space_keeps_vectors_in_every_batch() -> None:
    curves, vectors = latents(40, 3, seed=6).view(2, 4, 5, 3), latents(8, 3, seed=7).view(2, 4, 3)
    carried = parallel_transport(flat, curves, vectors)
    assert carried.shape == (2, 4, 5, 3)
    assert torch.allclose(carried, vectors.unsqueeze(-2).expand_as(carried))


def test_distances_on_a_sphere_are_angles() -> None:
    found = geodesic_distances(SPHERE, POINTS)
    exact = arc(POINTS.unsqueeze(1), POINTS.unsqueeze(0)).fill_diagonal_(0.0)
    assert found.converged.all()
    assert torch.allclose(found.matrix, exact, rtol=2e-3)
    assert torch.equal(found.matrix, found.matrix.T)
    assert torch.equal(found.matrix.diagonal(), torch.zeros(5, dtype=torch.float64))
    finer = geodesic_distances(SPHERE, POINTS, n_points=101)
    assert torch.allclose(finer.matrix, exact, rtol=2e-4)


def test_distances_to_others_and_in_parts_are_the_same() -> None:
    whole = geodesic_distances(SPHERE, POINTS)
    parts = geodesic_distances(SPHERE, POINTS, pairs_at_once=3)
    across = geodesic_distances(SPHERE, POINTS[:2], POINTS[1:], pairs_at_once=3)
    assert torch.allclose(whole.matrix, parts.matrix, rtol=1e-9)
    assert tuple(across.matrix.shape) == tuple(across.status.shape) == (2, 4)
    assert torch.allclose(across.matrix, whole.matrix[:2, 1:], rtol=1e-5)
    assert across.matrix[1, 0] == 0.0
    assert across.status[1, 0] == "endpoints coincide"


def test_distances_that_did_not_converge_are_marked_and_upper_bounds() -> None:
    found = geodesic_distances(SPHERE, POINTS[:2], solver=Newton(max_iterations=1))
    expected = [[True, False], [False, True]]
    assert found.converged.tolist() == expected
    assert found.status[0, 1] == "iteration limit"
    assert found.matrix[0, 1] > arc(POINTS[0], POINTS[1])


def test_detours_are_the_pairs_that_went_the_long_way_round() -> None:
    # The chart ends at the poles, and from the straight start the second and the last point are joined the other way.
    points = torch.cat([POINTS[:4], POINTS.new_tensor([[1.4, -1.2]])])
    found = geodesic_distances(SPHERE, points)
    assert found.converged.all()
    assert found.matrix[1, 4] > math.pi
    assert found.detours().nonzero().tolist() == [[1, 4], [4, 1]]
    assert not geodesic_distances(SPHERE, POINTS).detours().any()
    with pytest.raises(ValueError, match="The distances, 1 x 2, are to other points"):
        geodesic_distances(SPHERE, POINTS[:1], POINTS[1:3]).detours()


def test_one_point_has_no_distances() -> None:
    assert geodesic_distances(SPHERE, POINTS[:1]).matrix.tolist() == [[0.0]]


def test_mean_of_two_weighted_points_divides_their_great_circle() -> None:
    weights = torch.tensor([3.0, 1.0], dtype=torch.float64)
    mean = frechet_mean(SPHERE, POINTS[:2], weights, n_points=101)
    angle = arc(POINTS[0], POINTS[1])
    a, b = SPHERE.generate(POINTS[:2])
    expected = (torch.sin(0.75 * angle) * a + torch.sin(0.25 * angle) * b) / torch.sin(angle)
    assert mean.converged
    assert (SPHERE.generate(mean.point) - expected).norm() < 1e-4
    assert mean.variance.item() == pytest.approx(0.75 * 0.25 * angle.item() ** 2, rel=1e-4)
    assert torch.allclose(mean.paths.z[:, 0], mean.point.expand(2, 2))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-4), (torch.float32, 1e-3)])
def test_mean_of_points_around_a_centre_is_the_centre(dtype: torch.dtype, tolerance: float) -> None:
    centre = POINTS[0]
    arms = torch.tensor([[0.5, 0.2], [-0.5, -0.2], [0.1, -0.7], [-0.1, 0.7]], dtype=torch.float64)
    points = exponential_map(SPHERE, centre, arms)
    mean = frechet_mean(SPHERE, points.to(dtype), n_points=101)
    assert mean.converged, mean.status
    assert mean.point.dtype == mean.variance.dtype == dtype
    assert (SPHERE.generate(mean.point.double()) - SPHERE.generate(centre)).norm() < tolerance
    assert mean.variance.item() == pytest.approx(norm(SPHERE, centre, arms).square().mean().item(), rel=1e-3)
    assert mean.iterations > 1  # the medoid is not it, nor one step from there
    assert mean.paths.iterations.max() <= 2  # the last geodesics start from those before


def test_mean_in_flat_space_is_the_weighted_mean() -> None:
    points, weights = latents(5, 3, seed=8), torch.tensor([1.0, 2.0, 0.0, 4.0, 1.0], dtype=torch.float64)
    mean = frechet_mean(flat, points, weights)
    expected = (weights @ points) / 8.0
    spread = (weights @ ((points - expected) @ MATRIX).square().sum(-1)) / 8.0
    assert mean.iterations == 1
    assert torch.allclose(mean.point, expected, atol=1e-6)
    assert mean.variance.item() == pytest.approx(spread.item(), rel=1e-6)


def test_mean_of_one_point_takes_no_step() -> None:
    mean = frechet_mean(SPHERE, POINTS[:1])
    assert mean.converged
    assert mean.iterations == 0
    assert torch.equal(mean.point, POINTS[0])
    assert mean.variance == 0.0


@pytest.mark.slow
def test_mean_on_a_saddle_needs_shorter_steps() -> None:
    points = torch.tensor([[1.0, 0.3], [-1.0, 0.2], [0.1, 1.0], [-0.2, -1.0]], dtype=torch.float64)
    mean = frechet_mean(saddle, points, start=points.new_tensor([0.4, 0.4]), tolerance=1e-3, n_points=15)
    assert mean.converged, mean.status
    pull = logarithm_map(saddle, mean.point, points).mean(0)
    assert norm(LatentManifold(saddle), mean.point, pull) < 3e-2 * mean.variance.sqrt()


def test_mean_says_why_it_stopped() -> None:
    early = frechet_mean(SPHERE, POINTS, max_iterations=1)
    assert not early.converged
    assert early.status == "The limit of 1 iterations was reached."
    bounded = LatentManifold(polar, prior=Uniform(torch.tensor([1.0, -2.0]), torch.tensor([2.0, 2.0])))
    outside = frechet_mean(bounded, torch.tensor([[1.1, -1.0], [1.1, 1.0]]))
    assert not outside.converged
    assert outside.status == "The iteration left the support of the prior."
    with pytest.raises(GeodesicError, match="geodesics did not converge"):
        frechet_mean(SPHERE, POINTS, solver=Newton(max_iterations=1))


def test_smooth_modules_keep_their_gradients_and_any_mode_is_fine() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.SiLU(), torch.nn.Linear(16, 8))
    with torch.inference_mode():
        z = POINTS.float()
        velocity = logarithm_map(net, z[0], z[1])
        end = exponential_map(net, z[0], velocity)
        curve = exponential_map(net, z[0], velocity, n_points=5)
        carried = parallel_transport(net, curve, velocity)
        mean = frechet_mean(net, z)
    assert (end - z[1]).abs().max() < 1e-2
    results = (velocity, end, carried, mean.point, mean.variance, geodesic_distances(net, z).matrix)
    assert all(value.dtype == torch.float32 and not value.requires_grad for value in results)
    assert all(parameter.grad is None for parameter in net.parameters())


def test_a_fold_ends_a_geodesic_in_one_sentence() -> None:
    with pytest.raises(
        GeodesicError, match=r"A geodesic cannot be followed beyond 0\.\d+ of its length|is singular at"
    ):
        exponential_map(lambda z: z**2, torch.ones(1), torch.tensor([-3.0]), max_evaluations=500)
    with pytest.raises(GeodesicError, match=r"cannot be followed .* after 21 evaluations"):
        exponential_map(SPHERE, POINTS[0], POINTS[1], max_evaluations=20)
    with pytest.raises(GeodesicError, match=r"The metric is singular at the latent \(0, 0\.2\)"):
        exponential_map(SPHERE, torch.tensor([0.0, 0.2]), torch.tensor([0.1, 0.1]))
    with pytest.raises(GeodesicError, match="takes 2 latents to 1 numbers"):
        parallel_transport(lambda z: z[:, :1], POINTS, POINTS[0])
    with pytest.raises(GeodesicError, match="more than 60 degrees between neighbours on chord 0"):
        parallel_transport(SPHERE, torch.tensor([[1.5, 0.0], [1.5, 1.5]]), torch.ones(2), n_sub=1)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: exponential_map(sphere, LIST, POINTS[0]), r"z is a list; pass a floating-point tensor"),
        (lambda: exponential_map(sphere, POINTS[0].long(), POINTS[0]), "z is a tensor of torch.int64"),
        (lambda: exponential_map(sphere, POINTS[0], POINTS[0].float()), "velocity is torch.float32 on cpu, z is"),
        (lambda: exponential_map(sphere, POINTS[:2], POINTS[:3]), r"velocity has shape \(3, 2\) at latents \(2, 2\)"),
        (lambda: exponential_map(sphere, POINTS[0], torch.ones(3).double()), r"velocity has shape \(3,\) at latents"),
        (lambda: exponential_map(sphere, POINTS[0], POINTS[0] * torch.nan), "velocity holds a NaN"),
        (lambda: exponential_map(sphere, POINTS[0], POINTS[0], n_points=1), "n_points is 1; pass a whole number"),
        (lambda: exponential_map(sphere, POINTS[0], POINTS[0], rtol=0.0), "rtol is 0.0; pass a tolerance between"),
        (lambda: exponential_map(sphere, torch.ones(3), torch.ones(3)), "The generator does not take latents of shape"),
        (lambda: logarithm_map(sphere, POINTS[:2], POINTS[:3]), "start and end differ in shape"),
        (lambda: logarithm_map(sphere, LIST, POINTS[0]), "start is a list"),
        (lambda: parallel_transport(sphere, POINTS[0], POINTS[0]), r"curve has shape \(2,\); pass \(..., K, d\)"),
        (lambda: parallel_transport(sphere, POINTS[:1], POINTS[0]), r"curve has shape \(1, 2\); pass .* two points"),
        (lambda: parallel_transport(sphere, POINTS, POINTS[0], n_sub=0), "n_sub is 0; pass a whole number, at least 1"),
        (lambda: geodesic_distances(sphere, POINTS[0]), r"points has shape \(2,\); pass \(n, d\)"),
        (lambda: geodesic_distances(sphere, POINTS, POINTS.float()), r"points are \(5, 2\), torch.float64, .* pass"),
        (lambda: geodesic_distances(sphere, POINTS, pairs_at_once=0), "pairs_at_once is 0"),
        (lambda: geodesic_distances(sphere, POINTS, init=POINTS), "init is a tensor"),  # type: ignore[arg-type]
        (lambda: frechet_mean(sphere, POINTS[0]), r"points has shape \(2,\); pass \(n, d\)"),
        (lambda: frechet_mean(sphere, POINTS, torch.ones(2)), r"weights are \(2,\) for 5 points"),
        (lambda: frechet_mean(sphere, POINTS, -torch.ones(5)), "weights are .* from -1 to -1; pass one for each"),
        (lambda: frechet_mean(sphere, POINTS, torch.zeros(5)), "zero or positive and not all zero"),
        (lambda: frechet_mean(sphere, POINTS, start=torch.ones(2)), r"start is \(2,\), torch.float32, on cpu; pass"),
        (lambda: frechet_mean(sphere, POINTS, step=0.0), "step is 0.0; pass a number above 0, at most 1"),
        (lambda: frechet_mean(sphere, POINTS, tolerance=2.0), "tolerance is 2.0; pass a number above 0"),
        (lambda: frechet_mean(sphere, POINTS, max_iterations=0), "max_iterations is 0"),
        (lambda: frechet_mean(sphere, POINTS, init=POINTS), "init is a tensor"),  # type: ignore[arg-type]
    ],
)
def test_bad_input_is_refused(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()


def with_norm() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 6)).double().requires_grad_(False)


def without_forward_mode(z: Tensor) -> Tensor:
    return SineBackward.apply(z @ MATRIX)


@pytest.mark.parametrize("generator", [with_norm(), without_forward_mode], ids=["norm", "reverse"])
def test_exponential_takes_its_derivatives_from_the_ladder(generator: Callable[[Tensor], Tensor]) -> None:
    start, end = 0.3 * latents(2, 3, seed=1), 0.3 * latents(2, 3, seed=2)
    velocity = logarithm_map(generator, start, end)
    assert torch.allclose(exponential_map(generator, start, velocity), end, atol=1e-5)
    assert frechet_mean(generator, torch.cat([start, end])).converged


def test_logarithm_takes_latents_of_another_shape() -> None:
    shaped = LatentManifold(lambda z: flat(z.flatten(1)), latent_shape=(3, 1))
    start, end = latents(2, 3, seed=1), latents(2, 3, seed=2)
    velocity = logarithm_map(shaped, start.unsqueeze(-1), end.unsqueeze(-1))
    assert torch.allclose(velocity, logarithm_map(flat, start, end))


def test_what_matrix_free_paths_carry_is_followed_as_the_exact_manifold() -> None:
    path = interpolate(SPHERE, POINTS[0], POINTS[1], "geodesic", solver="matrix-free")
    velocity = initial_velocity(path)
    end = exponential_map(path.manifold, POINTS[0], velocity)
    assert torch.equal(end, exponential_map(SPHERE, POINTS[0], velocity))
    assert (end - POINTS[1]).abs().max() < 1e-2
    assert torch.equal(frechet_mean(path.manifold, POINTS[:3]).point, frechet_mean(SPHERE, POINTS[:3]).point)


def test_a_generator_that_loses_its_graph_on_the_way_does_not_pass_for_a_linear_one() -> None:
    def shy(z: Tensor) -> Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and bool((z[:, 0] < 1.3).all())):
            return sphere(z)  # forward mode goes on without a graph

    manifold = LatentManifold(shy, derivatives="jvp")
    start = POINTS[0]
    near = exponential_map(manifold, start, 0.1 * POINTS[0])
    assert torch.allclose(near, exponential_map(SPHERE, start, 0.1 * POINTS[0]))
    with pytest.raises(GeodesicError, match=r"values have no gradient beyond 0\.\d+ of .* must not detach its input"):
        exponential_map(manifold, start, torch.tensor([0.9, 0.3]).double())


def test_moved_curves_join_their_endpoints_to_the_last_bit() -> None:
    start, curves = torch.tensor([2e-8, 0.3]), straight(torch.ones(3, 2), latents(3, 2, 0, torch.float32), 5)
    moved = _moved(curves, start)
    assert torch.equal(moved[:, 0], start.expand(3, 2))  # 1 + (2e-8 - 1) is zero
    assert torch.equal(moved[:, -1], curves[:, -1])
    assert torch.allclose(moved[:, 2], curves[:, 2] + 0.5 * (start - 1.0))


def test_mean_in_single_precision_is_found_from_afar() -> None:
    def in_hundredths(z: Tensor) -> Tensor:
        return polar(torch.stack([z[:, 0], 0.01 * z[:, 1]], dim=1))

    # From an angle of 200 to one of nearly zero: the sum of rounded numbers misses the start by more than is allowed.
    points = torch.tensor([[1.0, 20.0], [1.0, -20.0], [1.1, 0.0]])
    mean = frechet_mean(in_hundredths, points, start=torch.tensor([1.0, 200.0]))
    assert (in_hundredths(mean.point.unsqueeze(0)) - in_hundredths(points).mean(0)).norm() < 1e-2


def test_logarithm_and_transport_take_shaped_and_flat_latents() -> None:
    shaped = LatentManifold(lambda z: flat(z.flatten(1)), latent_shape=(3, 1))
    start, end, vectors = latents(2, 3, seed=1), latents(2, 3, seed=2), latents(2, 3, seed=3)
    expected = logarithm_map(flat, start[0], end)
    assert torch.allclose(logarithm_map(shaped, start[0].unsqueeze(-1), end[0]), expected[0])
    assert torch.allclose(logarithm_map(shaped, start[0], end.unsqueeze(-1)), expected)
    assert torch.allclose(logarithm_map(shaped, start[0].unsqueeze(-1), end), expected)
    paths = interpolate(shaped, start.unsqueeze(-1), end.unsqueeze(-1), "geodesic", n_points=5)
    carried = parallel_transport(shaped, paths.z, vectors)
    assert carried.shape == (2, 5, 3)
    assert torch.equal(carried, parallel_transport(shaped, paths.flat_latents, vectors))
    with pytest.raises(ValueError, match=r"curve has shape \(5, 4\); pass \(..., 3\) or \(..., 3, 1\), by latent_"):
        parallel_transport(shaped, torch.zeros(5, 4).double(), vectors)
    with pytest.raises(ValueError, match=r"curve has shape \(3, 1\); pass \(..., K, d\) with at least two points"):
        parallel_transport(shaped, start[0].unsqueeze(-1), vectors[0])


@pytest.mark.parametrize(
    ("of_curves", "of_vectors"),
    [((), (3,)), ((2, 1), (3,)), ((1, 2), (3, 1)), ((2,), (3, 1)), ((2,), (2,)), ((3, 2), ())],
)
def test_transport_broadcasts_every_batch(of_curves: tuple[int, ...], of_vectors: tuple[int, ...]) -> None:
    manifold = LatentManifold(random_decoder([2, 12, 6], gain=1.0))
    curves = 0.3 * latents(4 * math.prod(of_curves), 2, seed=4).view(*of_curves, 4, 2)
    vectors = latents(math.prod(of_vectors), 2, seed=5).view(*of_vectors, 2)
    batch = torch.broadcast_shapes(of_curves, of_vectors)
    every = zip(curves.expand(*batch, 4, 2).reshape(-1, 4, 2), vectors.expand(*batch, 2).reshape(-1, 2), strict=True)
    carried = parallel_transport(manifold, curves, vectors)
    assert carried.shape == (*batch, 4, 2)
    alone = torch.stack([parallel_transport(manifold, curve, vector) for curve, vector in every])
    assert torch.allclose(carried.reshape(-1, 4, 2), alone, rtol=1e-10)


@pytest.mark.slow
def test_bases_of_many_tangent_spaces_are_not_held_together() -> None:
    n, d, size = 200, 8, 2000
    matrix = latents(d, size, seed=0)
    start, end, vectors = latents(n, d, seed=1), latents(n, d, seed=2), latents(n, d, seed=3)
    paths = interpolate(lambda z: z @ matrix, start, end, "geodesic", n_points=3)
    with Allocated() as allocated:
        velocity = initial_velocity(paths)
        carried = parallel_transport(paths.manifold, paths.z, vectors, n_sub=1)
    assert torch.allclose(velocity, end - start, atol=1e-6)
    assert torch.allclose(carried, vectors.unsqueeze(1).expand(n, 3, d), atol=1e-6)
    assert allocated.largest < 0.75 * (8 * n * d * size)  # of the bases at one point of every curve


def test_the_first_guess_of_a_mean_takes_no_matrix_of_distances() -> None:
    points, weights = latents(1500, 2, seed=0), torch.rand(1500, dtype=torch.float64)
    with Allocated() as allocated:
        mean = frechet_mean(lambda z: 2.0 * z, points, weights, n_points=3)
    assert torch.allclose(mean.point, weights @ points / weights.sum(), atol=1e-6)
    assert allocated.largest < 0.25 * (8 * 1500**2)


TURN = 24.0  # radians from one to the other: at 35 points a chord is a fiftieth shorter than its arc, at 69 a 200th
ENDS = torch.tensor([[0.0], [1.0]], dtype=torch.float64)


def coil(z: Tensor) -> Tensor:
    return torch.stack([(TURN * z[:, 0]).cos(), (TURN * z[:, 0]).sin(), z[:, 0]], dim=-1)


@pytest.mark.parametrize(
    ("door", "pairs"),
    [
        (lambda n: geodesic_distance(coil, *ENDS, n_points=n), "1 of 1 geodesics .*: pair 0;"),
        (lambda n: logarithm_map(coil, *ENDS, n_points=n), "1 of 1 geodesics .*: pair 0;"),
        (lambda n: frechet_mean(coil, 2.0 * ENDS, n_points=n), "2 of 2 geodesics .*: pair 0, pair 1;"),
    ],
    ids=["distance", "logarithm", "mean"],
)
def test_geodesics_that_swing_out_between_their_points_are_told_where_they_were_asked_for(
    door: Callable[[int], object], pairs: str
) -> None:
    with pytest.warns(UserWarning, match=f"{pairs} .* so pass more points, such as n_points=69") as warned:
        door(35)
    assert [warning.filename for warning in warned] == [__file__]
    door(69)  # a warning would be an error


def test_distances_count_what_lies_between_the_points_and_their_status_says_where_that_is_much() -> None:
    found = geodesic_distances(coil, ENDS)
    assert found.matrix[0, 1] == pytest.approx((TURN**2 + 1.0) ** 0.5, rel=2e-3)
    assert found.status[0, 1] == Status.SWINGS


def test_detours_go_through_points_at_distance_zero() -> None:
    matrix = torch.tensor([[0.0, 0.0, 5.0], [0.0, 0.0, 1.0], [5.0, 1.0, 0.0]])
    found = Distances(matrix, torch.ones(3, 3, dtype=torch.bool), np.full((3, 3), Status.CONVERGED, dtype=object))
    assert found.detours().nonzero().tolist() == [[0, 2], [2, 0]]
    matrix[1, 2] = matrix[2, 1] = torch.nan  # no edge, as of a path that is not finite
    assert not found.detours().any()


@pytest.mark.parametrize(
    "door",
    [
        lambda z: exponential_map(SPHERE, z, POINTS[1]),
        lambda z: logarithm_map(SPHERE, z, POINTS[1]),
        lambda z: parallel_transport(SPHERE, torch.stack([z, POINTS[1]]), POINTS[0]),
        lambda z: geodesic_distance(SPHERE, z, POINTS[1]),
        lambda z: geodesic_distances(SPHERE, z.unsqueeze(0)).matrix,
        lambda z: frechet_mean(SPHERE, z.unsqueeze(0)).point,
    ],
    ids=["exponential", "logarithm", "transport", "distance", "distances", "mean"],
)
@pytest.mark.parametrize("transform", ["grad", "vmap"])
def test_transforms_are_refused_in_one_sentence(door: Callable[[Tensor], Tensor], transform: str) -> None:
    is_map = transform == "vmap"
    transformed = torch.func.vmap(door) if is_map else torch.func.grad(lambda z: door(z).sum())
    with pytest.raises(RuntimeError, match=r"^Solves do not run inside torch\.func .* a batch .* instead of vmap\.$"):
        transformed(POINTS[:2] if is_map else POINTS[0])
