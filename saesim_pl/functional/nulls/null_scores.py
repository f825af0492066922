"""Scores of many draws, shared out to threads."""

import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.similarity_warning import SimilarityWarning

_NULLS = 0x6E756C6C73
_AT_ONCE = 16


def null_generator(seed: int) -> torch.Generator:
    """A generator on the CPU that no other use of ``seed`` shares.

    Data made from seed 0 would otherwise meet itself among the noise drawn from seed 0.
    """
    return torch.Generator().manual_seed(seed ^ _NULLS)


def null_scores(
    pool: ThreadPoolExecutor, score: Callable[[Tensor], Float[Tensor, ""]], draws: Iterable[Tensor]
) -> Float[Tensor, " m"]:
    """The score of every draw, in order, in float64 on the CPU, without a warning for each.

    Args:
        pool: Threads, of :func:`~saesim_pl.functional.single_threads`.
        score: Score of one draw.
        draws: Drawn one after the other, a few ahead.
    """
    draws, values = iter(draws), []
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", SimilarityWarning)
        while some := list(islice(draws, _AT_ONCE)):
            values += pool.map(score, some)
    return torch.stack(values).double().cpu()
