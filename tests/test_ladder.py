"""Every rung of the ladder of derivatives, which one is chosen, and what is refused."""

import copy
import warnings
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own name for it
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint

from geodreg import LatentManifold, interpolate, log_volume_gradient_estimate
from geodreg.derivatives.calling import differentiable
from geodreg.derivatives.finite_steps import follows_steps
from geodreg.derivatives.ladder import DerivativeError
from geodreg.derivatives.rungs import RUNGS, tangents_by_vmap
from tests.generators import (
    Arctangent,
    GridSampler,
    MultiHead,
    NormAfterAttention,
    ScaledDotProducts,
    SineBackward,
    SineForward,
    latents,
    random_decoder,
)

Generator = Callable[[Tensor], Tensor]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", RUNGS)
def test_every_rung_gives_the_jacobian_and_its_gradient(name: str, dtype: torch.dtype) -> None:
    net = random_decoder((4, 8, 6), 1.5, dtype=dtype)
    z, tolerance = latents(5, 4, 1, dtype).requires_grad_(), 1e-9 if dtype == torch.float64 else 1e-5
    values, tangents = RUNGS[name](net, z)
    expected = torch.stack([torch.autograd.functional.jacobian(lambda p: net(p[None])[0], p, True) for p in z])
    assert torch.allclose(values, net(z), atol=tolerance)
    assert torch.allclose(tangents, expected.mT, atol=tolerance)
    weights = latents(5 * 4, 6, 2, dtype).view(5, 4, 6)
    found, right = (torch.autograd.grad((t * weights).sum() + 0.0 * z.sum(), z)[0] for t in (tangents, expected.mT))
    assert torch.allclose(found, right, atol=10 * tolerance)
    with torch.no_grad():
        assert torch.allclose(RUNGS[name](net, z)[1], expected.mT, atol=tolerance)


@pytest.mark.parametrize("name", RUNGS)
def test_every_rung_pushes_the_directions_of_each_point_that_it_is_given(name: str) -> None:
    net, z, directions = random_decoder((4, 8, 6), 1.5), latents(5, 4, 1).requires_grad_(), latents(10, 4, 2)
    values, tangents = RUNGS[name](net, z, directions.view(5, 2, 4))
    everything, jacobian = RUNGS[name](net, z)
    assert torch.allclose(values, everything, atol=1e-12)
    assert torch.allclose(tangents, directions.view(5, 2, 4) @ jacobian, atol=1e-12)
    found, right = (
        torch.autograd.grad(t.square().sum(), z, retain_graph=True)[0]
        for t in (tangents, directions.view(5, 2, 4) @ jacobian)
    )
    assert torch.allclose(found, right, atol=1e-10)


@pytest.mark.parametrize("name", RUNGS)
def test_a_rung_that_is_asked_for_is_taken_and_reported(name: str) -> None:
    manifold = LatentManifold(random_decoder((2, 8, 5), 1.5), noise=0.1, derivatives=name)
    usual = LatentManifold(random_decoder((2, 8, 5), 1.5), noise=0.1)
    ends = latents(2, 2, 1), latents(2, 2, 2)
    paths, expected = interpolate(manifold, *ends, n_points=7), interpolate(usual, *ends, n_points=7)
    assert manifold.ladder.rung is not None
    assert manifold.ladder.rung.name == name
    assert str(manifold.ladder.rung) in str(paths.report()).splitlines()
    assert torch.allclose(paths.z, expected.z, atol=1e-6)


def test_an_unknown_rung_is_refused() -> None:
    with pytest.raises(ValueError, match="choose one of 'layers', 'vmap', 'jvp', 'reverse', 'rows', or None"):
        LatentManifold(lambda z: z, derivatives="symbolic")


def test_a_rung_that_does_not_know_the_generator_is_refused_by_name() -> None:
    with pytest.raises(
        DerivativeError, match=r"no derivatives by 'layers' \(atan has no rule\); leave derivatives=None"
    ):
        LatentManifold(lambda z: z.atan(), derivatives="layers").jacobian(latents(2, 3, 0))


CHOSEN: dict[str, tuple[Generator, str]] = {
    "layers": (nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, 5)), "layers"),
    "multi-head attention": (MultiHead(), "layers"),
    "scaled dot products": (ScaledDotProducts(), "layers"),
    "norm after attention": (NormAfterAttention(), "layers"),
    "no rule": (lambda z: z.atan(), "vmap"),
    "a forward mode of its own": (lambda z: SineForward.apply(2.0 * z), "jvp"),
    "a view that vmap cannot take": (nn.Sequential(Arctangent(), NormAfterAttention()), "reverse"),
    "a function of its own": (lambda z: SineBackward.apply(2.0 * z), "reverse"),
    "a sampler of grids": (GridSampler(), "reverse"),
    "changes in place": (lambda z: z.mul_(2.0).sin(), "layers"),
    "LayerNorm without a rule beside it": (lambda z: F.layer_norm(z.atan(), (4,)), "reverse"),
}

