"""How consistent several SAEs of one recipe are: the mean MCC over all their pairs."""

from collections.abc import Sequence
from itertools import combinations

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.comparison.measure import Measure
from saesim_pl.comparison.nulls.gaussian import GaussianNull
from saesim_pl.comparison.nulls.null import generator
from saesim_pl.comparison.row import ComparisonRow
from saesim_pl.comparison.statistics import Scored
from saesim_pl.functional import pw_mcc
from saesim_pl.metrics import MCC


def consistency(
    subset: str,
    dictionaries: Sequence[Float[Tensor, "d_sae d_in"]],
    null: GaussianNull,
    remembered: dict[tuple, Tensor],
) -> Scored:
    """PW-MCC (Song et al. 2025) of dictionaries of one shape, beside Gaussian dictionaries of that shape.

    Args:
        subset: Name of the recipe.
        dictionaries: At least two.
        null: Says how many draws, from which seed.
        remembered: Draws by shape, kept between calls.
    """
    n, (rows, width) = len(dictionaries), dictionaries[0].shape
    key = ("pw_mcc", null.n_draws, null.seed, n, rows, width)
    if key not in remembered:
        draws = []
        for t in range(null.n_draws):
            seeded = generator(null.seed, t, n, rows, width)
            noise = [torch.randn(rows, width, generator=seeded) for _ in range(n)]
            draws.append(float(pw_mcc([one.to(dictionaries[0]) for one in noise])))
        remembered[key] = torch.tensor(draws, dtype=torch.float64)
    value = float(pw_mcc(list(dictionaries)))
    alive = [int(one.any(dim=1).sum()) for one in dictionaries]  # zero rows find no partner
    n_pairs = sum(min(pair) for pair in combinations(alive, 2))
    row = ComparisonRow(
        None, "all~all", subset, "", "pw_mcc", value, str(null), n_pairs=n_pairs, n_unique=n_pairs
    )
    return Scored(row, Measure("mcc", MCC()), remembered[key], value)
