"""A confidence interval of a score, over the rows that might have been sampled."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.inputs import check_paired, same_precision
from saesim_pl.functional.ground.single_threads import single_threads
from saesim_pl.functional.nulls.null_scores import null_scores
from saesim_pl.functional.nulls.permutation_null import check_draws, random_orders


@dataclass(frozen=True)
class Interval:
    """A score and the interval that holds its population value with probability ``level``."""

    value: float
    low: float
    high: float
    level: float
    n_resamples: int


def bootstrap_interval(
    measure: Callable[..., Float[Tensor, ""]],
    a: Float[Tensor, "n d_a"],
    b: Float[Tensor, "n d_b"],
    n_resamples: int = 999,
    level: float = 0.95,
    seed: int = 0,
    **options: Any,
) -> Interval:
    """How far the score of other paired rows from the same source may lie from that of these.

    Resamples half of the pairs without replacement, not all with replacement as the plain bootstrap does:
    rows drawn twice are each other's nearest neighbours at distance 0, and add no rank to a canonical
    correlation, so that whole bootstrap distributions lie above the score that they should surround.
    Halves spread about their mean as whole samples do about theirs (the delete-half jackknife, Shao and
    Wu 1989; Politis and Romano 1994). So the population value lies as far from the score as the score of a
    half lies from the halves' mean, which cancels what halving alone does to a score; the score's own bias
    at n rows remains.

    Args:
        measure: A function of this package or any other of two paired matrices.
        a: Rows paired with those of ``b``.
        b: Rows paired with those of ``a``.
        n_resamples: Halves to draw, at least 2.
        level: Probability that the interval covers, between 0 and 1.
        seed: Of the halves, which are the same on every device and leave the global generator alone.
        options: Passed on to the measure.

    Returns:
        The interval, which may reach beyond the measure's range.

    Raises:
        ValueError: Rows that cannot be paired or fewer than 4, fewer than 2 resamples, a level out of
            range, or halves that the measure refuses.
    """
    check_draws("n_resamples", n_resamples)
    check_paired(a, b)
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    if len(a) < 4:
        raise ValueError(f"halves of at least 4 rows are drawn, got {len(a)}")
    with single_threads() as pool:
        value = float(measure(a, b, **options))
        a, b = same_precision(a.detach(), b.detach())
        spread = _spread_of_halves(
            pool, lambda rows: measure(a[rows], b[rows], **options), a, n_resamples, seed
        )
    tails = spread.new_tensor([(1 - level) / 2, (1 + level) / 2])
    below, above = spread.quantile(tails).tolist()
    low, high = value - above, value - below
    return Interval(value, low, high, level, n_resamples)


def _spread_of_halves(
    pool: ThreadPoolExecutor, score: Callable[[Tensor], Tensor], a: Tensor, n_resamples: int, seed: int
) -> Float[Tensor, " m"]:
    """Deviations of the halves' scores from their mean, scaled to the spread of whole samples."""
    n, half = len(a), len(a) // 2
    halves = (order[:half].to(a.device) for order in random_orders(n, n_resamples, seed))
    scores = null_scores(pool, score, halves)
    # A mean of half of n rows varies by (n - half) / (n half), one of n rows by 1 / n.
    return (scores - scores.mean()) * (half / (n - half)) ** 0.5
