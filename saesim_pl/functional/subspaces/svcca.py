"""Singular vector canonical correlation analysis (Raghu et al. 2017)."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.similarity_warning import warn_saturated
from saesim_pl.functional.ground.spectrum import spectrum
from saesim_pl.functional.halves import Halves, centered
from saesim_pl.functional.subspaces.canonical_correlations import canonical_correlations
from saesim_pl.functional.subspaces.paired_sums import PairedSums, checked, from_rows, paired_sums


class SVCCAScore(NamedTuple):
    """A score and the numbers of principal components that it compares."""

    similarity: Float[Tensor, ""]
    components_a: int
    components_b: int


@declared(
    needs="pairs",
    bounds=(0.0, 1.0),
    blind=(
        Blind("orthogonal column_permutation isotropic_scale translation"),
        Blind(
            "invertible_linear",
            when=lambda options, side: options["n_components"] is None and options["variance_share"] == 1,
        ),
    ),
    shown=({"variance_share": 1.0}, {"variance_share": 0.8}),
    halves=lambda n_rows, **options: svcca_halves(**options),
)
def svcca(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    variance_share: float = 0.99,
    n_components: int | None = None,
) -> Float[Tensor, ""]:
    """Mean canonical correlation of the leading principal components of each side.

    Independent data scores high unless there are many more rows than components: 0.98 at 100 rows of
    256 columns. Compare it with its null, and see :func:`svcca_components`.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.
        variance_share: Keep the fewest components that hold this share of a side's variance.
        n_components: Keep this many of each side instead, or all with variance if they are fewer.

    Returns:
        Similarity in [0, 1]: the mean correlation, over the smaller of the two numbers of components.

    Raises:
        ValueError: The rows cannot be paired, or an option is out of range.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import svcca
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(svcca(a, b).item(), 3)
        0.735
    """
    return from_rows(svcca_from_sums, a, b, variance_share=variance_share, n_components=n_components)


def svcca_components(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    variance_share: float = 0.99,
    n_components: int | None = None,
) -> SVCCAScore:
    """:func:`svcca` with the number of components kept of each side.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import svcca_components
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> svcca_components(a, b, variance_share=0.9).components_a
        3
    """
    return svcca_components_from_sums(paired_sums(a, b), variance_share, n_components)


def svcca_from_sums(
    sums: PairedSums, variance_share: float = 0.99, n_components: int | None = None
) -> Float[Tensor, ""]:
    """See :func:`svcca`."""
    return svcca_components_from_sums(sums, variance_share, n_components).similarity


def svcca_components_from_sums(
    sums: PairedSums, variance_share: float = 0.99, n_components: int | None = None
) -> SVCCAScore:
    """See :func:`svcca_components`."""
    check_components(variance_share, n_components)
    sums = checked(sums)
    warn_saturated("SVCCA", int(sums.n), max(sums.ab.shape))
    axes_a = _axes(sums.aa, variance_share, n_components)
    axes_b = _axes(sums.bb, variance_share, n_components)
    correlations = canonical_correlations(axes_a.T @ sums.ab @ axes_b)
    return SVCCAScore(correlations.mean(), axes_a.shape[1], axes_b.shape[1])


def svcca_halves(variance_share: float = 0.99, n_components: int | None = None) -> Halves:
    """:func:`svcca` in its two halves: whitened principal components of each side, and their angles."""
    check_components(variance_share, n_components)

    def scores(rows: Tensor) -> Tensor:
        u = centered(rows)
        return (u @ _axes(u.T @ u, variance_share, n_components)).to(rows.dtype)

    return Halves(scores, lambda a, b: canonical_correlations(a.T @ b).mean())


def check_components(variance_share: float, n_components: int | None) -> None:
    """Refuse a share outside (0, 1] and a number of components below 1, with ``ValueError``."""
    if not 0 < variance_share <= 1:
        raise ValueError(f"variance_share must be in (0, 1], got {variance_share}")
    if n_components is not None and n_components < 1:
        raise ValueError(f"n_components must be at least 1, got {n_components}")


def _axes(scatter: Tensor, variance_share: float, n_components: int | None) -> Tensor:
    """Leading eigenvectors, scaled so that the scatter along each is 1."""
    variances, directions = spectrum(scatter)
    if n_components is None and len(variances):
        share = variances.cumsum(0) / variances.sum()
        # The last share may round to just below 1, which is then no index at all but all components.
        n_components = int(torch.searchsorted(share, variance_share)) + 1
    return directions[:, :n_components] / variances[:n_components].sqrt()
