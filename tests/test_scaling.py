"""Multidimensional scaling, medoids and nearest neighbours."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba
from matplotlib.offsetbox import AnnotationBbox
from torch import Tensor

from geodreg.models import load_model
from geodreg.paper.endpoints import choose_digits, codes_of
from geodreg.paper.scaling import class_medoids, classical_scaling, medoid, nearest_of_same_class
from geodreg.plotting import plot_scaling


def distances(points: Tensor) -> Tensor:
    return (points[:, None] - points).norm(dim=-1)


def cloud(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_points_come_back_up_to_a_rotation_and_a_shift(d: int, seed: int) -> None:
    points = cloud(9, d, seed)
    found = classical_scaling(distances(points), n_dims=d)
    torch.testing.assert_close(distances(found.points), distances(points))
    centred = points - points.mean(0)
    rotation = torch.linalg.lstsq(found.points, centred).solution
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(d, dtype=torch.float64))
    torch.testing.assert_close(found.points @ rotation, centred)
    assert found.kept == pytest.approx(1.0)


def test_axes_are_principal_and_the_first_is_the_longest() -> None:
    points = cloud(30, 4, 0) * torch.tensor([1.0, 9.0, 3.0, 0.1], dtype=torch.float64)
    found = classical_scaling(distances(points), n_dims=2)
    covariance = found.points.T @ found.points
    torch.testing.assert_close(covariance, found.eigenvalues[:2].diag())
    spread = torch.linalg.eigvalsh((points - points.mean(0)).T @ (points - points.mean(0))).flip(0)
    torch.testing.assert_close(found.eigenvalues[:4], spread)
    assert found.kept == pytest.approx((spread[:2].sum() / spread.sum()).item())


def test_ways_around_a_square_fit_into_no_euclidean_space() -> None:
    around = torch.tensor([[0.0, 1.0, 2.0, 1.0], [1.0, 0.0, 1.0, 2.0], [2.0, 1.0, 0.0, 1.0], [1.0, 2.0, 1.0, 0.0]])
    found = classical_scaling(around.double())
    expected = torch.tensor([2.0, 2.0, 0.0, -1.0], dtype=torch.float64)
    torch.testing.assert_close(found.eigenvalues, expected, rtol=0, atol=1e-12)
    assert found.kept == pytest.approx(4 / 5)
    further = classical_scaling(around.double(), n_dims=4)  # there are no points along a negative direction
    assert further.kept == pytest.approx(4 / 5)
    assert not further.points[:, 3].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_is_that_of_the_distances(dtype: torch.dtype) -> None:
    assert classical_scaling(distances(cloud(5, 2, 0)).to(dtype)).points.dtype == dtype


def test_the_medoid_on_a_line_is_the_median() -> None:
    points = torch.tensor([[5.0], [-1.0], [0.5], [100.0], [2.0]])
    assert medoid(distances(points)) == 4


def test_each_class_has_one_medoid_and_other_classes_do_not_move_it() -> None:
    points, labels = cloud(12, 3, 1), torch.tensor([3, 7, 7, 3, 1, 7, 3, 3, 1, 1, 7, 3])
    matrix = distances(points)
    marked = class_medoids(matrix, labels)
    assert labels[marked].sort().values.tolist() == [1, 3, 7]
    for label in (1, 3, 7):
        own = labels == label
        sums = matrix[own][:, own].sum(1)
        assert sums[marked[own]].item() == sums.min()


def test_neighbours_agree_in_clusters_of_one_class_and_not_in_mixed_ones() -> None:
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0]])
    assert nearest_of_same_class(distances(corners), torch.tensor([5, 5, 8, 8])).all()
    assert not nearest_of_same_class(distances(corners), torch.tensor([5, 8, 5, 8])).any()


NOT_DISTANCES = [
    torch.ones(2, 2),
    torch.tensor([[0.0, 1.0], [2.0, 0.0]]),
    torch.zeros(2, 3),
    torch.zeros(0, 0),
    torch.zeros(3),
]


@pytest.mark.parametrize("matrix", NOT_DISTANCES, ids=lambda matrix: str(tuple(matrix.shape)))
@pytest.mark.parametrize("use", [classical_scaling, medoid, lambda m: nearest_of_same_class(m, torch.zeros(len(m)))])
def test_what_is_no_matrix_of_distances_is_refused(use: object, matrix: Tensor) -> None:
    with pytest.raises(ValueError, match="are not those of points among themselves; pass a symmetric matrix"):
        use(matrix)  # type: ignore[operator]


@pytest.mark.parametrize("n_dims", [0, 4])
def test_dimensions_out_of_range_are_refused(n_dims: int) -> None:
    with pytest.raises(ValueError, match=rf"n_dims is {n_dims} for 3 points; choose from 1 to 3"):
        classical_scaling(distances(cloud(3, 2, 0)), n_dims)


def test_a_map_has_an_image_at_each_point_and_the_marked_ones_framed_on_top() -> None:
    found = classical_scaling(distances(cloud(4, 2, 0)))
    figure, axes = plt.subplots()
    plot_scaling(axes, found, torch.rand(4, 3, 3), {"red": torch.tensor([False, True, False, False])})
    boxes = [artist for artist in axes.get_children() if isinstance(artist, AnnotationBbox)]
    np.testing.assert_allclose([box.xy for box in boxes], found.points[[0, 2, 3, 1]].numpy())
    assert [to_rgba(box.patch.get_edgecolor())[3] for box in boxes] == [0, 0, 0, 1]
    plt.close(figure)


def test_digits_are_of_the_classes_asked_for_and_more_of_them_begin_with_the_same() -> None:
    model = load_model("mnist-vae")
    few, labels = choose_digits(model, [9, 2], 2, seed=3)
    more, _ = choose_digits(model, [9, 2], 4, seed=3)
    assert labels.tolist() == [9, 9, 2, 2]
    torch.testing.assert_close(few, more[[0, 1, 4, 5]])
    known = model.table("test-codes.csv")["label"].to_numpy()
    codes = codes_of(model, "test-codes.csv")
    assert [known[(codes == code).all(1)].item() for code in few] == labels.tolist()
    other, _ = choose_digits(model, [9, 2], 2, seed=4)
    assert not torch.equal(other, few)


@pytest.mark.parametrize(("classes", "n_each"), [([1, 1], 2), ([1, 2], 500), ([11], 1)])
def test_classes_named_twice_or_too_small_are_refused(classes: list[int], n_each: int) -> None:
    with pytest.raises(ValueError, match=r"name each class once, and take no more than there are"):
        choose_digits(load_model("mnist-vae"), classes, n_each, 0)
