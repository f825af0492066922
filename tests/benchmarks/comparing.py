"""Time of ``saesim_pl.compare``: ``python -m tests.benchmarks.comparing small|grid|large [n_draws]``.

``small``: two dictionaries of 512 x 256, all default metrics. ``grid``: five pairs under five pairings, as
after the synthetic pair. ``large``: two dictionaries of 16,384 x 768, mutual pairs, five metrics. Half of the
rows of both sides are shared, with noise, as in trained SAEs.
"""

import resource
import sys
import time

import torch

import saesim_pl
from saesim_pl.comparison import FeatureSet

LARGE = [
    "mean_max_cosine_similarity",
    "jaccard_similarity",
    "svcca",
    "linear_cka",
    "representational_similarity",
]


def feature_set(name: str, n: int, d: int, seed: int) -> FeatureSet:
    """Rows of which the first half are alike in all sets of one size, up to noise."""
    shared = torch.randn(n, d, generator=torch.Generator().manual_seed(0))
    own = torch.randn(n, d, generator=torch.Generator().manual_seed(seed))
    is_shared = torch.arange(n) < n // 2
    rows = torch.where(is_shared[:, None], shared + 0.5 * own, own)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    groups = {"shared": is_shared[order], "unshared": ~is_shared[order]}
    return FeatureSet(name, rows[order], "space", rows[order] + 0.1, groups=groups)


def run(what: str, n_draws: int) -> int:
    """Compare; returns the number of rows."""
    if what == "small":
        a, b = (feature_set(name, 512, 256, i) for i, name in enumerate("ab", start=1))
        return len(saesim_pl.compare(a, b, n_draws=n_draws, subsets=["all"], progress=True))
    if what == "large":
        a, b = (feature_set(name, 16384, 768, i) for i, name in enumerate("ab", start=1))
        ask = {"metrics": LARGE, "pairings": "mutual", "n_draws": n_draws, "subsets": ["all"]}
        return len(saesim_pl.compare(a, b, **ask, progress=True))
    pairings = ["unpaired", "argmax", "hungarian", "hungarian_top_100", "hungarian_top_200"]
    truth_a, truth_b, a, b = (
        feature_set(name, 512, 256, i) for i, name in enumerate(("truth_a", "truth_b", "a", "b"), start=1)
    )
    asked = [((truth_a, a), ["all", "shared", "unshared"]), ((truth_b, a), ["unshared"]), ((a, b), ["all"])]
    return sum(
        len(saesim_pl.compare(*pair, pairings=pairings, n_draws=n_draws, subsets=subsets, progress=True))
        for pair, subsets in asked
    )


if __name__ == "__main__":
    what = sys.argv[1]
    n_draws = int(sys.argv[2]) if len(sys.argv) > 2 else {"small": 999, "grid": 999, "large": 19}[what]
    began, worked = time.perf_counter(), time.process_time()
    n_rows = run(what, n_draws)
    wall, cpu = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{what}, {n_draws} draws: {n_rows} rows, {wall:.1f} s, {cpu:.1f} processor s, {peak:.2f} GiB")
