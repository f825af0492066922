"""What a measure gives for random pairs of rows, beside chosen ones."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from saesim_pl.functional.ground.declaration import declaration_of
from saesim_pl.functional.ground.inputs import check_paired, same_precision
from saesim_pl.functional.ground.single_threads import single_threads
from saesim_pl.functional.nulls.comparison import Comparison, compared
from saesim_pl.functional.nulls.null_scores import null_scores
from saesim_pl.functional.nulls.permutation_null import check_draws, random_orders


def subset_null(
    measure: Callable[..., Float[Tensor, ""]],
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    chosen: Int64[Tensor, " m"],
    n_draws: int = 999,
    seed: int = 0,
    **options: Any,
) -> Comparison:
    """The score of some pairs of rows, and the scores of as many pairs drawn at random from all.

    Tests that a subset, such as the features of one concept, is more alike than any subset of its size.
    Pairs stay pairs, so it says nothing about the pairing.

    Args:
        measure: A function of this package.
        a: Rows paired with those of ``b``.
        b: Rows paired with those of ``a``.
        chosen: Different rows, fewer than all.
        n_draws: Random subsets, at least 2.
        seed: Of the subsets, which are the same on every device and leave the global generator alone.
        options: Passed on to the measure.

    Returns:
        The comparison; its ``n_permutations`` is ``n_draws``.

    Raises:
        ValueError: Rows that cannot be paired, indices that are no proper subset, fewer than 2 draws, an
            undeclared measure, or a subset that the measure refuses.
    """
    better_high = declaration_of(measure).higher_is_better(options)
    check_draws("n_draws", n_draws)
    check_paired(a, b)
    _check_chosen(chosen, len(a))
    a, b = same_precision(a.detach(), b.detach())
    chosen = chosen.to(a.device)
    subsets = (order[: len(chosen)].to(a.device) for order in random_orders(len(a), n_draws, seed))
    with single_threads() as pool:
        value = float(measure(a[chosen], b[chosen], **options))
        null = null_scores(pool, lambda drawn: measure(a[drawn], b[drawn], **options), subsets)
    return compared(value, null, better_high, a.dtype)


def _check_chosen(chosen: Tensor, n: int) -> None:
    if chosen.dtype != torch.int64 or chosen.ndim != 1:
        raise ValueError(f"chosen must be a list of int64, got {chosen.dtype} of shape {tuple(chosen.shape)}")
    if not 0 < len(chosen) < n or len(chosen.unique()) < len(chosen):
        raise ValueError(
            f"chosen must be different rows, fewer than all {n}: got {len(chosen)}, "
            f"{len(chosen.unique())} different"
        )
    if not 0 <= int(chosen.min()) <= int(chosen.max()) < n:
        raise ValueError(f"chosen must lie in [0, {n}), got {int(chosen.min())} to {int(chosen.max())}")
