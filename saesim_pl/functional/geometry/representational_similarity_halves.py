"""Representational similarity analysis in two halves, for many re-pairings of the same rows."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.geometry.comparisons import RANKED, check_options
from saesim_pl.functional.geometry.dissimilarities import dissimilarity_matrix
from saesim_pl.functional.geometry.ranked_pairs import ranks_of_pairs
from saesim_pl.functional.geometry.row_sample import MAX_PAIRS, rows_to_rank, sampled_rows
from saesim_pl.functional.halves import Halves, inner_product_halves, permute_pairs


def representational_similarity_halves(
    dissimilarity: str = "correlation",
    comparison: str = "spearman",
    max_pairs: int = MAX_PAIRS,
    seed: int = 0,
) -> Halves:
    """:func:`~saesim_pl.functional.representational_similarity` in its two halves.

    Each side is an n x n matrix of dissimilarities or of their ranks, scaled so that comparing is one inner
    product (``l2``: one difference). Where the measure ranks the pairs of a sample of rows, the halves do
    so too. A re-pairing of all rows reorders the sampled rows by their relative order, so a random order of
    all rows gives a random order of the sample.
    """
    check_options(dissimilarity, comparison)

    def prepare(rows: Tensor) -> Tensor:
        if comparison not in RANKED:
            matrix = dissimilarity_matrix(rows, dissimilarity)
            return (matrix if comparison == "l2" else _scaled(_upper(matrix), comparison)).to(rows.dtype)
        if rows_to_rank(len(rows), max_pairs) < len(rows):
            rows = rows[sampled_rows(len(rows), max_pairs, seed).to(rows.device)]
        return _scaled(ranks_of_pairs(rows, dissimilarity), comparison).to(rows.dtype)

    def within_sample(prepared: Tensor, order: Tensor) -> Tensor:
        if len(order) == len(prepared):
            return order
        rows = sampled_rows(len(order), max_pairs, seed).to(order.device)
        return order[rows].argsort().argsort()

    if comparison == "l2":
        return Halves(prepare, lambda a, b: ((a - b).square().sum() / 2).sqrt(), permute_pairs)
    halves = inner_product_halves(prepare)
    return Halves(
        prepare,
        halves.compare,
        lambda prepared, order: permute_pairs(prepared, within_sample(prepared, order)),
        lambda a, b, order: halves.repaired(a, b, within_sample(b, order)),
    )


def _upper(matrix: Float[Tensor, "n n"]) -> Float[Tensor, " pairs"]:
    first, second = torch.triu_indices(len(matrix), len(matrix), offset=1, device=matrix.device)
    return matrix[first, second]


def _scaled(pairs: Float[Tensor, " pairs"], comparison: str) -> Float[Tensor, "n n"]:
    """Pairs of rows as a symmetric matrix such that the comparison of two sides is their inner product."""
    if comparison != "cosine":
        pairs = pairs - pairs.mean()
    n_pairs = float(len(pairs))
    norm = pairs.norm() if comparison != "rho_a" else pairs.new_tensor((n_pairs**3 - n_pairs) / 12).sqrt()
    n = round((1 + (1 + 8 * n_pairs) ** 0.5) / 2)
    first, second = torch.triu_indices(n, n, offset=1, device=pairs.device)
    scaled = pairs.new_zeros(n, n)
    scaled[first, second] = pairs / norm.where(norm > 0, 1.0) / 2**0.5
    return scaled + scaled.T
