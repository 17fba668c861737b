"""What some tests need and a machine may lack; they are skipped there, and say so."""

import shutil

import pytest
import torch

from geodreg.datasets import find_data_root
from geodreg.models.face_dcgan import WEIGHTS, face_dcgan_folder

__all__ = ["CHROMIUM", "DATA", "needs_browser", "needs_cuda", "needs_faces", "needs_mnist", "needs_yale"]

DATA = find_data_root()
"""The data root of the machine, as it is before a test takes it away."""


def _needs(folder: str, data: str) -> pytest.MarkDecorator:
    missing = DATA is None or not (DATA / folder).is_dir()
    return pytest.mark.skipif(missing, reason=f"needs {data}: set GEODREG_DATA")


needs_mnist = _needs("mnist", "MNIST")
needs_yale = _needs("yale_b", "the Yale faces")
needs_faces = pytest.mark.skipif(
    not (face_dcgan_folder() / WEIGHTS).is_file(), reason="needs the face DCGAN: call load_face_dcgan once"
)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
