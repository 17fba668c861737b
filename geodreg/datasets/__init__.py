"""Data sets: real ones, read from a data root the user names, and the circle of Figure 2."""

from geodreg.datasets.circle import ring
from geodreg.datasets.mnist import Digits, fetch_mnist, read_mnist
from geodreg.datasets.root import DataError, data_root, find_data_root, verify_checksum

__all__ = ["DataError", "Digits", "data_root", "fetch_mnist", "find_data_root", "read_mnist", "ring", "verify_checksum"]
