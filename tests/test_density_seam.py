"""Another density, and the seam through which it comes: one for solver, start curves and report alike."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Beta, Distribution, Independent, MultivariateNormal, Normal, Uniform

from geodreg import Algorithm1, GraphStart, LatentManifold, MatrixFree, Newton, exponential_map, interpolate
from geodreg.geometry.density import LatentDensity
from geodreg.solvers import Solver
from tests.generators import latents, random_decoder

SPREAD = 2.0
TIGHT: dict[str, Solver] = {"newton": Newton(tolerance=1e-14), "matrix-free": MatrixFree(tolerance=1e-12)}


class LogProbAlone:
    """What a flow has, and nothing else."""

    def log_prob(self, z: Tensor) -> Tensor:
        return -0.5 * (z / SPREAD).square().sum(-1)


GAUSSIANS: dict[str, object] = {
    "distribution": Normal(0.0, SPREAD),
    "over the vector": Independent(Normal(torch.zeros(2).double(), SPREAD * torch.ones(2).double()), 1),
    "multivariate": MultivariateNormal(torch.zeros(2).double(), SPREAD**2 * torch.eye(2).double()),
    "log_prob alone": LogProbAlone(),
    "callable": lambda z: -0.5 * (z / SPREAD).square().sum(-1),
    "up to a constant": lambda z: 1e3 - 0.5 * (z / SPREAD).square().sum(-1),
}


def identity(z: Tensor) -> Tensor:
    return 1.0 * z


@pytest.mark.parametrize("solver", TIGHT)
@pytest.mark.parametrize("density", GAUSSIANS)
def test_a_gaussian_density_on_flat_space_solves_z_is_mu_z_over_its_variance(density: str, solver: str) -> None:
    duration, mu, n_points = 2.2, 0.3, 35
    direction = torch.tensor([0.6, 0.8]).double()
    middle = torch.tensor([0.4, -0.3]).double()
    start, end = middle - 0.3 * duration * direction, middle + 0.7 * duration * direction
    manifold = LatentManifold(identity, density=GAUSSIANS[density])
    paths = interpolate(manifold, start, end, mu=mu, solver=TIGHT[solver])
    t, root = torch.linspace(0, duration, n_points).double()[:, None], math.sqrt(mu) / SPREAD
    exact = (start * torch.sinh(root * (duration - t)) + end * torch.sinh(root * t)) / math.sinh(root * duration)
    assert paths.converged
    assert (paths.z - exact).norm(dim=-1).max() < 1e-6
    straight = torch.lerp(start, end, t / duration)
    assert (paths.z - straight).norm(dim=-1).max() > 1e-2  # so the density counts


def test_algorithm1_adds_the_gradient_of_the_density_to_its_step() -> None:
    start, end = latents(2, 3, 0), latents(2, 3, 1)
    generator, once = random_decoder([3, 16, 9], gain=1.5), Algorithm1(max_iterations=1)
    first, still = (
        interpolate(LatentManifold(generator, density=density), start, end, mu=0.3, solver=once)
        for density in (Normal(0.0, 0.5), lambda z: 0.0 * z.sum(-1))
    )
    plain = interpolate(LatentManifold(generator), start, end, "geodesic")  # where both begin
    eta = 0.5 * plain.chord_length / (2 * 34)
    expected = -0.3 * eta[:, None, None] * plain.z[:, 1:-1] / 0.5**2
    assert torch.allclose((first.z - still.z)[:, 1:-1], expected, rtol=1e-4)


@pytest.mark.parametrize("solver", ["newton", "matrix-free", "algorithm1"])
def test_report_profile_and_solver_see_the_same_density(solver: str) -> None:
    start, end = latents(2, 3, 0), latents(2, 3, 1)
    density = Normal(0.3, 0.7)
    manifold = LatentManifold(random_decoder([3, 16, 9], gain=1.5), density=density)
    chosen = Algorithm1(max_iterations=5) if solver == "algorithm1" else solver
    paths = interpolate(manifold, start, end, mu=0.2, solver=chosen)
    assert torch.allclose(paths.nll, -density.log_prob(paths.z).sum(-1))
    profile = paths.resample(7)
    assert torch.allclose(profile.nll, -density.log_prob(profile.z).sum(-1))
    regulariser = 0.2 * paths.interval / 34 * paths.nll[:, 1:-1].sum(-1)
    assert torch.allclose(paths.objective, paths.energy + regulariser)


@pytest.mark.parametrize("solver", ["newton", "matrix-free"])
def test_a_given_density_is_minimised_as_well_as_by_long_lbfgs(solver: str) -> None:
    start, end = latents(1, 3, 0)[0], latents(1, 3, 1)[0]
    generator = random_decoder([3, 16, 9], gain=1.5)
    centres = latents(3, 3, 5)

    def mixture(z: Tensor) -> Tensor:
        return (-2.0 * torch.cdist(z, centres).square()).logsumexp(-1)

    manifold = LatentManifold(generator, density=mixture)
    paths = interpolate(manifold, start, end, mu=0.5, interval=1.0, solver=TIGHT[solver], n_points=13)
    inner = interpolate(manifold, start, end, "geodesic", n_points=13).z[1:-1].clone().requires_grad_()
    optimiser = torch.optim.LBFGS([inner], max_iter=2000, tolerance_grad=1e-9, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        z = torch.cat([start[None], inner, end[None]])
        value = 6.0 * generator(z).diff(dim=0).square().sum() - 0.5 / 12 * mixture(inner).sum()
        value.backward()
        return value

    optimiser.step(loss)
    assert paths.converged
    assert paths.objective.item() <= loss().item() * (1 + 1e-7)


def test_a_trial_with_a_given_density_takes_no_tangents(monkeypatch: pytest.MonkeyPatch) -> None:
    from geodreg.objectives.dense import PathObjective

    manifold = LatentManifold(random_decoder([3, 16, 9], gain=1.5), density=Normal(0.0, 1.0))
    monkeypatch.setattr(manifold.ladder, "pushforward", lambda _: pytest.fail("tangents were computed"))
    line = torch.lerp(latents(1, 1, 0), latents(1, 1, 1), torch.linspace(0, 1, 9).double()[:, None]).expand(1, 9, 3)
    trial = PathObjective(manifold, 0.1, torch.ones(1).double()).trial(line)
    assert trial.value.item() == pytest.approx((trial.energy + 0.1 / 8 * manifold.nll(line[:, 1:-1]).sum()).item())


def test_graph_starts_are_drawn_from_the_density_where_no_prior_is_given() -> None:
    like = torch.zeros(2).double()
    assert LatentManifold(identity, density=Normal(5.0, 0.1)).sample_prior(500, like, 0).mean().item() == pytest.approx(
        5.0, abs=0.02
    )
    both = LatentManifold(identity, Normal(1.0, 0.1), density=Normal(5.0, 0.1))
    assert both.sample_prior(500, like, 0).mean().item() == pytest.approx(1.0, abs=0.02)
    alone = LatentManifold(identity, density=LogProbAlone())
    assert alone.sample_prior(2000, like, 0).std().item() == pytest.approx(1.0, abs=0.05)


def test_a_density_leads_the_graph_start_around_a_hole() -> None:
    def ring(z: Tensor) -> Tensor:
        return -50.0 * (z.norm(dim=-1) - 1.0).square()

    start, end = torch.tensor([-1.0, 0.0]).double(), torch.tensor([1.0, 0.0]).double()
    manifold = LatentManifold(identity, Uniform(-1.5, 1.5), density=ring)
    paths = interpolate(manifold, start, end, mu=3.0, init=GraphStart(n_samples=600))
    assert (paths.resample(50).z.norm(dim=-1) > 0.6).all()
    assert paths.objective < interpolate(manifold, start, end, mu=3.0).objective + 1e-6


@pytest.mark.parametrize("init", ["straight", "graph"])
def test_a_prior_with_log_prob_alone_is_taken_unless_it_is_to_be_drawn_from(init: str) -> None:
    class StandardNormal:
        def log_prob(self, z: Tensor) -> Tensor:
            return Normal(0.0, 1.0).log_prob(z).sum(-1)

    generator, (start, end) = random_decoder([3, 16, 9], gain=1.5), (latents(2, 3, 0), latents(2, 3, 1))
    manifold = LatentManifold(generator, StandardNormal(), noise=0.2)
    if init == "graph":
        with pytest.raises(ValueError, match="A StandardNormal has no method sample") as caught:
            interpolate(manifold, start, end, mu=0.1, init=init)
        assert "\n" not in str(caught.value)
        return
    paths = interpolate(manifold, start, end, mu=0.1, solver=TIGHT["newton"])
    usual = interpolate(LatentManifold(generator, noise=0.2), start, end, mu=0.1, solver=TIGHT["newton"])
    assert torch.allclose(paths.z, usual.z, atol=1e-5)


def test_a_distribution_that_says_nothing_of_itself_is_a_prior() -> None:
    class Own(Distribution):
        arg_constraints: dict[str, Any] = {}  # noqa: RUF012 - as torch declares it

        def __init__(self) -> None:
            super().__init__(event_shape=torch.Size([3]), validate_args=False)

        def log_prob(self, value: Tensor) -> Tensor:
            return -0.5 * value.square().sum(-1)

    paths = interpolate(
        LatentManifold(random_decoder([3, 16, 9], gain=1.5), Own(), noise=0.2), latents(2, 3, 0), latents(2, 3, 1)
    )
    assert paths.converged.all()


@pytest.mark.parametrize("source", [Beta(2.0, 3.0), Uniform(0.0, 1.0)], ids=["beta", "uniform"])
def test_outside_of_its_support_a_density_is_zero(source: Distribution) -> None:
    density = LatentDensity(source)
    z = torch.tensor([[0.25, 0.5], [0.5, 1.5]])
    assert density.is_inside(z).tolist() == [True, False]
    assert density.log_prob(z)[0] == pytest.approx(source.log_prob(z[0]).sum().item())
    assert density.log_prob(z)[1] == -torch.inf


def test_precision_is_that_of_a_normal_distribution_and_zero_for_others() -> None:
    like = torch.zeros(2).double()
    covariance = torch.tensor([[2.0, 0.5], [0.5, 1.0]]).double()
    given = LatentDensity(MultivariateNormal(torch.zeros(2).double(), covariance)).precision(like)
    assert torch.allclose(given, covariance.inverse().diagonal())
    assert LatentDensity(Normal(0.0, SPREAD)).precision(like).tolist() == [0.25, 0.25]
    assert LatentDensity(LogProbAlone()).precision(like).tolist() == [0.0, 0.0]


def without_gradient(z: Tensor) -> Tensor:
    with torch.no_grad():
        return -z.square().sum(-1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"density": 3.0}, "The density of latents is a float; pass an object with a method log_prob"),
        ({"density": LogProbAlone}, "The density of latents is the class LogProbAlone"),
        ({"prior": "normal"}, "The density of latents is a str"),
        ({"density": Normal(0.0, 1.0), "noise": 0.1}, "noise is 0.1 beside a density"),
        ({"density": lambda z: z}, None),
        ({"density": lambda z: z.square().sum()}, r"returns a tensor of shape \(\)"),
        ({"density": lambda z: z.square().sum(-1) - z.square().mean()}, "another result for a latent alone"),
        ({"density": without_gradient}, "gradient is zero although its value changes"),
        ({"density": lambda z: (z @ torch.ones(5, 1).double()).sum(-1)}, "does not take latents of size 3"),
        ({"density": Uniform(-0.1, 0.1)}, "has no density there"),
    ],
)
def test_what_is_no_density_is_refused_in_one_sentence(options: dict[str, Any], sentence: str | None) -> None:
    def solve() -> object:
        manifold = LatentManifold(random_decoder([3, 16, 9], gain=1.5), **options)
        return interpolate(manifold, latents(2, 3, 0), latents(2, 3, 1), mu=0.01)

    if sentence is None:  # one number for each coordinate is summed, as distributions over a coordinate are
        assert solve() is not None
        return
    with pytest.raises((ValueError, TypeError), match=sentence) as caught:
        solve()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "seam"),
    [
        ("nll", "density="),
        ("log_volume", "density="),
        ("log_prior", "density="),
        ("metric", "ambient="),
        ("jacobian", "ambient="),
        ("generate", "another callable as the generator"),
    ],
)
def test_overriding_a_method_is_refused_with_the_seam(name: str, seam: str) -> None:
    own = type("Own", (LatentManifold,), {name: lambda _, z: z})
    mixed = type("Mixed", (type("Mixin", (), {name: lambda _, z: z}), LatentManifold), {})
    below = type("Below", (own,), {})
    for kind in (own, mixed, below):
        with pytest.raises(TypeError, match=f"{kind.__name__} overrides {name} .*{seam}") as caught:
            kind(identity)
        assert "\n" not in str(caught.value)


def test_a_subclass_that_overrides_nothing_is_taken() -> None:
    class Named(LatentManifold):
        """One with a name and a method of its own."""

        def __init__(self, name: str, generator: Callable[[Tensor], Tensor]) -> None:
            super().__init__(generator)
            self.name = name

        def describe(self) -> str:
            return self.name

    paths = interpolate(Named("flat", identity), torch.zeros(2), torch.ones(2), solver="matrix-free")
    assert paths.converged


def test_the_exponential_map_needs_no_density() -> None:
    manifold = LatentManifold(identity, density=Uniform(-0.1, 0.1))
    reached = exponential_map(manifold, torch.ones(2).double(), torch.ones(2).double())
    assert torch.allclose(reached, torch.full((2,), 2.0).double())


def kinked(*, smooth: bool) -> nn.Sequential:
    torch.manual_seed(0)
    between = nn.SiLU if smooth else nn.ReLU
    layers = [nn.Linear(3, 32), between(), nn.Linear(32, 32), between(), nn.Linear(32, 9)]
    return nn.Sequential(*layers).requires_grad_(False)


@pytest.mark.parametrize("solver", ["newton", "matrix-free"])
@pytest.mark.slow
def test_a_kinked_generator_with_a_density_is_warned_of_once(solver: str) -> None:
    start, end = latents(2, 3, 0, torch.float32), latents(2, 3, 1, torch.float32)
    manifold = LatentManifold(kinked(smooth=False), noise=0.1)
    chosen = Newton(max_iterations=2) if solver == "newton" else MatrixFree(max_iterations=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            interpolate(manifold, start, end, solver=chosen)
    assert [str(warning.message).startswith("The generator has kinks, as one made of ReLUs") for warning in caught] == [
        True
    ]
    assert caught[0].filename == __file__


def test_smooth_generators_geodesics_and_given_densities_are_not_warned_of() -> None:
    start, end = latents(2, 3, 0, torch.float32), latents(2, 3, 1, torch.float32)
    few = Newton(max_iterations=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        interpolate(LatentManifold(kinked(smooth=True), noise=0.1), start, end, solver=few)
        interpolate(LatentManifold(kinked(smooth=False), noise=0.1), start, end, "geodesic", solver=few)
        interpolate(LatentManifold(kinked(smooth=False), density=Normal(0.0, 1.0)), start, end, solver=few)


def test_drawing_leaves_the_random_state_and_cards_that_nobody_has_used_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("a card was started")

    for name in ("get_rng_state", "manual_seed_all", "_lazy_init", "_lazy_call"):
        monkeypatch.setattr(torch.cuda, name, refuse)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    manifold, like = LatentManifold(random_decoder([2, 8, 5], gain=1.0)), torch.zeros(2, dtype=torch.float64)
    before = torch.get_rng_state()
    first, again, other = (manifold.sample_prior(5, like, seed) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)
