"""The table of the faces on disk: latents, numbers and weights tried, with their sums and what made them.

They are made by ``python -m geodreg.commands.faces_job`` and committed. They are looked for below the folder named by
the environment variable ``GEODREG_FACES``, if that is set, else below ``data/faces`` of the checkout that holds the
package, else below the copy that is installed with it.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from geodreg.errors import PlainError
from geodreg.paper.faces.study import METHODS
from geodreg.workspace.files import write_whole
from geodreg.workspace.places import places

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FacesError", "FacesTable", "read_faces", "write_faces"]

PROVENANCE, LATENTS, NUMBERS, WEIGHTS = "provenance.json", "latents.safetensors", "numbers.csv", "weights.csv"
SIGNIFICANT = "%.7g"  # of each number
MEND = "make it again with `python -m geodreg.commands.faces_job`"


class FacesError(PlainError):
    """A part of the table that is missing or was changed; the message says which, and how to make it."""


@dataclass(frozen=True)
class FacesTable:
    """What was found on the face DCGAN.

    Attributes:
        latents: points of the paths by method, ``(P, K, d)``; a method that took too long has fewer pairs, the first.
        numbers: a row for each method and pair, from :meth:`~geodreg.paper.faces.study.Study.measured`.
        weights: a row for each weight that the rule tried, from :meth:`~geodreg.paper.faces.study.Study.weights`.
        decided: ``noise``, ``mu``, and the ``smallest_stretch`` that the noise was decided by.
        provenance: what made them.
    """

    latents: Mapping[str, Tensor]
    numbers: pd.DataFrame
    weights: pd.DataFrame
    decided: Mapping[str, float]
    provenance: Mapping[str, Any]


def write_faces(
    out: Path,
    latents: Mapping[str, Tensor],
    numbers: pd.DataFrame,
    weights: pd.DataFrame,
    decided: Mapping[str, float],
    made_by: Mapping[str, Any],
) -> None:
    """Write the table, each file all or nothing, the provenance last.

    Args:
        out: folder.
        latents: as in :class:`FacesTable`, and the next three.
        numbers: see there.
        weights: see there.
        decided: see there.
        made_by: the commit, the settings, and the SHA-256 of the generator's weights.
    """
    from safetensors.torch import save

    out.mkdir(parents=True, exist_ok=True)
    contents = {
        LATENTS: save({method: z.contiguous() for method, z in latents.items()}),
        NUMBERS: numbers.to_csv(index=False, float_format=SIGNIFICANT).encode(),
        WEIGHTS: weights.to_csv(index=False, float_format=SIGNIFICANT).encode(),
    }
    for name, content in contents.items():
        write_whole(out / name, content)
    record = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": "python -m geodreg.commands.faces_job",
        "decided": dict(decided),
        **made_by,
        "machine": {"processor": platform.machine(), "system": platform.system(), "threads": torch.get_num_threads()},
        "versions": {"python": platform.python_version(), "torch": version("torch"), "numpy": version("numpy")},
        "sums": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    }
    write_whole(out / PROVENANCE, (json.dumps(record, indent=1) + "\n").encode())


def read_faces() -> FacesTable:
    """The committed table, after its checksums were verified.

    Raises:
        FacesError: if a part of it is missing or was changed.
    """
    import pandas as pd
    from safetensors.torch import load

    provenance = json.loads(_path(PROVENANCE).read_text(encoding="utf-8"))
    contents = {name: _path(name).read_bytes() for name in (LATENTS, NUMBERS, WEIGHTS)}
    for name, content in contents.items():
        found, expected = hashlib.sha256(content).hexdigest(), provenance["sums"].get(name)
        if found != expected:
            raise FacesError(
                f"{_path(name)} was changed: its sha256 is {found}, {PROVENANCE} says {expected}; "
                f"restore it, or {MEND}."
            )
    latents = load(contents[LATENTS])
    return FacesTable(
        latents={method: latents[method] for method in METHODS if method in latents},  # the file has another order
        numbers=pd.read_csv(io.BytesIO(contents[NUMBERS])),
        weights=pd.read_csv(io.BytesIO(contents[WEIGHTS])),
        decided=provenance["decided"],
        provenance=provenance,
    )


def _path(file: str) -> Path:
    tried = places("faces", "GEODREG_FACES")
    for place in tried:
        if (place / file).is_file():
            return place / file
    raise FacesError(f"There is no {file} in {' or '.join(map(str, tried))}; {MEND}.")
