"""The data, read from a data root or drawn: digits, faces, the circle, rendered objects; no networks.

Files come from a folder that the user names and are checked by their SHA-256; no data lie in the repository.
"""

from typing import TYPE_CHECKING

from geodreg.workspace.lazy import lazily

if TYPE_CHECKING:
    from geodreg.datasets.circle import ring
    from geodreg.datasets.lambert import LambertScene
    from geodreg.datasets.mnist import Digits, fetch_mnist, read_mnist, verify_mnist
    from geodreg.datasets.root import DataError, data_root, find_data_root, verify_checksum
    from geodreg.datasets.yale import Faces, fetch_yale, read_yale, verify_yale, yale_lights, yale_subjects
else:
    __getattr__, __dir__ = lazily(__name__, __file__)

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
