"""The paper's own method: Algorithm 1 as printed, with what the paper does not say chosen by name."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real

import torch
from torch import Tensor

from geodreg.derivatives.calling import is_half
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.arguments import check_endpoints
from geodreg.interpolation.density_checks import warn_of_kinks
from geodreg.interpolation.group_solve import GroupSolve, measured
from geodreg.interpolation.interpolate import interpolate
from geodreg.interpolation.memory import pairs_at_once
from geodreg.interpolation.paths import Paths, join
from geodreg.objectives.dense import PathObjective
from geodreg.solvers import Algorithm1, Start
from geodreg.solvers.algorithm1 import step_limit

__all__ = ["AsPrinted", "as_printed", "at_budgets"]


@dataclass(frozen=True)
class AsPrinted:
    r"""What the paper does not say about its Algorithm 1, and the weight.

    The algorithm's weight has units. With data scaled by :math:`c`, and the noise too, the pulled-back force
    :math:`(J^\top J)^{-1} J^\top a` is :math:`1/c` times what it was and the gradient of the density is what it was,
    while the step may be :math:`c` times as long:

    .. math:: c\,\eta \Bigl( \frac{b}{c} - \mu \nabla \mathrm{nll} \Bigr) = \eta\,(b - c\,\mu \nabla \mathrm{nll}).

    So a grey scale of width :math:`c` is the same iteration with :math:`c\,\mu`, at the same fraction of its limit.

    Raises:
        ValueError: if a number is out of range.

    Attributes:
        mu: weight of the density, in the algorithm's sense; zero for none. The paper has 0.003 to 0.1.
        budget: number of iterations, at which a path that has not come to rest is taken as it is.
        step_share: the step, as a fraction of the limit of stability of the start curve without density, which the
            shortest of its chords set, see :func:`~geodreg.solvers.algorithm1.step_limit`.
        grey_range: width of the scale of the data that the weight is meant for, over that of the generator's data: 1
            for grey values in [0, 1], 2 for the same images in [-1, 1].
    """

    mu: float = 0.1
    budget: int = 300
    step_share: float = 0.5
    grey_range: float = 1.0

    def __post_init__(self) -> None:
        if not (_is_finite(self.mu) and self.mu >= 0):
            raise ValueError(f"mu is {self.mu!r}; pass a finite weight in Algorithm 1, zero or positive.")
        _check_budget(self.budget)
        if not (_is_finite(self.step_share) and self.step_share > 0):
            raise ValueError(
                f"step_share is {self.step_share!r}; pass a positive fraction of the limit, below 1 to be stable."
            )
        if not (_is_finite(self.grey_range) and self.grey_range > 0):
            raise ValueError(
                f"grey_range is {self.grey_range!r}; pass a positive width, 1 for grey values in [0, 1] and 2 for "
                "those in [-1, 1]."
            )


def as_printed(
    manifold: LatentManifold | Callable[[Tensor], Tensor],
    start: Tensor,
    end: Tensor,
    setting: AsPrinted,
    n_points: int = 35,
    init: str | Start | Tensor = "straight",
) -> Paths:
    """Paths by Algorithm 1 as printed, after a number of iterations or at rest.

    Args:
        manifold: the model, or a bare generator, as for :func:`~geodreg.interpolate`.
        start: latents ``(..., d)``.
        end: latents ``(..., d)``.
        setting: weight, number of iterations, step and grey scale.
        n_points: number ``K`` of points of each path, endpoints included.
        init: start curve, ``"straight"`` for the straight line in latent space; ``"graph"``, a start of your own or
            curves ``(..., K, d)`` as for :func:`~geodreg.interpolate`.

    Returns:
        the paths, with the method ``"algorithm1"``. Their ``mu`` is the setting's; ``objective`` is the energy alone,
        since the algorithm does not minimise the printed loss; ``interval`` is the length of the path.

    Raises:
        TypeError: as :func:`~geodreg.interpolate`.
        ValueError: as :func:`~geodreg.interpolate`, or if the start is ``"best"``, which compares losses.

    Example:
        >>> start, end = torch.tensor([0.0, 1.0]), torch.tensor([2.0, 1.0])
        >>> path = as_printed(lambda z: z, start, end, AsPrinted(mu=0.0))
        >>> path.length, str(path.status)
        (tensor(2.), 'converged: no point is pushed above the tolerance')
    """
    return at_budgets(manifold, start, end, setting, [setting.budget], n_points, init)[setting.budget]


@torch.inference_mode(False)  # the caller's mode must not reach the gradients taken here
def at_budgets(
    manifold: LatentManifold | Callable[[Tensor], Tensor],
    start: Tensor,
    end: Tensor,
    setting: AsPrinted,
    budgets: Sequence[int],
    n_points: int = 35,
    init: str | Start | Tensor = "straight",
) -> dict[int, Paths]:
    """Algorithm 1 as printed, one run looked at after several numbers of iterations.

    Args:
        manifold: as for :func:`as_printed`, and so are the others that are not named here.
        start: latents ``(..., d)``.
        end: latents ``(..., d)``.
        setting: all but its ``budget`` counts.
        budgets: at which numbers of iterations to look.
        n_points: number ``K`` of points of each path.
        init: start curve.

    Returns:
        by number of iterations, exactly the paths that a run with that budget ends with. Their ``seconds`` are those
        of the whole run.

    Raises:
        TypeError: as :func:`as_printed`.
        ValueError: as :func:`as_printed`, or if there is no budget or one is negative.
    """
    if len(budgets) == 0:
        raise ValueError("budgets is empty; pass at least one number of iterations, zero or positive.")
    for budget in budgets:
        _check_budget(budget)
    began = time.perf_counter()
    drawn = _start_curves(manifold, start, end, setting, n_points, init)
    seen, flat = drawn.manifold, drawn.with_flat_latents().flatten()
    curves = flat.z.float() if is_half(flat.z.dtype) else flat.z
    weight = setting.mu * setting.grey_range
    if weight > 0.0:
        check_endpoints(seen, curves[:, 0], curves[:, -1], needs_density=True)
        warn_of_kinks(seen, curves[:, [0, -1]].flatten(0, 1), None)
    solver, groups = Algorithm1(), {int(budget): list[Paths]() for budget in budgets}
    for z in curves.split(pairs_at_once(seen, weight, curves[:1], len(curves), None)):
        solve = GroupSolve(seen, z[:, 0], z[:, -1], 0.0, z.shape[1], "unit-speed", solver, None)
        objective = PathObjective(seen, weight, torch.ones(len(z), dtype=torch.float64, device=z.device))
        eta = setting.step_share * step_limit(seen.generate_flat(z).detach())
        for budget, solution in solver.looked_at(objective, z, eta, list(groups)).items():
            groups[budget].append(measured(solve, "algorithm1", solution, None))
    found = {}
    for budget, parts in groups.items():
        paths = join(parts).unflatten(torch.Size(drawn.status.shape))
        # Some of the start curves' fields say what precision and shape the latents were given in.
        z, x = paths.z.reshape(drawn.z.shape).to(drawn.z.dtype), paths.x.to(drawn.x.dtype)
        found[budget] = replace(paths, z=z, x=x, mu=float(setting.mu), seconds=time.perf_counter() - began)
    return found


def _start_curves(
    manifold: LatentManifold | Callable[[Tensor], Tensor],
    start: Tensor,
    end: Tensor,
    setting: AsPrinted,
    n_points: int,
    init: str | Start | Tensor,
) -> Paths:
    """The start curves as paths, through the front door, which refuses what does not fit."""
    if isinstance(init, str) and init == "best":
        raise ValueError("init is 'best', which compares losses; Algorithm 1 begins with one curve, pass which.")
    if isinstance(init, str) and init == "straight":
        return interpolate(manifold, start, end, "straight", n_points=_checked_number(n_points))
    method = "geodesic" if isinstance(init, Tensor) or setting.mu == 0.0 else "geodreg"  # a graph may use the density
    none = Algorithm1(max_iterations=0)
    return interpolate(
        manifold, start, end, method, mu=setting.mu, n_points=_checked_number(n_points), init=init, solver=none
    )


def _checked_number(n_points: object) -> int:
    """A number of points; the front door says what it must be, but for "auto", which is for the default solver."""
    if n_points == "auto":
        raise ValueError("n_points is 'auto'; Algorithm 1 takes a whole number of points, at least 3.")
    return n_points  # type: ignore[return-value]


def _check_budget(budget: object) -> None:
    if isinstance(budget, bool) or not (isinstance(budget, Integral) and int(budget) >= 0):
        raise ValueError(f"budget is {budget!r}; pass a whole number of iterations, zero or positive.")


def _is_finite(number: object) -> bool:
    return isinstance(number, Real) and math.isfinite(number)
