"""Distance between the singular values of two matrices, which need not have paired rows."""

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_matrix, check_option
from saesim_pl.functional.ground.spectrum import positive_eigenvalues
from saesim_pl.functional.halves import Halves
from saesim_pl.functional.subspaces.paired_sums import PairedSums, checked, uncentered

NORMALIZATIONS = ("none", "sum", "l2")
LENGTHS = ("pad", "truncate")


@declared(
    needs="sides",
    higher_is_better=False,
    # Both lists descend from their first entry, so lists of sum 1 differ by less than 1.
    bounds=lambda options: (0.0, {"sum": 1.0, "l2": math.sqrt(2)}.get(options["normalize"])),
    blind=(
        Blind("orthogonal column_permutation"),
        Blind("isotropic_scale", when=lambda options, side: options["normalize"] != "none"),
    ),
    shown=({}, {"normalize": "none"}),
    halves=lambda n_rows, **options: singular_value_distance_halves(**options),
)
def singular_value_distance(
    a: Float[Tensor, "n_a d_a"],
    b: Float[Tensor, "n_b d_b"],
    normalize: Literal["none", "sum", "l2"] = "sum",
    length: Literal["pad", "truncate"] = "pad",
) -> Float[Tensor, ""]:
    """L2 norm of the difference of the two descending lists of singular values; no side is centered.

    The pairing does not matter: reordering the rows of one side changes nothing, so a null for it draws
    matrices, not pairings. Independent data of one shape and scale is near 0.

    Args:
        a: Rows.
        b: Rows.
        normalize: Divide each list by nothing, by its ``sum`` (how variance is distributed), or by its
            ``l2`` norm (the shape of the spectrum).
        length: ``pad`` the shorter list with zeros, or ``truncate`` the longer, after normalizing.

    Returns:
        Distance, at least 0; below 1 for ``sum`` unless one side is zero, at most sqrt 2 for ``l2``.

    Raises:
        ValueError: An input is not a matrix, or an option is unknown.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import singular_value_distance
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(singular_value_distance(a, b).item(), 3)
        0.055
    """
    check_matrix("a", a)
    check_matrix("b", b)
    distance = _distance(_singular_values(a), _singular_values(b), normalize, length)
    return distance.to(torch.promote_types(a.dtype, torch.float32))


def singular_value_distance_halves(normalize: str = "sum", length: str = "pad") -> Halves:
    """:func:`singular_value_distance` in its two halves: the values of each side, and their distance."""
    check_option("normalize", normalize, NORMALIZATIONS)
    check_option("length", length, LENGTHS)

    def compare(a: Tensor, b: Tensor) -> Tensor:
        return _distance(a, b, normalize, length)

    return Halves(_singular_values, compare, permute=lambda values, order: values)


def singular_value_distance_from_sums(
    sums: PairedSums, normalize: str = "sum", length: str = "pad"
) -> Float[Tensor, ""]:
    """See :func:`singular_value_distance`."""
    sums, n_rows = uncentered(checked(sums)), int(sums.n)
    return _distance(_roots(sums.aa, n_rows), _roots(sums.bb, n_rows), normalize, length)


def _singular_values(rows: Tensor) -> Tensor:
    rows = rows.double()
    wide = rows.shape[0] < rows.shape[1]
    return _roots(rows @ rows.T if wide else rows.T @ rows, rows.shape[0])


def _roots(scatter: Tensor, n_rows: int) -> Tensor:
    """Singular values of ``n_rows`` rows with this scatter; empty directions give exactly 0."""
    values = positive_eigenvalues(scatter).sqrt()
    padded = values.new_zeros(min(n_rows, len(scatter)))
    kept = min(len(values), len(padded))
    return torch.cat([values[:kept], padded[kept:]])


def _distance(a: Tensor, b: Tensor, normalize: str, length: str) -> Tensor:
    check_option("normalize", normalize, NORMALIZATIONS)
    check_option("length", length, LENGTHS)
    a, b = _normalized(a, normalize), _normalized(b, normalize)
    if length == "truncate":
        shared = min(len(a), len(b))
        return (a[:shared] - b[:shared]).norm()
    longest = max(len(a), len(b))
    return (_padded(a, longest) - _padded(b, longest)).norm()


def _normalized(values: Tensor, normalize: str) -> Tensor:
    if normalize == "none":
        return values
    total = values.sum() if normalize == "sum" else values.norm()
    return values / total.where(total > 0, 1.0)


def _padded(values: Tensor, longest: int) -> Tensor:
    return torch.nn.functional.pad(values, (0, longest - len(values)))
