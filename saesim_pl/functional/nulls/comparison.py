"""A score compared with chance."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Comparison:
    """A score and the scores of a null, which by construction lacks the relation that is measured.

    Attributes:
        value: The score.
        null_mean: Mean score of the null.
        null_std: Standard deviation of the null's scores (with ``n - 1``).
        z: ``(value - null_mean) / null_std``, so below 0 for a distance that is smaller than chance. A
            null without spread gives 0 where the value equals it, else an infinity of the right sign.
        p_value: Share of the null's scores at least as good as the value, the value itself counted
            among them: ``(b + 1) / (m + 1)``, never 0.
        n_permutations: Number of the null's scores.
    """

    value: float
    null_mean: float
    null_std: float
    z: float
    p_value: float
    n_permutations: int


def compared(
    value: float,
    null: Float[Tensor, " m"],
    higher_is_better: bool,
    dtype: torch.dtype,
    bounded: bool = True,
) -> Comparison:
    """Comparison of a value with the scores of a null, after Phipson and Smyth (2010).

    A score of the null that would equal the value in exact arithmetic must count as reaching it, or
    rounding alone could make a constant measure significant. So the bound is loosened by
    :func:`rounding`, which can only raise the p-value.

    Args:
        value: The score.
        null: Scores of the null, in float64.
        higher_is_better: Whether a better score is a higher one.
        dtype: Dtype in which the scores were computed.
        bounded: Whether the scores have a range, of about 1.
    """
    mean, std = float(null.mean()), float(null.std())
    tolerance = rounding(value, null, dtype, bounded)
    as_good = null >= value - tolerance if higher_is_better else null <= value + tolerance
    difference = value - mean
    if std > tolerance:
        z = difference / std
    else:
        z = 0.0 if abs(difference) <= tolerance else math.copysign(math.inf, difference)
    p_value = (int(as_good.sum()) + 1) / (len(null) + 1)
    return Comparison(value, mean, std, z, p_value, len(null))


def rounding(value: float, null: Float[Tensor, " m"], dtype: torch.dtype, bounded: bool) -> float:
    """Largest difference of two scores that are equal in exact arithmetic.

    A score of range 1 is a difference or ratio of numbers near 1, so its error does not shrink with it. A
    distance without bounds has the scale of the data, and so has its error.
    """
    largest = max(abs(value), float(null.abs().max()))
    return 64 * torch.finfo(dtype).eps * (max(1.0, largest) if bounded else largest)
