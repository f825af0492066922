"""A measure's scores when rows are paired at random."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from saesim_pl.functional.ground.declaration import declaration_of
from saesim_pl.functional.ground.inputs import check_paired, same_precision
from saesim_pl.functional.ground.single_threads import single_threads
from saesim_pl.functional.nulls.comparison import Comparison
from saesim_pl.functional.nulls.null_scores import compared_with_draws, null_generator


def permutation_null(
    measure: Callable[..., Float[Tensor, ""]],
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    n_permutations: int = 999,
    seed: int = 0,
    **options: Any,
) -> Comparison:
    """A measure's score, and its scores when the rows of both sides are paired at random.

    Only for rows that are paired by construction, such as the same tokens. Pairs that were chosen by looking
    at ``a`` and ``b`` (by cosine, the top k, the best of many) beat shuffled pairs on noise too; for them
    :class:`~saesim_pl.comparison.ReflectionNull` chooses again on every draw.

    Tests whether the pairing matters: under the null all orders of the rows are equally likely. If a
    measure comes in two halves, the part that no re-pairing changes is computed once. P-values of many
    tests are adjusted by ``scipy.stats.false_discovery_control`` (Benjamini and Hochberg 1995), which
    refuses NaN. Phipson and Smyth (2010) say why the observed order counts as one of the permutations.

    Args:
        measure: A function of this package, such as :func:`~saesim_pl.functional.linear_cka`.
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.
        n_permutations: Random pairings, at least 2; the p-value is at least ``1 / (n_permutations + 1)``.
        seed: Seed of the pairings, which are the same on every device; the global generator is not used.
        options: Passed on to the measure.

    Returns:
        The comparison; low p-values are evidence for the pairing, whether the measure is a similarity or not.

    Raises:
        ValueError: The rows cannot be paired, there are fewer than 2 permutations, the measure is
            undeclared or does not depend on the pairing, or ``matching`` is among the options.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import linear_cka, permutation_null
        >>> a = torch.arange(90.0).reshape(30, 3).sin()
        >>> b = a + torch.arange(60.0, 150.0).reshape(30, 3).cos()
        >>> found = permutation_null(linear_cka, a, b, n_permutations=99)
        >>> round(found.value, 3), found.p_value
        (0.998, 0.01)
    """
    refuse_matching(options)
    check_depends_on_pairing(measure)
    check_draws("n_permutations", n_permutations)
    check_paired(a, b)
    with single_threads() as pool:
        # Warns and refuses once, for all permutations.
        value = float(measure(a, b, **options))
        a, b = same_precision(a.detach(), b.detach())
        found = compared_with_draws(
            pool,
            lambda dtype: _repaired(pool, measure, a.to(dtype), b.to(dtype), options),
            torch.arange(len(a)),
            lambda: random_orders(len(a), n_permutations, seed),
            measure,
            options,
            a.dtype,
        )
    return replace(found, value=value)


def refuse_matching(options: Mapping[str, Any]) -> None:
    """Refuse pairs that were chosen by the data, with ``ValueError``: they beat random pairs on noise too."""
    if options.get("matching") is not None:
        raise ValueError(
            "matching: these pairs were chosen by looking at a and b, and beat random ones on noise too; use "
            "saesim_pl.compare, whose nulls match again on every draw"
        )


def check_depends_on_pairing(measure: Callable[..., Tensor]) -> None:
    """Refuse a measure that does not depend on the pairing of rows, with ``ValueError``."""
    if declaration_of(measure).needs == "sides":
        raise ValueError(
            f"{measure.__name__} does not depend on how rows are paired, so permuting the pairing leaves it "
            "as it is: compare it with gaussian_null instead"
        )


def check_draws(name: str, n: int) -> None:
    """Refuse fewer draws than a standard deviation needs, with ``ValueError``."""
    if n < 2:
        raise ValueError(f"{name} must be at least 2, got {n}")


def random_orders(n: int, n_orders: int, seed: int) -> Iterator[Int64[Tensor, " n"]]:
    """Independent random orders of ``n`` rows."""
    generator = null_generator(seed)
    return (torch.randperm(n, generator=generator) for _ in range(n_orders))


def _repaired(
    pool: ThreadPoolExecutor, measure: Callable[..., Tensor], a: Tensor, b: Tensor, options: dict[str, Any]
) -> Callable[[Tensor], Float[Tensor, ""]]:
    """``measure(a, b[order])`` as a function of the order."""
    halves = declaration_of(measure).halves(options, len(a))
    if halves is None:
        return lambda order: measure(a, b[order.to(b.device)], **options)
    prepared_a, prepared_b = pool.map(halves.prepare, (a, b))
    return lambda order: halves.repaired(prepared_a, prepared_b, order.to(b.device))
