"""Expected values of the measures for unrelated sides, in closed form."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.neighbors.rank_similarity import rank_weights

_POINTS = 20001


def expected_jaccard(n: int, k: int) -> float:
    """Exact mean of :func:`~saesim_pl.functional.jaccard_similarity` over random pairings of ``n`` rows.

    The number of neighbors that a row has on both sides is then hypergeometric: ``k`` draws without
    replacement from ``n - 1`` rows, of which ``k`` are marked. Close to ``k / (2 (n - 1) - k)``.

    Raises:
        ValueError: ``k`` does not lie in [1, n - 1].

    Example:
        >>> from saesim_pl.functional import expected_jaccard
        >>> round(expected_jaccard(n=512, k=10), 4)
        0.0104
    """
    shared = torch.arange(k + 1, dtype=torch.float64)
    return float(shared_probabilities(n, k) @ (shared / (2 * k - shared)))


def expected_rank_similarity(n: int, k: int) -> float:
    """Exact mean of :func:`~saesim_pl.functional.rank_similarity` over random pairings of ``n`` rows.

    Raises:
        ValueError: ``k`` does not lie in [1, n - 1].

    Example:
        >>> from saesim_pl.functional import expected_rank_similarity
        >>> round(expected_rank_similarity(n=512, k=10), 4)
        0.0157
    """
    return float(shared_probabilities(n, k) @ _rank_similarity_of_shared(k))


def expected_joint_rank_jaccard(n: int, k: int) -> float:
    """Exact mean of :func:`~saesim_pl.functional.joint_rank_jaccard` over random pairings of ``n`` rows.

    Raises:
        ValueError: ``k`` does not lie in [1, n - 1].

    Example:
        >>> from saesim_pl.functional import expected_joint_rank_jaccard
        >>> round(expected_joint_rank_jaccard(n=512, k=10), 4)
        0.0009
    """
    shared = torch.arange(k + 1, dtype=torch.float64)
    jaccard = shared / (2 * k - shared)
    return float(shared_probabilities(n, k) @ (jaccard * _rank_similarity_of_shared(k)))


def shared_probabilities(n: int, k: int) -> Float[Tensor, " k+1"]:
    """Probability that two unrelated sets of ``k`` of ``n - 1`` rows share 0, 1, ... k (hypergeometric)."""
    if not 1 <= k < n:
        raise ValueError(f"k must lie in [1, n - 1]: got k={k} with n={n} rows")
    ways = [math.comb(k, shared) * math.comb(n - 1 - k, k - shared) for shared in range(k + 1)]
    return torch.tensor([way / math.comb(n - 1, k) for way in ways], dtype=torch.float64)


def _rank_similarity_of_shared(k: int) -> Tensor:
    """Mean rank similarity of a row that shares 0, 1, ... k neighbors whose ranks are unrelated."""
    shared = torch.arange(k + 1, dtype=torch.float64)
    harmonic = torch.cat([torch.ones(1), (1 / shared[1:]).cumsum(dim=0)])
    return shared * rank_weights(k).mean() / harmonic


def expected_max_cosine(n_reference: int, d_in: int, absolute: bool = False) -> float:
    """Mean of the highest cosine of a direction with ``n_reference`` independent isotropic ones.

    Expected :func:`~saesim_pl.functional.mean_max_cosine_similarity` of Gaussian dictionaries of this
    shape: .19 for 512 rows of 256 columns. With t = sin(angle) the angle has density cos(angle)^(d_in - 2),
    which is integrated numerically (to 1e-6).

    Args:
        n_reference: Directions to choose from.
        d_in: Their width.
        absolute: Highest ``|cosine|`` instead.

    Raises:
        ValueError: Fewer than one direction, or than two columns.

    Example:
        >>> from saesim_pl.functional import expected_max_cosine
        >>> round(expected_max_cosine(n_reference=512, d_in=256), 3)
        0.189
    """
    if n_reference < 1 or d_in < 2:
        raise ValueError(f"needs n_reference >= 1 and d_in >= 2, got {n_reference} and {d_in}")
    angle = torch.linspace(-torch.pi / 2, torch.pi / 2, _POINTS, dtype=torch.float64)
    density = ((d_in - 2) * angle.cos().clamp(min=1e-300).log()).exp()
    below = torch.cumulative_trapezoid(density, angle)
    below = torch.cat([torch.zeros(1), below]) / below[-1]
    if absolute:
        angle, below = angle[_POINTS // 2 :], 2 * below[_POINTS // 2 :] - 1
    # E[max] is the upper end less the area under the distribution of the maximum.
    return float(1 - torch.trapezoid(below**n_reference, angle.sin()))
