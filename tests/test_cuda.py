"""On a graphics card: the same results as on a processor, the same again, and as many digits."""

import pytest
import torch
from torch import backends

from geodreg import LatentManifold, interpolate
from geodreg.derivatives.modes import full_precision
from tests.all_doors import DOORS, Given
from tests.generators import latents, random_convolutional, random_decoder
from tests.needs import needs_cuda

pytestmark = needs_cuda


@pytest.mark.parametrize("door", DOORS)
def test_the_card_agrees_with_the_processor(door: str) -> None:
    here, there = (DOORS[door](Given(device, torch.float64)) for device in ("cpu", "cuda"))
    for one, other in zip(here, there, strict=True):
        assert other.is_cuda
        assert one.dtype == other.dtype
        assert (one - other.cpu()).abs().max() <= 1e-5 * one.abs().max() + 1e-12


@pytest.mark.parametrize("door", DOORS)
def test_the_same_twice_gives_the_same_bits(door: str) -> None:
    once, again = (DOORS[door](Given("cuda")) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(once, again, strict=True))


@pytest.mark.parametrize("door", DOORS)
def test_deterministic_algorithms_are_all_there_is(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    try:
        DOORS[door](Given("cuda"))
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("mode", ["usual", "autocast", "high"])
def test_single_precision_has_its_digits(mode: str) -> None:
    net = random_convolutional([32, 16], 8)
    start, end = latents(8, 8, 0), latents(8, 8, 1)
    double = interpolate(LatentManifold(net.double(), noise=0.1), start, end, mu=0.1, n_points=9)
    start, end = start.float().cuda(), end.float().cuda()
    if mode == "high":
        torch.set_float32_matmul_precision("high")
    try:
        with torch.autocast("cuda", enabled=mode == "autocast"):
            single = interpolate(LatentManifold(net.float().cuda(), noise=0.1), start, end, mu=0.1, n_points=9)
    finally:
        torch.set_float32_matmul_precision("highest")
    assert double.converged.all()
    assert single.converged.all()
    assert (single.length.cpu() / double.length - 1.0).abs().max() < 1e-4
    assert (single.objective.cpu() / double.objective - 1.0).abs().max() < 1e-4


def test_convolutions_are_exact_inside_and_as_they_were_outside() -> None:
    torch.manual_seed(0)
    x, w = torch.randn(4, 64, 32, 32), torch.randn(64, 64, 3, 3)
    exact = torch.nn.functional.conv2d(x.double(), w.double())

    def error() -> float:
        found = torch.nn.functional.conv2d(x.cuda(), w.cuda()).cpu()
        return float((found - exact).norm() / exact.norm())

    with full_precision():
        inside = error()
    assert backends.cudnn.allow_tf32
    assert inside < 2e-6 < 1e-4 < error()


def test_pairs_are_solved_in_groups_that_fit_the_card() -> None:
    start, end = latents(40, 3, 0).cuda(), latents(40, 3, 1).cuda()
    model = LatentManifold(random_decoder([3, 32, 200], gain=1.5).cuda(), noise=0.2)
    whole = interpolate(model, start, end, mu=0.1)
    torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_allocated()
    parts = interpolate(model, start, end, mu=0.1, memory=0.02)
    assert torch.cuda.max_memory_allocated() - held < 0.02 * 2**30
    assert whole.converged.all()
    assert parts.converged.all()
    assert torch.allclose(whole.objective, parts.objective, rtol=1e-4)


def test_a_generator_on_another_device_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"on cuda:0 .*pass endpoints of its latent size, dtype and device"):
        interpolate(Given().model, latents(1, 3, 0).cuda(), latents(1, 3, 1).cuda())
