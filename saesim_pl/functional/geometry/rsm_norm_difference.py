"""Norm of the difference of two representational similarity matrices (Yin and Shen 2018)."""

import torch
from jaxtyping import Float
from scipy.sparse.linalg import eigsh
from torch import Tensor

from saesim_pl.functional.geometry.dissimilarities import dissimilarity_matrix
from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_paired
from saesim_pl.functional.ground.similarity_warning import warn_few_pairs

DENSE_ROWS = 256


@declared(
    needs="pairs",
    higher_is_better=False,
    bounds=(0.0, None),
    blind=(Blind("orthogonal column_permutation translation"),),
)
def rsm_norm_difference(a: Float[Tensor, "n d_a"], b: Float[Tensor, "n d_b"]) -> Float[Tensor, ""]:
    """Spectral norm of the difference of the two n x n matrices of Euclidean distances between rows.

    Grows with the scale of the data and the number of rows; independent data has no fixed value.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.

    Returns:
        Distance in [0, inf).

    Raises:
        ValueError: The rows cannot be paired.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import rsm_norm_difference
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(rsm_norm_difference(a, b).item(), 3)
        23.25
    """
    check_paired(a, b)
    warn_few_pairs(len(a))
    difference = dissimilarity_matrix(a, "euclidean") - dissimilarity_matrix(b, "euclidean")
    return _spectral_norm(difference).to(torch.promote_types(a.dtype, torch.float32))


def _spectral_norm(matrix: Tensor) -> Tensor:
    if len(matrix) <= DENSE_ROWS or not matrix.any():
        return torch.linalg.eigvalsh(matrix).abs().max()
    # Only the extreme eigenvalue is asked for. A fixed start makes the iteration repeatable.
    start = torch.linspace(1, 2, len(matrix), dtype=matrix.dtype).numpy()
    values = eigsh(matrix.detach().cpu().numpy(), k=1, which="LM", v0=start, return_eigenvectors=False)
    return torch.as_tensor(values, device=matrix.device).abs().max()
