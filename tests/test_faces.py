"""Somebody else's generator: its rules on closed forms, its table against the generator, and strips in colour."""

import math
import shutil
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

import geodreg
from geodreg import LatentManifold
from geodreg.interpolation.paths import path_length
from geodreg.models import load_face_dcgan
from geodreg.paper.faces.reading import costs, decisions, faces_claims
from geodreg.paper.faces.store import FacesError, FacesTable, read_faces, write_faces
from geodreg.paper.faces.study import GREY_LEVEL, METHODS, STUDY, Study, frames
from geodreg.paper.noise import choose_noise, smallest_stretch
from geodreg.paper.weight import PAPER_WEIGHTS, choose_weight, compare_weights
from geodreg.plotting import plot_strips, plot_trade
from tests.generators import latents
from tests.needs import needs_faces

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "data" / "faces"


def bent(z: Tensor) -> Tensor:
    """A surface in three dimensions; the density is not constant on it."""
    return torch.stack([z[:, 0], z[:, 1], 0.5 * z.square().sum(-1)], dim=-1)


@pytest.mark.parametrize("least", [1e-4, 1e-3, 0.2, 3.0])
def test_the_smallest_stretch_is_the_least_singular_value(least: float) -> None:
    scales = torch.tensor([5.0, least, 4.0])
    turned = torch.linalg.qr(torch.randn(9, 3, generator=torch.Generator().manual_seed(0)))[0]
    back = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(1)))[0]
    manifold = LatentManifold(lambda z: z @ back * scales @ turned.mT)  # in single precision
    z = latents(4, 3, seed=0, dtype=torch.float32)
    assert smallest_stretch(manifold, z) == pytest.approx(least, rel=1e-5, abs=1e-6)


def test_fewer_numbers_than_latents_stretch_some_direction_by_nothing() -> None:
    assert smallest_stretch(LatentManifold(lambda z: z[:, :2]), latents(2, 3, seed=0)) == 0.0


@pytest.mark.parametrize("given", [(math.nan, 0.1), (-1.0, 0.1), (1.0, math.inf)])
def test_noise_of_no_number_is_refused(given: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="pass a finite number of data units"):
        choose_noise(*given)


def test_the_smallest_stretch_is_that_of_the_worst_latent() -> None:
    manifold = LatentManifold(lambda z: z**3 / 3)  # the Jacobian is the diagonal of squares
    assert smallest_stretch(manifold, torch.tensor([[1.0, 2.0], [0.5, 3.0]])) == pytest.approx(0.25, rel=1e-5)


@pytest.mark.parametrize(("stretch", "noise"), [(0.0, 0.1), (0.0999, 0.1), (0.1, 0.0), (7.0, 0.0)])
def test_there_is_noise_only_where_less_than_a_detail_is_stretched(stretch: float, noise: float) -> None:
    assert choose_noise(stretch, detail=0.1) == noise


def test_no_weight_is_tried_above_the_one_that_the_rule_takes() -> None:
    start, end = latents(3, 2, seed=1), latents(3, 2, seed=2)
    compared = partial(compare_weights, LatentManifold(bent), start, end, PAPER_WEIGHTS, along=30, n_points=9)
    every = compared()
    for share in (0.3, 0.9):
        some = compared(until=share)
        assert choose_weight(some, share) == choose_weight(every, share)
        assert (some["denser"].iloc[:-1] < share).all()
        pd.testing.assert_frame_equal(some, every.iloc[: len(some)])


def test_paths_that_are_given_as_geodesics_are_what_the_rule_compares_with() -> None:
    start, end = latents(3, 2, seed=1), latents(3, 2, seed=2)
    lines = replace(geodreg.interpolate(bent, start, end, "straight", n_points=9), method="geodesic")
    given = compare_weights(LatentManifold(bent), start, end, (1e-6,), geodesic=lines, along=30, n_points=9)
    solved = compare_weights(LatentManifold(bent), start, end, (1e-6,), along=30, n_points=9)
    assert given["longer"].item() < -1e-3  # a geodesic is shorter than they are
    assert solved["longer"].item() == pytest.approx(0.0, abs=1e-4)


def test_the_pairs_of_the_rule_are_not_those_that_are_shown() -> None:
    start, end = STUDY.pairs(100)
    others = torch.cat(STUDY.rule_pairs(100))
    assert torch.cdist(torch.cat([start, end]), others).min() > 5.0
    assert torch.cdist(start, end).min() > 5.0


def test_frames_are_evenly_spaced_and_are_those_of_the_path() -> None:
    start, end = latents(2, 2, seed=3), latents(2, 2, seed=4)
    path = geodreg.interpolate(bent, start, end, "straight", n_points=5)
    assert torch.allclose(frames(LatentManifold(bent), path.z, 11), path.resample(11).x, atol=1e-5)


