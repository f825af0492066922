"""Two sides of one comparison, or of one draw of a null: each matching between them is made once."""

from functools import cached_property

import torch
from jaxtyping import Int
from torch import Tensor

from saesim_pl.comparison.feature_set import FeatureSet
from saesim_pl.functional import Matching, Scores, match_by_correlation
from saesim_pl.functional.pairing.both_ways import BestBothWays, best_both_ways
from saesim_pl.functional.pairing.matching import MatchingMethod
from saesim_pl.functional.pairing.scores import CosineScores, MatrixScores

# Scores of so many pairs of rows are kept whole; of more they are made again by blocks.
_WHOLE = 8192**2


class Sides:
    """Rows of ``a`` and ``b`` and the matchings between them.

    Args:
        a: One side.
        b: The other side.
        correlation: Correlation of each latent of ``a`` with each of ``b``, where samples were seen.
        positions: Place of each row of ``a`` among the rows it was taken from; by default its own.
    """

    def __init__(
        self,
        a: FeatureSet,
        b: FeatureSet,
        correlation: Scores | None = None,
        positions: Int[Tensor, " n_a"] | None = None,
    ) -> None:
        self.a, self.b, self._correlation = a, b, correlation
        self.positions = torch.arange(len(a)) if positions is None else positions.cpu()
        self._matchings: dict[tuple[str, str], Matching] = {}
        self._best: dict[str, BestBothWays] = {}

    @property
    def sizes(self) -> tuple[int, int]:
        """Number of rows of each side."""
        return len(self.a), len(self.b)

    def swapped(self) -> "Sides":
        """The same two sides in the other order; for measures that ask how well ``b`` is found in ``a``."""
        other = Sides(self.b, self.a)
        if isinstance(self.cosines, MatrixScores):
            other.__dict__["cosines"] = MatrixScores(self.cosines.whole().T)
        return other

    def of_rows(self, index: Int[Tensor, " m"] | None) -> "Sides":
        """Only these rows of ``a``, beside all of ``b``; scores that are already there are taken over."""
        if index is None:
            return self
        correlation = self._correlation and MatrixScores(self._correlation.rows(index))
        positions = self.positions[index.cpu()]
        other = Sides(self.a.rows(index), self.b, correlation, positions)
        if isinstance(self.cosines, MatrixScores):
            other.__dict__["cosines"] = MatrixScores(self.cosines.rows(index))
        return other

    @cached_property
    def cosines(self) -> Scores:
        """Cosine of each row of ``a`` with each row of ``b``."""
        scores = CosineScores(self.a.directions, self.b.directions)
        return MatrixScores(scores.whole()) if scores.shape[0] * scores.shape[1] <= _WHOLE else scores

    def scores(self, by: str) -> Scores:
        """Scores by ``cosine`` or ``correlation``.

        Raises:
            ValueError: Correlations are asked for, and no samples were seen.
        """
        if by == "cosine":
            return self.cosines
        if self._correlation is None:
            names = f"{self.a.name} and {self.b.name}"
            raise ValueError(f"a pairing by correlation needs latents of {names} over the same samples")
        return self._correlation

    def matching(self, by: str, method: MatchingMethod) -> Matching:
        """The matching of all rows, made at the first call."""
        key = by, method
        if key not in self._matchings:
            if method == "hungarian":
                self._matchings[key] = match_by_correlation(self.scores(by), method)
            else:
                best = self.best(by)
                self._matchings[key] = best.argmax() if method == "argmax" else best.mutual()
        return self._matchings[key]

    def best(self, by: str = "cosine") -> BestBothWays:
        """The best partner of every row of both sides, from one pass over all scores."""
        if by not in self._best:
            self._best[by] = best_both_ways(self.scores(by))
        return self._best[by]

    def paired_rows(self, matching: Matching) -> tuple[Tensor, Tensor]:
        """The directions of the pairs."""
        return self.a.directions[matching.index_a], self.b.directions[matching.index_b]

    def with_encoders(self) -> tuple[Tensor, Tensor]:
        """Encoder and decoder of each row side by side; the decoder twice where a side has no encoder."""
        if self.a.encoder is None or self.b.encoder is None:
            return self.a.directions.repeat(1, 2), self.b.directions.repeat(1, 2)
        return (
            torch.cat([self.a.encoder, self.a.directions], dim=1),
            torch.cat([self.b.encoder, self.b.directions], dim=1),
        )
