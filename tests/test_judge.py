"""The judges of realism, the fakes that some are trained on and all are tested on, and what their cards claim."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import avg_pool2d
from typer.testing import CliRunner

from geodreg.commands.cli import app
from geodreg.datasets import Digits, read_mnist
from geodreg.datasets.fakes import SEEN_FAKES, UNSEEN_FAKES, Fake, seen_fakes
from geodreg.models import (
    JUDGES,
    REJECT,
    Judge,
    ModelError,
    NeighbourJudge,
    load_judge,
    load_judges,
    load_model,
    model_folder,
    read_card,
    read_table,
)
from geodreg.paper.realism import (
    FeatureStatistics,
    acceptance_table,
    accepted_share,
    agreement_table,
    expected_calibration_error,
    frechet_distance,
    reliability_table,
    separation,
)
from geodreg.training.judge import train_judge
from geodreg.training.settings import SETTINGS, JudgeSettings, NeighbourSettings, changed_settings
from tests.needs import needs_mnist

FAKES = SEEN_FAKES | UNSEEN_FAKES


def strokes(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images with two thick strokes each, of ten classes."""
    chance = torch.Generator().manual_seed(0)
    images = torch.zeros(n, 28, 28)
    for image, place in zip(images, torch.randint(7, 19, (n, 2), generator=chance).tolist(), strict=True):
        image[4:24, place[0] : place[0] + 3] = 1.0
        image[place[1] : place[1] + 3, 4:24] = 1.0
    return images, torch.arange(n) % 10


@pytest.mark.parametrize("kind", FAKES)
def test_fakes_are_images_unlike_what_they_were_made_of_and_the_same_for_a_seed(kind: str) -> None:
    images, labels = strokes(40)
    before = images.clone()
    first, second = (FAKES[kind](images, labels, torch.Generator().manual_seed(1)) for _ in range(2))
    assert first.shape == images.shape
    assert first.min() >= 0
    assert first.max() <= 1 + 1e-6
    assert torch.equal(first, second)
    assert torch.equal(images, before)
    assert ((first - images).flatten(1).norm(dim=1) > 0.1).float().mean() > 0.9


def bands(labels: torch.Tensor) -> torch.Tensor:
    """Images that are equal for labels that are equal, and without common ink for others."""
    images = torch.zeros(len(labels), 28, 28)
    for image, label in zip(images, labels.tolist(), strict=True):
        image[2 * label : 2 * label + 2] = 1.0
    return images


