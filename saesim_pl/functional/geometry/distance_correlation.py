"""Distance correlation (Székely et al. 2007)."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.geometry.centered_products import centered_correlation, distance_blocks
from saesim_pl.functional.geometry.dissimilarities import dissimilarity_matrix
from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_paired
from saesim_pl.functional.ground.similarity_warning import warn_few_pairs
from saesim_pl.functional.halves import Halves, inner_product_halves
from saesim_pl.functional.subspaces.rbf_cka import unit_centered


@declared(
    needs="pairs",
    bounds=(0.0, 1.0),
    blind=(Blind("orthogonal column_permutation isotropic_scale translation"),),
    halves=lambda n_rows: distance_correlation_halves(),
)
def distance_correlation(a: Float[Tensor, "n d_a"], b: Float[Tensor, "n d_b"]) -> Float[Tensor, ""]:
    """Square root of the correlation of the doubly centered Euclidean distances between rows.

    The biased estimate: in the limit 0 exactly when the sides are independent, but for ``d`` near ``n``
    independent data scores high (0.66 at 72 rows of 14 columns). Distances are computed block by block.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.

    Returns:
        Similarity in [0, 1]; 0 when a side's rows are all equal.

    Raises:
        ValueError: The rows cannot be paired.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import distance_correlation
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(distance_correlation(a, b).item(), 3)
        0.777
    """
    check_paired(a, b)
    warn_few_pairs(len(a))
    distances = distance_blocks(a, "euclidean"), distance_blocks(b, "euclidean")
    value = centered_correlation(*distances, n=len(a)).clamp(0, 1).sqrt()
    return value.to(torch.promote_types(a.dtype, torch.float32))


def distance_correlation_halves() -> Halves:
    """:func:`distance_correlation` in its two halves: doubly centered n x n distances, and their product."""

    def prepare(rows: Tensor) -> Tensor:
        return unit_centered(dissimilarity_matrix(rows, "euclidean")).to(rows.dtype)

    return inner_product_halves(prepare, lambda product: product.clamp(0, 1).sqrt())
