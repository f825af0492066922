"""Mean cosine of matched rows."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_same_width
from saesim_pl.functional.pairing.matching import Matching, MatchingMethod, match_by_cosine
from saesim_pl.functional.pairing.pair_cosines import cosines_of_pairs


@declared(
    needs="sides",
    bounds=lambda options: (0.0 if options["absolute"] else -1.0, 1.0),
    one_space=True,
    matching="pairing",
    blind=(Blind("isotropic_scale"),),
    shown=({"method": "hungarian"}, {"method": "argmax"}, {"method": "mutual"}),
    per_feature=lambda a, b, **options: matched_cosines(a, b, **options),
)
def matched_cosine_similarity(
    a: Float[Tensor, "n_a d_in"],
    b: Float[Tensor, "n_b d_in"],
    method: MatchingMethod = "hungarian",
    absolute: bool = False,
    memory_budget: int = MEMORY_BUDGET,
    *,
    matching: Matching | None = None,
) -> Float[Tensor, ""]:
    """Mean cosine over the pairs that :func:`~saesim_pl.functional.match_by_cosine` makes.

    Rows that could have been paired and were not, because they are zero, count as 0: the sum is divided
    by the smaller number of rows for ``hungarian`` and by the rows of ``a`` for ``argmax``. For
    ``mutual``, where being unpaired is no defect, it is divided by the number of pairs. A given matching
    names the divisor as ``n_sought``.

    Args:
        a: Rows, any scale.
        b: Rows, any scale.
        method: How rows choose each other.
        absolute: Compare ``|cosine|``.
        memory_budget: Bytes for temporaries.
        matching: Pairs to take instead, made by any rule; ``method`` is then not used.

    Returns:
        Cosine in [-1, 1]; 1 when every pair is an exact match, 0 without pairs.

    Raises:
        ValueError: The two widths differ, the method is unknown, or the matching has other numbers of rows.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import matched_cosine_similarity
        >>> a = torch.eye(3)
        >>> b = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
        >>> round(matched_cosine_similarity(a, b).item(), 3)
        0.9
    """
    cosines = matched_cosines(a, b, method, absolute, memory_budget, matching=matching)
    return cosines.sum() / max(1, len(cosines))


def matched_cosines(
    a: Float[Tensor, "n_a d_in"],
    b: Float[Tensor, "n_b d_in"],
    method: MatchingMethod = "hungarian",
    absolute: bool = False,
    memory_budget: int = MEMORY_BUDGET,
    *,
    matching: Matching | None = None,
) -> Float[Tensor, " n_sought"]:
    """Cosine of each pair of :func:`matched_cosine_similarity`, 0 for a pair sought and not found."""
    check_same_width(a, b)
    if matching is None:
        matching = match_by_cosine(a, b, method, absolute=absolute, memory_budget=memory_budget)
    cosines = cosines_of_pairs(matching, a, b)
    n_missing = 0 if matching.n_sought is None else matching.n_sought - len(matching)
    return torch.nn.functional.pad(cosines.abs() if absolute else cosines, (0, n_missing))
