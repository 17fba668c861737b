"""The paper's algorithm beside the minimiser of its loss: names, costs, statements, and what a page shows of them."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch
from torch import Tensor

from geodreg import Algorithm1, LatentManifold, interpolate
from geodreg.book.execution import run_page
from geodreg.book.notebook import show_statuses
from geodreg.book.parameters import declared
from geodreg.book.sweeps.definition import Results
from geodreg.book.sweeps.summary import medians as sweep_medians
from geodreg.errors import PlainError
from geodreg.paper.as_printed import AsPrinted, as_printed
from geodreg.paper.comparison import compare, medians, names_of, summarise, tabulate_paths
from geodreg.paper.costs import cost_table, with_costs
from geodreg.paper.figure_claims import figure_3_aims, figure_3_claims
from geodreg.plotting import plot_interpolations, plot_nine, plot_plane
from tests.doors import through_papermill
from tests.generators import latents, random_decoder

ROOT = Path(__file__).parent.parent
PAGES = ("fig2-circle", "fig3", "fig3-mnist-gan", "fig3-mnist-vae", "fig3-yale")
ORDER = ["geodreg", "geodesic", "straight", "algorithm1", "slerp"]
PRINTED = AsPrinted(mu=0.1, budget=10)


def _pictures(z: Tensor) -> Tensor:
    return random_decoder([3, 16, 36], gain=1.0)(z).unflatten(-1, (6, 6)).sigmoid()


@pytest.fixture(scope="module")
def paths() -> dict[str, object]:
    manifold, ends = LatentManifold(_pictures, noise=0.1), (latents(3, 3, seed=0), latents(3, 3, seed=1))
    return compare(manifold, *ends, mu=0.1, n_points=9, with_algorithm1=PRINTED, with_slerp=True)  # type: ignore[return-value]


@pytest.fixture(scope="module")
def table(paths: dict) -> pd.DataFrame:  # type: ignore[type-arg]
    judged = summarise(paths, measures={"accepted": lambda profile: profile.x.mean((-3, -2, -1))})
    return with_costs(judged, paths)


def test_the_papers_three_come_first_and_the_algorithm_is_run_from_the_straight_line(paths: dict) -> None:  # type: ignore[type-arg]
    assert list(paths) == ORDER
    straight = paths["straight"]
    alone = as_printed(straight.manifold, straight.z[:, 0], straight.z[:, -1], PRINTED, n_points=9)
    assert torch.equal(paths["algorithm1"].z, alone.z)
    assert tabulate_paths(paths)["method"].unique().tolist() == ORDER


def test_with_points_found_out_the_algorithm_has_as_many_as_the_loss() -> None:
    ends = latents(1, 3, seed=0), latents(1, 3, seed=1)
    found = compare(LatentManifold(_pictures, noise=0.1), *ends, n_points="auto", with_algorithm1=PRINTED)
    assert found["algorithm1"].z.shape == found["geodreg"].z.shape


def test_each_is_named_for_what_it_is_only_where_both_are_shown(table: pd.DataFrame) -> None:
    both = ["GeodReg (loss)", "Geod", "StraightZ", "GeodReg (Algorithm 1)", "Slerp"]
    assert medians(table, {"length": "length"})["method"].tolist() == both
    assert medians(table, {"length": "length"})["converged"].tolist()[2::2] == ["(not solved)"] * 2
    three = table[~table["method"].isin(["algorithm1", "slerp"])]
    assert medians(three, {"length": "length"})["method"].tolist() == ["GeodReg", "Geod", "StraightZ"]
    said = show_statuses(table).data
    assert "GeodReg (loss)" in said
    assert "Slerp" not in said
    swept = sweep_medians(table.assign(mu=1.0), ["mu"], Results(table="t.csv", by="method", columns=("length",)))
    assert all(name in swept for name in both)


def test_costs_are_what_they_say(paths: dict, table: pd.DataFrame) -> None:  # type: ignore[type-arg]
    assert table["rejected"].to_numpy() == pytest.approx((table["length"] * (1 - table["accepted"])).to_numpy())
    points = table[table["method"] == "algorithm1"]["nll_points"].to_numpy()
    assert points == pytest.approx(paths["algorithm1"].nll.mean(-1).numpy())
    shown = cost_table(table).set_index("method")
    assert shown["rejected length"]["Slerp"] == pytest.approx(table[table["method"] == "slerp"]["rejected"].median())
    assert shown["at rest"].tolist() == ["100 %", "100 %", "(not solved)", "0 %", "(not solved)"]
    assert list(shown)[:3] == ["length", "rejected length", "longest chord / mean chord"]
    without = with_costs(summarise(paths), paths)
    assert "rejected" not in without
    assert "rejected length" not in cost_table(without)


def test_a_curve_that_doubles_back_shows_in_its_largest_angle() -> None:
    z = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.5, 0.0], [2.0, 0.0]]).double()[None]
    still = Algorithm1(max_iterations=0)
    back = interpolate(lambda z: z, z[:, 0], z[:, -1], "geodesic", n_points=4, init=z, solver=still)
    found = with_costs(summarise({"geodesic": back}), {"geodesic": back})
    assert found["angle"].tolist() == pytest.approx([180.0])


def test_statements_about_three_do_not_ask_the_others() -> None:
    numbers = {"geodreg": (2.0, 1.0), "geodesic": (1.0, 5.0), "straight": (3.0, 4.0), "algorithm1": (9.0, 0.5)}
    rows = [(method, 0, *both, True) for method, both in {**numbers, "slerp": (0.5, 0.0)}.items()]
    table = pd.DataFrame(rows, columns=["method", "pair", "length", "nll_mean", "converged"])
    table.loc[table["method"] == "algorithm1", "converged"] = False
    assert [holds for *_, holds in figure_3_claims(table)] == [True, True, True]
    assert [holds for *_, holds in figure_3_aims(table)] == [True, True, True]
    printed = figure_3_claims(table, "algorithm1")
    assert "GeodReg (Algorithm 1) 800 % longer" in printed[0][1]
    assert "3.50 nats lower" in printed[2][1]


def test_figures_name_five_strips_and_five_curves(paths: dict) -> None:  # type: ignore[type-arg]
    figure = plot_interpolations(paths, [0], n_images=3)
    words = [text.get_text() for axes in figure.axes for text in axes.get_yticklabels()]
    assert [word for word in words if word.startswith("GeodReg")] == ["GeodReg\n(loss)", "GeodReg\n(Algorithm 1)"]
    nine = plot_nine({"a": (paths, "gray", None)}, n_pairs=1, n_images=3)["a"]
    assert [text.get_text() for text in nine.legends[0].get_texts()] == list(names_of(ORDER).values())
    plt.close("all")


def test_the_plane_shows_all_paths_within_the_map() -> None:
    manifold = LatentManifold(lambda z: z, noise=0.1)
    ends = torch.tensor([[1.0, 0.0]]).double(), torch.tensor([[-1.5, 0.2]]).double()
    paths = compare(manifold, *ends, n_points=9, with_algorithm1=PRINTED, with_slerp=True)
    figure = plot_plane(manifold, torch.zeros(3, 2), paths, pair=0, extent=1.2)
    assert figure.axes[2].get_xlim() == (-1.2, 1.2)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(names_of(ORDER).values())
    plt.close("all")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_takes_what_the_paper_does_not_tell_and_refuses_what_cannot_be(page: str, tmp_path: Path) -> None:
    source = ROOT / "notebooks" / f"{page}.md"
    names = {"mu_algorithm1": "-0.1", "budget": "-1", "step_share": "0", "grey_range": "0"}
    wanted = {name: value for name, value in names.items() if name != "grey_range" or page != "fig2-circle"}
    assert set(wanted) <= set(declared(source))
    copy = tmp_path / source.name
    copy.write_text(source.read_text())
    for name, value in wanted.items():
        with pytest.raises(
            PlainError, match=rf"^Parameter {name} is .* but it must be of type .* in [\[(].*$"
        ) as caught:
            through_papermill(copy, "-p", name, value)
        assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.usefixtures("forked_kernels")
def test_the_figures_table_has_both_methods_and_what_they_cost(tmp_path: Path) -> None:
    page = ROOT / "notebooks" / "fig3-mnist-vae.md"
    parameters = {"n_pairs": 1, "n_points": 5, "budget": 3, "mu_algorithm1": 0.03, "grey_range": 2.0}
    run_page(page, tmp_path / "out.ipynb", parameters)
    found = pd.read_csv(tmp_path / "fig3-mnist-vae-pairs.csv")
    assert found["method"].tolist() == ORDER
    assert {"length", "rejected", "gap", "angle", "nll_points", "nll_mean", "status"} <= set(found)
    assert found.set_index("method")["iterations"]["algorithm1"] == 3
    written = (tmp_path / "out.ipynb").read_text()
    assert re.search(
        r"with weight 0\.03 in its own sense, for a grey scale of width 2, .* after at most 3 iterations", written
    )
    assert "Algorithm 1 at 0.03, 3 iterations" in written  # in the record of variants
