"""The facts that each measure declares about itself, once, beside its formula."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from torch import Tensor

from saesim_pl.functional.ground.transformations import SIDE_TRANSFORMATIONS
from saesim_pl.functional.halves import Halves

Options = Mapping[str, Any]
Bounds = tuple[float | None, float | None]
Measure = TypeVar("Measure", bound=Callable[..., Tensor])


@dataclass(frozen=True)
class Blind:
    """Transformations of one side that leave a measure's value unchanged.

    Args:
        to: Names of ``SIDE_TRANSFORMATIONS``, separated by spaces.
        when: For which options (all of them, defaults included) and side (``"a"`` or ``"b"``) this holds.

    Raises:
        ValueError: An unknown transformation.
    """

    to: str
    when: Callable[[Options, str], bool] = lambda options, side: True

    def __post_init__(self) -> None:
        unknown = set(self.to.split()) - SIDE_TRANSFORMATIONS.keys()
        if unknown:
            raise ValueError(f"unknown transformations: {sorted(unknown)}")


@dataclass(frozen=True)
class Declaration:
    """The facts about one measure; see :func:`declared` for their meaning.

    Options are keyword arguments of the measure; omitted options have their defaults.
    """

    measure: Callable[..., Tensor]
    needs: Literal["pairs", "sides"]
    better_rule: Callable[[Options], bool]
    bounds_rule: Callable[[Options], Bounds]
    min_rows_rule: Callable[[Options], int]
    halves_rule: Callable[..., Halves | None] | None
    blind: tuple[Blind, ...]
    shown: tuple[Options, ...]
    one_space: bool
    directed: bool
    matching: Literal["argmax", "pairing"] | None
    encoder: bool
    per_feature: Callable[..., Tensor] | None

    @property
    def name(self) -> str:
        """Name of the function."""
        return _name(self.measure)

    def higher_is_better(self, options: Options) -> bool:
        """Whether more similar sides score higher."""
        return self.better_rule(self.completed(options))

    def bounds(self, options: Options) -> Bounds:
        """Lowest and highest value that the formula can take; None where there is no limit."""
        return self.bounds_rule(self.completed(options))

    def best(self, options: Options) -> float | None:
        """The value of perfectly similar sides: the upper bound, or for a distance the lower one."""
        low, high = self.bounds(options)
        return high if self.higher_is_better(options) else low

    def min_rows(self, options: Options) -> int:
        """Fewest rows of each side for which the measure is defined and accepts its own options."""
        return self.min_rows_rule(self.completed(options))

    def blind_to(self, options: Options, side: str = "b") -> frozenset[str]:
        """Names of the transformations of only this side that leave the value unchanged."""
        full = self.completed(options)
        names = {name for blind in self.blind if blind.when(full, side) for name in blind.to.split()}
        return frozenset(names | ({"row_permutation"} if self.needs == "sides" else set()))

    def halves(self, options: Options, n_rows: int) -> Halves | None:
        """The measure in two halves; None if it has no halves for these options or this many rows."""
        return None if self.halves_rule is None else self.halves_rule(n_rows, **options)

    def completed(self, options: Options) -> dict[str, Any]:
        """The given options, completed with the defaults of all others.

        Raises:
            ValueError: The measure has no such option.
        """
        _, _, *rest = inspect.signature(self.measure).parameters.values()
        defaults = {each.name: each.default for each in rest}
        unknown = options.keys() - defaults.keys()
        if unknown:
            known = ", ".join(defaults) or "none"
            raise ValueError(f"{self.name} has no option {sorted(unknown)[0]!r}; its options: {known}")
        return {**defaults, **options}


_DECLARATIONS: dict[Callable[..., Tensor], Declaration] = {}


def declared(
    *,
    needs: Literal["pairs", "sides"],
    bounds: Bounds | Callable[[Options], Bounds],
    higher_is_better: bool | Callable[[Options], bool] = True,
    blind: tuple[Blind, ...] = (),
    shown: tuple[Options, ...] = ({},),
    one_space: bool = False,
    directed: bool = False,
    matching: Literal["argmax", "pairing"] | None = None,
    encoder: bool = False,
    min_rows: int | Callable[[Options], int] | None = None,
    halves: Callable[..., Halves | None] | None = None,
    per_feature: Callable[..., Tensor] | None = None,
) -> Callable[[Measure], Measure]:
    """Register the facts about a measure, a function of two sides and options, and return it unchanged.

    Rules are functions of all options of the measure, including defaults.

    Args:
        needs: ``pairs`` where row i of ``a`` belongs to row i of ``b``; ``sides`` where both are sets of
            rows, so that reordering one side's rows changes nothing.
        bounds: Lowest and highest value, None for no limit; or a rule.
        higher_is_better: Whether more similar sides score higher; or a rule.
        blind: Transformations of one side that leave the value unchanged, apart from ``row_permutation``,
            which follows from ``needs``. All others move the value.
        shown: Options of each row in the table of invariances.
        one_space: Whether it takes cosines between rows of ``a`` and rows of ``b``, which then need the
            same width.
        directed: Whether, with default options, the two sides have different roles.
        matching: Which :class:`~saesim_pl.functional.Matching` it takes as keyword ``matching`` in place of
            its own search: ``argmax`` (the best row of the second side for each row of the first),
            ``pairing`` (any), or None (it takes no matching).
        encoder: Whether rows are encoder and decoder side by side.
        min_rows: Fewest rows of each side; or a rule. By default 2 for pairs, 1 for sides.
        halves: Function of the number of rows and the given options that returns the two halves, or None
            where the measure cannot be split.
        per_feature: Function of both sides and the options that returns the scores of single rows; their
            mean is the value.
    """

    def register(measure: Measure) -> Measure:
        _DECLARATIONS[measure] = Declaration(
            measure,
            needs,
            better_rule=_rule(higher_is_better),
            bounds_rule=_rule(bounds),
            min_rows_rule=_rule(min_rows or (2 if needs == "pairs" else 1)),
            halves_rule=halves,
            blind=blind,
            shown=shown,
            one_space=one_space,
            directed=directed,
            matching=matching,
            encoder=encoder,
            per_feature=per_feature,
        )
        return measure

    return register


def declaration_if_any(measure: Callable[..., Tensor]) -> Declaration | None:
    """The facts about a measure, None for a function that declares none."""
    return _DECLARATIONS.get(measure)


def declaration_of(measure: Callable[..., Tensor]) -> Declaration:
    """The declaration of a measure.

    Raises:
        ValueError: The function is not declared.
    """
    found = _DECLARATIONS.get(measure)
    if found is None:
        name = _name(measure)
        raise ValueError(f"{name} is no declared measure; pass the function itself, options as keywords")
    return found


def declarations() -> tuple[Declaration, ...]:
    """All declarations, in the order in which they were made."""
    return tuple(_DECLARATIONS.values())


def _rule(fact: Any) -> Callable[[Options], Any]:
    return fact if callable(fact) else lambda options: fact


def _name(measure: Callable[..., Tensor]) -> str:
    return getattr(measure, "__name__", str(measure))
