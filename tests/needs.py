"""What some tests need and a machine may lack; they are skipped there, and say so."""

import pytest
import torch

from geodreg.datasets import find_data_root

__all__ = ["needs_cuda", "needs_mnist"]

_root = find_data_root()
needs_mnist = pytest.mark.skipif(
    _root is None or not (_root / "mnist").is_dir(), reason="needs MNIST: set GEODREG_DATA"
)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
