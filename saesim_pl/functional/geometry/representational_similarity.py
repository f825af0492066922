"""Representational similarity analysis (Kriegeskorte et al. 2008)."""

import warnings
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.geometry.comparisons import RANKED, bounds_of, check_options
from saesim_pl.functional.geometry.dissimilarities import comparable_rows, dissimilarity_block
from saesim_pl.functional.geometry.pair_moments import PairMoments, moments_from_sums, moments_of_blocks
from saesim_pl.functional.geometry.ranked_pairs import (
    compare_ranks,
    ranks_of_both,
    standard_error,
)
from saesim_pl.functional.geometry.representational_similarity_halves import (
    representational_similarity_halves,
)
from saesim_pl.functional.geometry.row_sample import MAX_PAIRS, rows_to_rank, sampled_rows
from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_paired
from saesim_pl.functional.ground.similarity_warning import SimilarityWarning, warn_few_pairs
from saesim_pl.functional.halves import Halves
from saesim_pl.functional.subspaces.paired_sums import PairedSums, checked, paired_sums

BLOCK_ENTRIES = 2**23


class SampledSimilarity(NamedTuple):
    """An estimate and its standard error."""

    similarity: Float[Tensor, ""]
    standard_error: Float[Tensor, ""]


@declared(
    needs="pairs",
    higher_is_better=lambda options: options["comparison"] != "l2",
    bounds=lambda options: bounds_of(options["comparison"]),
    min_rows=3,
    blind=(
        Blind("column_permutation"),
        Blind("orthogonal", when=lambda options, side: options["dissimilarity"] != "correlation"),
        Blind("translation", when=lambda options, side: "euclidean" in options["dissimilarity"]),
        Blind(
            "isotropic_scale",
            when=lambda options, side: (
                options["comparison"] != "l2" or "euclidean" not in options["dissimilarity"]
            ),
        ),
    ),
    shown=(
        {"dissimilarity": "correlation"},
        {"dissimilarity": "cosine"},
        {"dissimilarity": "euclidean"},
        {"dissimilarity": "euclidean", "comparison": "l2"},
    ),
    halves=lambda n_rows, **options: _halves(n_rows, **options),
)
def representational_similarity(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    dissimilarity: Literal["correlation", "cosine", "euclidean", "squared_euclidean"] = "correlation",
    comparison: Literal["spearman", "pearson", "cosine", "l2", "rho_a"] = "spearman",
    max_pairs: int = MAX_PAIRS,
    seed: int = 0,
) -> Float[Tensor, ""]:
    """Do rows that are far apart on one side lie far apart on the other?

    Compares the dissimilarities of all pairs of rows. Independent data scores near 0 by ``spearman``,
    ``rho_a`` and ``pearson``, but far above it by ``cosine``, since dissimilarities share a mean.

    Ranks need all pairs in memory, about 50 bytes each. Above ``max_pairs`` (the default is reached at
    4,001 rows) rows are sampled so that their pairs number at most ``max_pairs``, and a warning names the
    standard error. The other comparisons are always exact, by sums or by blocks. Dissimilarities that
    differ only by rounding are ties.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.
        dissimilarity: 1 - Pearson ``correlation`` of two rows, 1 - ``cosine``, or a distance.
        comparison: Correlation of ranks (``spearman``; ``rho_a`` counts ties as disagreement),
            ``pearson``, ``cosine``, or the ``l2`` norm of the difference, a distance.
        max_pairs: Largest number of pairs to rank.
        seed: Seed of the sample of rows.

    Returns:
        Similarity in [-1, 1], 0 when a side does not vary; distance in [0, inf) by ``l2``.

    Raises:
        ValueError: The rows cannot be paired or are fewer than 3, or an option is unknown.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import representational_similarity
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(representational_similarity(a, b).item(), 3)
        0.5
    """
    check_options(dissimilarity, comparison)
    _check_rows(a, b)
    if comparison in RANKED and rows_to_rank(len(a), max_pairs) < len(a):
        sampled = sampled_similarity(a, b, dissimilarity, comparison, max_pairs, seed)
        _warn_sampled(sampled, len(a), max_pairs, seed)
        value = sampled.similarity
    elif comparison in RANKED:
        value = compare_ranks(*ranks_of_both(a, b, dissimilarity), comparison)
    elif comparison == "l2":
        squares = ((x - y).square().sum() for x, y in _blocks(a, b, dissimilarity))
        value = sum(squares, start=a.new_zeros(())).div(2).sqrt()
    else:
        value = _from_moments(_moments(a, b, dissimilarity), comparison)
    return value.to(torch.promote_types(a.dtype, torch.float32))


