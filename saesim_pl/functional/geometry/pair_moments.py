"""Moments of two lists of dissimilarities; most comparisons need nothing else."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.subspaces.paired_sums import PairedSums, uncentered


class PairMoments(NamedTuple):
    """Number, sums, and sums of products of paired dissimilarities, in float64."""

    pairs: Tensor
    sum_a: Tensor
    sum_b: Tensor
    aa: Tensor
    ab: Tensor
    bb: Tensor

    def pearson(self) -> Float[Tensor, ""]:
        """Correlation; 0 when a side does not vary."""
        mean_a, mean_b = self.sum_a / self.pairs, self.sum_b / self.pairs
        variance_a = _variance(self.aa / self.pairs, mean_a)
        variance_b = _variance(self.bb / self.pairs, mean_b)
        return _ratio(self.ab / self.pairs - mean_a * mean_b, variance_a, variance_b)

    def cosine(self) -> Float[Tensor, ""]:
        """Cosine; 0 when a side is all zero."""
        return _ratio(self.ab, self.aa, self.bb)


def _variance(square: Tensor, mean: Tensor) -> Tensor:
    variance = square - mean.square()
    # A constant has only a rounding error here, which is no variance.
    return variance.where(variance > 64 * torch.finfo(square.dtype).eps * square, 0.0)


def _ratio(cross: Tensor, square_a: Tensor, square_b: Tensor) -> Tensor:
    scale = square_a.sqrt() * square_b.sqrt()
    return torch.where(scale > 0, cross / scale.where(scale > 0, 1.0), 0.0).clamp(-1, 1)


def moments_of_blocks(blocks: Iterable[tuple[Tensor, Tensor]], count: int) -> PairMoments:
    """Moments of ``count`` corresponding dissimilarities, from blocks; extra zeros change nothing."""
    totals = torch.stack([_block_moments(a.flatten(), b.flatten()) for a, b in blocks]).sum(0)
    return PairMoments(totals.new_tensor(float(count)), *totals)


def _block_moments(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack([a.sum(), b.sum(), a @ a, a @ b, b @ b])


def moments_from_sums(sums: PairedSums, dissimilarity: str) -> PairMoments:
    """Moments over all pairs of distinct rows, from sums over rows.

    Args:
        sums: Sums over rows from :func:`~saesim_pl.functional.comparable_rows`.
        dissimilarity: Any except the Euclidean distance itself, which has no form in sums.
    """
    moments = _of_squared_distances(sums)
    if dissimilarity == "squared_euclidean":
        return moments
    # 1 - cosine is half the squared distance of rows of norm 1, which keeps its digits where all rows
    # point nearly one way; a zero row is no such row.
    raw = uncentered(sums)
    if sums.n - torch.minimum(raw.aa.trace(), raw.bb.trace()) > 0.5:
        return _of_angles(raw)
    pairs, sum_a, sum_b, *products = moments
    return PairMoments(pairs, sum_a / 2, sum_b / 2, *(product / 4 for product in products))


def _of_squared_distances(sums: PairedSums) -> PairMoments:
    n, trace_a, trace_b = sums.n, sums.aa.trace(), sums.bb.trace()
    traces = torch.stack([trace_a * trace_a, trace_a * trace_b, trace_b * trace_b])
    products = 2 * n * sums.fourth + 2 * traces + 4 * _squares(sums)
    return PairMoments(n * (n - 1), 2 * n * trace_a, 2 * n * trace_b, *products)


def _of_angles(raw: PairedSums) -> PairMoments:
    """Moments of ``D = 1 - K``, without its diagonal; ``K`` is the kernel of rows of norm 1 or 0."""
    pairs = raw.n * (raw.n - 1)
    kernel_a = raw.sum_a @ raw.sum_a - raw.aa.trace()
    kernel_b = raw.sum_b @ raw.sum_b - raw.bb.trace()
    kernels = torch.stack([2 * kernel_a, kernel_a + kernel_b, 2 * kernel_b])
    products = pairs - kernels + _squares(raw) - raw.fourth
    return PairMoments(pairs, pairs - kernel_a, pairs - kernel_b, *products)


def _squares(sums: PairedSums) -> Tensor:
    return torch.stack([product.square().sum() for product in (sums.aa, sums.ab, sums.bb)])
