"""The face DCGAN that somebody else trained: fetched, checked, and read without running anything that a file says."""

import hashlib
import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from geodreg.models import face_dcgan
from geodreg.models.face_dcgan import FaceDCGAN, fetch_face_dcgan, load_face_dcgan, read_wheel
from geodreg.models.store import ModelError
from geodreg.workspace.files import has_its_sum, sum_file
from tests.needs import needs_faces


def wheel_of(content: bytes, folder: Path, member: str = face_dcgan.MEMBER) -> Path:
    """A wheel that holds one file, which takes the place of the real one in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / face_dcgan.WHEEL
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, content)
    return path


def saved(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def state() -> dict[str, Tensor]:
    """Weights of the right shapes, under the names that the wheel has."""
    generator = FaceDCGAN()
    torch.manual_seed(0)
    for parameter in generator.parameters():
        nn.init.normal_(parameter, 0.0, 0.02)
    return {f"main.{name.removeprefix('layers.')}": value for name, value in generator.state_dict().items()}


def sum_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_weights_of_a_wheel_become_the_generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = state()
    wheel = wheel_of(saved({"netG_state_dict": weights, "other": {}}), tmp_path / "new")
    monkeypatch.setattr(face_dcgan, "SHA256", sum_of(wheel))
    generator = load_face_dcgan(tmp_path / "new")
    wheel.unlink()  # it is not needed any more
    again = load_face_dcgan(tmp_path / "new")
    assert not generator.training
    assert not any(parameter.requires_grad for parameter in generator.parameters())
    assert generator.latent_dim == 100
    z = torch.randn(2, 100, generator=torch.Generator().manual_seed(0))
    x = generator(z)
    assert x.shape == (2, 3, 64, 64)
    assert torch.equal(x, again(z))
    assert torch.equal(x[1:], generator(z[1:]))  # no statistics of the batch
    assert all(torch.equal(generator.state_dict()[f"layers.{name[5:]}"], value) for name, value in weights.items())


def test_layers_are_those_of_the_tutorial() -> None:
    """As PyTorch's tutorial has them, with latents as pictures of one pixel."""
    generator, d, w = FaceDCGAN(7, (16, 8, 4, 2)).eval(), 7, 2
    layers: list[nn.Module] = []
    for before, after, stride, padding in (
        (d, 8 * w, 1, 0),
        (8 * w, 4 * w, 2, 1),
        (4 * w, 2 * w, 2, 1),
        (2 * w, w, 2, 1),
    ):
        layers += [nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
    theirs = nn.Sequential(*layers, nn.ConvTranspose2d(w, 3, 4, 2, 1, bias=False), nn.Tanh()).eval()
    theirs.load_state_dict({name.removeprefix("layers."): value for name, value in generator.state_dict().items()})
    z = torch.randn(3, d)
    assert torch.equal(generator(z), theirs(z.view(3, d, 1, 1)))


class Evil:
    """What makes a pickle run a command when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("pickled", [saved, pickle.dumps], ids=["torch", "pickle"])
def test_a_pickle_with_code_in_it_is_refused_and_not_run(pickled: Any, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    wheel = wheel_of(pickled({"netG_state_dict": Evil(mark)}), tmp_path)
    with pytest.raises(ModelError, match="holds no weights of a generator that can be read safely"):
        read_wheel(wheel, sum_of(wheel))
    assert not mark.exists()


BAD = {
    "no key": saved({"netD_state_dict": {}}), "a list": saved([1, 2]), "numbers": saved({"netG_state_dict": {"a": 1}}),
    "nothing": b"", "noise": b"\x80\x02noise", "text": b"hello",
}  # fmt: skip


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_what_is_no_state_is_refused_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    wheel = wheel_of(content, tmp_path)
    with pytest.raises(ModelError, match=r"holds no weights of a generator .*\.$") as refused:
        read_wheel(wheel, sum_of(wheel))
    assert "\n" not in str(refused.value)


def test_a_wheel_without_the_file_or_no_wheel_is_refused(tmp_path: Path) -> None:
    for wheel in (wheel_of(b"", tmp_path, "other/file"), tmp_path / "text.whl"):
        if not wheel.exists():
            wheel.write_text("no zip")
        with pytest.raises(ModelError, match="holds no weights"):
            read_wheel(wheel, sum_of(wheel))


def test_a_wheel_with_another_sum_is_not_read(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    wheel_of(pickle.dumps(Evil(mark)), tmp_path)
    with pytest.raises(ModelError, match=r"is damaged: its sha256 is [0-9a-f]{64}, expected 24102f4b"):
        fetch_face_dcgan(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [face_dcgan.WHEEL]


def test_weights_of_another_shape_are_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = state()
    wheel = wheel_of(saved({"netG_state_dict": weights | {"main.0.weight": torch.zeros(2, 2)}}), tmp_path)
    monkeypatch.setattr(face_dcgan, "SHA256", sum_of(wheel))
    with pytest.raises(ModelError, match="are of another generator"):
        fetch_face_dcgan(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [face_dcgan.WHEEL]


def test_weights_that_were_changed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = wheel_of(saved({"netG_state_dict": state()}), tmp_path)
    monkeypatch.setattr(face_dcgan, "SHA256", sum_of(wheel))
    path = fetch_face_dcgan(tmp_path)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is not what was written there; remove it"):
        load_face_dcgan(tmp_path)


class Killed(Exception):
    pass


@pytest.mark.parametrize("earlier", [None, b"half of it"])
@pytest.mark.parametrize("moved", [0, 1])
def test_weights_whose_writer_is_killed_between_its_files_are_fetched_again(
    moved: int, earlier: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = wheel_of(saved({"netG_state_dict": state()}), tmp_path)
    monkeypatch.setattr(face_dcgan, "SHA256", sum_of(wheel))
    if earlier is not None:
        (tmp_path / face_dcgan.WEIGHTS).write_bytes(earlier)
    usual = Path.replace
    done: list[Path] = []

    def dies(path: Path, target: Path) -> Path:
        if len(done) == moved:
            raise Killed
        done.append(target)
        return usual(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dies)
        with pytest.raises(Killed):
            fetch_face_dcgan(tmp_path)
    generator = load_face_dcgan(tmp_path)  # as another process would that comes by at that moment
    assert sum(parameter.numel() for parameter in generator.parameters()) == 3_576_704


def test_weights_without_their_sum_are_fetched_again_whatever_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = wheel_of(saved({"netG_state_dict": state()}), tmp_path)
    monkeypatch.setattr(face_dcgan, "SHA256", sum_of(wheel))
    path = fetch_face_dcgan(tmp_path)
    whole = path.read_bytes()
    assert has_its_sum(path)
    for left in (whole, b"half of it"):
        path.write_bytes(left)
        sum_file(path).unlink()
        load_face_dcgan(tmp_path)
        assert path.read_bytes() == whole
        assert has_its_sum(path)


def test_without_a_network_the_sentence_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(
        ModelError, match=r"could not be downloaded \(.*call `pip download --no-deps .* put the file into"
    ):
        load_face_dcgan(tmp_path / "new")
    assert not (tmp_path / "new").exists()


@needs_faces
def test_the_real_one_makes_pictures_that_differ() -> None:
    generator = load_face_dcgan()
    assert sum(parameter.numel() for parameter in generator.parameters()) == 3_576_704
    x = generator(torch.randn(16, 100, generator=torch.Generator().manual_seed(0)))
    assert x.std(0).mean() > 0.1  # pictures of different people
    assert x[..., 1:].sub(x[..., :-1]).abs().mean() < 0.15  # and no noise: neighbouring pixels are alike
