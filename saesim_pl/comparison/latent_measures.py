"""Measures of latents over samples, from sums alone: no latent is kept."""

import warnings
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric

from saesim_pl.comparison.latents import LatentSums
from saesim_pl.comparison.measure import Measure, fresh_copy
from saesim_pl.comparison.row import ComparisonRow
from saesim_pl.comparison.statistics import Scored
from saesim_pl.functional import SimilarityWarning
from saesim_pl.functional.pairing.activation_correlation import ActivationSums
from saesim_pl.functional.subspaces.paired_sums import PairedSums
from saesim_pl.metrics.paired_sums import NAMES, PairedSumsStore

SUBSET = "latents"
"""Value of the column ``subset`` for scores of latents."""


def check_latent_metrics(metrics: Mapping[str, Metric]) -> None:
    """Refuse metrics that sums over samples are not enough for.

    Raises:
        ValueError: A metric needs more than sums; the message names some that do not.
    """
    for name, metric in metrics.items():
        if not _is_of_plain_sums(metric):
            raise ValueError(
                f"latent_metrics: {name} ({type(metric).__name__}) needs every row of latents; "
                "take SVCCA, LinearCKA, ProcrustesDistance, CorrelationMatch, LinearRegressionR2, or "
                "RepresentationalSimilarity with squared_euclidean and pearson"
            )


def score_latents(pair: str, metrics: Mapping[str, Metric], sums: LatentSums, null: str) -> list[Scored]:
    """Rows of one pair of SAEs: each metric of its latents, and of its latents shifted by documents.

    Args:
        pair: Such as ``a~b``.
        metrics: By name, metrics that keep sums; see :func:`check_latent_metrics`.
        sums: Sums of the pair, with squares.
        null: Name of the null, for the table.
    """
    of_shifts = paired_sums_of_shifts(sums)
    scored = []
    for name, metric in metrics.items():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", SimilarityWarning)
            value, *shifted = (_value(metric, one) for one in of_shifts)
        notes = list(dict.fromkeys(str(one.message) for one in caught))
        row = ComparisonRow(
            None, pair, SUBSET, "", name, value, null, n_pairs=sums.n_seen, n_unique=sums.n_seen
        )
        draws = torch.tensor(shifted, dtype=torch.float64)
        scored.append(Scored(row, Measure(name, metric), draws, value, notes))
    return scored


def _value(metric: Metric, sums: PairedSums) -> float:
    fresh = fresh_copy(metric)
    for name in NAMES:
        setattr(fresh, name, getattr(sums, name))
    fresh._update_count = 1  # torchmetrics warns where nothing was seen
    return float(fresh.compute())


def _is_of_plain_sums(metric: Metric) -> bool:
    """Whether it keeps sums of the rows themselves, not of rows that were mapped first."""
    return isinstance(getattr(metric, "store", None), PairedSumsStore) and not getattr(
        metric, "_maps_rows", False
    )


def paired_sums_of_shifts(sums: LatentSums) -> list[PairedSums]:
    """Sums of paired rows for the samples as they are and for every shift.

    With ``z = (x, |x|^2)`` the products of ``z`` of both sides hold all moments that ``PairedSums`` has,
    about zero. About the mean, ``u = x - mu`` and ``|u|^2 = |x|^2 - 2 mu x + |mu|^2``: a linear map of z.
    """
    sums.close()
    own_a, own_b = sums.own
    aa, bb = _centered(own_a, own_a.sum_a, own_a.sum_a), _centered(own_b, own_b.sum_a, own_b.sum_a)
    return [_joined(own_a, own_b, aa, bb, cross) for cross in sums.cross]


def _joined(
    own_a: ActivationSums, own_b: ActivationSums, aa: Tensor, bb: Tensor, cross: ActivationSums
) -> PairedSums:
    n = own_a.n
    ab = _centered(cross, own_a.sum_a, own_b.sum_a)
    mean_a, mean_b = aa.diagonal()[:-1].sum() / n, bb.diagonal()[:-1].sum() / n  # of |u|^2 and |v|^2
    fourth = torch.stack(
        [aa[-1, -1] + n * mean_a**2, ab[-1, -1] + n * mean_a * mean_b, bb[-1, -1] + n * mean_b**2]
    )
    return PairedSums(
        n=n,
        sum_a=own_a.sum_a[:-1],
        sum_b=own_b.sum_a[:-1],
        aa=aa[:-1, :-1],
        bb=bb[:-1, :-1],
        ab=ab[:-1, :-1],
        third_a=torch.stack([aa[:-1, -1], ab[:-1, -1]]),
        third_b=torch.stack([ab[-1, :-1], bb[:-1, -1]]),
        fourth=fourth,
    )


def _centered(
    sums: ActivationSums, total_a: Float[Tensor, " d_a+1"], total_b: Float[Tensor, " d_b+1"]
) -> Float[Tensor, "d_a+1 d_b+1"]:
    """Products of ``(u, |u|^2 - its mean)`` and ``(v, |v|^2 - its mean)``, from products of z about 0."""
    n = sums.n
    products = sums.cross - torch.outer(total_a, total_b) / n
    mean_a, mean_b = total_a[:-1] / n, total_b[:-1] / n
    products[-1] -= 2 * mean_a @ products[:-1]
    products[:, -1] -= 2 * products[:, :-1] @ mean_b
    return products