OTHER_RELEASES = {  # of torch than the one of requirements.txt
    "a view that vmap cannot take": ("vmap",),  # 2.15 can
    "a sampler of grids": ("rows", "vmap"),  # before 2.11 its reverse pass is not differentiated again; 2.15 has a rule
}


@pytest.mark.parametrize("name", CHOSEN)
def test_the_first_rung_that_is_right_is_chosen(name: str) -> None:
    generator, expected = CHOSEN[name]
    generator = generator.double().eval() if isinstance(generator, nn.Module) else generator
    z = latents(3, 4, 1)
    manifold = LatentManifold(generator, noise=0.1)
    with sdpa_kernel(SDPBackend.MATH), differentiable():
        jacobian = torch.stack(
            [torch.autograd.functional.jacobian(lambda p: generator(p[None].clone())[0], p) for p in z]
        )
    assert torch.allclose(manifold.jacobian(z), jacobian.flatten(1, -2), atol=1e-9)
    assert manifold.ladder.rung is not None
    assert manifold.ladder.rung.name in (expected, *OTHER_RELEASES.get(name, ()))


def test_second_derivatives_that_torch_gets_wrong_are_not_taken() -> None:
    """Forward mode through LayerNorm, differentiated in reverse, is wrong in torch, and so are its two rungs alike."""
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 6)).double()
    manifold, z = LatentManifold(net, noise=0.1), latents(1, 3, 1)
    point = z.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(manifold.log_volume(point).sum(), point)
    steps = 1e-5 * torch.eye(3, dtype=torch.float64)
    differences = torch.stack([(manifold.log_volume(z + s) - manifold.log_volume(z - s)) / 2e-5 for s in steps], dim=1)
    assert torch.allclose(gradient, differences, atol=1e-6)
    assert manifold.ladder.rung is not None
    assert manifold.ladder.rung.name == "layers"
    if not follows_steps(net, tangents_by_vmap, z, twice=True):
        with pytest.raises(DerivativeError, match=r"'vmap' are not those of another way|once, but not twice"):
            LatentManifold(net, derivatives="vmap").ladder.check(z, twice=True)


def test_a_way_that_differentiates_another_function_follows_no_steps() -> None:
    def of_another(
        function: Callable[[Tensor], Tensor], z: Tensor, along: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        return tangents_by_vmap(torch.tanh, z, along)

    z = latents(2, 3, 1)
    assert follows_steps(torch.sin, tangents_by_vmap, z, twice=True)
    assert not follows_steps(torch.sin, of_another, z, twice=True)


@pytest.mark.parametrize(
    ("generator", "sentence"),
    [
        (lambda z: z.sin() - 0.5 * z.mean(0, keepdim=True), "another result for a latent alone than among others"),
        (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).double().train(), "in training mode, where its BatchNorm1d"),
        (nn.Sequential(nn.Linear(3, 4), nn.Dropout()).double().train(), "in training mode, where its Dropout"),
    ],
)
@pytest.mark.parametrize("name", ["jacobian", "metric", "log_volume", "nll"])
def test_what_mixes_rows_is_refused_without_a_solve_too(
    generator: Callable[[Tensor], Tensor], sentence: str, name: str
) -> None:
    manifold = LatentManifold(generator, noise=0.1)
    with pytest.raises(ValueError, match=sentence):
        getattr(manifold, name)(latents(3, 3, 0))


@pytest.mark.parametrize("name", ["jacobian", "metric", "log_volume", "nll"])
def test_training_mode_is_refused_after_a_use_without_it(name: str) -> None:
    net, z = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).double().eval(), latents(3, 3, 0)
    manifold = LatentManifold(net, noise=0.1)
    getattr(manifold, name)(z)
    net.train()
    with pytest.raises(ValueError, match="in training mode, where its BatchNorm1d"):
        getattr(manifold, name)(z)


def test_data_that_lose_the_dimension_of_one_row_are_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"shape \(3,\) for one latent alone.*squeeze\(1\)"):
        LatentManifold(lambda z: z.sin().squeeze()).jacobian(latents(3, 3, 0))


def test_a_solution_is_checked_again() -> None:
    class Turns(nn.Module):
        """Takes another way under the rules than for a plain tensor, once it is told to."""

        hidden: bool = False

        def forward(self, z: Tensor) -> Tensor:
            beyond = z.sin() if type(z) is Tensor or torch._C._functorch.is_functorch_wrapped_tensor(z) else z.cos()
            return beyond if self.hidden else z.sin()

    generator = Turns()
    manifold = LatentManifold(generator, noise=0.1)
    manifold.ladder.check(latents(2, 3, 0), twice=True)
    manifold.ladder.confirm(latents(2, 3, 1))
    generator.hidden = True
    with pytest.raises(DerivativeError, match=r"right where the solve began .* derivatives='vmap'"):
        manifold.ladder.confirm(latents(2, 3, 1))


