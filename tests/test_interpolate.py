"""The front door: what it returns, what it refuses, and what does not depend on how it is called."""

import copy
import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.utils import parametrizations, spectral_norm

from geodreg import Algorithm1, GraphStart, LatentManifold, Newton, interpolate
from geodreg.geometry.curve import chord_energy, chord_length, equal_length_positions, straight
from geodreg.interpolation.arguments import check_endpoints
from geodreg.interpolation.memory import bytes_per_pair
from geodreg.interpolation.paths import eighths
from geodreg.objectives.dense import PathObjective
from geodreg.solvers import Solution
from tests.generators import latents, random_decoder

METHODS = ["straight", "geodesic", "geodreg"]


def decoder(dtype: torch.dtype = torch.float64) -> LatentManifold:
    return LatentManifold(random_decoder([3, 32, 32, 20], gain=1.5, dtype=dtype), noise=0.2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("batch", [(), (4,), (2, 3)])
def test_shapes_follow_the_ends(method: str, batch: tuple[int, ...]) -> None:
    flat = random_decoder([3, 16, 12], gain=1.0)
    start, end = latents(math.prod(batch), 3, 0).reshape(*batch, 3), latents(math.prod(batch), 3, 1).reshape(*batch, 3)
    paths = interpolate(lambda z: flat(z).unflatten(-1, (3, 4)), start, end, method, n_points=9)
    assert paths.z.shape == (*batch, 9, 3)
    assert paths.x.shape == (*batch, 9, 3, 4)
    assert paths.nll.shape == (*batch, 9)
    for name in (
        "length",
        "chord_length",
        "energy",
        "objective",
        "gap",
        "converged",
        "iterations",
        "status",
        "interval",
    ):
        assert getattr(paths, name).shape == batch, name
    assert paths.history.shape[:-1] == batch
    assert torch.equal(paths.z[..., 0, :], start)
    assert torch.equal(paths.z[..., -1, :], end)
    assert paths.converged.all()


@pytest.mark.parametrize("init", ["straight", "graph"])
@pytest.mark.parametrize("method", METHODS)
def test_a_batch_gives_the_same_paths_as_its_pairs_one_by_one(method: str, init: str) -> None:
    start, end = latents(5, 3, 0), latents(5, 3, 1)
    batch = interpolate(decoder(), start, end, method, mu=0.1, init=init)
    for pair in range(5):
        one = interpolate(decoder(), start[pair], end[pair], method, mu=0.1, init=init)
        assert torch.allclose(one.z, batch.z[pair], atol=1e-8)
        assert one.iterations == batch.iterations[pair]
        assert one.status == batch.status[pair]


@pytest.mark.parametrize("method", METHODS)
def test_float32_agrees_with_float64(method: str) -> None:
    start, end = latents(4, 3, 0), latents(4, 3, 1)
    double = interpolate(decoder(), start, end, method, mu=0.1)
    single = interpolate(decoder(torch.float32), start.float(), end.float(), method, mu=0.1)
    assert single.z.dtype == single.length.dtype == single.nll.dtype == torch.float32
    assert single.converged.all()
    assert torch.allclose(single.length.double(), double.length, rtol=1e-4)
    assert torch.allclose(single.objective.double(), double.objective, rtol=1e-4)
    assert (single.z - double.z).norm(dim=-1).max() < 2e-2


def test_the_same_seed_twice_gives_the_same_bits() -> None:
    start, end = latents(3, 3, 0), latents(3, 3, 1)
    runs = [interpolate(decoder(), start, end, mu=0.1, init=GraphStart(n_samples=200, seed=s)) for s in (0, 0, 1)]
    assert torch.equal(runs[0].z, runs[1].z)
    assert not torch.equal(runs[0].z, runs[2].z)


def test_the_regularised_path_trades_length_for_density() -> None:
    start, end = latents(8, 3, 0), latents(8, 3, 1)
    paths = {method: interpolate(decoder(), start, end, method, mu=0.3) for method in METHODS}
    mean_nll = {method: path.resample(200).nll.mean(-1) for method, path in paths.items()}
    assert (paths["geodesic"].length <= paths["straight"].length * (1 + 1e-9)).all()
    assert (paths["geodesic"].length <= paths["geodreg"].length * (1 + 1e-9)).all()
    assert (mean_nll["geodreg"] < mean_nll["geodesic"]).all()


def test_the_callers_grad_mode_does_not_matter() -> None:
    start, end = latents(2, 3, 0), latents(2, 3, 1)
    outside = interpolate(decoder(), start, end, mu=0.1)
    with torch.no_grad():
        inside = interpolate(decoder(), start.requires_grad_(), end, mu=0.1)
    assert torch.equal(outside.z, inside.z)
    assert not inside.z.requires_grad


def test_without_weight_the_regularised_path_is_the_geodesic() -> None:
    start, end = latents(2, 3, 0), latents(2, 3, 1)
    a, b = interpolate(decoder(), start, end, "geodreg", mu=0.0), interpolate(decoder(), start, end, "geodesic")
    assert torch.equal(a.z, b.z)


def test_constants_in_the_nll_change_nothing() -> None:
    class Unnormalised(torch.distributions.Normal):
        def log_prob(self, value: Tensor) -> Tensor:
            return super().log_prob(value) + 1e4

    start, end = latents(3, 3, 0), latents(3, 3, 1)
    generator = decoder().generator
    plain = interpolate(LatentManifold(generator, noise=0.2), start, end, mu=0.1)
    shifted = interpolate(LatentManifold(generator, Unnormalised(0.0, 1.0), noise=0.2), start, end, mu=0.1)
    assert torch.allclose(plain.z, shifted.z, atol=1e-6)
    assert plain.iterations.tolist() == shifted.iterations.tolist()


@pytest.mark.parametrize("method", METHODS)
def test_coincident_ends_give_the_constant_path(method: str) -> None:
    start = latents(2, 3, 0)
    end = torch.stack([start[0], latents(1, 3, 1)[0]])
    paths = interpolate(decoder(), start, end, method, mu=0.1)
    assert paths.status[0] == "endpoints coincide"
    assert paths.status[1] != "endpoints coincide"
    assert torch.equal(paths.z[0], start[0].expand(35, 3))
    assert paths.length[0] == paths.energy[0] == paths.objective[0] == paths.interval[0] == 0.0
    assert paths.gap[0] == 1.0
    assert paths.resample(5).z.isfinite().all()


def test_a_density_without_bound_is_reported_not_chased() -> None:
    def fold(z: Tensor) -> Tensor:  # folded over at z0 = 0, where the density without noise is infinite
        return torch.stack([z[:, 0] ** 2, z[:, 1]], dim=-1)

    start, end = torch.tensor([0.2, -1.0], dtype=torch.float64), torch.tensor([0.2, 1.0], dtype=torch.float64)
    paths = interpolate(fold, start, end, mu=1.0)
    assert not paths.converged
    assert paths.status == "no minimum in reach"
    assert interpolate(LatentManifold(fold, noise=0.5), start, end, mu=1.0).converged


@pytest.mark.slow
@pytest.mark.parametrize("mu", [0.1, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_no_path_is_said_to_have_converged_in_a_well_without_a_bottom(dtype: torch.dtype, mu: float) -> None:
    def fold(z: Tensor) -> Tensor:
        return torch.stack([z[:, 0] ** 2, z[:, 1]], dim=-1)

    beside, along = torch.linspace(0.05, 0.8, 32, dtype=dtype), torch.ones(32, dtype=dtype)
    paths = interpolate(fold, torch.stack([beside, -along], -1), torch.stack([beside, along], -1), mu=mu, n_points=9)
    nearest = paths.z[..., 0].abs().amin(-1)
    assert (nearest[paths.converged] > 0.3).all()  # others have found a minimum beside the fold
    assert (nearest[paths.status == "no minimum in reach"] < 1e-3).all()
    assert (paths.status == "no minimum in reach").sum() >= 20
    if mu == 1.0:
        one = interpolate(fold, paths.z[4, 0], paths.z[4, -1], mu=mu, n_points=9, solver="matrix-free")
        assert one.status == "no minimum in reach"


def test_length_counts_what_lies_between_the_points() -> None:
    def ripple(z: Tensor) -> Tensor:  # eleven points from 0 to 1 sit on its zeros
        return torch.stack([z[:, 0], torch.sin(5 * 2 * math.pi * z[:, 0])], dim=-1)

    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    paths = interpolate(ripple, zero, one, "straight", n_points=11)
    assert paths.chord_length.item() == pytest.approx(1.0)
    assert paths.length.item() > 10.0
    profile = paths.resample(1000)
    steps = profile.x.diff(dim=0).norm(dim=-1)
    assert profile.arc_length[-1].item() == pytest.approx(paths.length.item())
    assert steps.quantile(0.05) / steps.median() > 0.5  # even along the ripples; even along z it would be 0.1


@pytest.mark.parametrize("least", [1e-3, 3e-4])
def test_a_metric_of_high_condition_is_no_well_where_nothing_falls(least: float) -> None:
    def bent(z: Tensor) -> Tensor:
        rows = z[:, 0] + 0.1 * torch.sin(2 * z[:, 1]), z[:, 1] + 0.1 * z[:, 0] ** 2, least * z[:, 2]
        return torch.stack([*rows, 0.3 * z[:, 0] * z[:, 1], z[:, 0].cos()], dim=-1)

    paths = interpolate(bent, latents(16, 3, 1, torch.float32), latents(16, 3, 2, torch.float32), mu=0.1)
    assert (paths.status != "no minimum in reach").all()


def test_lengths_are_measured_once_however_often_a_path_is_sampled() -> None:
    seen: list[int] = []

    def counted(z: Tensor) -> Tensor:
        seen.append(len(z))
        return torch.stack([z[:, 0], z[:, 1], z.square().sum(-1)], dim=-1)

    paths = interpolate(counted, latents(2, 2, 0), latents(2, 2, 1), "straight", n_points=101)
    first = paths.resample(5)
    assert sum(seen) < 2 * 1600  # eighths of chords, of a length, an interval and what is sampled
    seen.clear()
    again = paths.resample(5)
    assert sum(seen) < 100  # of 1,600 eighths of chords
    assert torch.equal(again.x, first.x)
    assert torch.equal(again.arc_length[..., -1], first.arc_length[..., -1])
    assert torch.allclose(paths[1].resample(5).x, first.x[1])
    assert torch.allclose(first.arc_length[..., -1], paths.length)


def test_images_along_a_path_take_no_tangents_until_density_or_tangent_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manifold = LatentManifold(random_decoder((3, 16, 20), 1.2), noise=0.1)
    paths = interpolate(manifold, latents(5, 3, 0), latents(5, 3, 1), "geodesic", n_points=9)
    at_once = paths.resample(12)
    nll, tangent = at_once.nll, at_once.tangent
    pushed: list[int] = []
    push = manifold.ladder.pushforward

    def counted(z: Tensor, directions: Tensor | None = None) -> tuple[Tensor, Tensor]:
        pushed.append(z.numel() if directions is None else len(z))
        return push(z, directions)

    monkeypatch.setattr(manifold.ladder, "pushforward", counted)
    with torch.inference_mode():
        later = paths.resample(12)
    torch.testing.assert_close(later.x, at_once.x, rtol=0, atol=0)
    assert pushed == []
    torch.testing.assert_close(later.tangent, tangent, rtol=0, atol=0)
    assert sum(pushed) == 5 * 12  # one direction at each point
    torch.testing.assert_close(later.nll, nll, rtol=0, atol=0)
    assert sum(pushed) == 5 * 12 * (1 + 3)
    assert later.tangent is later.tangent
    assert later.nll is later.nll
    assert len(pushed) == 2
    assert not any(values.requires_grad or values.is_inference() for values in (later.x, later.nll, later.tangent))


@pytest.mark.parametrize("method", ["straight", "slerp", "geodesic"])
def test_the_density_at_the_points_is_computed_where_it_is_asked_for(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifold = LatentManifold(random_decoder((3, 16, 20), 1.2), noise=0.1)
    paths = interpolate(manifold, latents(4, 3, 0), latents(4, 3, 1), method, n_points=9)
    part = paths[1]
    looked_at = paths.nll
    assert torch.allclose(looked_at, manifold.nll(paths.z))
    assert torch.allclose(part.nll, looked_at[1])
    assert not any((looked_at.requires_grad, looked_at.is_inference()))

    def refuse(*_: Any) -> None:
        pytest.fail("a Jacobian was made")

    monkeypatch.setattr(manifold.ladder, "pushforward", refuse)
    assert paths[2:].unflatten(torch.Size([2, 1])).nll.equal(looked_at[2:, None])  # what is known goes along
    assert paths[[]].nll.shape == (0, 9)
    if method != "geodesic":
        again = interpolate(manifold, latents(4, 3, 0), latents(4, 3, 1), method, n_points=9)
        again.report()
        assert again.resample(5).x.isfinite().all()


def test_points_along_a_path_are_pickled_without_the_model() -> None:
    manifold = LatentManifold(lambda z: torch.cat([z, z.square()], dim=-1))  # which cannot be pickled
    profile = interpolate(manifold, latents(3, 2, 0), latents(3, 2, 1), "straight", n_points=5).resample(7)
    again = pickle.loads(pickle.dumps(profile))  # noqa: S301 - our own
    for name in ("arc_length", "z", "x", "nll", "tangent"):
        torch.testing.assert_close(getattr(again, name), getattr(profile, name), rtol=0, atol=0)
    assert copy.copy(profile).nll.equal(profile.nll)


def test_resampling_is_even_and_keeps_ends_and_tangents() -> None:
    start, end = latents(2, 3, 0), latents(2, 3, 1)
    paths = interpolate(decoder(), start, end, "straight")
    profile = paths.resample(400)
    steps = profile.x.diff(dim=-2).norm(dim=-1)
    assert (steps.amax(-1) / steps.amin(-1)).max() < 1.05
    assert torch.allclose(profile.z[:, [0, -1]], paths.z[:, [0, -1]])
    assert torch.allclose(profile.nll, decoder().nll(profile.z))
    secant = torch.nn.functional.normalize(profile.x[:, 2:] - profile.x[:, :-2], dim=-1)
    assert ((secant * profile.tangent[:, 1:-1]).sum(-1) > 0.999).all()
    with pytest.raises(ValueError, match="n is 1; a path is sampled at 2 points or more"):
        paths.resample(1)


def test_table_has_a_row_a_point() -> None:
    pytest.importorskip("pandas")
    paths = interpolate(decoder(), latents(2, 3, 0), latents(2, 3, 1), mu=0.1, n_points=5)
    table = paths.to_frame()
    assert list(table.columns) == ["method", "mu", "pair", "point", "nll", "z0", "z1", "z2"]
    assert len(table) == 10
    assert np.allclose(table.loc[table.pair == 1, "z2"], paths.z[1, :, 2])
    assert len(paths.to_frame(7)) == 14
    assert paths.to_frame(7)["arc_length"].max() == pytest.approx(paths.length.max().item())


def test_graph_start_goes_round_a_hole() -> None:
    def volcano(z: Tensor) -> Tensor:  # a narrow peak between the ends; the straight line climbs over it
        return torch.cat([z, 6.0 * torch.exp(-z.square().sum(-1, keepdim=True) / 0.1)], dim=-1)

    start, end = torch.tensor([-1.0, 0.0], dtype=torch.float64), torch.tensor([1.0, 0.0], dtype=torch.float64)
    over = interpolate(volcano, start, end, "geodesic")
    around = interpolate(volcano, start, end, "geodesic", init="graph")
    assert over.converged
    assert around.converged
    assert over.z[:, 1].abs().max() < 1e-6
    assert around.length < 0.5 * over.length


@pytest.mark.slow
@pytest.mark.parametrize("gain", [1.2, 2.0])
def test_geodesic_is_as_good_as_long_lbfgs(gain: float) -> None:
    generator = random_decoder([10, 256, 256, 784], gain=gain)
    start, end = latents(2, 10, seed=1)
    paths = interpolate(generator, start, end, "geodesic", interval=1.0)
    interior = torch.lerp(start, end, torch.linspace(0, 1, 35, dtype=torch.float64)[1:-1, None]).requires_grad_()
    optimiser = torch.optim.LBFGS(
        [interior], max_iter=3000, max_eval=4000, history_size=50, line_search_fn="strong_wolfe", tolerance_change=0.0
    )

    def energy() -> Tensor:
        x = generator(torch.cat([start[None], interior, end[None]]))
        return x.diff(dim=0).square().sum() * 34 / 2

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = energy()
        value.backward()
        return value

    optimiser.step(closure)
    best = energy().item()
    assert paths.converged
    assert paths.energy.item() <= best * (1 + 1e-4)
    assert paths.energy.item() >= best * (1 - 1e-2)  # the same basin, so the comparison means something


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"end": torch.zeros(2, 4, dtype=torch.float64)}, r"start and end differ in shape: \(2, 3\) and \(2, 4\)"),
        ({"end": torch.zeros(2, 3)}, "start and end differ in dtype: torch.float64 and torch.float32"),
        ({"start": torch.zeros(2, 3).long()}, "start is a tensor of torch.int64; pass a floating-point tensor"),
        ({"start": [0.0, 1.0]}, "start is a list; pass a floating-point tensor"),
        ({"start": torch.full((2, 3), math.nan, dtype=torch.float64)}, "holds a NaN or an infinity; pass finite"),
        ({"n_points": 2}, "n_points is 2; a path needs a whole number of points, at least 3"),
        ({"mu": -0.1}, "mu is -0.1; pass a finite number, zero or positive"),
        ({"mu": math.nan}, "mu is nan; pass a finite number"),
        ({"method": "shortest"}, "method is 'shortest'; choose one of 'straight', 'slerp', 'geodesic', 'geodreg'"),
        ({"interval": 0.0}, "interval is 0.0; pass 'unit-speed' or a positive number"),
        ({"interval": "unit speed"}, "interval is 'unit speed'; pass 'unit-speed' or a positive number"),
        ({"solver": "adam"}, "solver is 'adam'; choose one of 'newton', 'algorithm1'"),
        ({"init": "random"}, "init is 'random'; choose 'straight', 'graph' or 'best'"),
        ({"init": torch.zeros(2, 9, 3, dtype=torch.float64)}, r"curves for these endpoints have shape \(2, 35, 3\)"),
        ({"init": torch.zeros(2, 35, 3, dtype=torch.float64)}, "init does not join the endpoints"),
        ({"manifold": lambda z: z / 0.0}, "The generator returns NaN or infinity at start or end"),
        (
            {"manifold": lambda z: z @ torch.ones(5, 2).double()},
            r"does not take latents of shape \(4, 3\), torch.float64",
        ),
        ({"manifold": torch.nn.Linear(3, 4)}, r"does not take latents .* pass endpoints of its latent size, dtype"),
        (
            {"manifold": lambda z: z.sum()},
            r"The generator returns torch.float64 of shape \(\) for latents \(4, 3\)",
        ),
        ({"manifold": lambda z: z[:, :2]}, "takes 3 latents to 2 numbers, so its density is singular"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(change: dict[str, object], sentence: str) -> None:
    arguments = {"manifold": decoder(), "start": latents(2, 3, 0), "end": latents(2, 3, 1), **change}
    with pytest.raises((ValueError, TypeError), match=sentence) as caught:
        interpolate(**arguments)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_generator_that_breaks_on_the_way_is_not_called_converged() -> None:
    def broken(z: Tensor) -> Tensor:
        return torch.where(z[:, :1].abs() < 0.3, math.nan, z)

    start, end = torch.tensor([-1.0, 0.0]), torch.tensor([1.0, 0.0])
    paths = interpolate(broken, start, end, "geodesic", solver=Newton(max_iterations=5))
    assert not paths.converged
    assert paths.status == "not finite"


@pytest.mark.slow
def test_interpolation_needs_torch_numpy_and_scipy_alone() -> None:
    program = """
import sys
extras = {"pandas", "matplotlib", "seaborn", "torchvision", "safetensors", "tqdm", "typer", "pydantic", "gudhi",
          "papermill", "jupytext", "snakemake", "IPython", "sphinx", "tabulate", "yaml", "PIL"}
class WithoutExtras:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in extras else self.finder.find_spec(name, path, target)
sys.meta_path[:] = [WithoutExtras(finder) for finder in sys.meta_path]
import torch, geodreg
z = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
for init in ("straight", "graph"):
    paths = geodreg.interpolate(lambda z: 2 * z, z[:1], z[1:], mu=0.1, init=init)
    assert paths.converged.all()
assert geodreg.invert(lambda z: 2 * z, z, latent_dim=2).converged.all()
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)


def with_norm(norm: Callable[[torch.nn.Module], torch.nn.Module]) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), norm(torch.nn.Linear(8, 9))).double()


def test_what_is_computed_later_is_refused_in_training_mode_and_changes_no_statistics() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 9)).double().eval()
    paths = interpolate(net, latents(2, 3, 0), latents(2, 3, 1), "geodesic")
    profile, before = paths.resample(5), {name: value.clone() for name, value in net.state_dict().items()}
    net.train()
    for later in (lambda: paths.nll, lambda: profile.nll, lambda: profile.tangent):
        with pytest.raises(ValueError, match="in training mode, where its BatchNorm1d"):
            later()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    net.eval()
    assert paths.nll.isfinite().all()
    assert profile.nll.isfinite().all()


@pytest.mark.parametrize("setting", [{"n_samples": 1}, {"n_neighbours": 0}, {"n_sub": 0}, {"seed": -1}, {"n_sub": 2.5}])
def test_a_graph_of_nothing_is_refused_in_a_sentence(setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(setting))} is .*; pass a whole number"):
        GraphStart(**setting)


def test_the_smallest_graph_joins_its_endpoints() -> None:
    start, end = latents(2, 3, 0), latents(2, 3, 1)
    graph = GraphStart(n_samples=2, n_neighbours=1, n_sub=1)
    assert interpolate(decoder(), start, end, mu=0.1, n_points=9, init=graph).converged.all()


def test_an_index_may_count_backwards() -> None:
    paths = interpolate(decoder(), latents(3, 3, 0), latents(3, 3, 1), "geodesic")
    assert torch.equal(paths[::-1].length, paths.length.flip(0))
    assert list(paths[::-2].status) == list(paths.status[::-2])


@pytest.mark.parametrize("solver", ["newton", "matrix-free"])
def test_a_generator_with_a_sparse_matrix_is_taken(solver: str) -> None:
    inner, spread = decoder().generator, torch.zeros(60, 20).double()
    spread[::3] = torch.eye(20).double()
    sparse = spread.to_sparse()
    start, end = latents(2, 3, 0), latents(2, 3, 1)
    found, expected = (
        interpolate(LatentManifold(generator, noise=0.1), start, end, mu=0.1, n_points=9, solver=solver)
        for generator in (lambda z: torch.sparse.mm(sparse, inner(z).mT).mT, lambda z: inner(z) @ spread.mT)
    )
    assert torch.allclose(found.z, expected.z, atol=1e-6)


def test_a_generator_that_mixes_rows_draws_or_hides_its_derivative_is_refused() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 9)).double()
    before = net[1].running_mean.clone()  # type: ignore[operator]
    drops = torch.nn.Sequential(torch.nn.Linear(3, 9), torch.nn.Dropout(0.5)).double()
    inner = decoder().generator

    def without_gradient(z: Tensor) -> Tensor:
        with torch.no_grad():
            return inner(z)

    refused: list[tuple[Callable[[Tensor], Tensor], str]] = [
        (net, "in training mode, where its BatchNorm1d"),
        (drops, "in training mode, where its Dropout"),
        (with_norm(parametrizations.spectral_norm), "in training mode, where its spectral norm changes the weights"),
        (with_norm(spectral_norm), "in training mode, where its spectral norm changes the weights"),
        (lambda z: inner(z).to("meta"), "returns data on meta for latents on cpu; pass latents on the device"),
        (lambda z: z - z.mean(0), "another result for a latent alone than among others"),
        (lambda z: inner(z.detach()), "derivatives are not what small steps show"),
        (lambda z: inner(z) + inner(z.detach()), "derivatives are not what small steps show"),
        (lambda z: inner((4 * z).round() / 4), "derivatives are not what small steps show"),
        (without_gradient, "derivatives are not what small steps show"),
        (lambda z: torch.from_numpy(z.numpy() ** 2), r"cannot be differentiated \(\w+: .*numpy"),
    ]
    for generator, sentence in refused:
        with pytest.raises(ValueError, match=sentence):
            interpolate(LatentManifold(generator, noise=0.1), latents(2, 3, 0), latents(2, 3, 1))
    assert torch.equal(net[1].running_mean, before)  # type: ignore[arg-type]
    assert interpolate(net.eval(), latents(2, 3, 0), latents(2, 3, 1)).converged.all()


@pytest.mark.parametrize("init", ["straight", "graph"])
@pytest.mark.parametrize(
    "prior",
    [
        torch.distributions.Normal(0.0, 1.0),
        torch.distributions.Normal(torch.zeros(3), torch.ones(3)),
        torch.distributions.Normal(torch.zeros(1), torch.ones(1)),
        torch.distributions.Independent(torch.distributions.Normal(torch.zeros(3), torch.ones(3)), 1),
        torch.distributions.MultivariateNormal(torch.zeros(3).double(), torch.eye(3).double()),
        torch.distributions.Uniform(-4.0, 4.0),
    ],
    ids=lambda prior: type(prior).__name__,
)
def test_priors_of_every_shape_and_with_bounded_support_are_taken(
    prior: torch.distributions.Distribution, init: str
) -> None:
    start, end = latents(2, 3, 0), latents(2, 3, 1)
    paths = interpolate(LatentManifold(decoder().generator, prior, noise=0.2), start, end, mu=0.1, init=init)
    assert paths.converged.all(), paths.status
    if not isinstance(prior, torch.distributions.Uniform):
        expected = interpolate(decoder(), start, end, mu=0.1, init=init)
        assert torch.allclose(paths.z, expected.z, atol=1e-3)


def test_ends_outside_of_the_priors_support_and_priors_of_another_size_are_refused() -> None:
    generator = decoder().generator
    narrow = LatentManifold(generator, torch.distributions.Uniform(-0.1, 0.1))
    with pytest.raises(ValueError, match="lies outside of the prior's support"):
        interpolate(narrow, latents(2, 3, 0), latents(2, 3, 1))
    wide = LatentManifold(generator, torch.distributions.Normal(torch.zeros(4), torch.ones(4)))
    with pytest.raises(ValueError, match="The prior does not take latents of size 3"):
        interpolate(wide, latents(2, 3, 0), latents(2, 3, 1))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3, 1e6])
def test_the_scale_of_the_latents_does_not_matter(scale: float) -> None:
    generator = decoder().generator
    scaled = LatentManifold(lambda z: generator(z / scale), torch.distributions.Normal(0.0, scale), noise=0.2 / scale)
    start, end = latents(3, 3, 0), latents(3, 3, 1)
    paths = interpolate(scaled, start * scale, end * scale, mu=0.1)
    expected = interpolate(decoder(), start, end, mu=0.1)
    assert paths.converged.all()
    assert torch.allclose(paths.length, expected.length, rtol=1e-4)
    assert (paths.iterations - expected.iterations).abs().max() <= 3


@pytest.mark.parametrize(("offset", "tolerance"), [(1e2, 1e-3), (1e4, 5e-2)])  # rounding adds to a measured length
def test_rounding_of_large_data_ends_a_solve_and_does_not_feed_it(offset: float, tolerance: float) -> None:
    generator = random_decoder([3, 32, 32, 20], gain=1.5, dtype=torch.float32)
    start, end = latents(3, 3, 0, torch.float32), latents(3, 3, 1, torch.float32)
    paths = interpolate(lambda z: generator(z) + offset, start, end, "geodesic")
    assert paths.converged.all()
    assert paths.iterations.max() < 60
    expected = interpolate(generator, start, end, "geodesic")
    assert torch.allclose(paths.length, expected.length, rtol=tolerance)


def test_nan_between_the_points_is_no_success() -> None:
    def band(z: Tensor) -> Tensor:  # NaN between two of the points of a straight path, at none of them
        return torch.where((z[:, :1] - 0.5 / 34).abs() < 1e-3, math.nan, z)

    start, end = torch.tensor([-1.0, 0.3]).double(), torch.tensor([1.0, 0.3]).double()
    for method in METHODS:
        for interval in ("unit-speed", 1.0):
            path = interpolate(band, start, end, method, interval=interval)
            assert not path.converged, (method, interval)
            assert path.status == "not finite"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_path_without_a_finite_length_is_sampled_by_the_index_of_its_points(value: float) -> None:
    def band(z: Tensor) -> Tensor:  # between two of the points of the first path, at none of them
        return torch.where((z[:, :1] - 0.5 / 34).abs() < 1e-3, value, z)

    start = torch.tensor([[-1.0, 0.3], [1.0, 0.3]]).double()
    end = torch.tensor([[1.0, 0.3], [2.0, 0.3]]).double()
    paths = interpolate(band, start, end, "straight")
    assert paths.converged.tolist() == [False, True]
    profile = paths.resample(5)
    assert torch.allclose(profile.z, straight(start, end, 5))
    assert profile.arc_length.isnan().all(-1).tolist() == [True, False]
    assert paths.to_frame(5)["z0"].notna().all()


def test_sampling_keeps_the_endpoints_where_the_path_stands_still() -> None:
    def first(z: Tensor) -> Tensor:  # knows nothing of the second coordinate
        return z[:, :1]

    start, end = torch.tensor([0.0, 0.0]), torch.tensor([0.0, 1.0])
    assert torch.allclose(interpolate(first, start, end, "straight").resample(3).z[:, 1], torch.tensor([0.0, 0.5, 1.0]))
    positions = equal_length_positions(torch.tensor([0.0, 1.0, 1.0, 0.0]).double(), 3)
    assert torch.allclose(positions, torch.tensor([0.0, 2.0, 4.0]).double())


def test_groups_are_of_one_size() -> None:
    sizes: list[int] = []

    class Recording(Newton):
        def solve(self, objective: PathObjective, start: Tensor, *args: Any, **settings: Any) -> Solution:
            sizes.append(len(start))
            return super().solve(objective, start, *args, **settings)

    start, end = latents(4, 3, 1), latents(4, 3, 2)
    line = straight(start[:1], end[:1], 9)
    memory = 3.5 * bytes_per_pair(decoder(), 0.0, line) / 2**30
    interpolate(decoder(), start, end, "geodesic", n_points=9, solver=Recording(), memory=memory)
    assert sizes == [2, 2]


def test_endpoints_are_looked_at_in_parts() -> None:
    rows: list[int] = []

    def wide(z: Tensor) -> Tensor:
        rows.append(len(z))
        return z.repeat(1, 2**15)

    check_endpoints(LatentManifold(wide), latents(100, 2, 0), latents(100, 2, 1), needs_density=False)
    assert max(rows) <= 64
    assert sum(rows) >= 200


def test_a_generator_that_drops_the_dimension_of_one_row_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"shape \(20,\) for one latent alone.*squeeze\(1\)"):
        interpolate(lambda z: decoder().generator(z).squeeze(), latents(2, 3, 1), latents(2, 3, 2), "geodesic")


def test_gradient_norm_is_that_of_the_reported_objective() -> None:
    start, end = latents(2, 3, 1, torch.float32), latents(2, 3, 2, torch.float32)
    model = decoder(torch.float32)
    paths = interpolate(model, start, end, "geodesic", n_points=9, solver=Newton(max_iterations=2))
    z = paths.z.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(chord_energy(model.generate(z), paths.interval).sum(), z)
    assert torch.allclose(paths.gradient_norm.float(), gradient[:, 1:-1].flatten(1).norm(dim=1), rtol=1e-2)


def test_a_graph_keeps_away_from_what_is_not_defined() -> None:
    def holed(z: Tensor) -> Tensor:
        return torch.cat([z, (z.square().sum(-1, keepdim=True) - 0.25).sqrt()], dim=-1)

    start, end = torch.tensor([[-1.0, 0.05]]).double(), torch.tensor([[1.0, 0.05]]).double()
    model, nothing = LatentManifold(holed), torch.zeros(1).double()
    curves = GraphStart(n_samples=400).curves(model, 0.0, start, end, 35, nothing)
    assert eighths(model, curves).isfinite().all()


def test_edges_of_a_graph_are_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def watched(x: Tensor) -> Tensor:
        sizes.append(x.numel())
        return chord_length(x)

    monkeypatch.setattr("geodreg.solvers.start.chord_length", watched)
    monkeypatch.setattr("geodreg.solvers.start.PART", 7 * 20 * 10)
    start, end = latents(2, 3, 1)
    GraphStart(n_samples=50).curves(decoder(), 0.0, start[None], end[None], 9, torch.zeros(1).double())
    assert max(sizes) == 7 * 20 * 10


def test_a_kink_on_the_path_is_reported_for_its_pair_alone() -> None:
    def tent(z: Tensor) -> Tensor:
        return torch.cat([z, z.norm(dim=-1, keepdim=True)], dim=-1)  # no derivative at the origin

    start = torch.tensor([[-1.0, 0.0], [-1.0, 0.5]]).double()
    paths = interpolate(tent, start, -start, "geodesic", n_points=5)
    good = interpolate(tent, start[1], -start[1], "geodesic", n_points=5)
    assert not paths.converged[0] or paths.z[0].isfinite().all()
    assert torch.allclose(paths.z[1], good.z, atol=1e-6)


def test_a_density_that_is_infinite_from_the_start_is_reported() -> None:
    def flat(z: Tensor) -> Tensor:  # the second latent does nothing
        return torch.cat([z[:, :1], z[:, :1] ** 2], dim=-1)

    for dtype in (torch.float32, torch.float64):
        start, end = torch.tensor([-1.0, 0.0], dtype=dtype), torch.tensor([1.0, 0.5], dtype=dtype)
        paths = interpolate(flat, start, end, mu=0.1)
        assert paths.status == "no minimum in reach"
        assert not paths.converged
        assert interpolate(LatentManifold(flat, noise=0.1), start, end, mu=0.1).converged


def test_a_constant_generator_has_paths_of_no_length_and_no_interval() -> None:
    start, end = latents(2, 3, 0), latents(2, 3, 1)
    constant = LatentManifold(lambda z: 0 * z + 1.0, noise=0.1)
    assert (interpolate(constant, start, end, "geodesic").length == 0).all()
    paths = interpolate(constant, start, end, mu=0.1)
    assert not paths.converged.any()
    assert all(status.startswith("no interval") for status in paths.status)
    assert (paths.objective == 0).all()


def test_inference_mode_and_numpy_numbers_are_taken() -> None:
    start, end, manifold = latents(2, 3, 0), latents(2, 3, 1), decoder()
    expected = interpolate(manifold, start, end, mu=0.1, n_points=9)
    with torch.inference_mode():
        inside = interpolate(manifold, start, end, mu=np.float64(0.1), n_points=np.int64(9))  # type: ignore[arg-type]
    assert torch.equal(inside.z, expected.z)


def test_a_diverging_explicit_iteration_is_reported() -> None:
    solver = Algorithm1(eta=50.0, max_iterations=500)
    paths = interpolate(lambda z: z.exp(), latents(2, 3, 0), latents(2, 3, 1), "geodesic", solver=solver)
    assert not paths.converged.any()
    with pytest.raises(ValueError, match=r"eta is -1\.0; pass a positive step"):
        Algorithm1(eta=-1.0)
    with pytest.raises(ValueError, match="max_iterations is -1; pass zero or a positive number"):
        Newton(max_iterations=-1)


def test_known_geodesics_save_their_solve_and_change_nothing() -> None:
    manifold = LatentManifold(random_decoder([3, 32, 20], gain=2.0), noise=0.1)
    start, end = latents(4, 3, seed=1), latents(4, 3, seed=2)
    known = interpolate(manifold, start, end, "geodesic")
    calls: list[int] = []

    def counted(z: Tensor) -> Tensor:
        calls.append(len(z))
        return manifold.generator(z)

    counting = LatentManifold(counted, noise=0.1)
    usual = interpolate(counting, start, end, mu=0.1)
    n_usual, calls[:] = len(calls), []
    saved = interpolate(counting, start, end, mu=0.1, geodesic=known)
    assert torch.equal(saved.z, usual.z)
    assert torch.equal(saved.interval, usual.interval)
    assert len(calls) < n_usual
    for wrong, message in (
        (usual, r"geodesic holds paths by 'geodreg'"),
        (known[:3], r"of shape \(3, 35, 3\)"),
        (interpolate(manifold, end, start, "geodesic"), "geodesic is between other endpoints"),
    ):
        with pytest.raises(ValueError, match=message):
            interpolate(manifold, start, end, mu=0.1, geodesic=wrong)


def test_paths_can_be_indexed_by_pair() -> None:
    paths = interpolate(random_decoder([3, 16, 10], gain=1.0), latents(4, 3, seed=1), latents(4, 3, seed=2), "geodesic")
    one, some = paths[2], paths[1:3]
    assert torch.equal(one.z, paths.z[2])
    assert one.status == paths.status[2]
    assert torch.allclose(some.resample(20).x, paths.resample(20).x[1:3])


@pytest.mark.parametrize(
    ("index", "places"),
    [
        (0, [0, 1, 2]),
        (-1, [3, 4, 5]),
        (slice(1, 2), [3, 4, 5]),
        ((1, 2), [5]),
        ((..., 0), [0, 3]),
        ((slice(None), torch.tensor([True, False, True])), [0, 2, 3, 5]),
        (torch.tensor([[True, False, False], [False, True, False]]), [0, 4]),
        (torch.tensor([1, 0]), [3, 4, 5, 0, 1, 2]),
        ([], []),
    ],
)
def test_an_index_is_into_the_batch_and_into_nothing_else(index: Any, places: list[int]) -> None:
    start, end = latents(6, 3, seed=1).view(2, 3, 3), latents(6, 3, seed=2).view(2, 3, 3)
    paths = interpolate(random_decoder([3, 16, 10], gain=1.0), start, end, "straight", n_points=5)
    found = paths[index]
    batch = torch.arange(6).view(2, 3)[index].shape
    assert found.status.shape == found.length.shape == batch
    assert found.z.shape == (*batch, 5, 3)
    assert torch.equal(found.flatten().z, paths.flatten().z[places])
    assert torch.allclose(found.flatten().resample(4).x, paths.flatten().resample(4).x[places])
    assert found.report().status.tolist() == paths.status.flatten()[places].tolist()


@pytest.mark.parametrize("index", [2, (0, 0, 0), (0, 3), torch.tensor([5]), "first", 0.5])
def test_an_index_that_names_no_path_is_an_error(index: Any) -> None:
    start = latents(6, 3, seed=1).view(2, 3, 3)
    with pytest.raises(IndexError):
        interpolate(random_decoder([3, 16, 10], gain=1.0), start, -start, "straight", n_points=5)[index]


@pytest.mark.parametrize("settings", [{}, {"solver": "matrix-free"}])
def test_those_that_did_not_converge_can_be_none(settings: dict[str, Any], recwarn: pytest.WarningsRecorder) -> None:
    pytest.importorskip("pandas")
    start = latents(2, 3, seed=1)
    paths = interpolate(random_decoder([3, 16, 10], gain=1.0), start, -start, "geodesic", n_points=5, **settings)
    recwarn.clear()
    none = paths[~paths.converged]
    assert none.resample(7).x.shape == (0, 7, 10)
    assert none.resample(7).tangent.shape == (0, 7, 10)
    assert len(none.to_frame(7)) == len(none.report().to_frame()) == 0
    assert str(none.report()).startswith("0 by geodesic")
    assert len(recwarn) == 0


def test_paths_are_equal_to_themselves_alone_and_can_be_keys() -> None:
    start = latents(2, 3, seed=1)
    paths = [interpolate(random_decoder([3, 16, 10], gain=1.0), start, -start, "straight", n_points=5) for _ in "ab"]
    assert paths[0] == paths[0]
    assert paths[0] != paths[1]
    assert {paths[0]: 1, paths[1]: 2}[paths[1]] == 2


def test_table_of_some_pairs_has_no_others() -> None:
    pytest.importorskip("pandas")
    paths = interpolate(random_decoder([3, 16, 10], gain=1.0), latents(4, 3, seed=1), latents(4, 3, seed=2), "straight")
    assert paths[1:3].to_frame()["pair"].nunique() == 2
