"""Eigenspace overlap score (May et al. 2019)."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.similarity_warning import warn_saturated
from saesim_pl.functional.ground.spectrum import whitening
from saesim_pl.functional.subspaces.paired_sums import PairedSums, checked, from_rows, uncentered


@declared(
    needs="pairs",
    bounds=(0.0, 1.0),
    blind=(Blind("orthogonal column_permutation isotropic_scale invertible_linear"),),
)
def eigenspace_overlap(a: Float[Tensor, "n d_a"], b: Float[Tensor, "n d_b"]) -> Float[Tensor, ""]:
    """Overlap of the column spans: ``||U^T V||_F^2 / max(d_a, d_b)`` with their left singular vectors.

    Nothing is centered. Independent data scores ``min(d_a, d_b) / n``.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.

    Returns:
        Similarity in [0, 1]; 1 needs equal spans of full rank.

    Raises:
        ValueError: The rows cannot be paired.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import eigenspace_overlap
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(eigenspace_overlap(a, b).item(), 3)
        0.537
    """
    return from_rows(eigenspace_overlap_from_sums, a, b)


def eigenspace_overlap_from_sums(sums: PairedSums) -> Float[Tensor, ""]:
    """See :func:`eigenspace_overlap`."""
    sums = checked(sums)
    warn_saturated("eigenspace overlap", int(sums.n), max(sums.ab.shape), centered=False)
    sums = uncentered(sums)
    overlap = (whitening(sums.aa).T @ sums.ab @ whitening(sums.bb)).square().sum()
    return overlap / max(sums.ab.shape)
