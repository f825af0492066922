"""Which row of a belongs to which row of b: by cosine, or by correlation over shared samples."""

import warnings
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.inputs import (
    check_matrix,
    check_option,
    check_same_width,
)
from saesim_pl.functional.ground.similarity_warning import SimilarityWarning
from saesim_pl.functional.pairing.best_matches import best_matches
from saesim_pl.functional.pairing.one_to_one import hungarian_pairs
from saesim_pl.functional.pairing.scores import AbsoluteScores, CosineScores, MatrixScores, Scores

MatchingMethod = Literal["argmax", "mutual", "hungarian"]


@dataclass(frozen=True)
class Matching:
    """Pairs of a row of ``a`` with a row of ``b``, on the CPU, in ascending order of ``index_a``.

    ``a[matching.index_a]`` and ``b[matching.index_b]`` are the matched rows. Rows that found no partner
    are absent.

    Args:
        index_a: Row of ``a`` in each pair.
        index_b: Row of ``b`` in each pair.
        score: Score by which each pair was chosen.
        sizes: Numbers of rows of ``a`` and ``b``.
        n_sought: Number of pairs that the rule sought, including pairs not found; None if it found all of
            them.

    Raises:
        ValueError: Lengths differ, indices are not int64, one lies outside its side, or there are more
            pairs than were sought.
    """

    index_a: Int64[Tensor, " n_pairs"]
    index_b: Int64[Tensor, " n_pairs"]
    score: Float[Tensor, " n_pairs"]
    sizes: tuple[int, int]
    n_sought: int | None = None

    def __post_init__(self) -> None:
        if not self.index_a.shape == self.index_b.shape == self.score.shape or self.index_a.ndim != 1:
            shapes = [tuple(field.shape) for field in (self.index_a, self.index_b, self.score)]
            raise ValueError(f"index_a, index_b and score must be one length, got shapes {shapes}")
        for name, index, size in zip("ab", (self.index_a, self.index_b), self.sizes, strict=True):
            _check_index(f"index_{name}", index, size)
        if self.n_sought is not None and self.n_sought < len(self):
            raise ValueError(f"n_sought is {self.n_sought}, fewer than the {len(self)} pairs found")

    def __len__(self) -> int:
        return len(self.index_a)

    @property
    def n_unique_b(self) -> int:
        """Number of different rows of ``b`` that are used."""
        return len(self.index_b.unique())

    @property
    def is_one_to_one(self) -> bool:
        """Whether no row of either side is used twice."""
        return self.n_unique_b == len(self) == len(self.index_a.unique())

    def top(self, k: int) -> "Matching":
        """The ``k`` pairs of highest score, best first, ties by position; all, with a warning, if fewer."""
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        if k > len(self):
            warnings.warn(f"the top {k} of {len(self)} pairs are all pairs", SimilarityWarning, stacklevel=2)
        best = self.score.sort(descending=True, stable=True).indices[:k]
        return self._only(best)

    def at_least(self, min_score: float) -> "Matching":
        """The pairs of this score or a higher one."""
        return self._only(self.score >= min_score)

    def _only(self, pairs: Tensor) -> "Matching":
        return Matching(self.index_a[pairs], self.index_b[pairs], self.score[pairs], self.sizes)


def _check_index(name: str, index: Tensor, size: int) -> None:
    if index.dtype != torch.int64 or index.device.type != "cpu":
        raise ValueError(f"{name} must be int64 on the CPU, got {index.dtype} on {index.device}")
    if len(index) and not 0 <= int(index.min()) <= int(index.max()) < size:
        raise ValueError(f"{name} must lie in [0, {size}), got {int(index.min())} to {int(index.max())}")


def match_by_cosine(
    a: Float[Tensor, "n_a d_in"],
    b: Float[Tensor, "n_b d_in"],
    method: MatchingMethod = "argmax",
    min_score: float | None = None,
    absolute: bool = False,
    memory_budget: int = MEMORY_BUDGET,
) -> Matching:
    """Pair rows by their cosine. Zero rows are never paired; ties go to the lower index.

    ``argmax`` gives each row of ``a`` its best row of ``b``, many to one. ``mutual`` keeps the pairs that
    are each other's best. ``hungarian`` is one to one and maximizes the sum of the scores.

    Args:
        a: Rows, any scale.
        b: Rows, any scale.
        method: How rows choose each other.
        min_score: Pairs below this score are dropped.
        absolute: Compare ``|cosine|``, which ignores the sign of a direction.
        memory_budget: Bytes for temporaries.

    Raises:
        ValueError: Widths differ, or an option is unknown.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import match_by_cosine
        >>> a = torch.eye(3)
        >>> b = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
        >>> match_by_cosine(a, b).index_b
        tensor([0, 1, 1])
        >>> match_by_cosine(a, b, "hungarian").index_a
        tensor([0, 2])
    """
    check_same_width(a, b)
    return _match(CosineScores(a, b), method, min_score, absolute, memory_budget)


def match_by_correlation(
    correlation: Float[Tensor, "d_sae_a d_sae_b"] | Scores,
    method: MatchingMethod = "argmax",
    min_score: float | None = None,
    absolute: bool = False,
    memory_budget: int = MEMORY_BUDGET,
) -> Matching:
    """Pair latents by the correlation of their activations over the same samples.

    Latents of zero variance, whose correlation is 0 with everything, are never paired.

    Args:
        correlation: Correlation of each latent of ``a`` with each of ``b``, or the form computed block by
            block, from :class:`~saesim_pl.metrics.ActivationCorrelation` or
            :func:`~saesim_pl.functional.activation_correlation`.
        method: As in :func:`match_by_cosine`.
        min_score: Pairs below this correlation are dropped.
        absolute: Compare ``|correlation|``.
        memory_budget: Bytes for temporaries.

    Raises:
        ValueError: Not a finite matrix, or an option is unknown.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import match_by_correlation
        >>> correlation = torch.tensor([[0.9, 0.8], [0.85, 0.1]])
        >>> match_by_correlation(correlation).index_b
        tensor([0, 0])
        >>> match_by_correlation(correlation, "hungarian").index_b
        tensor([1, 0])
    """
    if isinstance(correlation, Tensor):
        check_matrix("correlation", correlation)
        correlation = MatrixScores(correlation)
    return _match(correlation, method, min_score, absolute, memory_budget)


def _match(
    scores: Scores, method: str, min_score: float | None, absolute: bool, memory_budget: int
) -> Matching:
    check_option("method", method, get_args(MatchingMethod))
    if absolute:
        scores = AbsoluteScores(scores)
    if method == "hungarian":
        index_a, index_b, score = hungarian_pairs(scores, memory_budget)
    else:
        index_a, index_b, score = best_matches(scores, method == "mutual", memory_budget)
    n_sought = {"hungarian": min(scores.shape), "argmax": scores.shape[0]}.get(method)
    matching = Matching(index_a.cpu(), index_b.cpu(), score.cpu(), scores.shape, n_sought)
    return matching if min_score is None else matching.at_least(min_score)
