"""Share of the true features that a dictionary has found."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.inputs import check_same_width
from saesim_pl.functional.pairing.matching import match_by_cosine


def fraction_recovered(
    true_features: Float[Tensor, "n_features d_in"],
    dictionary: Float[Tensor, "d_sae d_in"],
    threshold: float = 0.9,
    memory_budget: int = MEMORY_BUDGET,
) -> Float[Tensor, ""]:
    """Share of ``true_features`` whose best cosine with a ``dictionary`` row exceeds ``threshold``.

    Unchanged by the scale of each row, the order of the rows on either side, and one rotation of both.
    For independent directions practically 0: a cosine above 0.9 does not happen in 50 dimensions.

    Args:
        true_features: Directions to be found, any scale.
        dictionary: Decoder rows, any scale.
        threshold: Cosine above which a feature counts as found.
        memory_budget: Bytes for temporaries.

    Returns:
        A share in [0, 1].

    Raises:
        ValueError: The two widths differ, or the threshold lies outside [-1, 1].
    """
    if not -1 <= threshold <= 1:
        raise ValueError(f"threshold is a cosine in [-1, 1], got {threshold}")
    check_same_width(true_features, dictionary, ("true_features", "dictionary"))
    best = match_by_cosine(true_features, dictionary, "argmax", memory_budget=memory_budget).score
    return (best > threshold).sum().to(true_features) / len(true_features)
