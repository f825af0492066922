"""Time and memory of 999 permutations of four measures on 2000 x 256.

Run as ``python -m tests.benchmarks.permutation_nulls``. Aim: at most 30 s on two cores and 1 GiB together.
"""

import resource
import time

import torch

from saesim_pl.functional import (
    jaccard_similarity,
    linear_cka,
    permutation_null,
    representational_similarity,
    svcca,
)

MEASURES = (jaccard_similarity, svcca, linear_cka, representational_similarity)
N_ROWS, WIDTH, N_PERMUTATIONS = 2000, 256, 999


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print a line for each measure and one for all."""
    g = torch.Generator().manual_seed(0)
    a = torch.randn(N_ROWS, WIDTH, generator=g)
    b = a + 2 * torch.randn(N_ROWS, WIDTH, generator=g)
    started, total = _peak_mib(), 0.0
    print(f"{torch.get_num_threads()} threads, {N_PERMUTATIONS} permutations of {N_ROWS} x {WIDTH}")
    for measure in MEASURES:
        start, start_cpu = time.perf_counter(), time.process_time()
        found = permutation_null(measure, a, b, N_PERMUTATIONS)
        seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
        total += seconds
        spent = f"{seconds:6.2f} s, {cpu:6.2f} s of processor"
        print(f"{measure.__name__:30} {spent}  z {found.z:7.1f}  p {found.p_value}")
    print(f"{'together':30} {total:6.2f} s, peak {_peak_mib() - started:.0f} MiB above the start")


if __name__ == "__main__":
    main()
