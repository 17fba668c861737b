"""What a caller or a process has set, for speed or convenience, changes no result, and is left as it was."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, backends, nn

from geodreg import GraphStart, LatentManifold, interpolate
from geodreg.derivatives.modes import PLACES, full_precision
from geodreg.derivatives.rungs import RUNGS
from tests.all_doors import DOORS, Given
from tests.generators import latents, random_decoder


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


MODES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "no gradients": torch.no_grad,
    "inference": torch.inference_mode,
    "deterministic": deterministic,
    "double precision": lambda: default_dtype(torch.float64),
    "another device": lambda: torch.device("meta"),
}
INSIDE = ("no gradients", "inference")  # where generators are made in the mode too, as after loading them there


@cache
def usual(door: str) -> tuple[Tensor, ...]:
    return DOORS[door](Given())


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("mode", MODES)
def test_a_mode_of_the_caller_changes_no_result(door: str, mode: str) -> None:
    if door == "distances" and mode in INSIDE:
        pytest.skip("there the caller wants no gradient")
    expected, given = usual(door), Given()
    with MODES[mode]():
        found = DOORS[door](Given() if mode in INSIDE else given)
    assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True))


@pytest.mark.parametrize("name", RUNGS)
def test_no_way_to_differentiate_gives_zeros_in_inference_mode(name: str) -> None:
    model, z = LatentManifold(random_decoder([3, 8, 6], gain=1.0), noise=0.2, derivatives=name), latents(2, 3, 0)
    expected = model.metric(z), model.nll(z)
    with torch.inference_mode():
        found = model.metric(z), model.nll(z)
    assert all(torch.allclose(one, other) for one, other in zip(expected, found, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_module_made_in_inference_mode_follows_its_weights(dtype: torch.dtype) -> None:
    with torch.inference_mode():
        net = random_decoder([3, 8, 6], gain=1.0, dtype=dtype)
        model, z = LatentManifold(net), torch.ones(1, 3)
        before = model.metric(z)
        net.load_state_dict(random_decoder([3, 8, 6], gain=1.0, seed=1, dtype=dtype).state_dict(), assign=True)
    expected = LatentManifold(random_decoder([3, 8, 6], gain=1.0, seed=1, dtype=dtype)).metric(z)
    assert torch.equal(model.metric(z), expected)
    assert not torch.equal(before, expected)


def test_a_function_of_weights_made_in_inference_mode_is_refused_in_a_sentence() -> None:
    with torch.inference_mode():
        net = random_decoder([3, 8, 6], gain=1.0)
    with pytest.raises(ValueError, match=r"weights were made in torch\.inference_mode\(\), .* pass the module itself"):
        interpolate(lambda z: net(z), torch.zeros(3).double(), torch.ones(3).double())


def settings() -> dict[str, object]:
    """All that torch tells of its arithmetic in single precision."""
    told: dict[str, object] = {str(index): place.fp32_precision for index, place in enumerate(PLACES)}
    for name, get in (
        ("products", torch.get_float32_matmul_precision),
        ("convolutions", lambda: backends.cudnn.allow_tf32),
        ("cuBLAS", lambda: backends.cuda.matmul.allow_tf32),
    ):
        try:
            told[name] = get()
        except RuntimeError:  # it was set in a way that this cannot tell
            told[name] = None
    return told


def is_exact(told: dict[str, object]) -> bool:
    return not {"tf32", "bf16", "high", "medium", True} & set(told.values()) and None not in told.values()


MKLDNN: Any = backends.mkldnn


def put(place: Any, value: str) -> Callable[[], None]:
    return lambda: setattr(place, "fp32_precision", value)


Change = tuple[Callable[[], object], Callable[[], object]]
CHANGES: dict[str, Change] = {
    "nothing": (lambda: None, lambda: None),
    "high": (lambda: torch.set_float32_matmul_precision("high"), lambda: torch.set_float32_matmul_precision("highest")),
    "medium": (
        lambda: torch.set_float32_matmul_precision("medium"),
        lambda: torch.set_float32_matmul_precision("highest"),
    ),
    "no convolutions": (
        lambda: setattr(backends.cudnn, "allow_tf32", False),
        lambda: setattr(backends.cudnn, "allow_tf32", True),
    ),
    "cuBLAS": (
        lambda: setattr(backends.cuda.matmul, "allow_tf32", True),
        lambda: setattr(backends.cuda.matmul, "allow_tf32", False),
    ),
}
if PLACES:
    CHANGES |= {
        "everywhere": (put(backends, "tf32"), put(backends, "none")),
        "products on a card": (put(backends.cuda.matmul, "tf32"), put(backends.cuda.matmul, "none")),
        "products on a processor": (put(MKLDNN.matmul, "bf16"), put(MKLDNN.matmul, "none")),
    }


@pytest.fixture(params=CHANGES)
def before(request: pytest.FixtureRequest) -> Iterator[dict[str, object]]:
    """What torch tells, after somebody has changed it."""
    change, undo = CHANGES[request.param]
    change()
    try:
        yield settings()
    finally:
        undo()


def told_in_products(door: str, patch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What torch tells whenever a generator is called behind a door, and whenever a gradient is taken."""
    told: list[dict[str, object]] = []
    given, grad = Given(), torch.autograd.grad

    def forwards(_: nn.Module, __: object) -> None:
        told.append(settings())

    def backwards(*args: Any, **kwargs: Any) -> Any:
        told.append(settings())
        return grad(*args, **kwargs)

    for model in (given.model, given.images):
        assert isinstance(model.generator, nn.Module)
        model.generator.register_forward_pre_hook(forwards)
    if door != "distances":  # where the caller asks for the gradient
        patch.setattr(torch.autograd, "grad", backwards)
    DOORS[door](given)
    assert told
    return told


