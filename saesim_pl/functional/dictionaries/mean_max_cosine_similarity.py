"""Mean max cosine similarity (MMCS)."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_same_width
from saesim_pl.functional.pairing.best_matches import highest_scores
from saesim_pl.functional.pairing.matching import Matching
from saesim_pl.functional.pairing.pair_cosines import cosines_of_pairs
from saesim_pl.functional.pairing.scores import CosineScores


@declared(
    needs="sides",
    bounds=(-1.0, 1.0),
    one_space=True,
    directed=True,
    matching="argmax",
    blind=(Blind("isotropic_scale"),),
    per_feature=lambda a, b, **options: max_cosines(a, b, **options),
)
def mean_max_cosine_similarity(
    dictionary: Float[Tensor, "d_sae d_in"],
    reference: Float[Tensor, "n_reference d_in"],
    memory_budget: int = MEMORY_BUDGET,
    *,
    matching: Matching | None = None,
) -> Float[Tensor, ""]:
    """Mean over ``dictionary`` rows of the best cosine with any ``reference`` row.

    Directed: swapping the arguments changes the value. Zero rows have cosine 0 with everything and count.
    Unchanged by the scale of each row, by the order of the rows on either side, and by one rotation of
    both sides. For independent isotropic directions the expected value is
    :func:`~saesim_pl.functional.expected_max_cosine`. Sharkey et al. (2022).

    Args:
        dictionary: Decoder rows, any scale.
        reference: Rows to be found, any scale.
        memory_budget: Bytes for temporaries.
        matching: The ``argmax`` matching of ``dictionary`` in ``reference``, to save the search.

    Returns:
        Cosine in [-1, 1]; 1 when every row has an exact match.

    Raises:
        ValueError: The two widths differ, or the matching has other numbers of rows.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import mean_max_cosine_similarity
        >>> dictionary = torch.eye(3)
        >>> reference = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
        >>> round(mean_max_cosine_similarity(dictionary, reference).item(), 3)
        0.8
    """
    return max_cosines(dictionary, reference, memory_budget, matching=matching).mean()


def max_cosines(
    dictionary: Float[Tensor, "d_sae d_in"],
    reference: Float[Tensor, "n_reference d_in"],
    memory_budget: int = MEMORY_BUDGET,
    *,
    matching: Matching | None = None,
) -> Float[Tensor, " d_sae"]:
    """Best cosine of each ``dictionary`` row; see :func:`mean_max_cosine_similarity`."""
    check_same_width(dictionary, reference, ("dictionary", "reference"))
    if matching is None:
        return highest_scores(CosineScores(dictionary, reference), False, memory_budget)[0]
    cosines = cosines_of_pairs(matching, dictionary, reference)
    # A matching leaves zero rows out, but their cosine of 0 may be the best one.
    if not reference.any(dim=1).all():
        cosines = cosines.clamp(min=0)
    return cosines.new_zeros(len(dictionary)).index_copy(0, matching.index_a.to(cosines.device), cosines)
