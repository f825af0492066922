"""A measure's scores for chosen pairs of rows and for random ones."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from saesim_pl.functional.ground.declaration import declaration_of
from saesim_pl.functional.ground.inputs import check_paired, same_precision
from saesim_pl.functional.ground.single_threads import single_threads
from saesim_pl.functional.nulls.comparison import Comparison
from saesim_pl.functional.nulls.null_scores import compared_with_draws
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

    Tests whether the sides are more similar on a subset, such as the features of one concept, than on a
    random subset of its size. Pairs stay intact, so it does not test the pairing.

    Args:
        measure: A function of this package.
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.
        chosen: Different rows, fewer than all.
        n_draws: Random subsets, at least 2.
        seed: Seed of the subsets, which are the same on every device; the global generator is not used.
        options: Passed on to the measure.

    Returns:
        The comparison; its ``n_permutations`` is ``n_draws``.

    Raises:
        ValueError: The measure is undeclared or its rows are not paired, the rows cannot be paired, the
            indices are not a proper subset, there are fewer than 2 draws, or the measure refuses the
            subset.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import linear_cka, subset_null
        >>> a = torch.arange(90.0).reshape(30, 3).sin()
        >>> b = a.clone()
        >>> b[12:] = a[12:].flip(0)
        >>> found = subset_null(linear_cka, a, b, torch.arange(12), n_draws=99)
        >>> round(found.value, 3), found.p_value
        (1.0, 0.01)
    """
    declaration = declaration_of(measure)
    if declaration.needs != "pairs":
        raise ValueError(f"{declaration.name} takes no pairs of rows, of which a subset could be drawn")
    check_draws("n_draws", n_draws)
    check_paired(a, b)
    _check_chosen(chosen, len(a))
    a, b = same_precision(a.detach(), b.detach())
    chosen = chosen.to(a.device)

    def subsets() -> Iterator[Tensor]:
        return (order[: len(chosen)].to(a.device) for order in random_orders(len(a), n_draws, seed))

    def score_in(dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
        x, y = a.to(dtype), b.to(dtype)
        return lambda rows: measure(x[rows], y[rows], **options)

    with single_threads() as pool:
        # Warns and refuses once, for all subsets.
        value = float(measure(a[chosen], b[chosen], **options))
        found = compared_with_draws(pool, score_in, chosen, subsets, measure, options, a.dtype)
    return replace(found, value=value)


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
