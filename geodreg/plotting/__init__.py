"""The figures of the book, drawn from paths, manifolds and tables; nothing is solved or measured."""

from typing import TYPE_CHECKING

from geodreg.workspace.lazy import lazily

if TYPE_CHECKING:
    from geodreg.plotting.algorithm import plot_course, plot_steps
    from geodreg.plotting.candidates import plot_candidate_strips, plot_candidates
    from geodreg.plotting.diagrams import plot_diagrams
    from geodreg.plotting.effects import plot_effects
    from geodreg.plotting.frames import plane_frames, strip_frames
    from geodreg.plotting.geometry import plot_indicatrices, plot_magnification, plot_scaling
    from geodreg.plotting.limits import plot_acceptance_by_nll, plot_fold, plot_sensitivity
    from geodreg.plotting.plane import (
        animate_solution,
        latent_grid,
        plot_curves,
        plot_density,
        plot_grid,
        plot_mismatch,
        plot_plane,
        plot_points,
        plot_starts,
    )
    from geodreg.plotting.price import plot_prices, plot_sheet
    from geodreg.plotting.reliability import plot_judges, plot_reliability
    from geodreg.plotting.scenes import plot_rows
    from geodreg.plotting.speed import plot_cost, plot_time_to_gap, plot_trajectories
    from geodreg.plotting.straightness import plot_excess, plot_references, plot_spectra, plot_straightness
    from geodreg.plotting.strips import plot_each, plot_interpolations, plot_nine, plot_strips
    from geodreg.plotting.style import METHOD_STYLE, use_house_style
    from geodreg.plotting.training import plot_acceptance, plot_trade, plot_weights
else:
    __getattr__, __dir__ = lazily(__name__, __file__)

__all__ = [
    "METHOD_STYLE",
    "animate_solution",
    "latent_grid",
    "plane_frames",
    "plot_acceptance",
    "plot_acceptance_by_nll",
    "plot_candidate_strips",
    "plot_candidates",
    "plot_cost",
    "plot_course",
    "plot_curves",
    "plot_density",
    "plot_diagrams",
    "plot_each",
    "plot_effects",
    "plot_excess",
    "plot_fold",
    "plot_grid",
    "plot_indicatrices",
    "plot_interpolations",
    "plot_judges",
    "plot_magnification",
    "plot_mismatch",
    "plot_nine",
    "plot_plane",
    "plot_points",
    "plot_prices",
    "plot_references",
    "plot_reliability",
    "plot_rows",
    "plot_scaling",
    "plot_sensitivity",
    "plot_sheet",
    "plot_spectra",
    "plot_starts",
    "plot_steps",
    "plot_straightness",
    "plot_strips",
    "plot_time_to_gap",
    "plot_trade",
    "plot_trajectories",
    "plot_weights",
    "strip_frames",
    "use_house_style",
]