def test_global_settings_are_as_before() -> None:
    def settings() -> tuple[bool, ...]:
        cuda, mha = torch.backends.cuda, torch.backends.mha
        return (
            cuda.flash_sdp_enabled(),
            cuda.mem_efficient_sdp_enabled(),
            cuda.math_sdp_enabled(),
            mha.get_fastpath_enabled(),
        )

    seen = []

    def generator(z: Tensor) -> Tensor:
        seen.append(settings())
        return z.sin()

    before = settings()
    LatentManifold(generator).generate(latents(2, 3, 0))
    assert seen == [(False, False, True, False)]
    with pytest.raises(ZeroDivisionError), differentiable():
        raise ZeroDivisionError
    assert settings() == before


WIDE = {"ReLU": nn.ReLU, "PReLU": nn.PReLU, "LeakyReLU": nn.LeakyReLU}


@pytest.mark.parametrize("kind", WIDE)
def test_a_wide_kinked_decoder_in_single_precision_is_taken(kind: str) -> None:
    torch.manual_seed(0)
    make = WIDE[kind]
    net = nn.Sequential(nn.Linear(8, 512), make(), nn.Linear(512, 512), make(), nn.Linear(512, 50)).requires_grad_(
        False
    )
    for seed in range(20):
        for generator in (net, lambda z: net(z)):  # the second cannot be told to be in double precision
            manifold = LatentManifold(generator, noise=0.05)
            manifold.ladder.check(latents(2, 8, seed, torch.float32), twice=True)
            assert manifold.ladder.rung is not None
            assert manifold.ladder.rung.twice


