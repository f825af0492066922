"""Rank correlation of the dissimilarities of two sides, over all pairs of rows or a sample of them."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.geometry.dissimilarities import dissimilarity_of_pairs, upper_triangle
from saesim_pl.functional.geometry.ranks import average_ranks
from saesim_pl.functional.ground.single_threads import single_threads

Ranks = tuple[Float[Tensor, " pairs"], Float[Tensor, " pairs"]]


def ranks_of_all_pairs(a: Tensor, b: Tensor, dissimilarity: str) -> Ranks:
    """Ranks, on each side, of the dissimilarities of all pairs of rows."""
    # Sorting has one thread only, so each side gets one for all its work.
    with single_threads() as pool:
        x, y = pool.map(lambda rows: average_ranks(upper_triangle(rows, dissimilarity)), (a, b))
    return x, y


def ranks_of_sampled_pairs(a: Tensor, b: Tensor, dissimilarity: str, n_pairs: int, seed: int) -> Ranks:
    """The same of pairs drawn with replacement, uniformly among those of distinct rows."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.randint(len(a), (n_pairs,), generator=generator)
    second = (first + torch.randint(1, len(a), (n_pairs,), generator=generator)) % len(a)
    first, second = first.to(a.device), second.to(a.device)
    x, y = (average_ranks(dissimilarity_of_pairs(rows, first, second, dissimilarity)) for rows in (a, b))
    return x, y


def compare_ranks(x: Tensor, y: Tensor, comparison: str) -> Float[Tensor, ""]:
    """Correlation of ranks; for ``rho_a`` their covariance by the variance of ranks without ties."""
    n, means = len(x), torch.stack([x.mean(), y.mean()])
    covariance = torch.dot(x, y) - n * means.prod()
    if comparison == "rho_a":
        return 12 * covariance / (float(n) ** 3 - n)
    variances = torch.stack([torch.dot(x, x), torch.dot(y, y)]) - n * means.square()
    scale = variances.clamp(min=0).sqrt().prod()
    return torch.where(scale > 0, covariance / scale.where(scale > 0, 1.0), 0.0).clamp(-1, 1)


def standard_error(x: Tensor, y: Tensor, n_parts: int) -> Float[Tensor, ""]:
    """Of the correlation of independently drawn pairs, from its spread over equal parts of them."""
    parts = zip(x.chunk(n_parts), y.chunk(n_parts), strict=True)
    return torch.stack([compare_ranks(*part, "spearman") for part in parts]).std() / n_parts**0.5
