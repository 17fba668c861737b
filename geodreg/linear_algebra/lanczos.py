"""Lanczos iteration for a batch of symmetric matrices, and the quadrature of the logarithm that it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Krylov", "LogQuadrature", "lanczos", "log_quadrature"]


@dataclass(frozen=True)
class Krylov:
    """Orthonormal bases of Krylov spaces, and the matrices seen in them, all in double precision.

    Attributes:
        basis: ``(n, m, d)``, the first vectors along the start.
        diagonal: of the tridiagonal matrices, ``(n, m)``.
        coupling: beside the diagonal, ``(n, m)``; the last one belongs to what is left out.
        size: squared lengths of the start vectors, ``(n,)``.
        rounding: relative error of the products, as a fraction of the largest eigenvalue.
    """

    basis: Tensor
    diagonal: Tensor
    coupling: Tensor
    size: Tensor
    rounding: float


def lanczos(product: Callable[[Tensor], Tensor], start: Tensor, n_steps: int) -> Krylov:
    """Krylov spaces of symmetric positive semi-definite matrices, by full reorthogonalisation.

    Args:
        product: of every matrix with its vector, ``(n, d)`` to ``(n, d)``, in the precision of ``start``.
        start: start vectors ``(n, d)``, not zero.
        n_steps: products taken; more than ``d`` are not needed and not taken.
    """
    n, d = start.shape
    n_steps, rounding = min(n_steps, d), 4.0 * torch.finfo(start.dtype).eps
    size = start.double().square().sum(-1)
    q = start.double() / size.sqrt().unsqueeze(-1)
    basis = q.new_zeros(n, n_steps, d)
    diagonal, coupling = q.new_zeros(n, n_steps), q.new_zeros(n, n_steps)
    for step in range(n_steps):
        basis[:, step] = q
        r = product(q.to(start.dtype)).double()
        alive = q.any(-1)
        diagonal[:, step] = torch.where(alive, (q * r).sum(-1), diagonal[:, 0])  # beyond an exact space nothing counts
        known = basis[:, : step + 1]
        for _ in range(2):  # once leaves a part of the size of the cancellation
            r = r - ((known @ r.unsqueeze(-1)).mT @ known).squeeze(-2)
        norm = r.norm(dim=-1)
        scale = diagonal[:, : step + 1].amax(-1) + coupling[:, : step + 1].amax(-1)
        goes_on = alive & (norm > rounding * scale) & (step + 1 < d)
        coupling[:, step] = torch.where(goes_on, norm, 0.0)
        q = torch.where(goes_on.unsqueeze(-1), r / norm.clamp_min(torch.finfo(r.dtype).tiny).unsqueeze(-1), 0.0)
    return Krylov(basis, diagonal, coupling, size, rounding)


@dataclass(frozen=True)
class LogQuadrature:
    r"""Values of :math:`v^\top \log(A) v`, and what their derivatives need.

    Attributes:
        value: by Gauss's rule, ``(n,)``; not below the truth but for rounding. Minus infinity where the matrix is
            singular within rounding, and not a number where a product was not finite.
        lower: by Gauss and Radau's rule with a node at the lower bound of the spectrum, ``(n,)``; not above the truth.
        factors: vectors ``(n, r, d)`` with
            :math:`\partial\, v^\top \log(A) v \approx \sum_i q_i^\top (\partial A)\, q_i`, by decreasing weight.
        smallest: smallest Ritz value, ``(n,)``.
        largest: largest Ritz value, ``(n,)``.
    """

    value: Tensor
    lower: Tensor
    factors: Tensor
    smallest: Tensor
    largest: Tensor


def log_quadrature(krylov: Krylov, shift: float, rank: int) -> LogQuadrature:
    r"""Quadrature of :math:`v^\top \log(B + \mathrm{shift}\, I)\, v` for start vectors :math:`v` of Krylov spaces.

    With eigenvalues :math:`\theta_i` of the tridiagonal matrix and first components :math:`y_i` of its eigenvectors,

    .. math:: v^\top \log(A) v \approx |v|^2 \sum_i y_i^2 \log \theta_i

    (Golub and Meurant 2010). The logarithm's derivatives have one sign each, so Gauss's rule is an upper
    bound, and with a further node at the smallest eigenvalue that is possible it is a lower one; the two meet within
    rounding once there are as many steps as distinct eigenvalues. The derivative of the left side in the
    direction :math:`\partial A`, projected to the Krylov space, has the symmetric positive matrix

    .. math:: C_{ij} = |v|^2\, y_i y_j\, \frac{\log\theta_i - \log\theta_j}{\theta_i - \theta_j}
              = |v|^2\, \frac{y_i y_j}{\sqrt{\theta_i \theta_j}}\, \frac{\delta}{\sinh \delta}, \qquad
              \delta = \tfrac12 \log(\theta_i / \theta_j)

    (Daleckii and Krein), whose eigenvalues fall geometrically; its ``rank`` largest ones, in the scale in which
    their sum is :math:`|v|^2`, give the factors.

    Args:
        krylov: spaces of ``n`` matrices :math:`B`, positive semi-definite.
        shift: added to the eigenvalues, zero or positive.
        rank: number of factors, at most; those beyond the number of steps do not exist.
    """
    n_steps = krylov.diagonal.shape[-1]
    finite = (krylov.diagonal.isfinite() & krylov.coupling.isfinite()).all(-1)
    diagonal, coupling = (part.where(finite.unsqueeze(-1), 1.0) for part in (krylov.diagonal, krylov.coupling))
    matrix = torch.diag_embed(diagonal)
    if n_steps > 1:
        beside = torch.diag_embed(coupling[:, :-1], offset=1)
        matrix = matrix + beside + beside.mT
    ritz, vectors = torch.linalg.eigh(matrix)
    ritz = ritz.clamp_min(0.0)
    largest = ritz[:, -1:]
    floor = torch.zeros_like(largest) if shift > 0.0 else krylov.rounding * largest  # no eigenvalue is known below
    regular = (ritz[:, :1] > floor).squeeze(-1) | (shift > 0.0)
    theta = ritz + shift if shift > 0.0 else torch.maximum(ritz, floor.clamp_min(torch.finfo(ritz.dtype).tiny))

    y = vectors[:, 0] * krylov.size.sqrt().unsqueeze(-1)  # n x m
    value = (y.square() * theta.log()).sum(-1)
    distance = (ritz - floor).clamp_min(torch.finfo(ritz.dtype).eps * largest.clamp_min(1e-300))
    last = floor.squeeze(-1) + coupling[:, -1].square() * (vectors[:, -1].square() / distance).sum(-1)
    extended = matrix.new_zeros(len(matrix), n_steps + 1, n_steps + 1)
    extended[:, :-1, :-1] = matrix
    extended[:, -1, -1] = last
    extended[:, -1, -2] = extended[:, -2, -1] = coupling[:, -1]
    radau, radau_vectors = torch.linalg.eigh(extended)
    bounded = torch.maximum(radau, floor) + shift
    weights = radau_vectors[:, 0].square() * krylov.size.unsqueeze(-1)
    lower = (weights * bounded.clamp_min(torch.finfo(ritz.dtype).tiny).log()).sum(-1)

    log_theta = theta.log()
    half = 0.5 * (log_theta.unsqueeze(-1) - log_theta.unsqueeze(-2))
    kernel = torch.where(half.abs() < 1e-4, 1.0 - half.square() / 6.0, half / torch.sinh(half))
    eigenvalues, modes = torch.linalg.eigh(y.unsqueeze(-1) * kernel * y.unsqueeze(-2))
    rank = min(rank, n_steps)
    modes = modes[..., -rank:].flip(-1) * eigenvalues[:, None, -rank:].flip(-1).clamp_min(0.0).sqrt()  # n x m x r
    coordinates = vectors @ (modes * (-0.5 * log_theta).exp().unsqueeze(-1))
    return LogQuadrature(
        value=torch.where(regular, value, -torch.inf).where(finite, torch.nan),
        lower=torch.where(regular, torch.minimum(lower, value), -torch.inf),
        factors=coordinates.mT @ krylov.basis,
        smallest=theta[:, 0],
        largest=theta[:, -1],
    )