KINKED: dict[str, tuple[nn.Module, bool]] = {
    "ReLU": (nn.ReLU(), True),
    "PReLU": (nn.PReLU(), True),
    "hard hyperbolic tangent": (nn.Hardtanh(), True),
    "SiLU": (nn.SiLU(), False),
    "ELU, whose second derivative jumps and first does not": (nn.ELU(), False),
    "none": (nn.Identity(), False),
}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("width", [8, 256])
@pytest.mark.parametrize("name", KINKED)
def test_kinks_are_seen(name: str, width: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    activation, expected = KINKED[name]
    net = nn.Sequential(nn.Linear(3, width), activation, nn.Linear(width, 6), nn.Sigmoid()).to(dtype)
    assert LatentManifold(net).is_kinked(3.0 * latents(4, 3, 1, dtype)) == expected


def test_a_script_and_checkpoints_work() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 5)).double().eval().requires_grad_(False)
    with warnings.catch_warnings():
        for category in (DeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", category)  # torch's own, of its scripts
        scripted = torch.jit.script(net)
        traced = torch.jit.trace(net, latents(3, 4, 0))
        others: list[Generator] = [
            scripted,
            torch.jit.freeze(scripted),
            traced,
            lambda z: checkpoint(net, z, use_reentrant=False),
        ]
        ends = latents(2, 4, 1), latents(2, 4, 2)
        expected = interpolate(LatentManifold(net, noise=0.1), *ends, n_points=7)
        for generator in others:
            paths = interpolate(LatentManifold(generator, noise=0.1), *ends, n_points=7)
            assert torch.allclose(paths.z, expected.z, atol=1e-6)


class Recurrent(nn.Module):
    """A sequence of five points; in single precision torch runs some of these by kernels without a forward mode."""

    def __init__(self, kind: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.recurrent, self.readout = kind(4, 12, batch_first=True), nn.Linear(12, 3)

    def forward(self, z: Tensor) -> Tensor:
        states: Tensor = self.readout(self.recurrent(z[:, None].expand(-1, 5, -1))[0])
        return states


@pytest.mark.parametrize("name", ["reverse", "rows", "vmap"])
def test_the_matrix_free_density_is_the_same_by_every_way_to_differentiate(name: str) -> None:
    net, z = random_decoder((3, 8, 6), 1.5), latents(2, 3, 1)
    found = log_volume_gradient_estimate(LatentManifold(net, noise=0.1, derivatives=name), z)
    point = z.clone().requires_grad_()
    (expected,) = torch.autograd.grad(LatentManifold(net, noise=0.1).log_volume(point).sum(), point)
    assert torch.allclose(found.value, expected, atol=1e-9)
    ends = latents(1, 3, 2), latents(1, 3, 3)
    manifold = LatentManifold(net, noise=0.1, derivatives=name)
    assert interpolate(manifold, *ends, mu=0.1, n_points=7, solver="matrix-free").converged.all()


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize(("method", "mu"), [("geodesic", 0.0), ("geodreg", 0.1)])
def test_derivatives_that_run_in_double_precision_alone_are_not_taken(
    kind: Callable[..., nn.Module], method: str, mu: float
) -> None:
    torch.manual_seed(0)
    generator, lengths = Recurrent(kind), []
    for dtype in (torch.float32, torch.float64):
        ends = latents(2, 4, 1, dtype), latents(2, 4, 2, dtype)
        paths = interpolate(LatentManifold(generator.to(dtype), noise=0.1), *ends, method, mu=mu, n_points=9)
        assert paths.converged.all()
        lengths.append(paths.length.double())
    assert torch.allclose(lengths[0], lengths[1], rtol=1e-3)


class FusedInSingle(nn.Module):
    """A sine, in single precision by a function of one's own that has no forward mode."""

    def __init__(self) -> None:
        super().__init__()
        self.readout = nn.Linear(3, 5)

    def forward(self, z: Tensor) -> Tensor:
        return self.readout(SineBackward.apply(z) if z.dtype == torch.float32 else z.sin())


def test_what_does_not_run_in_single_precision_is_barred_there_and_chosen_again_alike() -> None:
    torch.manual_seed(0)
    generator = FusedInSingle()
    single, double = LatentManifold(generator), LatentManifold(copy.deepcopy(generator).double())
    first = single.ladder.choose(latents(2, 3, 1, torch.float32))
    assert single.ladder.choose(latents(2, 3, 1, torch.float32)) == first
    assert first.name in ("reverse", "rows")
    assert double.ladder.choose(latents(2, 3, 1)).name not in ("reverse", "rows")
    with pytest.raises(DerivativeError, match=r"no derivatives by 'jvp' .*leave derivatives=None"):
        LatentManifold(generator, derivatives="jvp").ladder.choose(latents(2, 3, 1, torch.float32))


def test_what_can_be_differentiated_once_has_geodesics_and_no_density() -> None:
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx: object, z: Tensor) -> Tensor:
            ctx.save_for_backward(z)  # type: ignore[attr-defined]
            return torch.special.expit(z)

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx: object, *cotangents: Tensor) -> Tensor:
            (z,) = ctx.saved_tensors  # type: ignore[attr-defined]
            return cotangents[0] * torch.special.expit(z) * torch.special.expit(-z)

    manifold = LatentManifold(lambda z: Once.apply(2.0 * z), noise=0.1)
    ends = latents(1, 3, 1), latents(1, 3, 2)
    assert interpolate(manifold, *ends, "geodesic", n_points=5).converged.all()
    assert manifold.ladder.rung is not None
    assert manifold.ladder.rung.name == "rows"
    with pytest.raises(ValueError, match="once, but not twice"):
        interpolate(manifold, *ends, n_points=5)
    with pytest.raises(ValueError, match="cannot be differentiated by reverse mode"):
        interpolate(manifold, *ends, "geodesic", n_points=5, solver="matrix-free")


@pytest.mark.parametrize("solver", ["newton", "matrix-free"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_solved_in_single(dtype: torch.dtype, solver: str) -> None:
    net = random_decoder((3, 16, 10), 1.5).to(dtype)
    ends = 2 * latents(3, 3, 1).to(dtype), 2 * latents(3, 3, 2).to(dtype)
    paths = interpolate(LatentManifold(net, noise=0.1), *ends, n_points=9, solver=solver)
    precise = LatentManifold(copy.deepcopy(net).double(), noise=0.1)
    expected = interpolate(precise, ends[0].double(), ends[1].double(), n_points=9)
    assert (paths.z.dtype, paths.x.dtype) == (dtype, dtype)
    assert torch.equal(paths.z[:, 0], ends[0])
    assert torch.allclose(paths.objective.double(), expected.objective, rtol=1e-4)
    assert paths.converged.all()
    assert paths.resample(5).x.dtype == dtype


def test_half_precision_that_cannot_be_undone_is_refused() -> None:
    net = random_decoder((3, 16, 10), 1.5).to(torch.bfloat16)
    with pytest.raises(ValueError, match=r"does not take latents .* torch.float32"):
        interpolate(lambda z: net(z), torch.zeros(3).bfloat16(), torch.ones(3).bfloat16())


def test_a_rung_asked_for_by_name_that_has_no_rule_for_more_rows_is_refused_in_a_sentence() -> None:
    def changes_with_rows(z: Tensor) -> Tensor:
        return torch.tanh(z) if len(z) <= 3 else torch.special.bessel_j0(z)

    manifold = LatentManifold(changes_with_rows, derivatives="layers")
    with pytest.raises(ValueError, match=r"has no derivatives by 'layers' .* leave derivatives=None"):
        manifold.jacobian(torch.linspace(0.1, 1.0, 24).view(12, 2))
