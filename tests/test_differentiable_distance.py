"""A distance that can stand in a loss: its gradients against finite differences of solves made anew."""

import pytest
import torch
from torch import Tensor, nn

from geodreg import GeodesicError, LatentManifold, Newton, geodesic_distance, interpolate, logarithm_map
from tests.generators import latents, random_decoder, sphere


@pytest.mark.parametrize("n_points", [3, 9])
@pytest.mark.parametrize("ambient", [False, True])
@pytest.mark.filterwarnings("ignore:.* geodesics are more than a hundredth longer")  # as three points leave them
@pytest.mark.slow
def test_the_gradient_is_that_of_solves_made_anew(ambient: bool, n_points: int) -> None:
    bend = random_decoder([9, 12, 10], gain=1.0, seed=2) if ambient else None
    manifold = LatentManifold(random_decoder([3, 16, 9], gain=1.5), ambient=bend)
    start, end = latents(2, 3, 0).requires_grad_(), latents(2, 3, 1).requires_grad_()

    def distance(a: Tensor, b: Tensor) -> Tensor:
        return geodesic_distance(manifold, a, b, n_points=n_points)

    assert torch.autograd.gradcheck(distance, (start, end), atol=1e-5)


def test_the_gradient_in_a_start_with_many_ends_is_the_sum() -> None:
    manifold = LatentManifold(random_decoder([3, 16, 9], gain=1.5))
    start, ends = latents(1, 3, 0)[0].requires_grad_(), latents(3, 3, 1)
    assert torch.autograd.gradcheck(lambda a: geodesic_distance(manifold, a, ends, n_points=9), (start,), atol=1e-5)


@pytest.mark.slow
def test_the_gradient_in_the_generators_parameters_is_that_of_solves_made_anew() -> None:
    net = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 4)).double()
    start, end = latents(1, 2, 0)[0], latents(1, 2, 1)[0]

    def distance(*weights: Tensor) -> Tensor:
        names = [name for name, _ in net.named_parameters()]
        values = dict(zip(names, weights, strict=True))
        return geodesic_distance(lambda z: torch.func.functional_call(net, values, (z,)), start, end, n_points=7)

    assert torch.autograd.gradcheck(distance, tuple(net.parameters()), atol=1e-5)
    geodesic_distance(net, start, end, n_points=7).backward()
    assert all(weights.grad is not None and weights.grad.any() for weights in net[0].parameters())


def test_on_a_sphere_it_is_the_angle_and_its_gradient_points_away() -> None:
    start, end = torch.tensor([1.0, 0.2]).double().requires_grad_(), torch.tensor([1.8, 2.0]).double()
    distance = geodesic_distance(sphere, start, end, n_points=101)
    angle = torch.arccos(sphere(start[None].detach())[0] @ sphere(end[None])[0]).item()
    assert distance.item() == pytest.approx(angle, rel=1e-4)
    (gradient,) = torch.autograd.grad(distance, start)
    metric = LatentManifold(sphere).metric(start.detach())
    towards = logarithm_map(sphere, start.detach(), end)
    assert torch.allclose(gradient, -metric @ towards / angle, atol=1e-3)  # minus the unit tangent, as a covector


def test_it_is_the_root_of_twice_interval_times_energy() -> None:
    manifold, (start, end) = LatentManifold(random_decoder([3, 16, 9], gain=1.5)), (latents(4, 3, 0), latents(4, 3, 1))
    geodesic = interpolate(manifold, start, end, "geodesic")
    value = geodesic_distance(manifold, start, end, geodesic=geodesic)
    assert torch.allclose(value, (2.0 * geodesic.interval * geodesic.energy).sqrt())
    assert torch.allclose(value, geodesic.length, rtol=1e-3)
    for dtype in (torch.float32, torch.float64):
        net = random_decoder([3, 16, 9], gain=1.5, dtype=dtype)
        assert geodesic_distance(net, start.to(dtype), end.to(dtype)).dtype == dtype


def test_a_step_of_descent_lowers_it() -> None:
    manifold = LatentManifold(random_decoder([3, 16, 9], gain=1.5))
    start, end = latents(2, 3, 0).requires_grad_(), latents(2, 3, 1)
    before = geodesic_distance(manifold, start, end)
    (gradient,) = torch.autograd.grad(before.sum(), start)
    after = geodesic_distance(manifold, start.detach() - 0.05 * gradient, end)
    assert (after < before).all()


def test_coincident_endpoints_have_distance_zero_and_no_gradient() -> None:
    z = latents(2, 3, 0).requires_grad_()
    end = torch.stack([z[0].detach(), latents(1, 3, 1)[0]])
    distance = geodesic_distance(LatentManifold(random_decoder([3, 16, 9], gain=1.5)), z, end)
    (gradient,) = torch.autograd.grad(distance.sum(), z)
    assert distance[0] == 0.0
    assert not gradient[0].any()
    assert gradient.isfinite().all()


def test_there_is_no_second_derivative() -> None:
    start, end = latents(1, 3, 0).requires_grad_(), latents(1, 3, 1)
    distance = geodesic_distance(random_decoder([3, 16, 9], gain=1.5), start, end)
    (gradient,) = torch.autograd.grad(distance.sum(), start, create_graph=True)
    with pytest.raises(RuntimeError):
        gradient.square().sum().backward()


@pytest.mark.parametrize("first", ["start", "0.weight", "2.weight"])
@pytest.mark.parametrize("second", ["start", "0.weight", "2.weight", "all"])
def test_every_second_pass_is_refused(first: str, second: str) -> None:
    net = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 4)).double()
    start, end = latents(1, 2, 0)[0].requires_grad_(), latents(1, 2, 1)[0]
    leaves: dict[str, Tensor] = {"start": start, **dict(net.named_parameters())}
    distance = geodesic_distance(net, start, end, n_points=9)
    (expected,) = torch.autograd.grad(distance, leaves[first], retain_graph=True)
    (gradient,) = torch.autograd.grad(distance, leaves[first], create_graph=True)
    assert torch.allclose(gradient, expected)
    inputs = None if second == "all" else [leaves[second]]
    with pytest.raises(RuntimeError, match=r"geodesic_distance has no second derivative, .* take finite differences"):
        gradient.square().sum().backward(inputs=inputs)


def test_regularised_paths_other_latents_and_failed_solves_are_refused() -> None:
    manifold, (start, end) = LatentManifold(random_decoder([3, 16, 9], gain=1.5)), (latents(2, 3, 0), latents(2, 3, 1))
    for method in ("geodreg", "straight", "slerp"):
        other = interpolate(manifold, start, end, method, mu=0.1)
        with pytest.raises(ValueError, match=f"geodesic holds paths by '{method}'.*interval moves with them"):
            geodesic_distance(manifold, start, end, geodesic=other)
    geodesic = interpolate(manifold, start, end, "geodesic")
    with pytest.raises(ValueError, match="between other latents"):
        geodesic_distance(manifold, end, start, geodesic=geodesic)
    with pytest.raises(GeodesicError, match="2 of 2 geodesics did not converge"):
        geodesic_distance(manifold, start, end, solver=Newton(max_iterations=0))
