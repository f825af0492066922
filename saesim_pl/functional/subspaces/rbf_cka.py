"""Centered kernel alignment with a Gaussian kernel (Kornblith et al. 2019)."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.geometry.centered_products import Block, centered_correlation, distance_blocks
from saesim_pl.functional.geometry.median_of_blocks import median_of_blocks
from saesim_pl.functional.ground.blocks import row_blocks
from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_paired
from saesim_pl.functional.ground.similarity_warning import warn_few_pairs
from saesim_pl.functional.halves import Halves, inner_product_halves


@declared(
    needs="pairs",
    bounds=(0.0, 1.0),
    blind=(Blind("orthogonal column_permutation isotropic_scale translation"),),
    halves=lambda n_rows, **options: rbf_cka_halves(**options),
)
def rbf_cka(
    a: Float[Tensor, "n d_a"], b: Float[Tensor, "n d_b"], bandwidth: float = 1.0
) -> Float[Tensor, ""]:
    """Similarity of the two sides' matrices of Gaussian kernel values between rows.

    The kernel is ``exp(-d^2 / (2 bandwidth^2 m))`` with ``m`` the median of all n x n squared distances,
    including each row's 0 to itself, or their mean if more than half of them are 0. Biased:
    independent data scores well above 0 when rows are few or the bandwidth small. Distances are computed
    block by block, and again in each of three passes.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.
        bandwidth: Width of the kernel, in root median distances.

    Returns:
        Similarity in [0, 1]; 0 when a side's rows are all equal.

    Raises:
        ValueError: The rows cannot be paired, or ``bandwidth`` is 0 or less.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import rbf_cka
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(rbf_cka(a, b).item(), 3)
        0.55
    """
    check_paired(a, b)
    warn_few_pairs(len(a))
    check_bandwidth(bandwidth)
    kernels = kernel_blocks(a, bandwidth), kernel_blocks(b, bandwidth)
    value = centered_correlation(*kernels, n=len(a)).clamp(0, 1)
    return value.to(torch.promote_types(a.dtype, torch.float32))


def rbf_cka_halves(bandwidth: float = 1.0) -> Halves:
    """:func:`rbf_cka` in its two halves: doubly centered n x n kernels of norm 1, and their product."""
    check_bandwidth(bandwidth)

    def prepare(rows: Tensor) -> Tensor:
        kernel = kernel_blocks(rows, bandwidth)(slice(0, len(rows)))
        return unit_centered(kernel).to(rows.dtype)

    return inner_product_halves(prepare, lambda product: product.clamp(0, 1))


def kernel_blocks(rows: Float[Tensor, "n d"], bandwidth: float) -> Block:
    """Kernel values of some rows with all, computed on demand."""
    n, squares = len(rows), distance_blocks(rows, "squared_euclidean")
    # No two rows are further apart than twice the longest is from the mean.
    highest = 4.01 * (rows.double() - rows.double().mean(0)).square().sum(1).max()
    scale = median_of_blocks(lambda: map(squares, row_blocks(n, 48 * n)), n * n, highest)
    if scale == 0:
        scale = torch.stack([squares(some).sum() for some in row_blocks(n, 48 * n)]).sum() / n**2
    divisor = -2 * bandwidth**2 * scale.where(scale > 0, 1.0)
    return lambda some: squares(some).div_(divisor).exp_()


def check_bandwidth(bandwidth: float) -> None:
    """Refuse a kernel without width, with ``ValueError``."""
    if not bandwidth > 0:
        raise ValueError(f"bandwidth must be above 0, got {bandwidth}")


def unit_centered(matrix: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """A symmetric matrix with row and column means taken out, divided by its Frobenius norm."""
    means = matrix.mean(0)
    matrix = matrix - means - means[:, None] + means.mean()
    norm = matrix.norm()
    # A constant matrix leaves rounding errors only, which must not be scaled up to norm 1.
    negligible = norm <= 64 * torch.finfo(matrix.dtype).eps * means.norm() * len(means) ** 0.5
    return torch.where(negligible, 0.0, matrix / norm.where(norm > 0, 1.0))
