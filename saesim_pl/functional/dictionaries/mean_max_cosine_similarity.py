"""Mean max cosine similarity (MMCS)."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.inputs import check_same_width
from saesim_pl.functional.pairing.best_matches import highest_scores
from saesim_pl.functional.pairing.scores import CosineScores


def mean_max_cosine_similarity(
    dictionary: Float[Tensor, "d_sae d_in"],
    reference: Float[Tensor, "n_reference d_in"],
    memory_budget: int = MEMORY_BUDGET,
) -> Float[Tensor, ""]:
    """Mean over ``dictionary`` rows of the best cosine with any ``reference`` row.

    Directed: swapping the arguments changes the value. Zero rows have cosine 0 with everything and count.
    Unchanged by the scale of each row, by the order of the rows on either side, and by one rotation of
    both sides. Under independence of isotropic directions
    :func:`~saesim_pl.functional.expected_max_cosine`. Sharkey et al. (2022).

    Args:
        dictionary: Decoder rows, any scale.
        reference: Rows to be found, any scale.
        memory_budget: Bytes for temporaries.

    Returns:
        Cosine in [-1, 1]; 1 when every row has an exact match.

    Raises:
        ValueError: The two widths differ.
    """
    check_same_width(dictionary, reference, ("dictionary", "reference"))
    best, _ = highest_scores(CosineScores(dictionary, reference), False, memory_budget)
    return best.mean()
