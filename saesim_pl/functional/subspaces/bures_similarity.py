"""Normalized Bures similarity (Tang et al. 2020): the cosine of the angular Procrustes distance."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.geometry.procrustes_distance import procrustes_distance_from_sums
from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.subspaces.paired_sums import PairedSums, from_rows


@declared(
    needs="pairs",
    bounds=(0.0, 1.0),
    blind=(Blind("orthogonal column_permutation isotropic_scale translation"),),
)
def bures_similarity(a: Float[Tensor, "n d_a"], b: Float[Tensor, "n d_b"]) -> Float[Tensor, ""]:
    """Sum of the singular values of the centered ``a^T b`` over the two Frobenius norms.

    Independent data scores near ``sqrt(d / n)``.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.

    Returns:
        Similarity in [0, 1]; 0 when a side has no variance.

    Raises:
        ValueError: The rows cannot be paired.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import bures_similarity
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(bures_similarity(a, b).item(), 3)
        0.731
    """
    return from_rows(bures_similarity_from_sums, a, b)


def bures_similarity_from_sums(sums: PairedSums) -> Float[Tensor, ""]:
    """See :func:`bures_similarity`."""
    return 1 - procrustes_distance_from_sums(sums, "normalized").square() / 2
