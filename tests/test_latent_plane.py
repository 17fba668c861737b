"""Indicatrices, magnification and planes through latent space, against closed forms."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.collections import EllipseCollection
from torch import Tensor

from geodreg import LatentManifold
from geodreg.paper.latent_plane import LatentPlane, tabulate_metric
from geodreg.plotting import latent_grid, plot_indicatrices, plot_magnification


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def column(table: pd.DataFrame, name: str) -> Tensor:
    return torch.from_numpy(table[name].to_numpy(copy=True))


def sphere(z: Tensor) -> Tensor:
    """The unit sphere by colatitude and longitude."""
    theta, phi = z.unbind(-1)
    return torch.stack([theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()], dim=-1)


@pytest.mark.parametrize("size", [2, 3, 9])
@pytest.mark.parametrize("seed", range(5))
def test_indicatrices_of_a_linear_map_are_the_ellipses_of_its_gram_matrix(size: int, seed: int) -> None:
    matrix = normal(size, 2, seed=seed)
    gram = matrix.T @ matrix
    table = tabulate_metric(LatentManifold(lambda z: z @ matrix.T), normal(4, 2))
    assert (table["long"] >= table["short"]).all()
    assert table["angle"].between(-90, 90).all()
    long, short, angle = column(table, "long"), column(table, "short"), torch.deg2rad(column(table, "angle"))
    for turn in torch.linspace(0, 2 * torch.pi, 13, dtype=torch.float64):  # the ellipse as it is drawn
        x, y = long * turn.cos(), short * turn.sin()
        step = torch.stack([x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()], dim=-1)
        torch.testing.assert_close((step @ gram * step).sum(-1), torch.ones(4, dtype=torch.float64))
    volume = torch.linalg.det(gram).sqrt()
    torch.testing.assert_close(column(table, "magnification"), volume.expand(4))


def test_the_sphere_is_magnified_by_the_sine_of_the_colatitude() -> None:
    z = torch.stack([torch.linspace(0.1, 3.0, 8), torch.linspace(-2.0, 2.0, 8)], dim=-1).double()
    table = tabulate_metric(LatentManifold(sphere), z)
    sine = z[:, 0].sin()
    torch.testing.assert_close(column(table, "magnification"), sine)
    torch.testing.assert_close(column(table, "long"), 1 / sine)
    torch.testing.assert_close(column(table, "short"), torch.ones_like(sine))
    torch.testing.assert_close(column(table, "angle").abs(), torch.full_like(sine, 90.0))  # along the parallels


def test_rows_are_the_latents_in_their_order_whatever_the_batch() -> None:
    z = latent_grid(1.0, 4)
    table = tabulate_metric(LatentManifold(sphere), z)
    np.testing.assert_array_equal(table[["z1", "z2"]].to_numpy(), z.reshape(-1, 2).numpy())


@pytest.mark.parametrize("fold", [lambda z: z[:, :1] + 2 * z[:, 1:], lambda z: z * torch.tensor([1.0, 0.0])])
def test_where_a_direction_is_lost_the_ellipse_has_no_end_and_is_not_drawn(fold: object) -> None:
    table = tabulate_metric(LatentManifold(fold), torch.zeros(1, 2))  # type: ignore[arg-type]
    assert table["magnification"].item() == 0
    assert table["long"].item() == np.inf
    regular = tabulate_metric(LatentManifold(sphere), torch.ones(3, 2, dtype=torch.float64))
    figure, axes = plt.subplots()
    plot_indicatrices(axes, pd.concat([table, regular]), 0.1)
    (drawn,) = axes.collections
    assert np.asarray(drawn.get_offsets()).tolist() == [[1.0, 1.0]] * 3
    plt.close(figure)


def test_latents_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"z has latents of 3 numbers; pass \(\.\.\., 2\), or .* LatentPlane"):
        tabulate_metric(LatentManifold(lambda z: z), torch.zeros(1, 3))


def test_ellipses_are_drawn_to_scale() -> None:
    table = tabulate_metric(LatentManifold(sphere), torch.tensor([[0.5, 0.0], [1.5, 1.0]], dtype=torch.float64))
    figure, axes = plt.subplots()
    plot_indicatrices(axes, table, radius=0.2)
    (drawn,) = axes.collections
    assert isinstance(drawn, EllipseCollection)
    np.testing.assert_allclose(np.asarray(drawn.get_widths(), dtype=float), 2 * 0.2 * table["long"])
    np.testing.assert_allclose(np.asarray(drawn.get_heights(), dtype=float), 2 * 0.2 * table["short"])
    np.testing.assert_allclose(np.asarray(drawn.get_angles(), dtype=float), table["angle"])
    plt.close(figure)


def test_the_map_of_magnification_is_its_logarithm_over_the_plane_and_survives_folds() -> None:
    figure, axes = plt.subplots()
    # Of noise, which bounds the density's volume, the metric knows nothing.
    plot_magnification(axes, LatentManifold(lambda z: z**3 / 3, noise=1.0), extent=2.0, n=5)
    (image,) = axes.images
    shown = np.asarray(image.get_array())
    line = np.linspace(-2, 2, 5)
    with np.errstate(divide="ignore"):
        expected = np.log10(np.multiply.outer(line**2, line**2))
    np.testing.assert_allclose(shown[[0, 1, 3, 4]][:, [0, 1, 3, 4]], expected[[0, 1, 3, 4]][:, [0, 1, 3, 4]], atol=1e-9)
    assert np.isneginf(shown[2]).all()
    assert image.origin == "lower"
    assert np.isfinite(image.get_clim()).all()
    plt.close(figure)


POINTS = normal(3, 5, seed=7)


def test_a_plane_goes_through_its_points_and_keeps_distances() -> None:
    plane = LatentPlane.through(POINTS)
    u = normal(6, 2)
    torch.testing.assert_close(plane.latents(plane.coordinates(POINTS)), POINTS)
    torch.testing.assert_close(plane.coordinates(plane.latents(u)), u)
    torch.testing.assert_close(torch.cdist(plane.latents(u), plane.latents(u)), torch.cdist(u, u))
    torch.testing.assert_close(plane.coordinates(POINTS).sum(0), torch.zeros(2, dtype=torch.float64))
    first = plane.coordinates(POINTS)[0]
    assert first[0] > 0
    torch.testing.assert_close(first[1], torch.zeros_like(first[1]), rtol=0, atol=1e-12)


def test_a_latent_off_the_plane_has_the_coordinates_of_its_foot() -> None:
    plane = LatentPlane.through(POINTS)
    z = normal(5)
    foot = plane.latents(plane.coordinates(z))
    torch.testing.assert_close(plane.axes @ (z - foot), torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-12)


def test_the_metric_on_a_plane_is_the_section_of_the_whole_metric() -> None:
    matrix = normal(7, 5, seed=3)
    plane = LatentPlane.through(POINTS)
    manifold = LatentManifold(lambda z: (z @ matrix.T).tanh())
    u = normal(4, 2)
    section = plane.axes @ manifold.metric(plane.latents(u)) @ plane.axes.T
    torch.testing.assert_close(plane.of(manifold).metric(u), section)


def test_a_plane_measures_where_its_manifold_does_and_takes_latents_of_its_shape() -> None:
    scale = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0], dtype=torch.float64)
    plane, u = LatentPlane.through(POINTS), normal(4, 2)
    shaped = LatentManifold(lambda z: z.square(), ambient=lambda x: x.flatten(1) * scale, latent_shape=(5, 1))
    flat = LatentManifold(lambda z: z.square() * scale)
    torch.testing.assert_close(plane.of(shaped).metric(u), plane.of(flat).metric(u))


@pytest.mark.parametrize("points", [POINTS[:2], torch.eye(4), torch.arange(9.0).reshape(3, 3), torch.ones(3)])
def test_what_spans_no_plane_is_refused(points: Tensor) -> None:
    with pytest.raises(ValueError, match=r"span no plane; pass three latents \(3, d\) that lie on no line"):
        LatentPlane.through(points)