@pytest.mark.parametrize("door", DOORS)
def test_every_product_is_in_full_precision(door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends.cudnn, "allow_tf32", True)  # as torch has it, unless a test says otherwise
    assert all(is_exact(told) for told in told_in_products(door, monkeypatch))


def test_whatever_was_set_is_not_in_force_and_comes_back(
    before: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert all(is_exact(told) for told in told_in_products("geodreg", monkeypatch))
    assert settings() == before


def test_settings_come_back_after_an_error_and_from_within(before: dict[str, object]) -> None:
    with pytest.raises(ZeroDivisionError), full_precision(), full_precision():
        raise ZeroDivisionError
    assert settings() == before
    with full_precision():
        with full_precision():
            pass
        assert is_exact(settings())
    assert settings() == before


class Attention(nn.Module):
    """A decoder with a layer of a transformer, for which fused kernels are switched off."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.out = nn.Linear(3, 32), nn.Linear(32, 10)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True)

    def forward(self, z: Tensor) -> Tensor:
        return self.out(self.layer(self.wide(z).view(-1, 4, 8)).flatten(1))


@pytest.mark.slow
def test_threads_do_not_disturb_each_other_and_leave_settings_as_they_were() -> None:
    net, z = Attention().eval().double(), latents(12, 3, 0).view(6, 2, 3)

    def path(pair: int) -> Tensor:
        start = GraphStart(n_samples=30, seed=pair)
        return interpolate(LatentManifold(net, noise=0.2), *z[pair], mu=0.1, n_points=5, init=start).z

    def kernels() -> list[bool]:
        cuda = backends.cuda
        fused = (cuda.flash_sdp_enabled, cuda.mem_efficient_sdp_enabled, cuda.cudnn_sdp_enabled)
        return [enabled() for enabled in (*fused, cuda.math_sdp_enabled, backends.mha.get_fastpath_enabled)]

    torch.compile(lambda: None)  # dynamo is loaded, and has a stance of its own
    from torch._dynamo import eval_frame

    before = settings(), kernels(), eval_frame._stance
    one_by_one = [path(pair) for pair in range(len(z))]
    with ThreadPoolExecutor(len(z)) as threads:
        together = list(threads.map(path, range(len(z))))
    assert all(torch.equal(one, other) for one, other in zip(one_by_one, together, strict=True))
    assert (settings(), kernels(), eval_frame._stance) == before


def test_a_refused_call_leaves_settings_as_they_were(before: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="does not take latents"):
        interpolate(Given().model, torch.zeros(5), torch.ones(5))
    assert settings() == before
