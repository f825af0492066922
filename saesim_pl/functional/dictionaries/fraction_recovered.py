"""Share of the true features that a dictionary has found."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_cosine, check_same_width
from saesim_pl.functional.pairing.matching import Matching, match_by_cosine
from saesim_pl.functional.pairing.pair_cosines import cosines_of_pairs


@declared(
    needs="sides",
    bounds=(0.0, 1.0),
    one_space=True,
    directed=True,
    matching="argmax",
    blind=(Blind("isotropic_scale"),),
    shown=({"threshold": 0.8},),
    per_feature=lambda a, b, **options: recovered(a, b, **options),
)
def fraction_recovered(
    true_features: Float[Tensor, "n_features d_in"],
    dictionary: Float[Tensor, "d_sae d_in"],
    threshold: float = 0.9,
    memory_budget: int = MEMORY_BUDGET,
    *,
    matching: Matching | None = None,
) -> Float[Tensor, ""]:
    """Share of ``true_features`` whose best cosine with a ``dictionary`` row exceeds ``threshold``.

    Unchanged by the scale of each row, the order of the rows on either side, and one rotation of both.
    Practically 0 for independent directions: in 50 dimensions a cosine above 0.9 does not happen.

    Args:
        true_features: Directions to be found, any scale.
        dictionary: Decoder rows, any scale.
        threshold: Cosine above which a feature counts as found.
        memory_budget: Bytes for temporaries.
        matching: The ``argmax`` matching of ``true_features`` in ``dictionary``, to save the search.

    Returns:
        A share in [0, 1].

    Raises:
        ValueError: The two widths differ, the threshold lies outside [-1, 1], or the matching has other
            numbers of rows.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import fraction_recovered
        >>> true_features = torch.eye(3)
        >>> dictionary = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
        >>> round(fraction_recovered(true_features, dictionary).item(), 3)
        0.333
        >>> round(fraction_recovered(true_features, dictionary, threshold=0.7).item(), 3)
        0.667
    """
    found = recovered(true_features, dictionary, threshold, memory_budget, matching=matching)
    return found.mean().to(torch.promote_types(true_features.dtype, torch.float32))


def recovered(
    true_features: Float[Tensor, "n_features d_in"],
    dictionary: Float[Tensor, "d_sae d_in"],
    threshold: float = 0.9,
    memory_budget: int = MEMORY_BUDGET,
    *,
    matching: Matching | None = None,
) -> Float[Tensor, " n_features"]:
    """1 for each feature that :func:`fraction_recovered` counts, 0 for the others."""
    check_cosine("threshold", threshold)
    check_same_width(true_features, dictionary, ("true_features", "dictionary"))
    if matching is None:
        matching = match_by_cosine(true_features, dictionary, "argmax", memory_budget=memory_budget)
    above = cosines_of_pairs(matching, true_features, dictionary) > threshold
    found = torch.zeros(len(true_features), dtype=torch.float64, device=above.device)
    return found.index_copy(0, matching.index_a.to(above.device), above.double())
