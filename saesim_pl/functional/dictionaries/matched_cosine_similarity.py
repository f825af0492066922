"""Mean cosine of matched rows."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.pairing.matching import MatchingMethod, match_by_cosine


def matched_cosine_similarity(
    a: Float[Tensor, "n_a d_in"],
    b: Float[Tensor, "n_b d_in"],
    method: MatchingMethod = "hungarian",
    absolute: bool = False,
    memory_budget: int = MEMORY_BUDGET,
) -> Float[Tensor, ""]:
    """Mean cosine over the pairs that :func:`~saesim_pl.functional.match_by_cosine` makes.

    Rows that could have been paired and were not, because they are zero, count as 0: the sum is divided
    by the smaller number of rows for ``hungarian`` and by the rows of ``a`` for ``argmax``. For
    ``mutual``, where being unpaired is no defect, it is divided by the number of pairs.

    Args:
        a: Rows, any scale.
        b: Rows, any scale.
        method: How rows choose each other.
        absolute: Compare ``|cosine|``.
        memory_budget: Bytes for temporaries.

    Returns:
        Cosine in [-1, 1]; 1 when every pair is an exact match.

    Raises:
        ValueError: The two widths differ, or the method is unknown.
    """
    matching = match_by_cosine(a, b, method, absolute=absolute, memory_budget=memory_budget)
    n_pairs = {"hungarian": min(len(a), len(b)), "argmax": len(a), "mutual": max(1, len(matching))}[method]
    return (matching.score.sum() / n_pairs).to(a.device)
