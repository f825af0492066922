"""A confidence interval of a score over samples of rows."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.declaration import Bounds, declaration_if_any
from saesim_pl.functional.ground.inputs import check_paired, same_precision
from saesim_pl.functional.ground.single_threads import single_threads
from saesim_pl.functional.nulls.interval import Interval, check_level
from saesim_pl.functional.nulls.null_scores import null_scores
from saesim_pl.functional.nulls.permutation_null import check_draws, random_orders

# Share of the distance between two bounds: a score nearer to a bound counts as equal to it.
_EDGE = 1e-12


def bootstrap_interval(
    measure: Callable[..., Float[Tensor, ""]],
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    n_resamples: int = 999,
    level: float = 0.95,
    seed: int = 0,
    **options: Any,
) -> Interval:
    """Confidence interval of a score's population value, from random halves of the paired rows.

    Resamples half of the pairs without replacement, not all with replacement as the plain bootstrap does:
    rows drawn twice are each other's nearest neighbors at distance 0, and add no rank to a canonical
    correlation, so that whole bootstrap distributions lie above the score that they should surround.
    The scores of halves vary about their mean as the scores of whole samples vary about theirs (the
    delete-half jackknife, Shao and Wu 1989; Politis and Romano 1994). So the difference between the
    population value and the score is distributed as the difference between a half's score and the halves'
    mean. Using this mean cancels the effect of halving; the score's own bias at n rows remains. Both are
    compared after the bounds of the measure are moved to infinity, by a logit or a logarithm, so that no
    interval reaches beyond them.

    Args:
        measure: A function of this package or any other of two paired matrices.
        a: Rows; row i is paired with row i of ``b``.
        b: Rows; row i is paired with row i of ``a``.
        n_resamples: Halves to draw, at least 2.
        level: Probability that the interval covers, between 0 and 1.
        seed: Seed of the halves, which are the same on every device; the global generator is not used.
        options: Passed on to the measure.

    Returns:
        The interval, within the bounds that the measure declares.

    Raises:
        ValueError: The measure's rows are not paired, the rows cannot be paired or are fewer than 4, there
            are fewer than 2 resamples, the level is out of range, or the measure refuses the halves.
    """
    check_draws("n_resamples", n_resamples)
    check_paired(a, b)
    check_level(level)
    bounds = _bounds_of(measure, options)
    if len(a) < 4:
        raise ValueError(f"halves of at least 4 rows are drawn, got {len(a)}")
    with single_threads() as pool:
        value = float(measure(a, b, **options))
        a, b = same_precision(a.detach(), b.detach())
        halves = _scores_of_halves(
            pool, lambda rows: measure(a[rows], b[rows], **options), a, n_resamples, seed
        )
    tails = halves.new_tensor([(1 + level) / 2, (1 - level) / 2])
    stretched = _stretched(halves, bounds)
    # A mean of half of n rows varies by (n - half) / (n half), one of n rows by 1 / n.
    n, half = len(a), len(a) // 2
    spread = (stretched - stretched.mean()) * (half / (n - half)) ** 0.5
    ends = _stretched(halves.new_tensor([value]), bounds) - spread.quantile(tails)
    low, high = _shrunk(ends, bounds).tolist()
    return Interval(value, low, high, level, n_resamples)


def _bounds_of(measure: Callable[..., Tensor], options: dict[str, Any]) -> Bounds:
    """Lowest and highest value of the measure.

    Raises:
        ValueError: Its rows are not paired.
    """
    declaration = declaration_if_any(measure)
    if declaration is None:
        return None, None
    if declaration.needs != "pairs":
        raise ValueError(
            f"{declaration.name} takes no pairs of rows that could be resampled: give the scores that it "
            "averages, one a row, to bootstrap_of_scores"
        )
    return declaration.bounds(options)


def _stretched(values: Float[Tensor, " m"], bounds: Bounds) -> Float[Tensor, " m"]:
    """Values with their bounds moved to infinity, where an interval around a score cannot reach them."""
    low, high = bounds
    if low is None:
        return values
    if high is None:
        return (values - low).clamp(min=_EDGE).log()
    return ((values - low) / (high - low)).clamp(_EDGE, 1 - _EDGE).logit()


def _shrunk(values: Float[Tensor, " m"], bounds: Bounds) -> Float[Tensor, " m"]:
    """The inverse of :func:`_stretched`."""
    low, high = bounds
    if low is None:
        return values
    return values.exp() + low if high is None else values.sigmoid() * (high - low) + low


def _scores_of_halves(
    pool: ThreadPoolExecutor, score: Callable[[Tensor], Tensor], a: Tensor, n_resamples: int, seed: int
) -> Float[Tensor, " m"]:
    """Scores of random halves of the rows."""
    n, half = len(a), len(a) // 2
    halves = (order[:half].to(a.device) for order in random_orders(n, n_resamples, seed))
    return null_scores(pool, score, halves)