def representational_similarity_from_sums(
    sums: PairedSums, dissimilarity: str = "correlation", comparison: str = "pearson"
) -> Float[Tensor, ""]:
    """See :func:`representational_similarity`; ``sums`` are over ``comparable_rows``."""
    if not has_sums(dissimilarity, comparison):
        raise ValueError(f"{comparison} over {dissimilarity} dissimilarities has no form in sums")
    return _from_moments(moments_from_sums(checked(sums), dissimilarity), comparison)


def has_sums(dissimilarity: str, comparison: str) -> bool:
    """Whether sums over rows are enough, so that no row must be kept."""
    check_options(dissimilarity, comparison)
    return dissimilarity != "euclidean" and comparison in ("pearson", "cosine")


def sampled_similarity(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    dissimilarity: str = "correlation",
    comparison: str = "spearman",
    max_pairs: int = MAX_PAIRS,
    seed: int = 0,
) -> SampledSimilarity:
    """:func:`representational_similarity` of rows drawn without replacement, and its standard error.

    The standard error describes the deviation from the value of all rows; it is a jackknife over rows.
    """
    check_options(dissimilarity, comparison)
    _check_rows(a, b)
    rows = sampled_rows(len(a), max_pairs, seed).to(a.device)
    x, y = ranks_of_both(a[rows], b[rows], dissimilarity)
    return SampledSimilarity(compare_ranks(x, y, comparison), standard_error(x, y, len(rows), len(a)))


def _halves(
    n_rows: int, comparison: str = "spearman", max_pairs: int = MAX_PAIRS, **options: Any
) -> Halves | None:
    """None where the n x n halves would be too large: only ranks can use sampled rows."""
    if comparison not in RANKED and rows_to_rank(n_rows, max_pairs) < n_rows:
        return None
    return representational_similarity_halves(comparison=comparison, max_pairs=max_pairs, **options)


def _check_rows(a: Tensor, b: Tensor) -> None:
    check_paired(a, b)
    if len(a) < 3:
        raise ValueError(f"pairs of rows are compared with each other: 3 rows are needed, got {len(a)}")
    warn_few_pairs(len(a))


def _warn_sampled(sampled: SampledSimilarity, n_rows: int, max_pairs: int, seed: int) -> None:
    warnings.warn(
        f"ranked the pairs of {rows_to_rank(n_rows, max_pairs)} sampled rows of {n_rows} (seed {seed}): "
        f"standard error {float(sampled.standard_error):.2g}; raise max_pairs for the exact value",
        SimilarityWarning,
        stacklevel=3,
    )


def _moments(a: Tensor, b: Tensor, dissimilarity: str) -> PairMoments:
    if dissimilarity == "euclidean" or len(a) < max(a.shape[1], b.shape[1]):
        return moments_of_blocks(_blocks(a, b, dissimilarity), len(a) * (len(a) - 1))
    sums = paired_sums(comparable_rows(a, dissimilarity), comparable_rows(b, dissimilarity))
    return moments_from_sums(sums, dissimilarity)


def _blocks(a: Tensor, b: Tensor, dissimilarity: str) -> Iterator[tuple[Tensor, Tensor]]:
    """Dissimilarities of some rows to all; each pair of distinct rows occurs twice, the diagonal is 0."""
    rows_a, rows_b = comparable_rows(a, dissimilarity), comparable_rows(b, dissimilarity)
    step = max(1, BLOCK_ENTRIES // len(a))
    for start in range(0, len(a), step):
        sides = []
        for rows in (rows_a, rows_b):
            block = dissimilarity_block(rows[start : start + step], rows, dissimilarity)
            block.diagonal(start).zero_()
            sides.append(block)
        yield sides[0], sides[1]


def _from_moments(moments: PairMoments, comparison: str) -> Tensor:
    return moments.pearson() if comparison == "pearson" else moments.cosine()