def is_changed(made: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    return (made - images).flatten(1).norm(dim=1) > 1.0


@pytest.mark.parametrize("kind", ["mean of two", "maximum of two", "mean of three"])
@pytest.mark.parametrize("labels", [[3, 4], [0, 0, 7], [0] * 11 + [1]], ids=len)
def test_a_fake_of_several_digits_has_other_classes_in_it_however_rare_they_are(kind: str, labels: list[int]) -> None:
    images = bands(torch.tensor(labels))
    for seed in range(30):
        made = FAKES[kind](images, torch.tensor(labels), torch.Generator().manual_seed(seed))
        assert is_changed(made, images).all()


@pytest.mark.parametrize("kind", ["mean of two", "maximum of two", "patched", "swirled", "halves", "mean of three"])
@pytest.mark.parametrize("n", [1, 3])
def test_fakes_of_several_digits_are_not_made_of_one_class(kind: str, n: int) -> None:
    labels = torch.full((n,), 7)
    with pytest.raises(ValueError, match=rf"needs two classes, and all digits given \({n}\) are of class 7; give"):
        FAKES[kind](bands(labels), labels, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_no_digit_as_it_is_passes_for_a_fake_in_training_however_few_are_made(
    n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed: list[bool] = []

    def watched(fake: Fake) -> Fake:
        def made(images: torch.Tensor, labels: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
            found = fake(images, labels, chance)
            changed.extend(is_changed(found, images).tolist())
            return found

        return made

    mixed = {kind: watched(SEEN_FAKES[kind]) for kind in ("mean of two", "maximum of two")}
    monkeypatch.setattr("geodreg.datasets.fakes.SEEN_FAKES", mixed)
    labels = torch.arange(300) % 10
    settings = JudgeSettings(steps=40, width=2, batch_size=8, fakes_per_kind=n, held_out=100)
    train_judge(settings, bands(labels), labels)
    assert len(changed) == 2 * 40 * max(n, 2) + 2 * 50  # in training, and to calibrate
    assert all(changed)


def test_as_many_fakes_of_a_kind_are_shown_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []
    embed = Judge.embed

    def watched(judge: Judge, images: torch.Tensor) -> torch.Tensor:
        shown.append(len(images))
        return embed(judge, images)

    monkeypatch.setattr(Judge, "embed", watched)
    images, labels = strokes(300)
    for n in (1, 2, 5):
        train_judge(JudgeSettings(steps=1, width=2, batch_size=8, fakes_per_kind=n, held_out=100), images, labels)
        assert shown[0] == 8 + n * len(SEEN_FAKES)
        shown.clear()


def test_the_digits_of_fakes_are_drawn_as_they_were_for_the_committed_judges(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[torch.Tensor] = []

    def as_they_are(images: torch.Tensor, labels: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
        drawn.append(images)
        return images

    monkeypatch.setattr("geodreg.datasets.fakes.SEEN_FAKES", {"one": as_they_are, "other": as_they_are})
    images, labels = torch.rand(300, 28, 28), torch.arange(300) % 10
    settings = JudgeSettings(steps=1, width=2, held_out=100)
    train_judge(settings, images, labels)
    chance = torch.Generator().manual_seed(settings.seed)
    torch.randint(200, (settings.batch_size,), generator=chance)
    for found in drawn[:2]:
        assert torch.equal(found, images[torch.randint(200, (settings.fakes_per_kind,), generator=chance)])


def test_a_judge_is_not_trained_on_one_class(tmp_path: Path) -> None:
    labels = torch.full((300,), 7)
    settings = JudgeSettings(steps=2, width=2, batch_size=8, fakes_per_kind=2, held_out=100)
    with pytest.raises(ValueError, match=r"needs two classes, and all digits given .2. are of class 7"):
        train_judge(settings, bands(labels), labels, tmp_path / "judge.checkpoint")


def test_no_kind_of_fake_is_both_seen_and_unseen() -> None:
    assert not set(SEEN_FAKES) & set(UNSEEN_FAKES)
    assert len(UNSEEN_FAKES) >= 4


def test_probabilities_have_the_batch_of_the_images_and_one_reject_class() -> None:
    judge, (images, _) = load_judge(), strokes(12)
    probabilities = judge.probabilities(images.view(3, 4, 28, 28))
    assert probabilities.shape == (3, 4, 11)
    assert torch.allclose(probabilities.sum(-1), torch.ones(3, 4))
    accepted = judge.accepts(images.view(3, 4, 28, 28))
    assert accepted.shape == (3, 4)
    assert judge.probabilities(images[0]).shape == (11,)
    assert torch.allclose(accepted_share(judge, images.view(3, 4, 28, 28)), accepted.double().mean(-1))


def test_cards_and_tables_claim_what_the_judge_must_reach() -> None:
    measures, table = read_card("mnist-judge")["measures"], read_table("mnist-judge", "acceptance.csv")
    assert measures["test accuracy"] >= 0.99
    assert measures["real test digits accepted"] >= 0.95
    assert measures["unseen fakes accepted, worst kind"] <= 0.10
    assert set(table.loc[table["group"] == "unseen", "kind"]) == set(UNSEEN_FAKES)


@pytest.mark.slow
@needs_mnist
def test_the_judge_is_on_the_real_test_digits_as_its_card_says() -> None:
    judge, test, card = load_judge(), read_mnist("test"), read_card("mnist-judge")
    again, kept = acceptance_table(judge, test, card["seed"]), read_table("mnist-judge", "acceptance.csv")
    assert again["accepted"].to_numpy() == pytest.approx(kept["accepted"].to_numpy(), abs=1e-3)
    fewer = Digits(test.images[:1000], test.labels[:1000])
    other = acceptance_table(judge, fewer, seed=7)  # fakes of another seed
    assert other.loc[other["group"] == "unseen", "accepted"].max() <= 0.10
    assert expected_calibration_error(reliability_table(judge, fewer, seed=7)) < 0.02


def test_a_judge_is_no_generator_and_a_generator_no_judge() -> None:
    for name, door in (("mnist-judge", "load_judge"), ("mnist-neighbours", "load_judges")):
        with pytest.raises(ModelError, match=f"{name} is a judge, not a generator; load it with {door}\\.$"):
            load_model(name)
    with pytest.raises(ModelError, match="is a judge that is not a classifier; load it with load_judges"):
        load_judge("mnist-neighbours")
    with pytest.raises(ModelError, match="is a generator, not a judge; load it with load_model"):
        load_judge("mnist-vae")


def test_the_gans_samples_are_as_its_card_says() -> None:
    model, judge = load_model("mnist-gan"), load_judge()
    z = torch.randn(5000, model.latent_dim, generator=torch.Generator().manual_seed(99))
    samples = model.generator(z)
    passed = judge.accepts(samples)
    accepted = passed.double().mean().item()
    assert accepted == pytest.approx(model.card["measures"]["samples accepted by the judge"], abs=0.03)
    shares = judge.classify(samples[passed]).bincount(minlength=10) / passed.sum()
    assert shares.min() >= 0.04


@needs_mnist
def test_kept_features_of_the_test_digits_are_theirs() -> None:
    kept, found = FeatureStatistics.of_test_digits(), FeatureStatistics.of(load_judge(), read_mnist("test").images)
    assert torch.allclose(kept.mean, found.mean, atol=1e-4)
    assert torch.allclose(kept.covariance, found.covariance, atol=1e-3)
    assert abs(frechet_distance(kept, found)) < 1e-3


def test_frechet_distance_grows_with_shift_and_spread() -> None:
    kept = FeatureStatistics.of_test_digits()
    shifted = FeatureStatistics(kept.mean + 1.0, kept.covariance)
    assert frechet_distance(kept, shifted) == pytest.approx(len(kept.mean), rel=1e-3)
    wider = FeatureStatistics(kept.mean, 4.0 * kept.covariance)
    assert frechet_distance(kept, wider) == pytest.approx(kept.covariance.trace().item(), rel=1e-3)


@pytest.fixture(scope="module")
def judges() -> Mapping[str, Judge | NeighbourJudge]:
    return load_judges()


@pytest.fixture(scope="module")
def samples() -> torch.Tensor:
    """Images of every quality: of a GAN, from its prior and from ever farther out."""
    generator = load_model("mnist-gan").generator
    z = torch.randn(600, 10, generator=torch.Generator().manual_seed(5)) * torch.linspace(0.5, 3, 600)[:, None]
    return generator(z)


def test_the_judges_are_three_and_each_has_settings(judges: Mapping[str, Judge | NeighbourJudge]) -> None:
    assert tuple(judges) == JUDGES == ("mnist-judge", "mnist-judge-sharp", "mnist-neighbours")
    assert all(isinstance(SETTINGS[name], JudgeSettings | NeighbourSettings) for name in JUDGES)
    assert len({read_card(name)["seed"] for name in JUDGES}) == 3


@pytest.mark.parametrize("name", JUDGES)
def test_an_image_is_accepted_where_the_doubt_is_below_zero(
    name: str, judges: Mapping[str, Judge | NeighbourJudge], samples: torch.Tensor
) -> None:
    judge, images = judges[name], samples.view(2, 300, 28, 28)
    doubt, accepted = judge.doubt(images), judge.accepts(images)
    assert doubt.shape == accepted.shape == (2, 300)
    assert judge.doubt(images[1, 7]).shape == ()
    assert torch.equal(accepted, doubt < 0)
    assert 0.05 < accepted.double().mean() < 0.95  # both occur
    assert len(doubt.unique()) > 590  # no two alike: it is a number for every image, however sure the judge is
    assert torch.allclose(judge.doubt(images[1, 40:43]), doubt[1, 40:43], atol=2e-3)  # alone as in a batch


@pytest.mark.parametrize("name", [name for name in JUDGES if name != "mnist-neighbours"])
def test_a_classifiers_doubt_is_log_odds_over_those_of_its_threshold(name: str, samples: torch.Tensor) -> None:
    judge = load_judge(name)
    rejected = judge.probabilities(samples)[:, REJECT].double()
    assert torch.equal(judge.accepts(samples), rejected < judge.threshold)
    sure = (rejected > 1e-4) & (rejected < 1 - 1e-4)
    expected = rejected.logit() - judge.threshold.double().logit()
    assert torch.allclose(judge.doubt(samples)[sure].double(), expected[sure], atol=2e-3)


@pytest.mark.slow
def test_distances_are_means_over_the_nearest_of_all_distances(samples: torch.Tensor) -> None:
    judge = load_judges()["mnist-neighbours"]
    assert isinstance(judge, NeighbourJudge)
    features = judge.embed(samples).double()
    assert torch.allclose(features.norm(dim=-1), torch.ones(600).double(), atol=1e-5)
    every = (features[:, None] - judge.reference.double()).norm(dim=-1)  # 600 x n, no matrix product
    expected = every.sort(dim=-1).values[:, : judge.neighbours].mean(-1)
    assert torch.allclose(judge.distance(samples).double(), expected, atol=1e-4)
    assert torch.allclose(judge.doubt(samples).double(), (expected / judge.threshold.double()).log(), atol=1e-3)


def test_the_nearest_are_as_many_as_the_judge_was_built_with() -> None:
    images, _ = strokes(30)
    judge = NeighbourJudge(width=2, size=3, neighbours=4, n_reference=7).eval()
    judge.reference.copy_(torch.nn.functional.normalize(torch.randn(7, 3, generator=torch.Generator().manual_seed(0))))
    every = (judge.embed(images)[:, None] - judge.reference).norm(dim=-1)
    assert torch.allclose(judge.distance(images), every.sort(dim=-1).values[:, :4].mean(-1), atol=1e-4)


def test_the_reference_is_kept_in_half_precision_and_the_folder_stays_small() -> None:
    judge, settings = load_judges()["mnist-neighbours"], read_card("mnist-neighbours")["settings"]
    assert isinstance(judge, NeighbourJudge)
    assert judge.reference.dtype == torch.float16
    assert judge.reference.shape == (settings["reference"], settings["size"])
    assert judge.neighbours == settings["neighbours"]
    assert torch.allclose(judge.reference.float().norm(dim=-1), torch.ones(len(judge.reference)), atol=2e-3)
    assert len(judge.reference.unique(dim=0)) == len(judge.reference)
    assert sum(file.stat().st_size for file in model_folder("mnist-neighbours").iterdir()) < 1.35e6


def sharpness(images: torch.Tensor) -> torch.Tensor:
    """What is left of the differences between neighbouring pixels, over what is left of them in means of 2 x 2."""
    coarse = avg_pool2d(images[:, None], 2)[:, 0]
    fine, rough = (
        x.diff(dim=-1).square().mean((-1, -2)) + x.diff(dim=-2).square().mean((-1, -2)) for x in (images, coarse)
    )
    return fine / rough


def loss_of_sharpness(fake: Fake) -> float:
    """Median ratio between the sharpness of a fake and that of an image which it is made of."""
    images, labels = strokes(200)
    made = fake(images, labels, torch.Generator().manual_seed(3))
    return (sharpness(made) / sharpness(images)).median().item()


def test_nothing_that_the_second_judge_is_shown_as_a_fake_is_blurred() -> None:
    lost = {kind: loss_of_sharpness(fake) for kind, fake in SEEN_FAKES.items()}
    blurring = {kind for kind, kept in lost.items() if kept < 0.6}
    assert blurring == set(SEEN_FAKES) - set(seen_fakes(blurred=False)), lost
    assert set(seen_fakes(blurred=True)) == set(SEEN_FAKES)


@pytest.mark.parametrize("blurred", [True, False])
def test_training_shows_the_kinds_of_the_settings_and_no_other(blurred: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: set[str] = set()

    def watched(kind: str, fake: Fake) -> Fake:
        def made(images: torch.Tensor, labels: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
            shown.add(kind)
            return fake(images, labels, chance)

        return made

    kinds = {kind: watched(kind, fake) for kind, fake in SEEN_FAKES.items()}
    monkeypatch.setattr("geodreg.datasets.fakes.SEEN_FAKES", kinds)
    images, labels = strokes(300)
    settings = JudgeSettings(steps=1, width=2, batch_size=8, fakes_per_kind=2, held_out=100, blurred=blurred)
    train_judge(settings, images, labels)
    assert shown == set(seen_fakes(blurred=blurred))


def test_tables_say_which_kinds_each_judge_has_seen() -> None:
    for name, seen in zip(JUDGES, (set(SEEN_FAKES), set(seen_fakes(blurred=False)), set()), strict=True):
        table = read_table(name, "acceptance.csv")
        assert set(table.loc[table["group"] == "seen in training", "kind"]) == seen
        assert list(table["kind"]) == ["digits", *SEEN_FAKES, *UNSEEN_FAKES]
    assert read_card("mnist-judge-sharp")["settings"]["blurred"] is False


@pytest.mark.parametrize("name", JUDGES)
def test_every_judge_accepts_nearly_all_real_digits_as_many_as_it_was_set_to(name: str) -> None:
    card = read_card(name)
    assert card["settings"]["accepted"] == read_card("mnist-judge")["settings"]["accepted"]
    assert abs(card["measures"]["real test digits accepted"] - card["settings"]["accepted"]) < 0.02


def test_the_blurred_kind_is_new_to_the_second_judge_and_counted_apart() -> None:
    table = read_table("mnist-judge-sharp", "acceptance.csv").set_index("kind")["accepted"]
    measures = read_card("mnist-judge-sharp")["measures"]
    assert measures["blurred digits accepted"] == pytest.approx(table["blurred"])
    assert measures["unseen fakes accepted, worst kind"] == pytest.approx(table[list(UNSEEN_FAKES)].max())
    assert measures["test accuracy"] >= 0.99
    assert measures["unseen fakes accepted, worst kind"] <= 0.12


class Ink:
    """A judge that doubts images the more the more ink they have."""

    def doubt(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean((-1, -2)) - 0.2

    def accepts(self, images: torch.Tensor) -> torch.Tensor:
        return self.doubt(images) < 0


class Faint(Ink):
    """A judge that doubts the opposite."""

    def doubt(self, images: torch.Tensor) -> torch.Tensor:
        return -super().doubt(images)


def test_separation_is_the_share_of_pairs_in_their_order() -> None:
    images, labels = strokes(50)
    images = images * torch.linspace(0.3, 1, 50)[:, None, None]

    def inked(gain: float) -> Fake:
        def made(images: torch.Tensor, labels: torch.Tensor, chance: torch.Generator) -> torch.Tensor:
            return gain * images

        return made

    kinds = {"same": inked(1.0), "inked": inked(4.0), "some": inked(1.3)}
    found = separation(Ink(), Digits(images, labels), 0, kinds)
    ink, more = (Ink().doubt(gain * images) for gain in (1.0, 1.3))
    share = ((more[:, None] > ink).double() + 0.5 * (more[:, None] == ink).double()).mean().item()
    assert found.to_dict() == {"same": 0.5, "inked": 1.0, "some": pytest.approx(share)}
    assert separation(Faint(), Digits(images, labels), 0, kinds)["inked"] == 0.0


def test_agreement_counts_images_of_which_all_judges_say_the_same() -> None:
    images = torch.tensor([0.1, 0.1, 0.1, 0.3])[:, None, None].expand(4, 28, 28)
    table = agreement_table({"ink": Ink(), "again": Ink(), "faint": Faint()}, {"grey": images})
    assert table.to_dict("records") == [
        {"images": "grey", "ink": 0.75, "again": 0.75, "faint": 0.25, "all accept": 0.0, "all agree": 0.0}
    ]
    assert agreement_table({"ink": Ink(), "again": Ink()}, {"grey": images})["all agree"].item() == 1.0


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("mnist-judge-sharp", {"blurred": "perhaps"}, r"blurred is 'perhaps': .* valid boolean"),
    ("mnist-judge-sharp", {"held_out": 70_000}, r"held_out is 70000: .* less than or equal to 30000"),
    ("mnist-judge", {"width": 0}, r"width is 0: .* greater than or equal to 1"),
    ("mnist-judge", {"accepted": 1.0}, r"accepted is 1.0: .* less than 1"),
    ("mnist-judge", {"accepted": float("nan")}, r"accepted is nan: .* finite"),
    ("mnist-judge", {"learning_rate": float("nan")}, r"learning_rate is nan: .* finite"),
    ("mnist-neighbours", {"objective": "labels"}, r"objective is 'labels': .* 'contrastive' or 'denoising'"),
    ("mnist-neighbours", {"neighbours": 101}, r"neighbours is 101: .* less than or equal to 100"),
    ("mnist-neighbours", {"reference": 50}, r"reference is 50: .* greater than or equal to 100"),
    ("mnist-neighbours", {"temperature": 0.0}, r"temperature is 0.0: .* greater than 0"),
    ("mnist-neighbours", {"batch_size": 1}, r"batch_size is 1: .* greater than or equal to 2"),
    ("mnist-neighbours", {"angle": -0.1}, r"angle is -0.1: .* greater than or equal to 0"),
    ("mnist-neighbours", {"blurred": True}, r"mnist-neighbours has no setting blurred; it has seed, objective, width"),
]


@pytest.mark.parametrize(("name", "changes", "sentence"), BAD)
def test_bad_settings_of_a_judge_are_refused_in_one_sentence(
    name: str, changes: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=sentence) as refused:
        changed_settings(name, changes)
    assert "\n" not in str(refused.value)
    options = [f"--set={key}={value}" for key, value in changes.items()]
    result = CliRunner().invoke(app, ["train", name, *options, "--out", str(tmp_path)])
    assert result.exit_code != 0
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@needs_mnist
@pytest.mark.parametrize("name", [name for name in JUDGES if name != "mnist-judge"])
def test_the_other_judges_are_on_the_real_test_digits_as_their_cards_say(
    name: str, judges: Mapping[str, Judge | NeighbourJudge]
) -> None:
    again, kept = (
        acceptance_table(judges[name], read_mnist("test"), read_card(name)["seed"]),
        read_table(name, "acceptance.csv"),
    )
    assert again["accepted"].to_numpy() == pytest.approx(kept["accepted"].to_numpy(), abs=2e-3)
