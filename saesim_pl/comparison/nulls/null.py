"""A null as a whole procedure: draws of one side, each of which is paired and scored as the data were."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from saesim_pl.checks import check_not_negative
from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.comparison.pairing import Pairing
from saesim_pl.functional import Scores
from saesim_pl.functional.ground.declaration import Declaration

_WORD = 0x6E756C6C
"""Part of every seed, so that data made from seed 0 never meets itself among the draws of seed 0."""


@dataclass(frozen=True)
class Draw:
    """One draw: the two sides as the null would have them.

    Attributes:
        a: First side.
        b: Second side; its row i takes the place of row i of the data.
        order: Rows of the data's ``b`` in their drawn order, where a draw is nothing but an order.
        turned: Whether ``b`` is the data's ``b`` turned: all inner products of its rows are kept.
        correlation: Correlations of latents that this draw puts in place of the data's.
    """

    a: FeatureSet
    b: FeatureSet
    order: Int[Tensor, " n_b"] | None = None
    turned: bool = False
    correlation: Scores | None = None


class Draws(ABC):
    """The draws of one null for one pair; draw ``t`` is a pure function of the null's seed and ``t``."""

    @abstractmethod
    def __call__(self, t: int) -> Draw:
        """Draw number ``t``."""


class Null(ABC):
    """Scores that appear without the relation that a measure looks for.

    Each draw repeats the whole procedure: pairs are matched again, the best are chosen again, everything
    is scored again. A p-value is ``(b + 1) / (m + 1)`` for ``b`` of ``m`` draws at least as good as the
    data.

    Args:
        n_draws: Draws; the least p-value is ``1 / (n_draws + 1)``.
        seed: Decides all draws, which are the same on every device.

    Raises:
        ValueError: Fewer than 2 draws, or a negative seed.
    """

    needs: ClassVar[tuple[str, ...]] = ("position", "cosine")
    """Kinds of pairings that the null can repeat."""

    def __init__(self, n_draws: int = 999, seed: int = 0) -> None:
        if n_draws < 2:
            raise ValueError(f"n_draws must be at least 2, got {n_draws}")
        check_not_negative(seed=seed)
        self.n_draws, self.seed = n_draws, seed

    @property
    def depends_on_shapes(self) -> bool:
        """Whether draws depend on the shapes of both sides alone, so that their scores can be remembered."""
        return False

    def __str__(self) -> str:
        """As the column ``null`` of a table names it."""
        return f"{type(self).__name__}({self.n_draws})"

    @abstractmethod
    def draws(self, a: FeatureSet, b: FeatureSet, group: str = "all") -> Draws:
        """The draws for one pair; work that all draws share is done here, once."""

    def refusal(
        self, pairing: Pairing, declaration: Declaration | None, options: Mapping[str, Any]
    ) -> str | None:
        """Why the null says nothing about a measure under a pairing, and which to use; None if it does."""
        if pairing.by not in self.needs:
            return f"{type(self).__name__} cannot repeat a pairing by {pairing.by}"
        return None


def generator(seed: int, t: int, *words: int) -> torch.Generator:
    """A generator on the CPU for draw ``t``."""
    mixed = _WORD
    for word in (seed, t, *words):
        mixed = (mixed * 6364136223846793005 + word * 1442695040888963407 + 1) % 2**63
    return torch.Generator().manual_seed(mixed)


def is_blind(declaration: Declaration | None, options: Mapping[str, Any], *transformations: str) -> bool:
    """Whether all these transformations of ``b`` are known to leave a measure alone."""
    return declaration is not None and set(transformations) <= declaration.blind_to(options, "b")


def name_of(declaration: Declaration | None) -> str:
    """Name of a measure, for messages."""
    return "this metric" if declaration is None else declaration.name
