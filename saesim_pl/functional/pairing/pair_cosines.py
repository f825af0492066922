"""Cosines of the pairs of a matching, which may have compared other scores."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.inputs import same_precision, unit_rows
from saesim_pl.functional.pairing.matching import Matching


def cosines_of_pairs(
    matching: Matching, a: Float[Tensor, "n_a d_in"], b: Float[Tensor, "n_b d_in"]
) -> Float[Tensor, " n_pairs"]:
    """Cosine of the two rows of each pair.

    Raises:
        ValueError: The matching belongs to sides with other numbers of rows.
    """
    check_sizes(matching, a, b)
    a, b = same_precision(a, b)
    rows_a, rows_b = a[matching.index_a.to(a.device)], b[matching.index_b.to(b.device)]
    return (unit_rows(rows_a) * unit_rows(rows_b)).sum(dim=1)


def check_sizes(matching: Matching, a: Tensor, b: Tensor) -> None:
    """Refuse a matching of sides with other numbers of rows, with ``ValueError``."""
    if matching.sizes != (len(a), len(b)):
        raise ValueError(
            f"the matching is of {matching.sizes[0]} and {matching.sizes[1]} rows, the sides have "
            f"{len(a)} and {len(b)}"
        )
