"""One path through many latents."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from geodreg import LatentManifold, chain, interpolate
from tests.generators import latents, random_decoder


def decoder() -> LatentManifold:
    return LatentManifold(random_decoder([3, 16, 9], gain=1.5), noise=0.2)


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("method", ["straight", "slerp", "geodesic", "geodreg"])
def test_its_segments_are_the_paths_between_neighbours(method: str, closed: bool) -> None:
    z = latents(4, 3, 0)
    path = chain(decoder(), z, method, mu=0.1, n_points=9, closed=closed)
    ends = torch.cat([z, z[:1]]) if closed else z
    segments = [interpolate(decoder(), a, b, method, mu=0.1, n_points=9) for a, b in pairwise(ends)]
    n = len(segments)
    assert path.z.shape == (8 * n + (not closed), 3)
    assert path.x.shape == (len(path.z), 9)
    assert path.nll.shape == path.z.shape[:1]
    for place, segment in enumerate(segments):
        assert torch.allclose(path.z[8 * place : 8 * place + 8], segment.z[:-1], atol=1e-8)
    assert torch.equal(path.z[::8], z)  # each of the latents once
    assert path.length.item() == pytest.approx(sum(segment.length.item() for segment in segments))
    assert path.converged
    assert len(path.report().status) == n


@pytest.mark.parametrize("closed", [False, True])
def test_frames_are_evenly_spaced_over_the_whole(closed: bool) -> None:
    corners = torch.tensor([[0.0, 0.0], [3.0, 0.0], [3.0, 1.0], [0.0, 1.0]]).double()
    path = chain(lambda z: 2.0 * z, corners, "straight", n_points=5, closed=closed)
    assert path.length.item() == pytest.approx(16.0 if closed else 14.0)
    assert path.stops.tolist() == pytest.approx([0.0, 6.0, 8.0, 14.0])
    frames = path.resample(8)
    step = 16.0 / 8 if closed else 14.0 / 7
    assert frames.arc_length.tolist() == pytest.approx([step * k for k in range(8)])
    around = [[0, 0], [1, 0], [2, 0], [3, 0], [3, 1], [2, 1], [1, 1], [0, 1]]  # two units of data are one of latents
    assert torch.allclose(frames.z, torch.tensor(around).double(), atol=1e-12)
    steps = frames.x.diff(dim=0).norm(dim=-1)
    assert torch.allclose(steps, torch.full_like(steps, 2.0))


def test_a_loop_has_no_frame_twice_and_no_jump_where_it_closes() -> None:
    path = chain(decoder(), latents(3, 3, 0), "geodesic", n_points=9, closed=True)
    frames = path.resample(600)
    around = torch.cat([frames.x, frames.x[:1]]).diff(dim=0).norm(dim=-1)
    spacing = path.length / 600
    assert around.max() <= spacing * (1 + 1e-3)
    assert around[-1] == pytest.approx(spacing.item(), rel=1e-2)
    assert around.sum().item() == pytest.approx(path.length.item(), rel=1e-2)


def test_two_latents_are_one_path_and_the_same_latent_twice_is_a_stop() -> None:
    z = latents(2, 3, 0)
    path, alone = chain(decoder(), z, "geodesic"), interpolate(decoder(), z[0], z[1], "geodesic")
    assert torch.allclose(path.z, alone.z, atol=1e-10)
    stopping = chain(decoder(), z[[0, 0, 1]], "geodesic")
    assert stopping.length.item() == pytest.approx(alone.length.item())
    assert stopping.resample(5).z.isfinite().all()
    assert stopping.converged


@pytest.mark.parametrize(
    ("z", "sentence"),
    [
        ([[0.0, 1.0]], "latents is a list; pass a floating-point tensor"),
        (torch.zeros(3, 2, dtype=torch.long), "latents is a tensor of torch.int64"),
        (torch.zeros(1, 2), r"latents has shape \(1, 2\)"),
        (torch.zeros(3), r"latents has shape \(3,\)"),
        (torch.zeros(2, 2, 2), r"latents has shape \(2, 2, 2\)"),
    ],
)
def test_what_is_no_row_of_latents_is_refused(z: Tensor, sentence: str) -> None:
    with pytest.raises((TypeError, ValueError), match=sentence) as caught:
        chain(lambda z: z, z)
    assert "\n" not in str(caught.value)


def test_less_than_two_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="n is 1"):
        chain(lambda z: 1.0 * z, torch.eye(3), "straight").resample(1)
