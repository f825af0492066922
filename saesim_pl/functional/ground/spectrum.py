"""Eigenvalues and eigenvectors of a scatter matrix, without its empty directions."""

import torch
from jaxtyping import Float
from torch import Tensor

# Of eigenvalues, so 3e-7 of singular values: the rounding error of float32 data in an empty direction.
RANK_TOLERANCE = 1e-13


def spectrum(scatter: Float[Tensor, "d d"]) -> tuple[Float[Tensor, " rank"], Float[Tensor, "d rank"]]:
    """Positive eigenvalues, descending, and their eigenvectors.

    A direction counts as empty when its singular value is below 3e-7 of the largest one, or below
    ``sqrt(d * eps)`` of it.
    """
    values, vectors = torch.linalg.eigh(scatter)
    values, vectors = values.flip(0), vectors.flip(1)
    rank = _rank(values)
    return values[:rank], vectors[:, :rank]


def positive_eigenvalues(scatter: Float[Tensor, "d d"]) -> Float[Tensor, " rank"]:
    """Only the eigenvalues of :func:`spectrum`, in a third of its time."""
    values = torch.linalg.eigvalsh(scatter).flip(0)
    return values[: _rank(values)]


def _rank(values: Tensor) -> int:
    tolerance = max(RANK_TOLERANCE, len(values) * torch.finfo(values.dtype).eps)
    return int((values > tolerance * values[0].clamp(min=0)).sum())


def shrunk_spectrum(rows: Float[Tensor, "n d"]) -> tuple[Float[Tensor, " d"], Float[Tensor, "d d"]]:
    """Estimated eigenvalues, descending, and eigenvectors of the covariance that rows were drawn from.

    The eigenvalues of a sample are spread more widely than the eigenvalues of its source. Ledoit and Wolf
    (2004) shrink them toward their mean by an amount estimated from the fourth moments of the rows; the
    rows are not centered.
    """
    x = rows.double()
    n = len(x)
    values, vectors = torch.linalg.eigh(x.T @ x / n)
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    mean = values.mean()
    spread = (values - mean).square().sum()
    error = (x.square().sum(dim=1).square().mean() - values.square().sum()) / n
    weight = (error / spread).clamp(max=1) if spread > 0 else spread.new_ones(())
    return (1 - weight) * values + weight * mean, vectors


def whitening(scatter: Float[Tensor, "d d"]) -> Float[Tensor, "d rank"]:
    """``W`` with ``W^T scatter W = 1``; centered rows times ``W`` are an orthonormal basis of their columns.

    Columns are first scaled to equal variance. This changes no span, and a column of huge variance then
    does not hide the others.
    """
    variance = scatter.diagonal()
    inverse = torch.where(variance > 0, variance.where(variance > 0, 1.0).rsqrt(), 0.0)
    values, vectors = spectrum(scatter * torch.outer(inverse, inverse))
    return inverse[:, None] * vectors / values.sqrt()
