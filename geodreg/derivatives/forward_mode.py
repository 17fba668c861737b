"""Forward-mode differentiation along every latent direction at once, layer by layer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

import geodreg.derivatives.rules  # noqa: F401 - registers the rules
from geodreg.derivatives.dual_rows import DualRows, NoRuleError, current

__all__ = ["NoRuleError", "values_and_tangents"]


def values_and_tangents(
    function: Callable[[Tensor], Tensor], z: Tensor, directions: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    r"""Value and tangents of a row-wise function of known layers: a row of values before ``k`` rows of tangents.

    Values and tangents go through the function as one batch of :math:`(1 + k) n` rows. A linear layer treats all rows
    alike, so it is one matrix product or one convolution, and only its bias is for the values alone; an activation
    multiplies the tangents by its derivative. This is what :func:`torch.func.jvp` under :func:`torch.func.vmap`
    computes, in fewer and larger pieces, and it can be differentiated again in reverse, by latents and by parameters.

    Args:
        function: takes ``(n, d)`` to ``(n, ...)``, each row independently of the others.
        z: points ``(n, d)``.
        directions: of each point, ``(n, k, d)``; without any every latent direction, ``k = d``.

    Returns:
        values ``(n, D)`` and tangents ``(n, k, D)``, the columns of the Jacobian as rows.

    Raises:
        NoRuleError: if the function does something that has no rule.

    Example:
        >>> values_and_tangents(lambda z: torch.tanh(z) @ torch.tensor([[2.0], [3.0]]), torch.zeros(1, 2))
        (tensor([[0.]]), tensor([[[2.],
                 [3.]]]))
    """
    n, d = z.shape
    if directions is None:
        directions = torch.eye(d, dtype=z.dtype, device=z.device).expand(n, d, d)
    rows = torch.cat([z.unsqueeze(0), directions.transpose(0, 1)]).flatten(0, 1)  # (1 + k) n x d, by direction
    result = current(function(DualRows.wrap(rows, n)))
    if not isinstance(result, DualRows) or result.n_values != n or result.place != 0:
        raise NoRuleError("the result does not depend on the latents by known functions")
    x = result.rows.flatten(1).unflatten(0, (1 + directions.shape[1], n))
    return x[0], x[1:].transpose(0, 1)
