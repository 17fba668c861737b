"""What the printed algorithm does, where it is known."""

import math

import pytest
import torch
from torch import Tensor

from geodreg import Algorithm1, LatentManifold, interpolate
from geodreg.paper.printed_algorithm import (
    course,
    density_curvature,
    length_gradient_error,
    normal_balance,
    step_sweep,
    zigzag_growth,
)
from tests.generators import latents, random_decoder, sphere

ENDS = torch.tensor([[-2.0, 1.0]]).double(), torch.tensor([[2.0, 1.0]]).double()


@pytest.mark.parametrize("generator", [sphere, random_decoder([2, 16, 12], gain=1.5)])
def test_its_force_is_the_gradient_of_the_length(generator: torch.nn.Module) -> None:
    paths = interpolate(generator, latents(3, 2, seed=0), latents(3, 2, seed=1), "straight", n_points=9)
    assert length_gradient_error(paths.manifold, paths.z) < 1e-10


def test_in_flat_space_the_weight_is_the_losss_times_a_chord() -> None:
    path = interpolate(LatentManifold(lambda z: z), *ENDS, mu=0.03)
    balance = normal_balance(path, 0.03)
    assert balance["ratio"].median() == pytest.approx(1.0, abs=0.03)
    assert balance["raised"].min() > 0.999
    assert balance["unraised"].min() > 0.999  # the metric is the identity


def test_a_metric_that_is_not_round_turns_the_unraised_push() -> None:
    stretch = torch.tensor([1.0, 4.0, 9.0]).double()
    start, end = torch.tensor([[-2.0, 0.2, 0.1]]).double(), torch.tensor([[2.0, 0.2, 0.1]]).double()
    balance = normal_balance(interpolate(LatentManifold(lambda z: z * stretch), start, end, mu=0.03), 0.03)
    assert balance["raised"].median() > 0.999
    assert balance["unraised"].median() < 0.9


@pytest.mark.slow
@pytest.mark.parametrize("share", [1.3, 1.6, 2.0])
def test_zigzag_above_the_limit_rests_where_its_chords_bear_the_step(share: float) -> None:
    def sheet(z: Tensor) -> Tensor:
        return torch.cat([z, 0.1 * z.square()], dim=-1)  # the chords of its lines are even to 4 in 100

    ends = torch.tensor([[-1.5, 0.4]]).double(), torch.tensor([[1.5, 0.9]]).double()
    angles = step_sweep(LatentManifold(sheet), *ends, (0.9, share), iterations=1500).set_index("share")["angle"]
    assert angles[0.9] < 15.0
    assert angles[share] == pytest.approx(2 * math.degrees(math.acos(1 / share)), abs=12.0)


@pytest.mark.parametrize(("ratio", "curvature"), [(1.0, 0.0), (4.7, 0.0), (1.0, 30.0), (1.0, 300.0)])
def test_a_zigzag_grows_above_the_limit_and_not_below(ratio: float, curvature: float) -> None:
    table = zigzag_growth((0.3, 0.9, 0.98, 1.3, 2.5), ratio, curvature)
    above = table["of_limit"] > (1.2 if ratio == 1.0 else 2.0)  # sufficient everywhere, nearly necessary if even
    assert (table["growth"][table["of_limit"] <= 1.0] < 1.0).all()
    assert (table["growth"][above] > 1.0).all()
    assert (table["of_mean"] / table["step"]).unique() == pytest.approx(1.0 if ratio == 1.0 else 0.43, abs=0.01)
    assert (table["of_limit"] / table["step"]).tolist() == pytest.approx([1.0 + curvature / 80.0] * 5)


def test_the_curvature_of_a_density_is_its_hessians_largest_eigenvalue() -> None:
    form = torch.tensor([[2.0, 0.5], [0.5, 1.0]]).double()
    manifold = LatentManifold(lambda z: z, density=lambda z: -0.5 * ((z @ form) * z).sum(-1))
    found = density_curvature(manifold, latents(6, 2, seed=0).view(2, 3, 2))
    assert torch.allclose(found, torch.linalg.eigvalsh(form)[-1].expand(2, 3), atol=1e-6)
    bent = LatentManifold(lambda z: torch.cat([z, z.square()], dim=-1))  # 1/2 log(1 + 4 z^2) and the prior's z^2 / 2
    assert density_curvature(bent, torch.zeros(1, 1).double()).item() == pytest.approx(5.0, abs=1e-5)


def test_with_density_a_gap_opens() -> None:
    run = course(LatentManifold(lambda z: z), *ENDS, 0.02, (0, 100, 400)).set_index("iteration")
    assert run["gap"][0] == pytest.approx(1.0)
    assert run["gap"][400] > run["gap"][100] > 1.05
    assert not run["status"][400].startswith("converged")


def test_share_of_the_limit_is_checked() -> None:
    with pytest.raises(ValueError, match=r"share is 0\.0"):
        Algorithm1(share=0.0)
