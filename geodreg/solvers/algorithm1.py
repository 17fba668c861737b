"""Algorithm 1 of Kim and Zhang, as printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from geodreg.derivatives.modes import full_precision
from geodreg.geometry.curve import chord_length, chord_norms
from geodreg.objectives.dense import PathObjective, PushedDensity
from geodreg.solvers.solution import Solution, Status

__all__ = ["Algorithm1", "step_limit"]


def step_limit(x: Tensor, curvature: float | Tensor = 0.0) -> Tensor:
    r"""The longest step of Algorithm 1 that is certain to be stable near a straight polyline in flat space.

    A point :math:`k` that is moved across the line by :math:`\delta` is pushed back by
    :math:`(1/h_{k-1} + 1/h_k)\,\delta` and its neighbours' moves take part in it, so no eigenvalue of that stiffness is
    above twice the largest such sum (Gershgorin), and an explicit step is stable below two over the largest eigenvalue:

    .. math:: \eta < \min_k \frac{2}{2\,(1/h_{k-1} + 1/h_k) + c_k}.

    Without density, :math:`c_k = 0`, that is :math:`h / 2` for even chords :math:`h`, and nearly necessary for them;
    for uneven ones the shortest chords set it, not the mean.

    Args:
        x: polylines in data space, ``(..., K, D)``.
        curvature: :math:`c_k`, what the density adds to the stiffness: ``mu`` times the largest eigenvalue of the NLL's
            Hessian in latent space at the interior points, ``(..., K-2)``, or a number.

    Returns:
        the limit ``(...)``, in double precision; zero where two neighbours coincide.

    Example:
        >>> line = torch.tensor([0.0, 1.0, 2.0, 2.5])[:, None]
        >>> step_limit(line), step_limit(line, curvature=6.0)
        (tensor(0.3333, dtype=torch.float64), tensor(0.1667, dtype=torch.float64))
    """
    inverse = chord_norms(x).reciprocal()
    stiffness = inverse[..., :-1] + inverse[..., 1:]  # ... x K-2
    return (2.0 / (2.0 * stiffness + curvature)).amin(-1)


@dataclass(frozen=True)
class Algorithm1:
    r"""The paper's explicit iteration (Algorithm 1), kept because it is the paper's.

    .. math::

        v_k = \frac{x_{k+1} - x_k}{|x_{k+1} - x_k|}, \quad a_k = v_k - v_{k-1}, \quad
        z_k \leftarrow z_k + \eta \bigl( (J_k^\top J_k)^{-1} J_k^\top a_k
        - \mu \nabla_z [\tfrac12 \log\det g - \log p](z_k) \bigr)

    It is not gradient descent on the printed loss: :math:`a_k` is minus the gradient of the polyline's *length*, so
    nothing holds the spacing of the points (on a sphere a polyline with uneven chords is even the shorter one, so they
    drift apart slowly), and with ``mu > 0`` there is in general no fixed point. In flat space it is stable below a
    step that the shortest neighbouring chords of a curve set, see :func:`~geodreg.solvers.algorithm1.step_limit`; a
    density makes that lower still, by the factor :math:`1 / (1 + \ell c / 2)` from the limit :math:`\ell` without it,
    if its part of the force has slope :math:`c`, ``mu`` times the largest eigenvalue of the NLL's Hessian. The
    objective's interval plays no part.

    Raises:
        ValueError: if the step is not positive or the limit is negative.

    Attributes:
        eta: step; default that fraction of each pair's limit,
        share: of the local limit of stability of its start curve, without density, which is half of a chord only where
            all chords are even.
        max_iterations: limit of iterations.
        tolerance: a pair has converged when no point is pushed by more than this, in data space, where the
            push is the bracket above; the push of a right angle between unit chords is 1.41.
    """

    eta: float | None = None
    max_iterations: int = 10_000
    tolerance: float = 1e-4
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.eta is not None and not self.eta > 0:
            raise ValueError(f"eta is {self.eta}; pass a positive step, or None for a fraction of the limit.")
        if not self.share > 0:
            raise ValueError(f"share is {self.share}; pass a positive fraction of the limit, below 1 to be stable.")
        if self.max_iterations < 0:
            raise ValueError(f"max_iterations is {self.max_iterations}; pass zero or a positive number.")

    def solve(
        self,
        objective: PathObjective,
        start: Tensor,
        reference: Tensor | None = None,
        on_stop: Callable[[int], object] | None = None,
    ) -> Solution:
        """Iterate from start curves ``(P, K, d)``; ``history`` watches the polyline's length."""
        limit = step_limit(objective.manifold.generate_flat(start).detach())
        eta = self.share * limit if self.eta is None else torch.full_like(limit, self.eta)
        return self.looked_at(objective, start, eta, [self.max_iterations], on_stop)[self.max_iterations]

    @full_precision()
    def looked_at(
        self,
        objective: PathObjective,
        start: Tensor,
        eta: Tensor,
        looks: Sequence[int],
        on_stop: Callable[[int], object] | None = None,
    ) -> dict[int, Solution]:
        """One run, looked at on the way; every look is what a run with that limit of iterations ends with.

        Args:
            objective: of the pairs.
            start: curves ``(P, K, d)``.
            eta: the step of each pair, ``(P,)``; ``self.eta`` and ``self.share`` play no part here, nor does
                ``self.max_iterations``.
            looks: numbers of iterations, zero or positive; the last is the limit.
            on_stop: told how many pairs have stopped.

        Returns:
            the solution at each look.
        """
        length = chord_length(objective.manifold.generate_flat(start).detach())
        solution = Solution.at_start(start, length)
        z, status, last = solution.z, solution.status, max(looks)
        history, rows, seen = [length], torch.arange(len(z), device=z.device), {}
        for iteration in range(last + 1):
            direction, push, length = self._direction(objective, z[rows])
            history.append(history[-1].clone())
            history[-1][rows] = length
            finite = push.isfinite()
            converged = push <= self.tolerance
            status[rows[~finite].cpu().numpy()] = Status.NOT_FINITE
            status[rows[converged].cpu().numpy()] = Status.AT_REST
            going = finite & ~converged & (iteration < last)
            if on_stop is not None:
                on_stop(int((~going).sum()))
            if iteration in looks or not going.any():
                seen[iteration] = _as_it_is(solution, history[1:])
            if not going.any():
                break
            rows = rows[going]
            z[rows, 1:-1] += (eta[rows, None, None] * direction[going]).to(z.dtype)
            solution.iterations[rows] += 1
        return {look: seen[min(look, iteration)] for look in looks}

    @staticmethod
    def _direction(objective: PathObjective, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The bracket ``(R, K-2, d)``, its largest norm in data space ``(R,)``, and the polyline's length ``(R,)``."""
        manifold, interior = objective.manifold, z[:, 1:-1].detach()
        shape, points, density_gradient = interior.shape[:2], interior.flatten(0, 1), torch.zeros_like(interior)
        if objective.mu > 0.0 and manifold.density is None:
            known = PushedDensity.of(manifold, points)
            inner, tangents = known.x, known.tangents
            density_gradient = known.gradient(torch.ones_like(known.nll, dtype=torch.bool)).view_as(interior)
        else:
            with torch.no_grad():
                inner, tangents = manifold.pushforward(points)
            if objective.mu > 0.0 and manifold.density is not None:
                density_gradient = -manifold.density.gradient(points).view_as(interior)
        ends = manifold.generate_flat(z[:, [0, -1]]).detach()
        x = torch.cat([ends[:, :1], inner.unflatten(0, shape), ends[:, 1:]], dim=1).double()
        pushed = tangents.double().unflatten(0, shape)  # R x K-2 x d x D
        metric = pushed @ pushed.mT
        v = torch.nn.functional.normalize(x.diff(dim=1), dim=-1)
        a = v.diff(dim=1)
        finite = (metric.isfinite().flatten(1).all(-1) & a.isfinite().flatten(1).all(-1))[:, None, None]
        inverse = torch.linalg.pinv(torch.where(finite.unsqueeze(-1), metric, 0.0), hermitian=True)
        b = (inverse @ (pushed @ a.unsqueeze(-1))).squeeze(-1).where(finite, torch.nan)
        direction = b - objective.mu * density_gradient.double()
        push = (pushed.mT @ direction.unsqueeze(-1)).squeeze(-1).norm(dim=-1).amax(-1)
        return direction, push, chord_length(x)


def _as_it_is(solution: Solution, history: list[Tensor]) -> Solution:
    """A copy of a solution that goes on to change, with the evaluations and the history until now."""
    copied = replace(solution, z=solution.z.clone(), iterations=solution.iterations.clone())
    evaluations = solution.iterations + 1.0
    return replace(copied, status=solution.status.copy(), evaluations=evaluations, history=torch.stack(history, dim=1))
