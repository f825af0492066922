"""Second-order cosine similarity."""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET, row_blocks
from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import same_precision, unit_rows
from saesim_pl.functional.neighbors.paired_neighbors import MAX_CHANCE, fewest_rows, paired_neighbors


@declared(
    needs="pairs",
    bounds=(0.0, 1.0),
    min_rows=fewest_rows,
    blind=(Blind("orthogonal column_permutation isotropic_scale"),),
    per_feature=lambda a, b, **options: second_order_cosines(a, b, **options),
)
def second_order_cosine_similarity(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    k: int = 10,
    max_chance: float = MAX_CHANCE,
    memory_budget: int = MEMORY_BUDGET,
) -> Float[Tensor, ""]:
    """Cosine between row i's distances in ``a`` and in ``b`` to its neighbors in either; mean over rows.

    Distances are ``1 - cosine``, to the union of the ``k`` nearest other rows of row i on both sides. A row
    whose distances are all 0 scores 0. Symmetric. Unchanged by rotating either side, by the scale of each
    row, and by permuting the rows of both together. For independent sides the value has no closed form and
    is high, since distances are never negative: near 1 for independent rows of many columns. Compare it
    with its null. Hamilton et al. (2016) take the cosine of similarities; Klabunde et al. (2023) take
    distances, as here.

    Args:
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; their width may differ.
        k: Neighbors of each row.
        max_chance: Refuse a ``k`` that gives unrelated rows a higher Jaccard similarity; 1 accepts all.
        memory_budget: Bytes for temporaries.

    Returns:
        Cosine in [0, 1].

    Raises:
        ValueError: Rows are not paired, ``k`` does not lie in [1, n - 1], or chance exceeds ``max_chance``.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import second_order_cosine_similarity
        >>> a = torch.arange(90.0).square().sin().reshape(30, 3)
        >>> b = a + torch.arange(90.0).square().cos().reshape(30, 3)
        >>> round(second_order_cosine_similarity(a, b, k=3).item(), 3)
        0.331
    """
    return second_order_cosines(a, b, k, max_chance, memory_budget).mean()


def second_order_cosines(
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    k: int = 10,
    max_chance: float = MAX_CHANCE,
    memory_budget: int = MEMORY_BUDGET,
) -> Float[Tensor, " n"]:
    """:func:`second_order_cosine_similarity` of each row."""
    sets_a, sets_b = paired_neighbors(a, b, k, "cosine", max_chance, memory_budget)
    units = [unit_rows(x) for x in same_precision(a, b)]
    candidates, wanted = union_of_neighbors(sets_a.index, sets_b.index)
    u, v = (cosine_distances(x, candidates, memory_budget) for x in units)
    scores = _weighted_cosine(u, v, wanted.to(u.dtype))
    tied = (sets_a.tied | sets_b.tied).nonzero().squeeze(1)
    for part in row_blocks(len(tied), 5 * 8 * len(a), memory_budget):
        rows = tied[part]
        either = 1 - (1 - sets_a.memberships(rows)) * (1 - sets_b.memberships(rows))
        u, v = ((1 - x[rows] @ x.T).clamp(min=0) for x in units)
        scores = scores.index_copy(0, rows, _weighted_cosine(u, v, either.to(u.dtype)))
    return scores


def _weighted_cosine(u: Tensor, v: Tensor, weight: Tensor) -> Float[Tensor, " n"]:
    """Cosine of each row of ``u`` with the same row of ``v``; 0 where one is zero."""
    scale = ((weight * u.square()).sum(dim=1) * (weight * v.square()).sum(dim=1)).sqrt()
    return (weight * u * v).sum(dim=1) / scale.where(scale > 0, 1.0)


def union_of_neighbors(
    neighbours_a: Int64[Tensor, "n k"], neighbours_b: Int64[Tensor, "n k"]
) -> tuple[Int64[Tensor, "n m"], Bool[Tensor, "n m"]]:
    """Neighbors of both sides together, and whether each occurs for the first time."""
    again = torch.stack([(neighbours_a == column).any(dim=1) for column in neighbours_b.split(1, dim=1)], 1)
    wanted = torch.cat([torch.ones_like(again), ~again], dim=1)
    return torch.cat([neighbours_a, neighbours_b], dim=1), wanted


def cosine_distances(
    points: Float[Tensor, "n d"], others: Int64[Tensor, "n m"], memory_budget: int = MEMORY_BUDGET
) -> Float[Tensor, "n m"]:
    """``1 - cosine`` of each unit row with some of the others; rounding never makes it negative."""
    distances = points.new_empty(others.shape)
    for block in row_blocks(len(points), others[0].numel() * points[0].nbytes, memory_budget):
        distances[block] = torch.einsum("nd,nmd->nm", points[block], points[others[block]])
    return distances.neg_().add_(1).clamp_(min=0)
