"""Batched solution of symmetric positive definite block-tridiagonal systems."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["BlockTridiagonal"]

WHOLE = 96  # rows of a system that is faster factored whole than by blocks


class BlockTridiagonal:
    r"""Factor of a symmetric positive definite block-tridiagonal matrix, by odd-even (cyclic) reduction.

    The blocks of even index do not touch each other, so they are eliminated all at once; what is left is a
    system of the same kind with half the blocks. So ``n`` blocks take :math:`O(n d^3)` operations in
    :math:`O(\log n)` batched steps, and nothing is done block after block. The order of elimination is one of
    those that Cholesky's factorisation may take, hence as stable. A small rest is factored whole.

    Args:
        diagonal: diagonal blocks ``(..., n, d, d)``.
        upper: blocks right of the diagonal, ``(..., n-1, d, d)``.

    Raises:
        torch.linalg.LinAlgError: if the matrix is not positive definite.

    Example:
        >>> eye = torch.eye(2)
        >>> matrix = BlockTridiagonal((2 * eye).expand(3, 2, 2), (-eye).expand(2, 2, 2))
        >>> matrix.solve(torch.ones(3, 2))[:, 0]
        tensor([1.5000, 2.0000, 1.5000])
    """

    def __init__(self, diagonal: Tensor, upper: Tensor) -> None:
        n, d = diagonal.shape[-3:-1]
        self.is_whole = n * d <= WHOLE
        if self.is_whole:
            self.factor = torch.linalg.cholesky(_whole(diagonal, upper))
            return
        even, odd = diagonal[..., ::2, :, :], diagonal[..., 1::2, :, :]
        self.factor = torch.linalg.cholesky(even)
        self.n_odd = odd.shape[-3]
        if self.n_odd == 0:
            return
        # Each odd block is coupled to the even one on its left, and, but for a last one, to the even one on its right.
        self.left = upper[..., ::2, :, :].mT  # block (odd, even on the left), n_odd of them
        self.right = upper[..., 1::2, :, :]  # block (odd, even on the right)
        n_right = self.right.shape[-3]
        from_left = torch.cholesky_solve(self.left.mT, self.factor[..., : self.n_odd, :, :])
        from_right = torch.cholesky_solve(self.right.mT, self.factor[..., 1 : n_right + 1, :, :])
        reduced = odd - self.left @ from_left
        reduced[..., :n_right, :, :] -= self.right @ from_right
        coupling = -self.right[..., : self.n_odd - 1, :, :] @ from_left[..., 1:, :, :]
        self.rest = BlockTridiagonal(reduced, coupling)

    def solve(self, right_hand_side: Tensor) -> Tensor:
        """Solution for one right-hand side: ``(..., n, d)`` to ``(..., n, d)``."""
        if self.is_whole:
            return _solve(self.factor, right_hand_side.flatten(-2)).view_as(right_hand_side)
        even, odd = right_hand_side[..., ::2, :], right_hand_side[..., 1::2, :]
        if self.n_odd == 0:
            return _solve(self.factor, even)
        n_right = self.right.shape[-3]
        scaled = _solve(self.factor, even)
        odd = odd - _apply(self.left, scaled[..., : self.n_odd, :])
        odd[..., :n_right, :] -= _apply(self.right, scaled[..., 1 : n_right + 1, :])
        odd = self.rest.solve(odd)
        even = even.clone()
        even[..., : self.n_odd, :] -= _apply(self.left.mT, odd)
        even[..., 1 : n_right + 1, :] -= _apply(self.right.mT, odd[..., :n_right, :])
        solution = torch.empty_like(right_hand_side)
        solution[..., ::2, :] = _solve(self.factor, even)
        solution[..., 1::2, :] = odd
        return solution


def _whole(diagonal: Tensor, upper: Tensor) -> Tensor:
    """The matrix itself, ``(..., n d, n d)``."""
    n, d = diagonal.shape[-3:-1]
    blocks = diagonal.new_zeros(*diagonal.shape[:-3], n, n, d, d)
    i = torch.arange(n, device=diagonal.device)
    blocks[..., i, i, :, :] = diagonal
    blocks[..., i[:-1], i[1:], :, :] = upper
    blocks[..., i[1:], i[:-1], :, :] = upper.mT
    return blocks.transpose(-3, -2).reshape(*diagonal.shape[:-3], n * d, n * d)


def _apply(blocks: Tensor, vectors: Tensor) -> Tensor:
    return (blocks @ vectors.unsqueeze(-1)).squeeze(-1)


def _solve(factor: Tensor, vectors: Tensor) -> Tensor:
    return torch.cholesky_solve(vectors.unsqueeze(-1), factor).squeeze(-1)
