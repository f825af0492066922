"""Mean cosine of paired rows after aligning the two spaces (Hamilton et al. 2016)."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_option, check_paired, unit_rows
from saesim_pl.functional.ground.similarity_warning import warn_few_pairs
from saesim_pl.functional.pairing.assignment import best_assignment

ALIGNMENTS = ("orthogonal", "permutation")


@declared(
    needs="pairs",
    bounds=(-1.0, 1.0),
    blind=(
        Blind("column_permutation isotropic_scale"),
        Blind("orthogonal", when=lambda options, side: options["alignment"] == "orthogonal"),
    ),
    shown=({}, {"alignment": "permutation"}),
)
def aligned_cosine_similarity(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    alignment: Literal["orthogonal", "permutation"] = "orthogonal",
) -> Float[Tensor, ""]:
    """Mean cosine of row i of ``a``, moved into the space of ``b``, with row i of ``b``.

    Nothing is centered: an offset common to all rows raises the score. Independent data scores near
    ``sqrt(d / n)`` after rotation, and close to 1 once ``n <= d``.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.
        alignment: The rotation, or the ``permutation`` of columns, that maximizes the inner product.

    Returns:
        Similarity in [-1, 1]; a zero row adds 0.

    Raises:
        ValueError: The rows cannot be paired, or ``alignment`` is unknown.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import aligned_cosine_similarity
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(aligned_cosine_similarity(a, b).item(), 3)
        0.706
    """
    check_option("alignment", alignment, ALIGNMENTS)
    check_paired(a, b)
    warn_few_pairs(len(a))
    x, y = unit_rows(a.double()), unit_rows(b.double())
    cross = a.double().T @ b.double()
    if alignment == "orthogonal":
        left, _, right = torch.linalg.svd(cross, full_matrices=False)
        products = (x @ left) * (y @ right.T)
    else:
        columns_a, columns_b = best_assignment(cross)
        products = x[:, columns_a] * y[:, columns_b]
    return products.sum(1).mean().to(torch.promote_types(a.dtype, torch.float32))
