"""Mean canonical correlation (Raghu et al. 2017; Kornblith et al. 2019 for the squares)."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.ground.spectrum import whitening
from saesim_pl.functional.halves import Halves, centered
from saesim_pl.functional.subspaces.canonical_correlations import (
    canonical_correlations,
    canonical_correlations_from_sums,
)
from saesim_pl.functional.subspaces.paired_sums import PairedSums, checked, from_rows

STATISTICS = ("mean", "trimmed", "squared")
TRIMMED_SHARE = 0.98


@declared(
    needs="pairs",
    bounds=(0.0, 1.0),
    blind=(Blind("orthogonal column_permutation isotropic_scale translation invertible_linear"),),
    halves=lambda n_rows, **options: mean_cca_halves(**options),
)
def mean_cca(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    statistic: Literal["mean", "trimmed", "squared"] = "mean",
) -> Float[Tensor, ""]:
    """Mean canonical correlation of the column-centered inputs.

    Independent Gaussian data has squared correlations near ``max(d_a, d_b) / n``; from ``n <= d`` on,
    everything scores 1.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.
        statistic: ``mean`` of all correlations; ``trimmed`` to the fewest leading ones that make up 0.98 of
            their sum; mean of the ``squared`` correlations.

    Returns:
        Similarity in [0, 1].

    Raises:
        ValueError: The rows cannot be paired, or ``statistic`` is unknown.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import mean_cca
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(mean_cca(a, b).item(), 3)
        0.735
    """
    return from_rows(mean_cca_from_sums, a, b, statistic=statistic)


def mean_cca_from_sums(sums: PairedSums, statistic: str = "mean") -> Float[Tensor, ""]:
    """See :func:`mean_cca`."""
    check_option("statistic", statistic, STATISTICS)
    return _summary(canonical_correlations_from_sums(checked(sums)), statistic)


def mean_cca_halves(statistic: str = "mean") -> Halves:
    """:func:`mean_cca` in its two halves: an orthonormal basis of each side, and their comparison."""
    check_option("statistic", statistic, STATISTICS)

    def basis(rows: Tensor) -> Tensor:
        u = centered(rows)
        return (u @ whitening(u.T @ u)).to(rows.dtype)

    return Halves(basis, lambda a, b: _summary(canonical_correlations(a.T @ b), statistic))


def _summary(correlations: Tensor, statistic: str) -> Tensor:
    if statistic == "squared":
        return correlations.square().mean()
    if statistic == "trimmed":
        cumulative = correlations.cumsum(0)
        enough = cumulative >= TRIMMED_SHARE * cumulative[-1]
        return correlations[: int(enough.int().argmax()) + 1].mean()
    return correlations.mean()
