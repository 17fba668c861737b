"""The judge of realism, the fakes it is trained and tested on, and what its card claims."""

import pytest
import torch

from geodreg.datasets import Digits, read_mnist
from geodreg.datasets.fakes import SEEN_FAKES, UNSEEN_FAKES
from geodreg.models import ModelError, load_judge, load_model, read_card, read_table
from geodreg.paper.realism import (
    FeatureStatistics,
    acceptance_table,
    accepted_share,
    expected_calibration_error,
    frechet_distance,
    reliability_table,
)
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
    fewer = Digits(test.images[:3000], test.labels[:3000])
    other = acceptance_table(judge, fewer, seed=7)  # fakes of another seed
    assert other.loc[other["group"] == "unseen", "accepted"].max() <= 0.10
    assert expected_calibration_error(reliability_table(judge, fewer, seed=7)) < 0.02


def test_a_judge_is_no_generator_and_a_generator_no_judge() -> None:
    with pytest.raises(ModelError, match="is a judge, no generator; load it with load_judge"):
        load_model("mnist-judge")
    with pytest.raises(ModelError, match="is no judge but a generator; load it with load_model"):
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
