"""Rules that make a matching."""

from abc import ABC, abstractmethod
from typing import ClassVar, get_args

import torch

from saesim_pl.checks import check_counts
from saesim_pl.comparison.sides import Sides
from saesim_pl.functional import Matching
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.pairing.matching import MatchingMethod


class Pairing(ABC):
    """How rows of ``a`` find rows of ``b``."""

    by: ClassVar[str]
    """Scores that the rule uses: ``position``, ``cosine`` or ``correlation``."""

    @abstractmethod
    def match(self, sides: Sides) -> Matching:
        """The pairs of rows of two sides; a null calls it again for each of its draws."""

    def __str__(self) -> str:
        """As it could be written in Python."""
        options = ", ".join(f"{key}={value!r}" for key, value in vars(self).items() if value is not None)
        return f"{type(self).__name__}({options})"


class Unpaired(Pairing):
    """Rows as they come: row i of ``a`` with row i of ``b``.

    Right for rows that are the same thing by construction, such as neurons of one model before and after
    training; a control for all others.

    Example:
        >>> Unpaired().by
        'position'
    """

    by = "position"

    def match(self, sides: Sides) -> Matching:
        """Row i with row i, as far as ``b`` goes; rows of a group keep their places."""
        index_a = (sides.positions < sides.sizes[1]).nonzero().squeeze(1)
        index_b = sides.positions[index_a]
        return Matching(index_a, index_b, torch.ones(len(index_a)), sides.sizes)


class _ByScore(Pairing):
    """Base of the pairings by cosine and by correlation.

    Args:
        method: ``argmax`` gives each row of ``a`` its best row of ``b``, many to one; ``mutual`` keeps the
            pairs that are each other's best; ``hungarian`` is one to one with the highest sum.
        top: Keep only this many pairs, with the highest scores.
        min_score: Drop pairs of a lower score.

    Raises:
        ValueError: ``method`` is unknown, ``top`` is below 1, or ``min_score`` is outside [-1, 1].
    """

    def __init__(
        self, method: MatchingMethod = "hungarian", top: int | None = None, min_score: float | None = None
    ) -> None:
        check_option("method", method, get_args(MatchingMethod))
        if top is not None:
            check_counts(top=top)
        if min_score is not None and not -1 <= min_score <= 1:
            raise ValueError(f"min_score must lie in [-1, 1], got {min_score}")
        self.method, self.top, self.min_score = method, top, min_score

    def match(self, sides: Sides) -> Matching:
        """The best pairs of two sides."""
        matching = sides.matching(self.by, self.method)
        if self.min_score is not None:
            matching = matching.at_least(self.min_score)
        return matching if self.top is None else matching.top(self.top)


class CosinePairing(_ByScore):
    """Pairs rows by the cosine of their directions, which must live in one space.

    Args:
        method: ``argmax`` gives each row of ``a`` its best row of ``b``, many to one; ``mutual`` keeps the
            pairs that are each other's best; ``hungarian`` is one to one with the highest sum of cosines.
        top: Keep only this many pairs, with the highest cosines.
        min_score: Drop pairs of a lower cosine.

    Raises:
        ValueError: ``method`` is unknown, ``top`` is below 1, or ``min_score`` is outside [-1, 1].

    Example:
        >>> CosinePairing("hungarian", top=100).by
        'cosine'
    """

    by = "cosine"


class CorrelationPairing(_ByScore):
    """Pairs latents by the Pearson correlation of their activations over the same samples.

    Args:
        method: ``argmax`` gives each latent of ``a`` its best of ``b``, many to one; ``mutual`` keeps the
            pairs that are each other's best; ``hungarian`` is one to one with the highest sum.
        top: Keep only this many pairs, with the highest correlations.
        min_score: Drop pairs of a lower correlation.

    Raises:
        ValueError: ``method`` is unknown, ``top`` is below 1, or ``min_score`` is outside [-1, 1].

    Example:
        >>> CorrelationPairing("mutual").by
        'correlation'
    """

    by = "correlation"

    def __init__(
        self, method: MatchingMethod = "mutual", top: int | None = None, min_score: float | None = None
    ) -> None:
        super().__init__(method, top, min_score)
