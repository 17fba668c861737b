"""Percentages and differences in words: a direction in place of a sign, and the same words from both sides."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geodreg.paper.figure_claims import figure_3_claims, figure_4_claims
from geodreg.paper.wording import by_how_much, percent, with_interval
from tests.test_claims import table

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)
THREE = st.tuples(NUMBERS, NUMBERS, NUMBERS).map(sorted)


@pytest.mark.parametrize(
    ("fraction", "digits", "said"), [(0.0, 0, "0 %"), (0.985, 1, "98.5 %"), (1.17, 0, "117 %"), (0.0123, 2, "1.23 %")]
)
def test_a_percentage_has_its_digits_and_a_space(fraction: float, digits: int, said: str) -> None:
    assert percent(fraction, digits) == said


@settings(max_examples=200, derandomize=True, deadline=None)
@given(NUMBERS, st.integers(0, 4))
def test_a_difference_has_no_sign_and_is_the_same_from_the_other_side(value: float, digits: int) -> None:
    said = by_how_much(value, "larger", "smaller", "nats", digits)
    assert "-" not in said
    if "neither" not in said:
        assert said == by_how_much(-value, "smaller", "larger", "nats", digits)
        size, unit, word = said.split()
        assert float(size) == pytest.approx(abs(value), abs=0.5 * 10.0**-digits * 1.001)
        assert unit == "nats"
        assert word == ("larger" if value > 0 else "smaller")
    else:
        assert abs(value) <= 0.5 * 10.0**-digits


@settings(max_examples=200, derandomize=True, deadline=None)
@given(THREE)
def test_an_interval_names_its_bounds_without_a_sign(numbers: list[float]) -> None:
    low, median, high = numbers
    said = with_interval({"low": low, "median": median, "high": high}, "higher", "lower", digits=1)
    turned = with_interval({"low": -high, "median": -median, "high": -low}, "lower", "higher", digits=1)
    assert "-" not in said
    sizes = sorted(re.findall(r"\d+\.\d", said.replace("95 %", "")))
    assert sizes == sorted(re.findall(r"\d+\.\d", turned.replace("95 %", "")))
    for name, value in (("higher", high), ("lower", low)):
        if low < -0.1 and high > 0.1 and abs(value) > 0.1:
            assert f"{abs(value):.1f} {name}" in said


def test_statements_that_come_out_the_other_way_say_so_in_words() -> None:
    length = {"geodreg": [1.0] * 4, "geodesic": [2.0] * 4, "straight": [1.0] * 4}
    accepted = {"geodreg": [0.5] * 4, "geodesic": [0.9] * 4, "straight": [0.6] * 4}
    rows = [
        *figure_3_claims(table(length=length, nll_mean=length, accepted=accepted)),
        *figure_4_claims(table(excess=length)),
    ]
    said = [measured for _, measured, _ in rows]
    assert not any("-" in re.sub(r"NLL|95 %", "", text) for text in said)
    assert "StraightZ is 50 % shorter" in said[0]
    assert "10.0 percentage points fewer" in said[3]
    assert "30.0 percentage points more" in said[4]
    assert "excess length 1.000 smaller" in said[6]