def study_table(folder: Path) -> FacesTable:
    """The whole study on a small generator, written and read again."""
    study = Study(n_pairs=2, n_points=5, along=7)
    manifold = LatentManifold(bent)
    pairs = study.plain_paths(manifold, *study.pairs(2))
    pairs["geodreg"] = study.regularised_paths(pairs["geodesic"], 0.1)
    weights = study.weights(manifold, *study.rule_pairs(2))
    points = {method: path.z for method, path in pairs.items()}
    made_by = {"settings": asdict(study)}
    decided = {"noise": 0.0, "mu": 0.1, "smallest_stretch": 1.0}
    write_faces(folder, points, study.measured(pairs), weights, decided, made_by)
    return read_faces()


def test_what_is_written_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEODREG_FACES", str(tmp_path))
    table = study_table(tmp_path)
    assert tuple(table.latents) == METHODS
    for method, z in table.latents.items():
        lengths = table.numbers[table.numbers["method"] == method].sort_values("pair")["length"]
        np.testing.assert_allclose(path_length(LatentManifold(bent), z), lengths, rtol=1e-5)
    energy = table.numbers.set_index(["method", "pair"])["energy"]
    assert (energy["geodesic"] <= energy["straight"] * (1 + 1e-6)).all()
    assert len(costs(table)) == 4
    assert "the noise is 0" in decisions(table)
    assert all(statement for statement, _, _ in faces_claims(table))


@pytest.mark.parametrize("file", ["latents.safetensors", "numbers.csv", "weights.csv"])
def test_a_file_that_was_changed_is_refused(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("GEODREG_FACES", str(tmp_path))
    assert read_faces()
    content = bytearray((tmp_path / file).read_bytes())
    content[-2] ^= 1
    (tmp_path / file).write_bytes(content)
    with pytest.raises(FacesError, match=f"{file} was changed.*restore it"):
        read_faces()
    (tmp_path / file).unlink()
    with pytest.raises(FacesError, match=f"There is no {file} in .*faces_job"):
        read_faces()


def test_the_committed_table_is_of_the_study_as_it_is_and_small() -> None:
    table = read_faces()
    settings = table.provenance["settings"]
    assert settings == asdict(STUDY)
    assert table.decided["noise"] == choose_noise(table.decided["smallest_stretch"], GREY_LEVEL)
    assert table.decided["mu"] == choose_weight(table.weights, STUDY.share)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 300_000
    start, end = STUDY.pairs(100)
    for z in table.latents.values():
        assert z.shape[1:] == (STUDY.n_points, 100)
        assert torch.allclose(z[:, 0], start[: len(z)], rtol=0.0, atol=1e-5)  # processors draw other last bits
        assert torch.allclose(z[:, -1], end[: len(z)], rtol=0.0, atol=1e-5)
    rows = table.numbers.groupby("method").size()
    assert {method: len(z) for method, z in table.latents.items()} == rows.to_dict()


@needs_faces
def test_the_committed_latents_are_what_the_numbers_say() -> None:
    table = read_faces()
    manifold = LatentManifold(load_face_dcgan())
    lengths = table.numbers.set_index(["method", "pair"])["length"]
    for method, z in table.latents.items():
        assert path_length(manifold, z[0]).item() == pytest.approx(lengths[method, 0], rel=1e-4)


def test_colours_arrive_in_the_picture_in_their_place() -> None:
    images = torch.full((2, 3, 3, 8, 8), -1.0)
    images[:, 1, 0] = 1.0  # the second of three is red
    figure = plot_strips({"straight": images, "geodesic": images[:1]}, limits=(-1, 1))
    pictures = [np.asarray(axes.images[0].get_array()) for axes in figure.axes]
    assert [len(axes.get_yticks()) for axes in figure.axes] == [2, 1]  # the second pair has one method
    assert pictures[0].shape == (20, 30, 4)
    np.testing.assert_array_equal(pictures[0][5, 15], (1, 0, 0, 1))
    np.testing.assert_array_equal(pictures[0][5, 5], (0, 0, 0, 1))
    assert pictures[0][0, 0, 3] == 0  # the border is transparent
    plt.close(figure)


def test_strips_of_grey_images_have_notes_beside_them() -> None:
    figure = plot_strips({"slerp": torch.rand(1, 4, 8, 8)}, {"slerp": ["a note"]})
    assert [text.get_text() for text in figure.axes[0].texts] == ["a note"]
    assert np.asarray(figure.axes[0].images[0].get_array()).shape == (10, 40)
    plt.close(figure)


def test_the_trade_shows_excess_length_and_density_of_each_pair() -> None:
    rows = [("straight", 0, 12.0, 5.0), ("geodesic", 0, 10.0, 8.0), ("geodreg", 0, 11.0, 4.0)]
    figure = plot_trade(pd.DataFrame(rows, columns=["method", "pair", "length", "nll_mean"]))
    shown = {line.get_label(): np.asarray(line.get_xydata()).tolist() for line in figure.axes[0].lines[:3]}
    assert shown["StraightZ"] == [[pytest.approx(20.0), 0.0]]
    assert shown["Geod"] == [[0.0, 3.0]]
    assert shown["GeodReg"] == [[pytest.approx(10.0), -1.0]]
    plt.close(figure)
