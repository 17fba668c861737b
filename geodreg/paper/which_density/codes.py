"""Latents of real data, for a density of latents that data have made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from geodreg.datasets.circle import ring
from geodreg.datasets.mnist import read_mnist
from geodreg.interpolation.invert import invert
from geodreg.models.mlp import VAE
from geodreg.models.zoo import TrainedModel
from geodreg.paper.densities import aggregated_posterior, kernel_density
from geodreg.paper.trial.subject import RING

if TYPE_CHECKING:
    import pandas as pd
    from torch.distributions import MixtureSameFamily

__all__ = ["codes_table", "density_of_codes"]

SEED = 6  # of the choice of the data, and of the starts of the inversion
STARTS, ITERATIONS = 2, 30  # of an inversion


def codes_table(model: TrainedModel, n: int) -> pd.DataFrame:
    """Latents of real data: encoded where there is an encoder, else inverted.

    Columns: ``z0, z1, ...``; of an encoder also the log-variances ``v0, v1, ...``; else ``residual``, the distance
    that is left in data space.

    Args:
        model: a digit model, or the circle GAN.
        n: number of training digits, or of points drawn from the ring.
    """
    import pandas as pd

    chance = torch.Generator().manual_seed(SEED)
    if model.name == RING:
        data = ring(n, model.card["settings"]["spread"], chance)
    else:
        images = read_mnist("train").images
        data = images[torch.randperm(len(images), generator=chance)[:n]]
    if isinstance(model.module, VAE):
        with torch.no_grad():
            mean, log_variance = model.module.encode(data)
        return pd.concat([_frame("z", mean), _frame("v", log_variance)], axis=1)
    found = invert(model.generator, data, model.latent_dim, n_starts=STARTS, max_iterations=ITERATIONS, seed=SEED)
    return _frame("z", found.z).assign(residual=found.residual.numpy())


def density_of_codes(codes: pd.DataFrame, dtype: torch.dtype = torch.float32) -> MixtureSameFamily:
    """A density of latents from the table of :func:`codes_table` of one model: aggregated posterior, or kernels.

    Args:
        codes: the table.
        dtype: of the latents.
    """
    columns = {letter: [name for name in codes.columns if name[0] == letter and name[1:].isdigit()] for letter in "zv"}
    latents, spreads = (torch.tensor(codes[names].dropna(axis=1).to_numpy(), dtype=dtype) for names in columns.values())
    return aggregated_posterior(latents, spreads) if spreads.shape[1] else kernel_density(latents)


def _frame(letter: str, values: torch.Tensor) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(values.numpy(), columns=[f"{letter}{i}" for i in range(values.shape[1])])
