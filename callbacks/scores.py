"""Scores of two dictionaries in one space, each with what chance gives in its place."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional import (
    Matching,
    fraction_recovered,
    fraction_shared,
    jaccard_similarity,
    match_by_cosine,
    matched_cosine_similarity,
    mcc,
    mean_max_cosine_similarity,
    pw_mcc,
    uniqueness,
)

# Rows over which chance is averaged at the least, so that it has a small error of its own.
MIN_ROWS = 1000


@dataclass(frozen=True)
class Score:
    """A measure's value with its context; see ``ComparisonRow``."""

    measure: str
    value: float
    chance: float
    n_pairs: int
    n_unique: int


class CosineScores:
    """Scores beside the mean score of Gaussian dictionaries of the same shapes, treated in the same way.

    Gaussian rows point in uniformly random directions, so chance is what dictionaries without a common
    cause give. It depends on nothing but the shapes and is remembered by them.

    Args:
        method: How rows are matched one to one.
        k: Neighbours compared by the Jaccard index.
    """

    def __init__(self, method: Literal["hungarian", "mutual"], k: int) -> None:
        if method not in ("hungarian", "mutual"):
            raise ValueError(f"method must be 'hungarian' or 'mutual', got {method!r}")
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        self.method, self.k = method, k
        self._chance: dict[tuple, float] = {}

    def best(self, dictionary: Float[Tensor, "n d"], reference: Float[Tensor, "m d"]) -> Score:
        """How well the rows of ``dictionary`` are found in ``reference``."""
        matching = match_by_cosine(dictionary, reference, "argmax")
        measure = mean_max_cosine_similarity
        return self._score("mean_max_cosine_similarity", measure, dictionary, reference, matching)

    def recovered(self, truth: Float[Tensor, "n d"], dictionary: Float[Tensor, "m d"]) -> list[Score]:
        """How well true rows are found, how many of them, and by how many different rows."""
        matching = match_by_cosine(truth, dictionary, "argmax")
        measures = {
            "mean_max_cosine_similarity": mean_max_cosine_similarity,
            "fraction_recovered": fraction_recovered,
            "unique_matches": _unique_matches,
        }
        return [self._score(name, measure, truth, dictionary, matching) for name, measure in measures.items()]

    def true(self, dictionary: Float[Tensor, "n d"], truth: Float[Tensor, "m d"]) -> list[Score]:
        """How true the rows of ``dictionary`` are, and whether they crowd around the same true rows."""
        matching = match_by_cosine(dictionary, truth, "argmax")
        unique = self._score("uniqueness", uniqueness, dictionary, truth, matching)
        return [self.best(dictionary, truth), unique]

    def matched(self, a: Float[Tensor, "n d"], b: Float[Tensor, "m d"], absolute: bool = False) -> Score:
        """Mean cosine of rows matched one to one, or mean |cosine|: the MCC if the matching is Hungarian."""

        def measure(a: Tensor, b: Tensor) -> Tensor:
            return matched_cosine_similarity(a, b, method=self.method, absolute=absolute)

        matching = match_by_cosine(a, b, self.method, absolute=absolute)
        name = "mcc" if absolute and self.method == "hungarian" else "matched_cosine_similarity"
        return self._score(name, measure, a, b, matching)

    def shared(self, a: Float[Tensor, "n two_d"], b: Float[Tensor, "m two_d"], threshold: float) -> Score:
        """Share of features that agree in encoder and decoder; see ``fraction_shared``."""

        def measure(a: Tensor, b: Tensor) -> Tensor:
            return fraction_shared(a, b, threshold, self.method)

        matching = match_by_cosine(*(side.chunk(2, dim=1)[1] for side in (a, b)), self.method)
        return self._score("fraction_shared", measure, a, b, matching)

    def consistency(self, dictionaries: list[Float[Tensor, "n d"]]) -> Score:
        """PW-MCC of dictionaries of one shape."""
        chance = self._by_chance("mcc", mcc, *dictionaries[:2])
        alive = [int(rows.any(dim=1).sum()) for rows in dictionaries]  # zero rows find no partner
        n_pairs = sum(min(pair) for pair in combinations(alive, 2))
        return Score("pw_mcc", pw_mcc(dictionaries).item(), chance, n_pairs, n_pairs)

    def neighbours(self, a: Float[Tensor, "n d"], b: Float[Tensor, "m d"]) -> list[Score]:
        """k-NN Jaccard of matched rows; nothing where too few rows match."""

        def measure(a: Tensor, b: Tensor) -> Tensor:
            matching = match_by_cosine(a, b, self.method)
            return jaccard_similarity(a[matching.index_a], b[matching.index_b], k=self.k)

        matching = match_by_cosine(a, b, self.method)
        if not has_enough_rows(len(matching), self.k):
            return []
        return [self._score("jaccard_similarity", measure, a, b, matching)]

    def _score(
        self, name: str, measure: Callable[[Tensor, Tensor], Tensor], a: Tensor, b: Tensor, matching: Matching
    ) -> Score:
        value = measure(a, b).item()
        return Score(name, value, self._by_chance(name, measure, a, b), len(matching), matching.n_unique_b)

    def _by_chance(
        self, name: str, measure: Callable[[Tensor, Tensor], Tensor], a: Tensor, b: Tensor
    ) -> float:
        key = (name, a.shape, b.shape)
        if key not in self._chance:
            generator = torch.Generator().manual_seed(0)
            n_draws = -(-MIN_ROWS // len(a))
            pairs = (
                [torch.randn(x.shape, generator=generator).to(x) for x in (a, b)] for _ in range(n_draws)
            )
            self._chance[key] = sum(measure(*pair).item() for pair in pairs) / n_draws
        return self._chance[key]


def has_enough_rows(n: int, k: int) -> bool:
    """Whether the Jaccard index of ``k`` neighbours among ``n`` rows is below a quarter by chance."""
    return n > 1 and k < n and k / (2 * (n - 1) - k) <= 0.25


def _unique_matches(truth: Tensor, dictionary: Tensor) -> Tensor:
    return torch.tensor(float(match_by_cosine(truth, dictionary, "argmax").n_unique_b))
