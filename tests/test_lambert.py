"""Rendered objects, their exact geodesics, and the grid they are compared with."""

import math

import pytest
import torch

from geodreg import interpolate
from geodreg.datasets import yale_lights
from geodreg.datasets.lambert import OBJECTS, LambertScene, light_direction, sphere
from geodreg.paper.endpoints import choose_lights
from geodreg.paper.grid_reference import cone_distances, grid_distances
from geodreg.paper.lambertian import cumulated_energy, exact_lengths, harmonic_shares
from tests.generators import sphere as unit_sphere


@pytest.fixture(params=OBJECTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def lights() -> torch.Tensor:
    return torch.stack(yale_lights(), dim=-1).double().deg2rad()


def test_the_spheres_normals_are_its_points() -> None:
    scene = sphere(33)
    inside = scene.albedo > 0
    n = scene.normals[inside]
    assert torch.allclose(n.norm(dim=-1), torch.ones(len(n), dtype=n.dtype))
    line = (torch.arange(33, dtype=torch.float64) + 0.5) * 2 / 33 - 1
    assert torch.allclose(n[:, 0], line.expand(33, 33)[inside])
    assert torch.allclose(n[:, 1], -line[:, None].expand(33, 33)[inside])


def test_a_negative_azimuth_lights_the_right_half_as_in_the_yale_faces(name: str) -> None:
    image = OBJECTS[name](64, True)(torch.tensor([[-70.0, 0.0]]).double().deg2rad())[0]
    assert image[:, 32:].mean() > 2 * image[:, :32].mean()
    above = OBJECTS[name](64, True)(torch.tensor([[0.0, 65.0]]).double().deg2rad())[0]
    below = OBJECTS[name](64, True)(torch.tensor([[0.0, -65.0]]).double().deg2rad())[0]
    assert (above - below)[:16].mean() > 0


def test_without_shadows_images_are_linear_in_the_light_and_with_shadows_never_negative(name: str) -> None:
    make, z = OBJECTS[name], lights()
    direction = light_direction(*z.unbind(-1))
    assert torch.allclose(make(64, False)(z).flatten(1), direction @ make(64, False).basis.T)
    assert make(64, True)(z).min() == 0
    assert make(64, True)(z).max() <= 1
    values = torch.linalg.svdvals(make(64, False)(z).flatten(1))
    assert (values > 1e-9 * values[0]).sum() == 3
    assert (torch.linalg.svdvals(make(64, True)(z).flatten(1)) > 1e-9 * values[0]).sum() > 9


def test_strength_multiplies_and_may_be_left_out(name: str) -> None:
    scene = OBJECTS[name](16, True)
    z = lights()[:5]
    twice = scene(torch.cat([z, torch.full((5, 1), math.log(2.0), dtype=z.dtype)], dim=-1))
    assert torch.allclose(twice, 2 * scene(z))


@pytest.mark.slow
def test_harmonics_hold_what_basri_and_jacobs_say_and_rendered_spheres_about_that() -> None:
    assert harmonic_shares() == pytest.approx([3 / 8, 7 / 8, 127 / 128])
    chance = torch.Generator().manual_seed(0)
    everywhere = torch.nn.functional.normalize(torch.randn(2000, 3, generator=chance, dtype=torch.float64), dim=-1)
    n = torch.nn.functional.normalize(torch.randn(1500, 3, generator=chance, dtype=torch.float64), dim=-1)
    ball = LambertScene(n.view(30, 50, 3), torch.ones(30, 50, dtype=torch.float64))  # normals all around
    share = cumulated_energy(torch.linalg.svdvals(ball.render(everywhere).flatten(1)))
    assert share[[0, 3, 8]].tolist() == pytest.approx(harmonic_shares(), abs=0.01)


def test_grid_distances_bound_those_of_the_plane_and_of_the_sphere() -> None:
    line = torch.linspace(0.0, 1.0, 41, dtype=torch.float64)
    pairs = torch.tensor([[[0, 0], [40, 40]], [[3, 5], [30, 17]], [[0, 7], [40, 22]]])
    exact = line[pairs].diff(dim=1).squeeze(1).norm(dim=-1)
    for reach, bound in ((1, 1 / math.cos(math.pi / 8)), (7, 1 / math.cos(math.atan(1 / 7) / 2))):
        ratio = grid_distances(lambda z: z, (line, line), pairs, reach) / exact
        assert ratio.min() > 1 - 1e-12
        assert ratio.max() < bound + 1e-9
    axes = torch.linspace(0.4, 2.7, 60).double(), torch.linspace(-1.5, 1.5, 80).double()
    pairs = torch.tensor([[[5, 3], [50, 70]], [[30, 0], [30, 79]]])
    ends = unit_sphere(torch.stack([axes[0][pairs[..., 0]], axes[1][pairs[..., 1]]], dim=-1).view(-1, 2)).view(2, 2, 3)
    angle = (ends[:, 0] * ends[:, 1]).sum(-1).arccos()
    ratio = grid_distances(unit_sphere, axes, pairs) / angle
    assert ratio.min() > 1 - 2e-4  # the parts of an edge are chords of its curve
    assert ratio.max() < 1.005


def test_a_cone_is_flat_and_its_far_sides_are_joined_through_the_tip() -> None:
    angle = torch.tensor([0.0, math.pi / 3, math.pi, 4.0]).double()
    assert cone_distances(angle, torch.tensor(2.0), torch.tensor(2.0)).tolist() == pytest.approx([0.0, 2.0, 4.0, 4.0])


def test_without_shadows_and_with_free_strength_the_geodesic_is_the_segment(name: str) -> None:
    table = exact_lengths(OBJECTS[name](16, False), choose_lights(13, seed=0), free_strength=True)
    assert table["converged"].all()
    assert (table["polyline"] / table["chord"]).to_numpy() == pytest.approx(1.0, abs=1e-6)
    assert (table["straight"] / table["chord"]).median() > 1.01


@pytest.mark.parametrize(("shadows", "free"), [(True, True), (True, False), (False, False)])
@pytest.mark.slow
def test_other_geodesics_are_those_of_the_grid_and_longer_than_the_segment(
    name: str, shadows: bool, free: bool
) -> None:
    table = exact_lengths(OBJECTS[name](16, shadows), choose_lights(6, seed=1), free, step=5.0)
    assert table["converged"].all()
    assert (table["geodesic"] / table["reference"]).to_numpy() == pytest.approx(1.0, abs=0.015)
    assert (table["geodesic"] > table["chord"]).all()
    assert (table["straight"] >= table["geodesic"] * (1 - 1e-3)).all()


def test_lights_are_in_front_and_more_pairs_begin_with_the_same() -> None:
    few, many = choose_lights(4, seed=3), choose_lights(13, seed=3)
    assert torch.equal(few, many[:4])
    assert many[..., 0].abs().max() <= 90
    assert many[..., 1].max() < 90


def test_the_geodesic_of_the_renderer_is_the_same_from_the_graph(name: str) -> None:
    scene = OBJECTS[name](16, True)
    start, end = choose_lights(3, seed=2).double().deg2rad().unbind(1)
    direct, graph = (interpolate(scene, start, end, "geodesic", init=init).length for init in ("straight", "graph"))
    assert torch.allclose(direct, graph, rtol=2e-2)
