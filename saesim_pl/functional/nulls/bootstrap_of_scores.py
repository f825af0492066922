"""A confidence interval of a mean of scores, such as the best cosines that a similarity averages."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import row_blocks
from saesim_pl.functional.nulls.interval import Interval, check_level
from saesim_pl.functional.nulls.null_scores import null_generator
from saesim_pl.functional.nulls.permutation_null import check_draws


def bootstrap_of_scores(
    scores: Float[Tensor, " n"], n_resamples: int = 999, level: float = 0.95, seed: int = 0
) -> Interval:
    """Confidence interval of the mean score over features from the same source.

    Features are resampled with replacement, and the quantiles of the resampled means are corrected for
    bias and skew (BCa, Efron 1987), so the interval never leaves the range of the scores. It assumes that
    features are independent of each other, which is nearly true for the best cosines of dictionary rows
    with a fixed reference. For independent scores, 95 % intervals cover in .93 to .95 of cases at 100
    features.

    Args:
        scores: One score for each feature.
        n_resamples: Resamples, at least 2.
        level: Probability that the interval covers, between 0 and 1.
        seed: Seed of the resamples, which are the same on every device; the global generator is not used.

    Raises:
        ValueError: The scores are not a list of at least 2 finite numbers, there are fewer than 2
            resamples, or the level is out of range.

    Example:
        >>> found = bootstrap_of_scores(torch.tensor([0.2, 0.4, 0.9, 0.9, 1.0]))
        >>> 0.2 < found.low < found.value < found.high < 1.0
        True
    """
    check_draws("n_resamples", n_resamples)
    check_level(level)
    if scores.ndim != 1 or len(scores) < 2:
        raise ValueError(f"scores must be a list of at least 2 numbers, got shape {tuple(scores.shape)}")
    if not scores.isfinite().all():
        raise ValueError(f"scores holds {int((~scores.isfinite()).sum())} entries that are NaN or infinite")
    scores = scores.detach().double().cpu()
    means = _resampled_means(scores, n_resamples, seed)
    low, high = means.quantile(_corrected_tails(scores, means, level)).tolist()
    return Interval(float(scores.mean()), low, high, level, n_resamples)


def _resampled_means(scores: Tensor, n_resamples: int, seed: int) -> Float[Tensor, " m"]:
    n, generator = len(scores), null_generator(seed)
    means = [
        scores[torch.randint(n, (block.stop - block.start, n), generator=generator)].mean(dim=1)
        for block in row_blocks(n_resamples, 16 * n)
    ]
    return torch.cat(means)


def _corrected_tails(scores: Tensor, means: Tensor, level: float) -> Float[Tensor, "2"]:
    """Shares of resampled means below either end of the interval."""
    value, m = scores.mean(), len(means)
    # Half of the means that equal the value count as below it, since many do for discrete scores.
    below = ((means < value).double().mean() + (means <= value).double().mean()) / 2
    bias = torch.special.ndtri(below.clamp(1 / (m + 1), m / (m + 1)))
    deviation = scores - value
    spread = deviation.square().sum()
    skew = (deviation**3).sum() / (6 * spread.where(spread > 0, 1.0) ** 1.5)
    shifted = bias + torch.special.ndtri(scores.new_tensor([(1 - level) / 2, (1 + level) / 2]))
    return torch.special.ndtr(bias + shifted / (1 - skew * shifted))
