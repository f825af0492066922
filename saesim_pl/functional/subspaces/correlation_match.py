"""Mean correlation of matched columns (Li et al. 2015)."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_option
from saesim_pl.functional.pairing.assignment import best_assignment
from saesim_pl.functional.subspaces.paired_sums import PairedSums, checked, from_rows

ASSIGNMENTS = ("hard", "soft", "a_to_b", "b_to_a")


@declared(
    needs="pairs",
    bounds=(-1.0, 1.0),
    blind=(Blind("column_permutation isotropic_scale translation"),),
)
def correlation_match(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    assignment: Literal["hard", "soft", "a_to_b", "b_to_a"] = "hard",
) -> Float[Tensor, ""]:
    """Mean Pearson correlation of each column with its partner on the other side.

    Independent columns reach up to about ``sqrt(2 log(d) / n)``, the largest of ``d`` chance correlations.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.
        assignment: ``hard``: the best one-to-one partners, of the narrower side; ``a_to_b``: each column
            of ``a`` and its best in ``b``, repeats allowed; ``b_to_a``; ``soft``: the mean of these two.

    Returns:
        Similarity in [-1, 1]; a constant column correlates 0 with all and counts.

    Raises:
        ValueError: The rows cannot be paired, or ``assignment`` is unknown.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import correlation_match
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(correlation_match(a, b).item(), 3)
        0.719
    """
    return from_rows(correlation_match_from_sums, a, b, assignment=assignment)


def correlation_match_from_sums(sums: PairedSums, assignment: str = "hard") -> Float[Tensor, ""]:
    """See :func:`correlation_match`."""
    check_option("assignment", assignment, ASSIGNMENTS)
    sums = checked(sums)
    correlation = _inverse_scale(sums.aa)[:, None] * sums.ab * _inverse_scale(sums.bb)
    if assignment == "hard":
        return correlation[best_assignment(correlation)].mean()
    a_to_b, b_to_a = correlation.amax(1).mean(), correlation.amax(0).mean()
    return {"a_to_b": a_to_b, "b_to_a": b_to_a, "soft": (a_to_b + b_to_a) / 2}[assignment]


def _inverse_scale(scatter: Tensor) -> Tensor:
    variance = scatter.diagonal()
    return torch.where(variance > 0, variance.where(variance > 0, 1.0).rsqrt(), 0.0)
