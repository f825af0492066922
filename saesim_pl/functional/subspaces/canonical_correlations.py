"""Canonical correlations, the core of the CCA family (Hotelling 1936)."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.similarity_warning import warn_saturated
from saesim_pl.functional.ground.spectrum import whitening
from saesim_pl.functional.subspaces.paired_sums import PairedSums


def canonical_correlations_from_sums(sums: PairedSums) -> Float[Tensor, " rank"]:
    """Correlations of the best-correlated, mutually uncorrelated directions, descending.

    As many as the smaller rank of the two centered inputs, so that a dead column adds none.
    """
    warn_saturated("canonical correlation", int(sums.n), max(sums.ab.shape))
    return canonical_correlations(whitening(sums.aa).T @ sums.ab @ whitening(sums.bb))


def canonical_correlations(product: Float[Tensor, "rank_a rank_b"]) -> Float[Tensor, " rank"]:
    """Cosines of the principal angles, from the product of two orthonormal bases (Björck and Golub 1973)."""
    if 0 in product.shape:
        return product.new_zeros(1)
    return torch.linalg.svdvals(product).clamp(max=1)
