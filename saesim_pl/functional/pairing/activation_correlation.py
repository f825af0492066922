"""Pearson correlation of latents over samples: from two matrices, or from sums over batches."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import row_blocks
from saesim_pl.functional.ground.inputs import check_paired, same_precision
from saesim_pl.functional.pairing.scores import CosineScores, Rows, Scores

# Below this share of non-zero products, adding them one by one beats a dense product (measured).
_SPARSE_SHARE = 2e-4
_FEW_FIRED = 1 / 16
_PRODUCTS_AT_ONCE = 2**21


def activation_correlation(
    latents_a: Float[Tensor, "n d_sae_a"], latents_b: Float[Tensor, "n d_sae_b"]
) -> Scores:
    """Correlation of every latent of ``a`` with every latent of ``b``, computed block by block on demand.

    A latent that never changes has correlation 0 with everything and is dead. Independent latents
    correlate by about ``sqrt(2 / (pi n))`` in absolute value.

    Raises:
        ValueError: Rows are not paired.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import activation_correlation
        >>> latents = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
        >>> activation_correlation(latents, latents).whole().round(decimals=2)
        tensor([[ 1.0000, -0.7400],
                [-0.7400,  1.0000]])
    """
    check_paired(latents_a, latents_b, ("latents_a", "latents_b"))
    return CosineScores(*(centered_columns(x) for x in same_precision(latents_a, latents_b)))


def centered_columns(latents: Float[Tensor, "n d"]) -> Float[Tensor, "d n"]:
    """Latents as rows less their mean; a constant latent becomes exactly zero."""
    constant = (latents == latents[0]).all(dim=0)
    return (latents - latents.mean(dim=0)).masked_fill_(constant, 0.0).T.contiguous()


class SumCorrelation(Scores):
    """Correlation from sums over samples, computed block by block on demand.

    Args:
        sums: Number of samples, sums and sums of squares of each latent, sums of products of each pair.
    """

    def __init__(self, sums: "ActivationSums") -> None:
        n = sums.n
        self.n, self._cross = n, sums.cross
        self._mean_a, self._mean_b = sums.sum_a / n, sums.sum_b / n
        self._scale_a = _inverse_spread(n, sums.sum_a, sums.square_a)
        self._scale_b = _inverse_spread(n, sums.sum_b, sums.square_b)
        super().__init__(self._scale_a > 0, self._scale_b > 0, torch.float64)

    def rows(self, block: Rows) -> Tensor:
        """See :class:`Scores`."""
        centered = torch.addr(self._cross[block], self._mean_a[block], self._mean_b, alpha=-float(self.n))
        return centered.mul_(self._scale_a[block, None]).mul_(self._scale_b).clamp_(-1, 1)


def _inverse_spread(n: Tensor, total: Tensor, square: Tensor) -> Tensor:
    """One over the root of the summed squared deviations; 0 where these are only rounding errors."""
    deviation = square - total.square() / n
    alive = deviation > 16 * torch.finfo(torch.float64).eps * square
    return torch.where(alive, deviation, 1.0).rsqrt().where(alive, 0.0)


class ActivationSums(NamedTuple):
    """Sums over samples, in float64; see :class:`SumCorrelation`."""

    n: Float[Tensor, ""]
    sum_a: Float[Tensor, " d_sae_a"]
    sum_b: Float[Tensor, " d_sae_b"]
    square_a: Float[Tensor, " d_sae_a"]
    square_b: Float[Tensor, " d_sae_b"]
    cross: Float[Tensor, "d_sae_a d_sae_b"]


def add_samples(sums: ActivationSums, latents_a: Tensor, latents_b: Tensor) -> None:
    """Add samples in place, using only the non-zero latents where these are few."""
    sums.n.add_(len(latents_a))
    # Counting non-zeros waits for an accelerator, on which dense products are fast anyway.
    on_cpu = latents_a.device.type == "cpu"
    fired_a, fired_b = (_fired(latents_a), _fired(latents_b)) if on_cpu else (None, None)
    if fired_a is not None and fired_b is not None:
        counts = [fired.sample.bincount(minlength=len(latents_a)) for fired in (fired_a, fired_b)]
        products = int(counts[0] @ counts[1])
        if products < _SPARSE_SHARE * len(latents_a) * sums.cross.numel():
            _add_sparse(sums, fired_a, fired_b, counts[1])
            return
    _add_dense(sums, latents_a, latents_b)


class _Fired(NamedTuple):
    """Non-zero latents, by sample."""

    sample: Tensor
    latent: Tensor
    value: Tensor


def _fired(latents: Tensor) -> _Fired | None:
    if latents.count_nonzero() > _FEW_FIRED * latents.numel():
        return None
    sample, latent = latents.nonzero(as_tuple=True)
    return _Fired(sample, latent, latents[sample, latent].double())


def _add_dense(sums: ActivationSums, latents_a: Tensor, latents_b: Tensor) -> None:
    total_a = _add_columns(sums.sum_a, sums.square_a, latents_a)
    total_b = _add_columns(sums.sum_b, sums.square_b, latents_b)
    # About a point near the mean, so that a float32 product loses no digits to an offset:
    # sum of a b = sum of (a - p)(b - q) + p (sum of b - n q) + (sum of a) q, exactly, for any p and q.
    n, cross = len(latents_a), sums.cross
    point_a, point_b = latents_a.mean(dim=0), latents_b.mean(dim=0)
    rest_b, near_b = total_b - n * point_b.double(), latents_b - point_b
    for block in row_blocks(len(cross), 2 * cross.shape[1] * latents_b.element_size()):
        cross[block] += (latents_a[:, block] - point_a[block]).T @ near_b
        cross[block].addr_(point_a[block].double(), rest_b).addr_(total_a[block], point_b.double())


def _add_columns(total: Tensor, square: Tensor, latents: Tensor) -> Tensor:
    """Add each column's sum and sum of squares; returns the sums of only these latents."""
    added = torch.zeros_like(total)
    for rows in latents.split(256):
        exact = rows.double()
        added += exact.sum(dim=0)
        square += exact.square().sum(dim=0)
    total += added
    return added


def _add_sparse(sums: ActivationSums, fired_a: _Fired, fired_b: _Fired, counts_b: Tensor) -> None:
    for total, square, fired in ((sums.sum_a, sums.square_a, fired_a), (sums.sum_b, sums.square_b, fired_b)):
        total.index_add_(0, fired.latent, fired.value)
        square.index_add_(0, fired.latent, fired.value.square())
    starts_b = counts_b.cumsum(dim=0) - counts_b
    at_once = max(1, _PRODUCTS_AT_ONCE // max(1, int(counts_b.max())))
    for sample, latent, value in zip(*(part.split(at_once) for part in fired_a), strict=True):
        partners = counts_b[sample]
        # The products of one non-zero of a lie side by side, and its partners in b do so too.
        first = starts_b[sample] - (partners.cumsum(dim=0) - partners)
        partner = first.repeat_interleave(partners)
        partner += torch.arange(len(partner), device=partner.device)
        position = (latent * sums.cross.shape[1]).repeat_interleave(partners) + fired_b.latent[partner]
        product = value.repeat_interleave(partners).mul_(fired_b.value[partner])
        sums.cross.view(-1).scatter_add_(0, position, product)
