"""Paths whose closed form is known."""

import math

import pytest
import torch
from torch import Tensor

from geodreg import Algorithm1, LatentManifold, Newton, interpolate
from tests.generators import cylinder, latents, random_decoder, sphere, swiss_roll, unrolled

TIGHT = Newton(tolerance=1e-14)


def point(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_sphere_gives_great_circles() -> None:
    start, end = point(1.0, 0.2), point(1.8, 2.0)
    paths = interpolate(sphere, start, end, "geodesic", n_points=41, solver=TIGHT)
    a, b = sphere(start[None])[0], sphere(end[None])[0]
    angle = torch.arccos(a @ b)
    t = torch.linspace(0, 1, 41, dtype=torch.float64)[:, None]
    great_circle = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
    assert paths.converged
    assert (paths.x - great_circle).norm(dim=-1).max() < 1e-6
    assert paths.chord_length.item() == pytest.approx(2 * 40 * math.sin(angle / 80), rel=1e-9)
    assert paths.length.item() == pytest.approx(angle.item(), rel=1e-4)  # straight in z between the points


def test_cylinder_gives_helices() -> None:
    start, end = point(0.0, 0.0), point(2.5, 1.0)
    paths = interpolate(cylinder, start, end, "geodesic", init=_bent(start, end, 35), solver=TIGHT)
    assert (paths.z - torch.lerp(start, end, torch.linspace(0, 1, 35, dtype=torch.float64)[:, None])).abs().max() < 1e-6
    assert paths.length.item() == pytest.approx(math.hypot(2.5, 1.0), rel=1e-4)


def test_swiss_roll_is_straight_when_unrolled() -> None:
    start, end = point(4.0, 0.0), point(9.0, 6.0)
    paths = interpolate(swiss_roll, start, end, "geodesic", n_points=101, solver=TIGHT)
    flat = unrolled(paths.z)
    straight = torch.lerp(flat[0], flat[-1], torch.linspace(0, 1, 101, dtype=torch.float64)[:, None])
    assert (flat - straight).norm(dim=-1).max() < 1e-2
    assert paths.length.item() == pytest.approx((flat[-1] - flat[0]).norm().item(), rel=1e-4)


def test_linear_map_gives_straight_lines() -> None:
    matrix = torch.randn(3, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    start, end = latents(2, 3, seed=1)
    paths = interpolate(
        lambda z: z @ matrix, start, end, "geodesic", init=_bent(start, end, 20), n_points=20, solver=TIGHT
    )
    straight = torch.lerp(start, end, torch.linspace(0, 1, 20, dtype=torch.float64)[:, None])
    assert (paths.z - straight).abs().max() < 1e-9
    assert paths.length.item() == pytest.approx(((end - start) @ matrix).norm().item(), rel=1e-9)


@pytest.mark.parametrize(("duration", "mu", "tolerance"), [(2.2, 0.03, 1e-6), (10.0, 1.0, 2e-3)])
def test_flat_space_with_normal_prior_solves_z_is_mu_z(duration: float, mu: float, tolerance: float) -> None:
    direction = point(0.6, 0.8)
    start, end = -0.3 * duration * direction + point(0.4, -0.3), 0.7 * duration * direction + point(0.4, -0.3)
    paths = interpolate(lambda z: z, start, end, "geodreg", mu=mu, solver=TIGHT)
    t = torch.linspace(0, duration, 35, dtype=torch.float64)[:, None]
    root = math.sqrt(mu)
    exact = (start * torch.sinh(root * (duration - t)) + end * torch.sinh(root * t)) / math.sinh(root * duration)
    assert paths.converged
    assert paths.interval.item() == pytest.approx(duration)  # the plain geodesic's length
    assert (paths.z - exact).norm(dim=-1).max() < tolerance * exact.norm(dim=-1).max()  # of order dt^2


def test_interval_may_be_named() -> None:
    start, end = point(-1.0, 0.5), point(1.0, 0.5)
    paths = interpolate(lambda z: z, start, end, "geodreg", mu=2.0, interval=1.0, solver=TIGHT)
    t = torch.linspace(0, 1, 35, dtype=torch.float64)[:, None]
    root = math.sqrt(2.0)
    exact = (start * torch.sinh(root * (1 - t)) + end * torch.sinh(root * t)) / math.sinh(root)
    assert (paths.z - exact).norm(dim=-1).max() < 1e-4


def test_square_generator_maps_the_geodesic_to_the_chord() -> None:
    bend = random_decoder([2, 20, 2], gain=0.6, seed=3)
    start, end = latents(2, 2, seed=4)
    paths = interpolate(lambda z: z + bend(z), start, end, "geodesic", solver=TIGHT)
    t = torch.linspace(0, 1, 35, dtype=torch.float64)[:, None]
    straight_z = interpolate(lambda z: z + bend(z), start, end, "straight")
    chord = torch.lerp(paths.x[0], paths.x[-1], t)
    assert (paths.x - chord).norm(dim=-1).max() < 1e-6
    assert (straight_z.x - chord).norm(dim=-1).max() > 1e-2  # so the chord is no accident


def test_scaling_data_and_noise_together_keeps_the_regularised_path() -> None:
    decoder = random_decoder([3, 32, 32, 20], gain=1.5)
    start, end = latents(2, 3, seed=5)
    one = interpolate(LatentManifold(decoder, noise=0.2), start, end, mu=0.1, solver=TIGHT)
    scaled = LatentManifold(lambda z: 7.0 * decoder(z), noise=1.4)
    # The regulariser's weight is mu T and T scales as the data do, so the energy L^2 / 2T and it scale alike.
    other = interpolate(scaled, start, end, mu=0.1, solver=TIGHT)
    assert one.converged
    assert other.converged
    assert (one.z - other.z).abs().max() < 1e-5
    assert (one.z - interpolate(scaled, start, end, mu=0.1, interval=1.0).z).abs().max() > 1e-3


@pytest.mark.slow
def test_algorithm1_without_density_reaches_the_geodesic_of_a_sphere() -> None:
    start, end = point(1.0, 0.2), point(1.8, 2.0)
    paths = interpolate(sphere, start, end, "geodesic", solver="algorithm1")
    angle = torch.arccos(sphere(start[None])[0] @ sphere(end[None])[0]).item()
    normal = torch.linalg.cross(paths.x[0], paths.x[-1])
    assert paths.converged
    assert (paths.x @ normal).abs().max() / normal.norm() < 2e-3  # in the plane of the great circle
    assert paths.length.item() == pytest.approx(angle, rel=1e-4)


@pytest.mark.parametrize(("share", "stable"), [(0.49, True), (0.51, False)])
def test_algorithm1_is_stable_below_half_a_chord(share: float, stable: bool) -> None:
    start, end, n_points = point(0.0, 0.0), point(1.0, 0.0), 21
    zigzag = torch.lerp(start, end, torch.linspace(0, 1, n_points, dtype=torch.float64)[:, None])
    zigzag[1:-1, 1] += 1e-6 * torch.tensor([(-1.0) ** k for k in range(1, n_points - 1)], dtype=torch.float64)
    solver = Algorithm1(eta=share / (n_points - 1), max_iterations=400, tolerance=0.0)
    paths = interpolate(lambda z: z, start, end, "geodesic", n_points=n_points, init=zigzag, solver=solver)
    assert (paths.z[:, 1].abs().max().item() < 1e-6) is stable


def _bent(start: Tensor, end: Tensor, n_points: int) -> Tensor:
    t = torch.linspace(0, 1, n_points, dtype=start.dtype)[:, None]
    return torch.lerp(start, end, t) + 0.3 * torch.sin(math.pi * t) * torch.ones_like(start)
