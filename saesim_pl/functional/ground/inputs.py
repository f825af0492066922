"""Input checks of all similarity functions, and normalization of rows."""

import torch
from jaxtyping import Float
from torch import Tensor


def check_matrix(name: str, matrix: Tensor, finite: bool = True) -> None:
    """Refuse a tensor that no similarity is defined for.

    Args:
        name: Name of the argument, for the message.
        matrix: Rows to be compared.
        finite: Whether to look at the entries, which waits for an accelerator.

    Raises:
        ValueError: Not a two-dimensional floating-point tensor with rows, columns and finite entries.
    """
    if matrix.ndim != 2:
        raise ValueError(f"{name} must be two-dimensional (rows, columns), got shape {tuple(matrix.shape)}")
    if not matrix.is_floating_point():
        raise ValueError(f"{name} must be floating point, got {matrix.dtype}")
    if 0 in matrix.shape:
        raise ValueError(f"{name} is empty: shape {tuple(matrix.shape)}")
    # One pass without temporaries; a sum may also overflow, so only the slow test condemns.
    if finite and not matrix.sum().isfinite() and not matrix.isfinite().all():
        raise ValueError(f"{name} holds {int((~matrix.isfinite()).sum())} entries that are NaN or infinite")


def check_option(name: str, value: str, options: tuple[str, ...]) -> None:
    """Refuse an unknown choice, and name the known ones.

    Raises:
        ValueError: ``value`` is not among ``options``.
    """
    if value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}")


def check_cosine(name: str, value: float) -> None:
    """Refuse a number outside [-1, 1], the range of a cosine, with ``ValueError``."""
    if not -1 <= value <= 1:
        raise ValueError(f"{name} is a cosine in [-1, 1], got {value}")


def check_same_width(a: Tensor, b: Tensor, names: tuple[str, str] = ("a", "b"), finite: bool = True) -> None:
    """Refuse two matrices whose rows have different widths; see :func:`check_matrix`."""
    _check_both(a, b, names, finite)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"widths differ: {names[0]} has {a.shape[1]} columns, {names[1]} has {b.shape[1]}")


def check_paired(a: Tensor, b: Tensor, names: tuple[str, str] = ("a", "b"), finite: bool = True) -> None:
    """Refuse two matrices whose rows cannot be paired one by one; see :func:`check_matrix`."""
    _check_both(a, b, names, finite)
    if a.shape[0] != b.shape[0]:
        raise ValueError(
            f"rows must be paired: {names[0]} has {a.shape[0]} rows, {names[1]} has {b.shape[0]}"
        )


def check_width(name: str, matrix: Tensor, width: int) -> None:
    """Refuse a matrix whose width differs from earlier ones, with ``ValueError``."""
    if matrix.shape[1] != width:
        raise ValueError(f"{name} must have {width} columns, got {matrix.shape[1]}")


def check_reconstruction(x: Tensor, x_hat: Tensor, d_in: int) -> None:
    """Refuse a reconstruction that does not match its batch; entries are checked on a CPU only."""
    names = ("x", "x_hat")
    check_paired(x, x_hat, names, finite=x.device.type == "cpu")
    check_same_width(x, x_hat, names, finite=False)
    check_width("x", x, d_in)


def _check_both(a: Tensor, b: Tensor, names: tuple[str, str], finite: bool) -> None:
    check_matrix(names[0], a, finite)
    check_matrix(names[1], b, finite)
    if a.device != b.device:
        raise ValueError(f"devices differ: {names[0]} is on {a.device}, {names[1]} on {b.device}")


def unit_rows(matrix: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    """Rows divided by their L2 norm; a zero row stays zero, so its cosine with anything is 0."""
    norm = matrix.norm(dim=1, keepdim=True)
    limits = torch.finfo(matrix.dtype)
    # Squares of entries this large or this small leave the range of their dtype.
    safe = (norm > (limits.tiny / limits.eps) ** 0.5) & (norm < limits.max**0.5)
    if not safe.all():
        largest = matrix.detach().abs().amax(dim=1, keepdim=True)
        matrix = matrix / largest.where(~safe & (largest > 0), 1.0)
        norm = matrix.norm(dim=1, keepdim=True)
    return matrix / norm.where(norm > 0, 1.0)


def same_precision(*matrices: Tensor) -> tuple[Tensor, ...]:
    """The matrices in their widest dtype, float32 at least: half precision would tie half of all scores."""
    dtype = torch.float32
    for matrix in matrices:
        dtype = torch.promote_types(dtype, matrix.dtype)
    return tuple(matrix.to(dtype) for matrix in matrices)
