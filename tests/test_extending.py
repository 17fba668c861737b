"""Starts and solvers of one's own: used as they are given, and refused in one sentence where they return nonsense."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from geodreg import GraphStart, LatentManifold, Newton, interpolate
from geodreg.geometry.curve import straight
from geodreg.objectives.dense import PathObjective
from geodreg.solvers import Solution
from tests.generators import random_decoder

START = torch.tensor([[-1.0, 0.5], [0.0, -1.0], [0.3, 0.2]], dtype=torch.float64)
END = torch.tensor([[1.0, 0.5], [0.5, 1.0], [0.4, -0.9]], dtype=torch.float64)
N_POINTS = 9
AS_DRAWN = Newton(max_iterations=0)


def manifold() -> LatentManifold:
    return LatentManifold(random_decoder([2, 8, 5], 1.5), noise=0.1)


@dataclass
class Bow:
    """Straight lines, bent aside by a given height; remembers what it was asked."""

    height: float = 0.5
    asked: tuple[float, Tensor] | None = None

    def curves(
        self, manifold: LatentManifold, mu: float, start: Tensor, end: Tensor, n_points: int, nll_reference: Tensor
    ) -> Tensor:
        self.asked = (mu, nll_reference)
        line = straight(start, end, n_points)
        t = torch.linspace(0.0, 1.0, n_points, dtype=start.dtype)
        return line + self.height * (t * (1.0 - t)).unsqueeze(-1)


class AsDrawn:
    """A solver that leaves the start curves as they are."""

    def solve(self, objective: PathObjective, start: Tensor, reference: Tensor | None = None) -> Solution:
        return Solution.at_start(start, objective.value(start))


@pytest.mark.parametrize(("method", "mu"), [("geodesic", 0.0), ("geodreg", 0.1)])
@pytest.mark.parametrize("solver", [AS_DRAWN, AsDrawn()], ids=["Newton", "own"])
def test_a_start_of_ones_own_is_where_the_solver_begins(method: str, mu: float, solver: Newton) -> None:
    own = Bow()
    options: dict[str, Any] = {"n_points": N_POINTS, "mu": 0.1, "solver": solver}
    paths = interpolate(manifold(), START, END, method, init=own, **options)
    given = interpolate(manifold(), START, END, method, init=paths.z, **options)
    zero = torch.zeros(len(START), dtype=torch.float64)
    torch.testing.assert_close(paths.z, own.curves(manifold(), mu, START, END, N_POINTS, zero), rtol=0, atol=0)
    assert torch.equal(given.z, paths.z)


@pytest.mark.parametrize("method", ["geodesic", "geodreg"])
def test_a_start_is_told_the_weight_and_the_nll_of_the_plain_geodesics(method: str) -> None:
    own = Bow()
    interpolate(manifold(), START, END, method, mu=0.1, n_points=N_POINTS, init=own)
    assert own.asked is not None
    mu, reference = own.asked
    plain = interpolate(manifold(), START, END, "geodesic", n_points=N_POINTS)
    assert mu == (0.1 if method == "geodreg" else 0.0)
    expected = plain.nll.mean(-1) if method == "geodreg" else torch.zeros(len(START), dtype=torch.float64)
    torch.testing.assert_close(reference, expected)


def test_the_endpoints_of_drawn_curves_are_those_asked_for_to_the_last_bit() -> None:
    class Nearly(Bow):
        def curves(self, *arguments: Any) -> Tensor:
            return super().curves(*arguments).requires_grad_() * (1.0 + 1e-12)

    paths = interpolate(manifold(), START, END, "geodesic", n_points=N_POINTS, init=Nearly(), solver=AS_DRAWN)
    assert torch.equal(paths.z[:, 0], START)
    assert torch.equal(paths.z[:, -1], END)
    assert not paths.z.requires_grad


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda _: None, r"Changed.curves returns a NoneType; it must return a tensor of shape \(3, 9, 2\)"),
        (lambda z: z[:, ::2], r"Changed.curves returns \(3, 5, 2\), torch.float64, on cpu; .* must be \(3, 9, 2\)"),
        (lambda z: z[:1], r"Changed.curves returns \(1, 9, 2\)"),
        (lambda z: z.float(), r"Changed.curves returns \(3, 9, 2\), torch.float32, on cpu; .* torch.float64"),
        (
            lambda z: z.flip(1),
            "Changed.curves returns curves that do not join the endpoints; their first points",
        ),
        (lambda z: torch.cat([z[:, :-1], 1.1 * z[:, -1:]], dim=1), "Changed.curves returns curves that do not join"),
    ],
)
def test_bad_start_curves_are_refused_in_one_sentence(change: Any, sentence: str) -> None:
    class Changed(Bow):
        def curves(self, *arguments: Any) -> Tensor:
            return change(super().curves(*arguments))

    with pytest.raises((TypeError, ValueError), match=sentence) as caught:
        interpolate(manifold(), START, END, mu=0.1, n_points=N_POINTS, init=Changed())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: s.z, "Changed.solve returns a Tensor; it must return a geodreg.solvers.Solution"),
        (lambda s: replace(s, z=s.z[:, ::2]), r"Changed.solve returns \(3, 5, 2\), .* must be \(3, 9, 2\)"),
        (lambda s: replace(s, z=s.z.numpy()), "Changed.solve returns a ndarray; it must return a tensor of shape"),
        (lambda s: replace(s, z=s.z.float()), "Changed.solve returns .* torch.float32"),
        (
            lambda s: replace(s, evaluations=s.evaluations.numpy()),
            "Changed.solve returns evaluations as a ndarray; it must be a Tensor",
        ),
        (
            lambda s: replace(s, status=list(s.status)),
            "Changed.solve returns status as a list; it must be a ndarray",
        ),
        (
            lambda s: replace(s, z=s.z + 1e-9),
            "Changed.solve moves the endpoints of paths; their first and last",
        ),
        (
            lambda s: replace(s, iterations=s.iterations[:2]),
            r"returns iterations of shape \(2,\); for 3 pairs",
        ),
        (lambda s: replace(s, evaluations=s.evaluations[0]), r"returns evaluations of shape \(\); for 3"),
        (lambda s: replace(s, gradient_norm=s.gradient_norm[:, None]), r"returns gradient_norm of shape \(3, 1\)"),
        (lambda s: replace(s, history=s.history[:, :0]), r"returns a history of shape \(3, 0\); for 3 pairs"),
        (lambda s: replace(s, history=s.history[:, 0]), r"returns a history of shape \(3,\); for 3"),
        (lambda s: replace(s, status=s.status[:1]), r"returns status of shape \(1,\); for 3 pairs"),
        (lambda s: replace(s, status=np.full(3, "done", dtype=object)), "returns the status 'done'; it must be an arr"),
        (lambda s: replace(s, status=s.status.astype(str)), "returns the status '<U15'; it must be an array of object"),
    ],
)
def test_bad_solutions_are_refused_in_one_sentence(change: Any, sentence: str) -> None:
    class Changed(AsDrawn):
        def solve(self, *arguments: Any) -> Solution:
            return change(super().solve(*arguments))

    with pytest.raises((TypeError, ValueError), match=sentence) as caught:
        interpolate(manifold(), START, END, "geodesic", n_points=N_POINTS, solver=Changed())
    assert "\n" not in str(caught.value)


def test_a_solver_of_ones_own_may_return_what_it_still_differentiates() -> None:
    class Differentiated(AsDrawn):
        returned: Solution | None = None

        def solve(self, *arguments: Any) -> Solution:
            solution = super().solve(*arguments)
            kept = {name: getattr(solution, name).clone() for name in ("z", "evaluations", "gradient_norm", "history")}
            self.returned = replace(solution, **{name: tensor.requires_grad_() for name, tensor in kept.items()})
            return self.returned

    own, end = Differentiated(), torch.cat([START[:1], END[1:]])  # the first path is put to rest afterwards
    paths = interpolate(manifold(), START, end, "geodesic", n_points=N_POINTS, solver=own)
    assert paths.status.tolist() == ["endpoints coincide", "iteration limit", "iteration limit"]
    assert not any(value.requires_grad for value in vars(paths).values() if isinstance(value, Tensor))
    assert "geodesic" in str(paths.report())
    assert own.returned is not None
    assert own.returned.status.tolist() == ["iteration limit"] * 3  # what is the solver's is left alone


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"init": GraphStart}, r"init is <class .*GraphStart'>; choose 'straight', 'graph' or 'best', or pass curves"),
        ({"init": START.numpy()}, "init is array"),
        ({"init": None}, "init is None; .* another object with a method curves"),
        ({"init": Newton()}, r"init is Newton\(.*; choose 'straight'"),
        ({"solver": Newton}, r"solver is <class .*Newton'>; choose one of .* or pass an object with a method solve"),
        ({"solver": GraphStart()}, r"solver is GraphStart\(.*; choose one of"),
        ({"solver": None}, "solver is None; choose one of"),
    ],
)
def test_what_has_not_the_method_is_refused_in_one_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        interpolate(manifold(), START, END, mu=0.1, n_points=N_POINTS, **change)
