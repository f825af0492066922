"""Whether latents track different features."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_same_width
from saesim_pl.functional.pairing.matching import Matching, match_by_cosine
from saesim_pl.functional.pairing.pair_cosines import check_sizes


@declared(
    needs="sides",
    bounds=(0.0, 1.0),
    one_space=True,
    directed=True,
    matching="argmax",
    blind=(Blind("isotropic_scale"),),
)
def uniqueness(
    dictionary: Float[Tensor, "d_sae d_in"],
    true_features: Float[Tensor, "n_features d_in"],
    memory_budget: int = MEMORY_BUDGET,
    *,
    matching: Matching | None = None,
) -> Float[Tensor, ""]:
    """Number of different nearest ``true_features`` of the ``dictionary`` rows, over the number of rows.

    Directed: low where many latents crowd around few features. A zero row has no nearest feature but counts
    as a row. Unchanged by the scale of each row, the order of the rows on either side, and one rotation of
    both. About 1 - 1/e = 0.63 for as many independent directions on both sides.

    Args:
        dictionary: Decoder rows, any scale.
        true_features: Directions that may be tracked, any scale.
        memory_budget: Bytes for temporaries.
        matching: The ``argmax`` matching of ``dictionary`` in ``true_features``, to save the search.

    Returns:
        A share in [0, 1]; at most ``n_features / d_sae``.

    Raises:
        ValueError: The two widths differ, or the matching has other numbers of rows.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import uniqueness
        >>> dictionary = torch.eye(3)
        >>> true_features = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
        >>> round(uniqueness(dictionary, true_features).item(), 3)
        0.667
    """
    check_same_width(dictionary, true_features, ("dictionary", "true_features"))
    if matching is None:
        matching = match_by_cosine(dictionary, true_features, "argmax", memory_budget=memory_budget)
    check_sizes(matching, dictionary, true_features)
    share = torch.tensor(matching.n_unique_b / len(dictionary), device=dictionary.device)
    return share.to(torch.promote_types(dictionary.dtype, torch.float32))
