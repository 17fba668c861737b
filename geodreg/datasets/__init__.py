"""Data sets: real ones, read from a data root the user names; the circle of Figure 2; rendered objects; fake digits."""

from typing import TYPE_CHECKING

from geodreg.workspace.lazy import lazily

if TYPE_CHECKING:
    from geodreg.datasets.circle import ring
    from geodreg.datasets.lambert import LambertScene
    from geodreg.datasets.mnist import Digits, fetch_mnist, read_mnist, verify_mnist
    from geodreg.datasets.root import DataError, data_root, find_data_root, verify_checksum
    from geodreg.datasets.yale import Faces, fetch_yale, read_yale, verify_yale, yale_lights, yale_subjects
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "geodreg.datasets.circle": ["ring"],
            "geodreg.datasets.lambert": ["LambertScene"],
            "geodreg.datasets.mnist": ["Digits", "fetch_mnist", "read_mnist", "verify_mnist"],
            "geodreg.datasets.root": ["DataError", "data_root", "find_data_root", "verify_checksum"],
            "geodreg.datasets.yale": [
                "Faces",
                "fetch_yale",
                "read_yale",
                "verify_yale",
                "yale_lights",
                "yale_subjects",
            ],
        },
    )

__all__ = [
    "DataError",
    "Digits",
    "Faces",
    "LambertScene",
    "data_root",
    "fetch_mnist",
    "fetch_yale",
    "find_data_root",
    "read_mnist",
    "read_yale",
    "ring",
    "verify_checksum",
    "verify_mnist",
    "verify_yale",
    "yale_lights",
    "yale_subjects",
]
