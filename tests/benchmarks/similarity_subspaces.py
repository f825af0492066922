"""Time of our measures beside plain numpy and scipy ones, in one run: ratios mean more than seconds.

Run as ``python -m tests.benchmarks.similarity_subspaces [rows] [columns]``.
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr
from torch import Tensor

from saesim_pl import functional
from saesim_pl.functional.geometry.representational_similarity_halves import (
    representational_similarity_halves,
)
from saesim_pl.functional.subspaces.linear_cka import linear_cka_halves
from saesim_pl.functional.subspaces.svcca import svcca_halves

N_PERMUTATIONS = 999
REPEATS = 3


def _left(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    left, values, _ = np.linalg.svd(rows, full_matrices=False)
    return left, values


def _center(rows: np.ndarray) -> np.ndarray:
    return rows - rows.mean(0)


def plain_svcca(a: np.ndarray, b: np.ndarray) -> float:
    bases = []
    for rows in (a, b):
        left, values = _left(_center(rows))
        share = np.cumsum(values**2) / (values**2).sum()
        bases.append(left[:, : np.searchsorted(share, 0.99) + 1])
    return np.linalg.svd(bases[0].T @ bases[1], compute_uv=False).mean()


def plain_pwcca(a: np.ndarray, b: np.ndarray) -> float:
    a, b = _center(a), _center(b)
    left = _left(a)[0]
    directions, correlations, _ = np.linalg.svd(left.T @ _left(b)[0])
    weights = np.abs((left @ directions).T @ a).sum(1)
    return (weights * correlations).sum() / weights.sum()


def plain_cka(a: np.ndarray, b: np.ndarray) -> float:
    k, l = (_center(_center(rows @ rows.T).T) for rows in (a, b))  # noqa: E741
    return (k * l).sum() / np.linalg.norm(k) / np.linalg.norm(l)


def plain_overlap(a: np.ndarray, b: np.ndarray) -> float:
    return np.linalg.norm(_left(a)[0].T @ _left(b)[0]) ** 2 / max(a.shape[1], b.shape[1])


def plain_match(a: np.ndarray, b: np.ndarray) -> float:
    correlation = np.corrcoef(a.T, b.T)[: a.shape[1], a.shape[1] :]
    return correlation[linear_sum_assignment(-correlation)].mean()


def plain_rsa(a: np.ndarray, b: np.ndarray) -> float:
    return spearmanr(pdist(a, "correlation"), pdist(b, "correlation")).statistic


def plain_procrustes(a: np.ndarray, b: np.ndarray) -> float:
    a, b = (_center(rows) / np.linalg.norm(_center(rows)) for rows in (a, b))
    return np.sqrt(2 - 2 * np.linalg.svd(a.T @ b, compute_uv=False).sum())


def plain_distance_correlation(a: np.ndarray, b: np.ndarray) -> float:
    k, l = (_center(_center(squareform(pdist(rows))).T) for rows in (a, b))  # noqa: E741
    return np.sqrt((k * l).sum() / np.linalg.norm(k) / np.linalg.norm(l))


PAIRS: list[tuple[Callable[..., Tensor], Callable[..., float]]] = [
    (functional.svcca, plain_svcca),
    (functional.pwcca, plain_pwcca),
    (functional.linear_cka, plain_cka),
    (functional.eigenspace_overlap, plain_overlap),
    (functional.correlation_match, plain_match),
    (functional.procrustes_distance, plain_procrustes),
    (functional.distance_correlation, plain_distance_correlation),
    (functional.representational_similarity, plain_rsa),
]


def seconds(call: Callable[[], object], repeats: int = REPEATS) -> tuple[float, object]:
    """Least of several times, and the value."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        value = call()
        times.append(time.perf_counter() - start)
    return min(times), value


def compare_measures(n_rows: int, width: int) -> None:
    """Print a line for each measure: ours in both precisions, the plain one, and how far they differ."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((n_rows, width)) @ rng.standard_normal((width, width))
    b = a + 20 * rng.standard_normal((n_rows, width))
    doubles = torch.from_numpy(a), torch.from_numpy(b)
    floats = [rows.float() for rows in doubles]
    print(f"{n_rows} x {width}, {torch.get_num_threads()} threads, seconds")
    print(f"{'measure':30}{'float32':>9}{'float64':>9}{'plain':>9}{'ratio':>8}  difference")
    for ours, plain in PAIRS:
        single, _ = seconds(lambda ours=ours: ours(*floats))
        double, value = seconds(lambda ours=ours: ours(*doubles))
        reference, expected = seconds(lambda plain=plain: plain(a, b), 1)
        times = f"{single:9.3f}{double:9.3f}{reference:9.3f}{reference / double:7.1f}x"
        print(f"{ours.__name__:30}{times}  {abs(value.item() - expected):.1e}")


def time_permutations(n_rows: int, width: int, n_permutations: int) -> None:
    """Print the time of a null's re-pairings, one side prepared once."""
    g = torch.Generator().manual_seed(0)
    a, b = torch.randn(n_rows, width, generator=g), torch.randn(n_rows, width, generator=g)
    orders = [torch.randperm(n_rows, generator=g) for _ in range(n_permutations)]
    print(f"\n{n_permutations} re-pairings of {n_rows} x {width} in float32, seconds")
    torch.set_num_threads(1)
    for halves_of in (svcca_halves, linear_cka_halves, representational_similarity_halves):
        halves = halves_of()
        start = time.perf_counter()
        left, right = halves.prepare(a), halves.prepare(b)
        prepared = time.perf_counter() - start
        with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(lambda order: halves.repaired(left, right, order), orders))  # noqa: B023
        print(f"{halves_of.__name__:40}{prepared:8.2f} once{time.perf_counter() - start:9.2f} in all")


if __name__ == "__main__":
    torch.set_num_threads(2)
    sizes = [int(argument) for argument in sys.argv[1:3]] or [4000, 512]
    compare_measures(*sizes)
    time_permutations(2000, 256, N_PERMUTATIONS)
