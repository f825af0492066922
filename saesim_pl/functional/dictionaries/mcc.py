"""Mean correlation coefficient (MCC), of one pair of dictionaries and of all pairs (PW-MCC)."""

from collections.abc import Sequence
from itertools import combinations

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.dictionaries.matched_cosine_similarity import (
    matched_cosine_similarity,
    matched_cosines,
)
from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_same_width


@declared(
    needs="sides",
    bounds=(0.0, 1.0),
    one_space=True,
    blind=(Blind("isotropic_scale"),),
    per_feature=lambda a, b, **options: matched_cosines(a, b, absolute=True, **options),
)
def mcc(
    true_features: Float[Tensor, "n_features d_in"],
    dictionary: Float[Tensor, "d_sae d_in"],
    memory_budget: int = MEMORY_BUDGET,
) -> Float[Tensor, ""]:
    """Mean |cosine| of the one-to-one matching that maximizes it: the field's MCC.

    :func:`~saesim_pl.functional.matched_cosine_similarity` with ``hungarian`` and ``absolute``: divided by
    the smaller number of rows, a zero row counts 0. Symmetric; unchanged by scale and sign of each row,
    the order of the rows on either side, and one rotation of both. Not 0 for independent directions:
    compare it with :func:`~saesim_pl.functional.gaussian_null`. Song et al. (2025), "Mechanistic
    interpretability should prioritize feature consistency in SAEs".

    Args:
        true_features: Directions to be found, any scale.
        dictionary: Decoder rows, any scale.
        memory_budget: Bytes for temporaries.

    Returns:
        A number in [0, 1]; 1 when every row of the smaller side has an exact match of its own.

    Raises:
        ValueError: The two widths differ.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import mcc
        >>> true_features = torch.eye(3)
        >>> dictionary = torch.tensor([[2.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
        >>> round(mcc(true_features, dictionary).item(), 3)
        0.9
    """
    check_same_width(true_features, dictionary, ("true_features", "dictionary"))
    return matched_cosine_similarity(true_features, dictionary, "hungarian", True, memory_budget)


def pw_mcc(
    dictionaries: Sequence[Float[Tensor, "d_sae d_in"]], memory_budget: int = MEMORY_BUDGET
) -> Float[Tensor, ""]:
    """Mean :func:`mcc` over all pairs of ``dictionaries``: how consistent runs of one recipe are.

    Unchanged by the order of the dictionaries and by every change that leaves each :func:`mcc` unchanged.
    Song et al. (2025).

    Args:
        dictionaries: Decoder rows of at least two SAEs of one shape.
        memory_budget: Bytes for temporaries.

    Returns:
        A number in [0, 1]; 1 when all dictionaries hold the same directions.

    Raises:
        ValueError: Fewer than two dictionaries, or their shapes differ.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import pw_mcc
        >>> rows = torch.eye(3)
        >>> round(pw_mcc([rows, rows.flip(0), -rows]).item(), 3)
        1.0
    """
    shapes = {tuple(dictionary.shape) for dictionary in dictionaries}
    if len(dictionaries) < 2:
        raise ValueError(f"pw_mcc needs at least 2 dictionaries, got {len(dictionaries)}")
    if len(shapes) > 1:
        raise ValueError(f"dictionaries must have one shape, got {sorted(shapes)}")
    return torch.stack([mcc(a, b, memory_budget) for a, b in combinations(dictionaries, 2)]).mean()
