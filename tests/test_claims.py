"""Claims and the choice of the weight, on made-up tables and simple generators."""

import math

import pandas as pd
import pytest
import torch

from geodreg import LatentManifold
from geodreg.paper.comparison import paired_differences
from geodreg.paper.figure_claims import figure_3_claims, figure_4_claims
from geodreg.paper.weight import choose_weight, compare_weights, rule_is_met, told_choice
from tests.generators import latents, random_decoder


def table(n_pairs: int = 4, **columns: dict[str, list[float]]) -> pd.DataFrame:
    """A row for each method and pair; after the fourth pair the numbers begin again."""
    rows = [
        {"method": method, "pair": pair, **{name: values[method][pair % 4] for name, values in columns.items()}}
        for method in ("geodreg", "geodesic", "straight")
        for pair in range(n_pairs)
    ]
    return pd.DataFrame(rows)


LENGTH = {"geodreg": [2.0, 2.0, 2.0, 2.0], "geodesic": [1.0, 1.0, 1.0, 3.0], "straight": [3.0, 3.0, 3.0, 3.0]}
NLL = {"geodreg": [0.0, 1.0, 2.0, 3.0], "geodesic": [5.0, 5.0, 5.0, 5.0], "straight": [4.0, 5.5, 6.0, 7.0]}


def test_paired_differences_are_pair_by_pair_with_an_interval_about_the_median() -> None:
    found = paired_differences(table(nll=NLL, n_pairs=6), "nll", "straight", "geodreg")
    assert found["median"] == pytest.approx(4.0)
    assert found["low"] <= found["median"] <= found["high"]
    assert found["share"] == 1.0
    assert paired_differences(table(nll=NLL, n_pairs=6), "nll", "geodreg", "geodreg")["high"] == 0.0


@pytest.mark.parametrize("n_pairs", [1, 4, 5])
def test_a_few_pairs_have_a_median_and_no_interval(n_pairs: int) -> None:
    found = paired_differences(table(nll=NLL, n_pairs=n_pairs), "nll", "straight", "geodreg")
    assert math.isfinite(found["median"])
    assert math.isnan(found["low"])
    assert math.isnan(found["high"])
    said = [measured for _, measured, _ in figure_3_claims(table(n_pairs=n_pairs, length=LENGTH, nll_mean=NLL))]
    assert "(median; too few pairs for an interval)" in said[1]
    assert not any("nan" in measured for measured in said)


def test_claims_hold_where_most_pairs_say_so_and_fail_where_not() -> None:
    claims = figure_3_claims(table(length=LENGTH, nll_mean=NLL))
    assert [holds for *_, holds in claims] == [True, False, True]
    assert "in 75 % of 4 pairs" in claims[0][1]
    assert "in 25 % of pairs" in claims[1][1]
    accepted = {"geodreg": [0.9, 0.9, 0.9, 0.2], "geodesic": [0.5] * 4, "straight": [0.6, 0.6, 0.4, 0.4]}
    more = figure_3_claims(table(length=LENGTH, nll_mean=NLL, accepted=accepted))[3:]
    assert [holds for *_, holds in more] == [True, False]
    order, above, below = figure_4_claims(table(excess=LENGTH))
    assert order[1] == "in 3 of 4 pairs"
    assert [holds for *_, holds in (order, above, below)] == [True, True, True]


def test_the_smallest_sufficient_weight_is_chosen_or_else_the_largest() -> None:
    weights = pd.DataFrame({"mu": [0.01, 0.03, 0.1], "denser": [0.5, 0.9, 1.0]})
    assert choose_weight(weights, share=0.9) == 0.03
    assert choose_weight(weights, share=0.95) == 0.1
    assert choose_weight(weights.assign(denser=0.1), share=0.9) == 0.1
    assert rule_is_met(weights, share=0.9)
    assert not rule_is_met(weights.assign(denser=0.1), share=0.9)


def test_a_rule_that_no_weight_meets_is_said_not_to_be_met() -> None:
    weights = pd.DataFrame({"mu": [0.01, 0.03, 0.1], "denser": [0.5, 0.9, 1.0]})
    both = told_choice({"one": weights, "other": weights.assign(denser=[0.1, 0.2, 0.4])}, share=0.9)
    assert "met on the one at 0.03." in both
    assert (
        "**not met** on the other, where at most 40 % of the pairs converge to a denser path: there we take 0.1" in both
    )
    assert "not met" not in told_choice({"one": weights}, share=0.9)
    two = told_choice({"this": weights.assign(denser=0.1), "that": weights.assign(denser=0.2)}, share=0.9)
    assert (
        "on the this, where at most 10 % of the pairs converge to a denser path, and on the that, where at most 20 %"
        in two
    )
    assert told_choice({"other": weights.assign(denser=0.0)}, share=0.9).startswith("It is **not met**")


def test_larger_weights_make_paths_denser_and_longer() -> None:
    manifold = LatentManifold(random_decoder([2, 32, 20], gain=1.0), noise=0.1)
    found = compare_weights(manifold, latents(3, 2, seed=1), latents(3, 2, seed=2), weights=(0.01, 0.1, 1.0))
    assert found["mu"].tolist() == [0.01, 0.1, 1.0]
    assert found["converged"].tolist() == [1.0, 1.0, 1.0]
    assert found["gain"].is_monotonic_increasing
    assert found["longer"].is_monotonic_increasing
    assert torch.tensor(found["longer"].to_numpy()).min() > -1e-6
