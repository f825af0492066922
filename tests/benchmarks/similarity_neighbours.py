"""Times the matching and neighbour measures beside plain numpy, in one process.

Run as ``python -m tests.benchmarks.similarity_neighbours``; ``--large`` adds 65,536 x 768.
"""

import argparse
import threading
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from saesim_pl.functional import (
    activation_correlation,
    jaccard_similarity,
    match_by_correlation,
    matched_cosine_similarity,
    mean_max_cosine_similarity,
    rank_similarity,
    second_order_cosine_similarity,
)
from saesim_pl.functional.neighbors.jaccard_similarity import jaccard_of_neighbors
from saesim_pl.functional.neighbors.paired_neighbors import neighbor_halves
from saesim_pl.metrics import ActivationCorrelation


def best_time(work: Callable[[], object], repeats: int = 3) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def plain_cosines(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=1, keepdims=True)) @ (y / np.linalg.norm(y, axis=1, keepdims=True)).T


def plain_neighbours(x: np.ndarray, k: int) -> np.ndarray:
    distance = 1 - plain_cosines(x, x)
    np.fill_diagonal(distance, np.inf)
    nearest = np.argpartition(distance, k, axis=1)[:, :k]
    return np.take_along_axis(nearest, np.take_along_axis(distance, nearest, 1).argsort(axis=1), 1)


def plain_jaccard(x: np.ndarray, y: np.ndarray, k: int = 10) -> float:
    sets = [[set(row) for row in plain_neighbours(side, k)] for side in (x, y)]
    return float(np.mean([len(p & q) / len(p | q) for p, q in zip(*sets, strict=True)]))


def plain_hard_match(x: np.ndarray, y: np.ndarray) -> float:
    correlation = np.corrcoef(x.T, y.T)[: x.shape[1], x.shape[1] :]
    rows, columns = linear_sum_assignment(correlation, maximize=True)
    return float(correlation[rows, columns].mean())


def beside_numpy(n: int, d: int) -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((n, d), dtype=np.float32) for _ in range(2))
    a, b = torch.from_numpy(x), torch.from_numpy(y)
    cases: list[tuple[str, Callable[[], object], Callable[[], object] | None]] = [
        ("jaccard", lambda: jaccard_similarity(a, b), lambda: plain_jaccard(x, y)),
        ("rank_similarity", lambda: rank_similarity(a, b), None),
        ("second_order_cosine", lambda: second_order_cosine_similarity(a, b), None),
        (
            "mmcs",
            lambda: mean_max_cosine_similarity(a, b),
            lambda: plain_cosines(x, y).max(axis=1).mean(),
        ),
        ("matched, mutual", lambda: matched_cosine_similarity(a, b, "mutual"), None),
        (
            "hard correlation match",
            lambda: match_by_correlation(activation_correlation(a, b), "hungarian"),
            lambda: plain_hard_match(x, y),
        ),
    ]
    print(f"{n} x {d}, k 10, float32 (best of 3)")
    print(f"  one n x n product: {best_time(lambda: a @ a.T):.3f} s")
    for name, ours, plain in cases:
        mine = best_time(ours)
        theirs = best_time(plain, 1) if plain else float("nan")
        print(f"  {name:24s} {mine:7.3f} s   plain numpy {theirs:7.3f} s   ratio {theirs / mine:5.1f}")


def permutations(n: int = 2000, d: int = 256, m: int = 999) -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(n, d, generator=generator) for _ in range(2))

    def null() -> None:
        halves = neighbor_halves(jaccard_of_neighbors)
        of_a, of_b = halves.prepare(a), halves.prepare(b)
        for _ in range(m):
            order = torch.randperm(n, generator=generator)
            halves.repaired(of_a, of_b, order)

    print(f"{m} permutations of Jaccard at {n} x {d}: {best_time(null, 1):.2f} s")


def sparse_latents(d_sae: int, active: int = 32, batch: int = 4096) -> None:
    generator = torch.Generator().manual_seed(0)
    sides = []
    for _ in range(2):
        fired = torch.randint(d_sae, (batch, active), generator=generator)
        sides.append(torch.zeros(batch, d_sae).scatter_(1, fired, 1 + torch.rand(batch, active)))
    metric = ActivationCorrelation()
    first = best_time(lambda: metric.update(*sides), 1)
    later = best_time(lambda: metric.update(*sides), 2)
    matching = best_time(lambda: match_by_correlation(metric.compute(), "mutual"), 1)
    print(
        f"activation correlation {d_sae} x {d_sae}, {active} active, batch {batch}: "
        f"first update {first:.2f} s, later {later:.2f} s, mutual matching {matching:.2f} s"
    )


def resident_bytes() -> int:
    with open("/proc/self/statm") as status:
        return int(status.read().halves()[1]) * 4096


def with_peak(work: Callable[[], Tensor]) -> tuple[float, float, float]:
    """Value, seconds, and GiB above what was resident before, sampled every 5 ms."""
    before, peak, done = resident_bytes(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            peak[0] = max(peak[0], resident_bytes())

    thread = threading.Thread(target=watch)
    thread.start()
    start = time.perf_counter()
    value = float(work())
    seconds = time.perf_counter() - start
    done.set()
    thread.join()
    return value, seconds, (peak[0] - before) / 2**30


def large(n: int = 65536, d: int = 768) -> None:
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(n, d, generator=generator)
    b = a + torch.randn(n, d, generator=generator)
    for name, work in (
        ("mmcs", lambda: mean_max_cosine_similarity(a, b)),
        ("matched, argmax", lambda: matched_cosine_similarity(a, b, "argmax")),
        ("matched, mutual", lambda: matched_cosine_similarity(a, b, "mutual")),
        ("matched, hungarian", lambda: matched_cosine_similarity(a, b, "hungarian")),
        (
            "correlation, mutual",
            lambda: match_by_correlation(activation_correlation(a.T, b.T), "mutual").score.mean(),
        ),
        ("jaccard", lambda: jaccard_similarity(a, b)),
    ):
        value, seconds, peak = with_peak(work)
        print(
            f"{n} x {d} {name:20s} {value:.4f}  {seconds:6.1f} s  peak {peak:.2f} GiB above inputs",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="also 65,536 x 768 (minutes)")
    parser.add_argument("--only-large", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(2)
    if not options.only_large:
        beside_numpy(4000, 512)
        permutations()
        sparse_latents(16384)
    if options.large or options.only_large:
        large()


if __name__ == "__main__":
    main()
