"""Whether latents track different features."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.inputs import check_same_width
from saesim_pl.functional.pairing.matching import match_by_cosine


def uniqueness(
    dictionary: Float[Tensor, "d_sae d_in"],
    true_features: Float[Tensor, "n_features d_in"],
    memory_budget: int = MEMORY_BUDGET,
) -> Float[Tensor, ""]:
    """Number of different nearest ``true_features`` of the ``dictionary`` rows, divided by these rows.

    Directed: low where many latents crowd around few features. A zero row is near none and counts as a
    row. Unchanged by the scale of each row, the order of the rows on either side, and one rotation of
    both. About 1 - 1/e = 0.63 for as many independent directions on both sides.

    Args:
        dictionary: Decoder rows, any scale.
        true_features: Directions that may be tracked, any scale.
        memory_budget: Bytes for temporaries.

    Returns:
        A share in [0, 1]; at most ``n_features / d_sae``.

    Raises:
        ValueError: The two widths differ.
    """
    check_same_width(dictionary, true_features, ("dictionary", "true_features"))
    nearest = match_by_cosine(dictionary, true_features, "argmax", memory_budget=memory_budget)
    return dictionary.new_tensor(nearest.n_unique_b / len(dictionary))
