"""Representational similarity analysis in two halves, for many re-pairings of the same rows."""

import torch
from torch import Tensor

from saesim_pl.functional.geometry.comparisons import RANKED, check_options
from saesim_pl.functional.geometry.dissimilarities import dissimilarity_matrix
from saesim_pl.functional.geometry.ranks import average_ranks
from saesim_pl.functional.halves import Halves, inner_product_halves, permute_pairs


def representational_similarity_halves(
    dissimilarity: str = "correlation", comparison: str = "spearman"
) -> Halves:
    """:func:`~saesim_pl.functional.representational_similarity` in its two halves.

    Each side is an n x n matrix of dissimilarities or of their ranks, scaled so that comparing is one inner
    product (``l2``: one difference).
    """
    check_options(dissimilarity, comparison)

    def prepare(rows: Tensor) -> Tensor:
        matrix = dissimilarity_matrix(rows, dissimilarity)
        if comparison == "l2":
            return matrix.to(rows.dtype)
        return _standardized(matrix, comparison).to(rows.dtype)

    if comparison == "l2":
        return Halves(prepare, lambda a, b: ((a - b).square().sum() / 2).sqrt(), permute_pairs)
    return inner_product_halves(prepare)


def _standardized(matrix: Tensor, comparison: str) -> Tensor:
    """Off-diagonal entries such that the comparison of two sides is their inner product."""
    upper = torch.triu_indices(*matrix.shape, offset=1, device=matrix.device)
    pairs = matrix[upper[0], upper[1]]
    if comparison in RANKED:
        pairs = average_ranks(pairs)
    if comparison != "cosine":
        pairs = pairs - pairs.mean()
    n = float(len(pairs))
    norm = pairs.norm() if comparison != "rho_a" else pairs.new_tensor((n**3 - n) / 12).sqrt()
    standardized = torch.zeros_like(matrix)
    standardized[upper[0], upper[1]] = pairs / norm.where(norm > 0, 1.0) / 2**0.5
    return standardized + standardized.T
