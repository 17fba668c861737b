"""What the paper's Algorithm 1 minimises: its forces beside those of the printed loss, and its course."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import normalize

from geodreg.geometry.curve import chord_length, chord_norms
from geodreg.geometry.manifold import LatentManifold
from geodreg.interpolation.paths import Paths
from geodreg.objectives.dense import PathObjective
from geodreg.paper.as_printed import AsPrinted, as_printed, at_budgets
from geodreg.solvers import Algorithm1
from geodreg.solvers.algorithm1 import step_limit

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Forces",
    "course",
    "density_curvature",
    "forces",
    "largest_angle",
    "length_gradient_error",
    "normal_balance",
    "step_sweep",
    "zigzag_growth",
]

FAINT = 1e-7  # height of a zigzag on a line of length one


@dataclass(frozen=True)
class Forces:
    """What acts on the interior points of polylines, in double precision.

    Attributes:
        bend: difference of consecutive unit chords :math:`a_k`, ``(P, K-2, D)``.
        tangents: pushed latent directions, ``(P, K-2, d, D)``.
        pulled: :math:`J^T a`, a covector, ``(P, K-2, d)``.
        density: gradient of the NLL, a covector too, ``(P, K-2, d)``.
    """

    bend: Tensor
    tangents: Tensor
    pulled: Tensor
    density: Tensor

    def raised(self, covector: Tensor) -> Tensor:
        r"""The vector :math:`g^{-1} c` of a covector ``(P, K-2, d)``, pushed to data space: ``(P, K-2, D)``."""
        metric = self.tangents @ self.tangents.mT
        return self.pushed(torch.linalg.solve(metric, covector.unsqueeze(-1)).squeeze(-1))

    def pushed(self, vector: Tensor) -> Tensor:
        """A latent vector ``(P, K-2, d)`` in data space, ``(P, K-2, D)``."""
        return (vector.unsqueeze(-2) @ self.tangents).squeeze(-2)


def forces(manifold: LatentManifold, z: Tensor) -> Forces:
    """The forces on polylines ``(P, K, d)``."""
    interior = z[:, 1:-1].detach().requires_grad_()
    (density,) = torch.autograd.grad(manifold.nll(interior).sum(), interior)
    with torch.no_grad():
        tangents = manifold.pushforward(interior.flatten(0, 1))[1].unflatten(0, interior.shape[:2]).double()
        chords = normalize(manifold.generate_flat(z).double().diff(dim=1), dim=-1)
    bend = chords.diff(dim=1)
    return Forces(bend, tangents, (tangents @ bend.unsqueeze(-1)).squeeze(-1), density.double())


def length_gradient_error(manifold: LatentManifold, z: Tensor) -> float:
    """How far :math:`J^T a` is from minus the gradient of the polyline's length, relative to that.

    Args:
        manifold: the model.
        z: polylines ``(P, K, d)``.
    """
    interior = z[:, 1:-1].detach().requires_grad_()
    curve = torch.cat([z[:, :1], interior, z[:, -1:]], dim=1)
    (gradient,) = torch.autograd.grad(chord_length(manifold.generate_flat(curve)).sum(), interior)
    return ((forces(manifold, z).pulled + gradient).norm() / gradient.norm()).item()


def normal_balance(paths: Paths, mu: float) -> pd.DataFrame:
    r"""At the points of minimisers of the printed loss, how its two forces balance across the curve.

    A minimiser bends, across the curve, as :math:`J g^{-1} \nabla \mathrm{nll}` pushes it. Algorithm 1 has
    :math:`J \nabla \mathrm{nll}` there, a covector's numbers taken for a vector's.

    Args:
        paths: regularised paths ``(P,)`` by the default solver.
        mu: their weight.

    Returns:
        one row a point: ``pair``, ``raised`` and ``unraised``, the cosines between the bend and either push, all of
        them across the curve; and ``ratio``, the weight at which Algorithm 1 would balance there with the raised push,
        over ``mu`` times the mean chord.
    """
    import pandas as pd

    acting = forces(paths.manifold, paths.z)
    x = paths.x.flatten(2).double()
    along = normalize(x[:, 2:] - x[:, :-2], dim=-1)

    def across(vector: Tensor) -> Tensor:
        return vector - (vector * along).sum(-1, keepdim=True) * along

    bend, raised = across(acting.raised(acting.pulled)), across(acting.raised(acting.density))
    unraised = across(acting.pushed(acting.density))
    weight = (bend * raised).sum(-1) / raised.square().sum(-1)
    mean_chord = chord_norms(x).mean(-1, keepdim=True)
    columns = {
        "raised": torch.cosine_similarity(bend, raised, dim=-1),
        "unraised": torch.cosine_similarity(bend, unraised, dim=-1),
        "ratio": weight / (mu * mean_chord),
    }
    table = pd.DataFrame({name: values.flatten().numpy() for name, values in columns.items()})
    table.insert(0, "pair", [pair for pair in range(len(x)) for _ in range(x.shape[1] - 2)])
    return table


def course(manifold: LatentManifold, start: Tensor, end: Tensor, mu: float, iterations: Sequence[int]) -> pd.DataFrame:
    """Algorithm 1 with its default step, looked at on the way.

    Args:
        manifold: the model.
        start: ``(P, d)``.
        end: ``(P, d)``.
        mu: weight of the density, in the algorithm's sense; zero for the plain geodesic.
        iterations: at which to look.

    Returns:
        a row for each look and pair: ``iteration``, ``pair``, ``gap`` (longest chord over mean chord), ``length`` of
        the path between the points too, ``nll_points`` (mean over the solver's points), ``nll_path`` (mean over equal
        arc length), ``status``.
    """
    import pandas as pd

    tables = []
    for iteration, path in at_budgets(manifold, start, end, AsPrinted(mu=mu), iterations).items():
        along = path.resample(100).nll.mean(-1)
        columns = {"gap": path.gap, "length": path.length, "nll_points": path.nll.mean(-1), "nll_path": along}
        table = pd.DataFrame({name: values.cpu().numpy() for name, values in columns.items()})
        table.insert(0, "pair", range(len(table)))
        table.insert(0, "iteration", iteration)
        tables.append(table.assign(status=path.status.astype(str)))
    return pd.concat(tables, ignore_index=True)


def step_sweep(
    manifold: LatentManifold, start: Tensor, end: Tensor, shares: Sequence[float], iterations: int, n_points: int = 35
) -> pd.DataFrame:
    """Algorithm 1 without density at several steps, as fractions of the limit that the start curve's chords set.

    Args:
        manifold: the model.
        start: ``(P, d)``.
        end: ``(P, d)``.
        shares: the steps, as fractions of :func:`~geodreg.solvers.algorithm1.step_limit`.
        iterations: limit.
        n_points: points of a path.

    Returns:
        a row for each step and pair: ``share``, ``pair``, ``angle`` (the largest between neighbours, in degrees).
    """
    import pandas as pd

    tables = []
    for share in shares:
        path = as_printed(manifold, start, end, AsPrinted(0.0, iterations, share), n_points)
        angle = largest_angle(path.x.flatten(2))
        tables.append(pd.DataFrame({"share": share, "pair": range(len(angle)), "angle": angle.numpy()}))
    return pd.concat(tables, ignore_index=True)


def zigzag_growth(
    fractions: Sequence[float],
    ratio: float = 1.0,
    curvature: float = 0.0,
    n_points: int = 21,
    iterations: int = 600,
) -> pd.DataFrame:
    """Whether a faint zigzag on a straight line of length one in the plane grows under Algorithm 1.

    Args:
        fractions: the steps, as fractions of :func:`~geodreg.solvers.algorithm1.step_limit` without density.
        ratio: length of the last chord over the first; those between grow evenly.
        curvature: of an NLL that is quadratic across the line, with the weight one.
        n_points: of the line.
        iterations: after which to look.

    Returns:
        a row for each step: ``step`` over the limit without density, ``of_mean`` the same over half of the mean chord,
        ``of_limit`` over the limit with the density, ``growth`` of the largest deflection.
    """
    import pandas as pd

    chords = ratio ** torch.linspace(0.0, 1.0, n_points - 1, dtype=torch.float64)
    z = torch.zeros(n_points, 2, dtype=torch.float64)
    z[1:, 0] = chords.cumsum(0) / chords.sum()
    z[1:-1, 1] = FAINT * (-1.0) ** torch.arange(n_points - 2)
    across = LatentManifold(lambda z: z, density=lambda z: -0.5 * curvature * z[..., 1].square())
    steps = torch.tensor(list(fractions), dtype=torch.float64)
    eta, n = steps * step_limit(z), len(steps)
    objective = PathObjective(across, 1.0, torch.ones(n, dtype=torch.float64))
    lines = Algorithm1(tolerance=0.0).looked_at(objective, z.repeat(n, 1, 1), eta, [iterations])[iterations].z
    columns = {
        "step": steps,
        "of_mean": eta * 2 * (n_points - 1),
        "of_limit": eta / step_limit(z, curvature),
        "growth": lines[..., 1].abs().amax(-1) / FAINT,
    }
    return pd.DataFrame({name: values.numpy() for name, values in columns.items()})


def density_curvature(manifold: LatentManifold, z: Tensor, reach: float = 1e-4) -> Tensor:
    """The largest eigenvalue of the NLL's Hessian in latent space, by central differences of its gradient.

    Args:
        manifold: a model in double precision.
        z: latents ``(..., d)``.
        reach: of the differences.

    Returns:
        ``(...)``, in nats; negative where the NLL is concave.
    """
    d = z.shape[-1]
    steps = reach * torch.eye(d, dtype=z.dtype, device=z.device)
    moved = torch.stack([z.unsqueeze(-2) + steps, z.unsqueeze(-2) - steps]).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(manifold.nll(moved).sum(), moved)  # 2 x ... x d x d
    hessian = (gradient[0] - gradient[1]) / (2.0 * reach)
    largest: Tensor = torch.linalg.eigvalsh(0.5 * (hessian + hessian.mT))[..., -1]
    return largest


def largest_angle(x: Tensor) -> Tensor:
    """Largest angle between neighbouring chords in degrees, ``(P, K, D)`` to ``(P,)``.

    Example:
        >>> largest_angle(torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [2.0, 2.0]]]))
        tensor([90.], dtype=torch.float64)
    """
    chords = x.diff(dim=1).double()
    cosine = torch.cosine_similarity(chords[:, 1:], chords[:, :-1], dim=-1)
    return cosine.clamp(-1.0, 1.0).acos().rad2deg().amax(-1)
