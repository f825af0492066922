"""Scores of many draws, computed in several threads, and the comparison of a score with them."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import compress, islice
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.declaration import declaration_of
from saesim_pl.functional.ground.similarity_warning import SimilarityWarning
from saesim_pl.functional.nulls.comparison import Comparison, compared, rounding

_NULLS = 0x6E756C6C73
_AT_ONCE = 16


def null_generator(seed: int) -> torch.Generator:
    """A generator on the CPU that no other use of ``seed`` shares.

    Otherwise noise drawn from seed 0 could repeat data drawn from seed 0.
    """
    return torch.Generator().manual_seed(seed ^ _NULLS)


def null_scores(
    pool: ThreadPoolExecutor, score: Callable[[Tensor], Float[Tensor, ""]], draws: Iterable[Tensor]
) -> Float[Tensor, " m"]:
    """The score of every draw, in order, in float64 on the CPU, without a warning for each.

    Args:
        pool: Threads from :func:`~saesim_pl.functional.single_threads`.
        score: Score of one draw.
        draws: Draws, generated in order, a few ahead.
    """
    draws, values = iter(draws), list[Tensor]()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", SimilarityWarning)
        while some := list(islice(draws, _AT_ONCE)):
            values += pool.map(score, some)
    return torch.stack(values).double().cpu()


def compared_with_draws(
    pool: ThreadPoolExecutor,
    score_in: Callable[[torch.dtype], Callable[[Tensor], Float[Tensor, ""]]],
    observed: Tensor,
    draws: Callable[[], Iterable[Tensor]],
    measure: Callable[..., Tensor],
    options: Mapping[str, Any],
    dtype: torch.dtype,
) -> Comparison:
    """Comparison of the observed score with the draws' scores, in float64 if rounding hides the order.

    Args:
        pool: Threads from :func:`~saesim_pl.functional.ground.single_threads.single_threads`.
        score_in: Function of a dtype that returns the score of one draw, computed in that dtype.
        observed: The draw that was observed.
        draws: Makes the same draws each time.
        measure: The measure.
        options: Options of the measure.
        dtype: Dtype of the inputs.
    """
    declaration = declaration_of(measure)
    better, bounded = declaration.higher_is_better(options), None not in declaration.bounds(options)
    score = score_in(dtype)
    null = null_scores(pool, score, draws())
    value = float(null_scores(pool, score, [observed]))
    blurred = (null - value).abs() <= rounding(value, null, dtype, bounded)
    if blurred.any() and dtype != torch.float64:
        exact = score_in(torch.float64)
        null[blurred] = null_scores(pool, exact, compress(draws(), blurred.tolist()))
        value, dtype = float(null_scores(pool, exact, [observed])), torch.float64
    return compared(value, null, better, dtype, bounded)
