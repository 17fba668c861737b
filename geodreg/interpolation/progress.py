"""A progress bar for long batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(n_pairs: int, shown: bool) -> Iterator[Callable[[int], object] | None]:
    """What a solver calls with the number of pairs that have just stopped, or None where no bar is asked for.

    Raises:
        ModuleNotFoundError: if tqdm, which draws it, is not installed.
    """
    if not shown:
        yield None
        return
    try:
        from tqdm import tqdm
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("progress=True needs tqdm; install it with pip install tqdm.") from error
    with tqdm(total=n_pairs, unit="pair", smoothing=0.0) as bar:
        yield bar.update
