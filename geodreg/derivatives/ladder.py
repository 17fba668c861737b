"""One ladder of derivatives: the first way that gives what another way gives, in double precision where possible."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from geodreg.derivatives.calling import DifferentiableCall
from geodreg.derivatives.cost import jacobian_cost
from geodreg.derivatives.finite_steps import follows_steps
from geodreg.derivatives.forward_mode import NoRuleError
from geodreg.derivatives.modes import full_precision, own_modes
from geodreg.derivatives.rungs import FORMULAS, RUNGS, tangents_by_vmap

__all__ = ["MIXES_ROWS", "DerivativeError", "Ladder", "Rung", "check_products", "drops_rows"]

AGREEMENT = {torch.float64: 1e-4}  # relative, between two rungs; a generator may compute a part in single precision
USUAL_AGREEMENT = 1e-3  # single precision agrees to 1e-5
DIRECTIONS = 16  # that are compared; of more latents as many directions at random as follow
FEW_DIRECTIONS = 4
LONG = 120  # letters of somebody else's error that are quoted
MANY_NUMBERS = 4096  # in a data point, for one reverse pass each
CUT_OFF = (
    "The generator's derivatives are not what small steps show; "
    "it must not detach its input, compute under torch.no_grad() or round."
)
MIXES_ROWS = (
    "The generator gives another result for a latent alone than among others; "
    "it must compute each row independently of the others, and without randomness (call .eval() on a module)."
)
MADE_IN_INFERENCE = (
    "The generator's weights were made in torch.inference_mode(), so nothing can be differentiated through them; pass "
    "the module itself, which is copied then, or make it outside of that mode."
)
RANK = {name: place for place, name in enumerate(RUNGS)}
COMPARED = ("layers", "reverse", "vmap", "jvp", "rows")
"""Rungs in the order in which they are tried: for its first forward mode torch loads its compiler, in seconds."""
SAID = {
    "layers": "rules layer by layer",
    "vmap": "torch.func.jvp under vmap",
    "jvp": "forward mode, every direction a row of the batch",
    "reverse": "two reverse passes",
    "rows": "a reverse pass for each number of a data point",
    "steps": "finite steps",
}


class DerivativeError(ValueError):
    """No way to differentiate a generator runs and gives what another one gives."""


@dataclass(frozen=True)
class Rung:
    """A way to differentiate that was accepted.

    Attributes:
        name: of the rung, a key of :data:`~geodreg.derivatives.rungs.RUNGS`.
        against: what it was compared with: another rung, or ``"steps"``.
        twice: whether the tangents can be differentiated again.
    """

    name: str
    against: str
    twice: bool

    def __str__(self) -> str:
        return f"derivatives by {SAID[self.name]}, checked against {SAID[self.against]}"


class _Outcome(NamedTuple):
    """What a rung found: values, tangents, and the gradient of the squares of the tangents if there is one."""

    values: Tensor
    tangents: Tensor
    gradient: Tensor | None


class Ladder:
    """Derivatives of a generator by the first rung that is right.

    Which one that is is found out at the first use. A rung is accepted where its values, its tangents and the gradient
    of the tangents are those of another rung that has other formulas, in double precision if the generator is a module
    that can be copied to it, and never because it did not raise; and where it also runs on the generator as it is.
    Where no two agree, those that run are compared with finite steps, in order.

    Args:
        function: the generator.
        wanted: name of the rung to take, or None for the first that is right.

    Raises:
        ValueError: if there is no rung of that name.
    """

    def __init__(self, function: DifferentiableCall, wanted: str | None = None) -> None:
        if wanted is not None and wanted not in RUNGS:
            names = ", ".join(map(repr, RUNGS))
            raise ValueError(f"derivatives is {wanted!r}; choose one of {names}, or None for the first that is right.")
        self.function = function
        self.wanted = wanted
        self.rung: Rung | None = None
        self._follows_steps = False  # whether the chosen rung was compared with finite steps as well
        self._failed: set[str] = set()  # rungs that were accepted, and did not run in the solve

    @full_precision()
    def pushforward(self, z: Tensor, directions: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data points and pushed directions ``(n, k, d)``, every latent one without any: ``(n, D)``, ``(n, k, D)``."""
        if torch.is_inference_mode_enabled():  # in which no rung but the first leaves a trace of what it did
            with torch.inference_mode(False), torch.no_grad():
                return self.pushforward(z.clone(), None if directions is None else directions.clone())
        if len(z) == 0 or torch._C._are_functorch_transforms_active():
            return tangents_by_vmap(self.function, z, directions)
        if self.rung is None:
            self.choose(z[:2])
        assert self.rung is not None  # noqa: S101 - chosen just now
        try:
            return RUNGS[self.rung.name](self.function, z, directions)
        except (NoRuleError, NotImplementedError) as error:  # it does something else with more rows, or another mode
            if self.wanted is not None:
                raise _without(self.wanted, error) from error
            self._failed.add(self.rung.name)
            self.choose(z[:2])
            return self.pushforward(z, directions)

    @full_precision()
    def push(
        self, function: Callable[[Tensor], Tensor], z: Tensor, directions: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The same for another function of the generator, by the rung that was chosen."""
        if torch.is_inference_mode_enabled():
            with torch.inference_mode(False), torch.no_grad():
                return self.push(function, z.clone(), None if directions is None else directions.clone())
        return (tangents_by_vmap if self.rung is None else RUNGS[self.rung.name])(function, z, directions)

    def jacobian_cost(self, z: Tensor) -> float:
        """Gradients that a Jacobian costs at the first of latents ``(n, d)``, by :func:`jacobian_cost`."""
        if self.rung is not None and self.rung.name == "rows":  # a reverse pass for each number, and no tangents
            with torch.no_grad():
                return 0.5 * self.function(z[:1]).numel()
        return jacobian_cost(self.function, self.push, z)

    @own_modes()
    def choose(self, z: Tensor) -> Rung:
        """The rung for latents ``(n, d)``, from now on.

        Raises:
            DerivativeError: if there is none, or the one that is wanted is not right; or if the generator mixes rows.
        """
        self._follows_steps = False
        if fault := _fault_of_rows(self.function, z.detach()[[0, -1]]):
            raise DerivativeError(fault)
        self.rung = self._running(*_trial(self.function, z), z)
        return self.rung

    def _running(self, function: Callable[[Tensor], Tensor], points: Tensor, z: Tensor) -> Rung:
        """The first rung that is right, and runs on the generator itself too, not only on its copy in double precision.

        Where none can be differentiated twice in the generator's own precision, the first that can be once.
        """
        once: Rung | None = None
        barred = set(self._failed)
        while True:
            try:
                rung = self._compared(list(RUNGS), function, points, barred)
            except DerivativeError:
                if once is None:
                    raise
                return once
            try:
                found = _outcome(rung.name, *_along_few(self.function, z.detach()[:1], DIRECTIONS))
            except Exception as error:
                if self.wanted is not None:
                    raise _without(self.wanted, error) from error
            else:
                if found.gradient is not None:
                    return rung if rung.twice else once or rung
                once = once or replace(rung, twice=False)
                if self.wanted is not None:
                    return once
            barred.add(rung.name)

    @own_modes()
    def check(self, z: Tensor, twice: bool) -> None:
        """Refuse a generator whose derivatives are not those of its values, or not there.

        Two rungs agree on a function that is cut off from its latents somewhere; finite steps do not.

        Args:
            z: latents ``(n, d)``, two different ones at least where that is possible.
            twice: whether the tangents will be differentiated again.

        Raises:
            DerivativeError: with what to do.
        """
        if not self._follows_steps:
            function, points = _trial(self.function, z)
            rung = self._running(function, points, z) if self.rung is None else self.rung
            self.rung = rung
            if not follows_steps(function, RUNGS[rung.name], points, rung.twice):
                raise DerivativeError(CUT_OFF)
            self._follows_steps = True
        if twice and self.rung is not None and not self.rung.twice:
            raise DerivativeError(
                "The generator can be differentiated once, but not twice, as the density along a path and the "
                "exponential map need it; pass method='geodesic', or write the generator with torch operations that "
                "have second derivatives."
            )

    @own_modes()
    def confirm(self, z: Tensor) -> None:
        """Compare the chosen rung with another one at other latents ``(n, d)``, those of a solution.

        Raises:
            DerivativeError: if they differ there.
        """
        if self.rung is None:
            return
        before = self.rung
        names = list(RUNGS)
        found = self._compared(names[names.index(before.name) :], *_trial(self.function, z, FEW_DIRECTIONS))
        if found.name != before.name:
            raise DerivativeError(
                f"The derivatives by {before.name!r} were right where the solve began and are not where it ended; "
                f"pass LatentManifold(generator, derivatives={found.name!r})."
            )

    def _compared(
        self, names: list[str], function: Callable[[Tensor], Tensor], z: Tensor, barred: Collection[str] = ()
    ) -> Rung:
        """The first of some rungs that gives what a later one gives, or what finite steps show.

        Of two that agree it is the one further up. What is barred is not chosen, but the others are compared with it.
        """
        wanted = self.wanted
        names = sorted(names if wanted is None else RUNGS, key=lambda name: (name != wanted, COMPARED.index(name)))
        outcomes: dict[str, _Outcome] = {}
        reasons: list[str] = []
        once: Rung | None = None  # right, but not known to be so when it is differentiated again
        for name in names:
            if name == "rows" and name != wanted and (once or self._has_many_numbers(outcomes)):
                continue  # it takes as many passes as there are numbers
            try:
                outcome = _outcome(name, function, z)
            except Exception as error:
                reasons.append(f"{name}: {_first_line(error)}")
                if name == wanted:
                    raise _without(name, error) from error
                continue
            for earlier, other in sorted(outcomes.items(), key=lambda found: found[0] in barred):
                if wanted not in (None, earlier):
                    continue
                same_first, same_second = _agree(other, outcome)
                chosen, against = sorted((earlier, name), key=lambda one: (one != wanted, one in barred, RANK[one]))
                if chosen in barred:
                    continue
                if same_first and same_second and FORMULAS[earlier] != FORMULAS[name]:
                    return Rung(chosen, against, twice=True)
                if same_first and once is None:
                    once = Rung(chosen, against, twice=False)
            outcomes[name] = outcome
        left = {name: outcomes[name] for name in RUNGS if name in outcomes and name not in barred}
        for name, outcome in left.items():
            if (
                wanted in (None, name)
                and outcome.gradient is not None
                and follows_steps(function, RUNGS[name], z, True)
            ):
                return Rung(name, "steps", twice=True)
        if once is not None:
            return once
        for name in left:
            if wanted in (None, name) and follows_steps(function, RUNGS[name], z, False):
                return Rung(name, "steps", twice=False)
        if wanted is not None:
            raise DerivativeError(
                f"The derivatives by {wanted!r} are not those of another way; "
                "leave derivatives=None, and the first way that is right is taken."
            )
        if not left and any("Inference tensors" in reason for reason in reasons):
            raise DerivativeError(MADE_IN_INFERENCE)
        why = (reasons or ["no way is left"])[-1]
        what = "no two ways give the same, nor what a small step does" if left else why
        raise DerivativeError(
            f"The generator cannot be differentiated ({what}); write it with differentiable torch operations, without "
            ".detach() and torch.no_grad(), and in evaluation mode."
        )

    @staticmethod
    def _has_many_numbers(outcomes: dict[str, _Outcome]) -> bool:
        return any(outcome.values.shape[1] > MANY_NUMBERS for outcome in outcomes.values())


def _trial(
    function: DifferentiableCall, z: Tensor, n_variables: int = DIRECTIONS
) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """A function and two points to compare rungs at, precise where that is possible.

    Instead of many variables there are a few directions at random.
    """
    return _along_few(*_precise(function, z.detach()[[0, -1]] if len(z) > 1 else z.detach().clone()), n_variables)


def _along_few(
    function: Callable[[Tensor], Tensor], z: Tensor, n_variables: int
) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    """A function and points to try a rung at: of more latents than ``n_variables`` a few directions at random."""
    d = z.shape[-1]
    if d <= n_variables:
        return function, z
    chance = torch.Generator().manual_seed(0)
    some = torch.randn(FEW_DIRECTIONS, d, generator=chance, dtype=torch.float64, device="cpu").to(z) / d**0.5
    origin = z[:1]
    points = torch.zeros(len(z), FEW_DIRECTIONS, dtype=z.dtype, device=z.device)
    points[1:] = 0.1
    return lambda t: function(origin + t @ some), points


def drops_rows(alone: Tensor, x: Tensor) -> str:
    """What is wrong with a generator whose data have another shape for one latent alone; empty if they have not."""
    if alone.shape == x[:1].shape:
        return ""
    return (
        f"The generator returns shape {tuple(alone.shape)} for one latent alone, where one of several has shape "
        f"{tuple(x[:1].shape)}; squeeze(1), say, instead of squeeze(), so that the first dimension stays."
    )


def _fault_of_rows(function: Callable[[Tensor], Tensor], z: Tensor) -> str:
    """What is wrong if a latent alone gives something else than beside another one ``(2, d)``.

    Two rungs that agree do not tell, since they repeat a mixture alike.
    """
    try:
        with torch.no_grad():
            x, alone = function(z), function(z[:1])
        is_close = _close(alone, x[:1], max(USUAL_AGREEMENT, torch.finfo(x.dtype).eps ** 0.5))
        return drops_rows(alone, x) or ("" if is_close else MIXES_ROWS)
    except Exception:  # noqa: BLE001 - no rung will run either, and the last one says why
        return ""


def _precise(function: DifferentiableCall, z: Tensor) -> tuple[DifferentiableCall, Tensor]:
    """A function and latents in double precision, if that gives the same values, else as they are."""
    precise = function.in_double()
    try:
        if precise is not None:
            with torch.no_grad():
                x, y = function(z), precise(z.double())
            if y.dtype == torch.float64 and _close(x.double(), y, USUAL_AGREEMENT):
                return precise, z.double()
    except Exception:  # noqa: BLE001, S110 - it computes a part in a precision of its own
        pass
    return function, z


def _outcome(name: str, function: Callable[[Tensor], Tensor], z: Tensor) -> _Outcome:
    point = z.detach().clone().requires_grad_()
    with torch.enable_grad():
        values, tangents = RUNGS[name](function, point)
        square = tangents.square().sum()
        gradient: Tensor | None = torch.zeros_like(point)
        if square.requires_grad:
            try:
                (gradient,) = torch.autograd.grad(square, point, allow_unused=True, materialize_grads=True)
            except Exception:  # noqa: BLE001 - the tangents are right all the same, for a plain geodesic
                gradient = None
    return _Outcome(values.detach(), tangents.detach(), gradient)


def _agree(one: _Outcome, other: _Outcome) -> tuple[bool, bool]:
    """Whether values and tangents are the same, and whether their gradients are there and the same."""
    tolerance = AGREEMENT.get(one.values.dtype, max(USUAL_AGREEMENT, torch.finfo(one.values.dtype).eps ** 0.5))
    first = _close(one.values, other.values, tolerance) and _close(one.tangents, other.tangents, tolerance)
    if one.gradient is None or other.gradient is None:
        return first, False
    return first, _close(one.gradient, other.gradient, tolerance)


def _close(one: Tensor, other: Tensor, tolerance: float) -> bool:
    """Whether two tensors are the same, relative to the largest number; what is not finite must be so in both."""
    if one.shape != other.shape:
        return False
    finite = one.isfinite() & other.isfinite()
    if not torch.equal(one.isfinite(), other.isfinite()):
        return False
    if not finite.any():
        return True
    return bool((one - other)[finite].abs().max() <= tolerance * other[finite].abs().max())


def _without(name: str, error: Exception) -> DerivativeError:
    """What is said where the rung that was asked for does not run."""
    return DerivativeError(
        f"The generator has no derivatives by {name!r} ({_first_line(error)}); "
        "leave derivatives=None, and the first way that is right is taken."
    )


def _first_line(error: Exception) -> str:
    line = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return line if len(line) <= LONG else line[:LONG] + "..."


@own_modes()
def check_products(function: DifferentiableCall, z: Tensor, twice: bool) -> None:
    """Refuse a generator whose products with its Jacobian, by reverse mode alone, are not what small steps show.

    Args:
        function: the generator.
        z: latents ``(n, d)``.
        twice: whether the length of tangents will be differentiated.

    Raises:
        DerivativeError: with what to do.
    """
    trial, points = _trial(function, z)
    try:
        right = follows_steps(trial, RUNGS["reverse"], points, twice)
    except Exception as error:  # whatever it is, it is the generator's, and the sentence quotes it
        raise DerivativeError(
            f"The generator cannot be differentiated by reverse mode ({_first_line(error)}); "
            "write it with differentiable torch operations, and in evaluation mode."
        ) from error
    if not right:
        raise DerivativeError(CUT_OFF)
