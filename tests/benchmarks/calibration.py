"""False positives and power of every pairing, measure and null: ``python -m tests.benchmarks.calibration``.

Each cell is the share of repeats with p <= .05 at 19 draws; its standard error at 400 repeats is .011 for a
true .05. The table is that of docs/nulls.md.
"""

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import torch

from saesim_pl.comparison import (
    CorrelationPairing,
    CosinePairing,
    Null,
    Pair,
    PermutationNull,
    ReflectionNull,
    RotationNull,
    Unpaired,
    compare_pairs,
    measures_of,
    null_chooser,
)
from saesim_pl.comparison.defaults import default_metrics
from saesim_pl.metrics import LinearCKA, MatchedScore
from tests.comparison import unrelated

COSINE = {
    "argmax": CosinePairing("argmax"),
    "hungarian": CosinePairing("hungarian"),
    "top": CosinePairing("hungarian", top=60),
}
CORRELATION = {"mutual": CorrelationPairing("mutual"), "corr. hungarian": CorrelationPairing("hungarian")}
MEASURES = (
    "matched_cosine_similarity",
    "mean_max_cosine_similarity",
    "jaccard_similarity",
    "svcca",
    "representational_similarity",
    "linear_cka",
    "procrustes_distance",
    "singular_value_distance",
    "singular_value_distance_l2",
)


def one_repeat(kind: str, null: Null | None, seed: int) -> dict[tuple[str, str], bool | None]:
    """Whether each pairing and measure comes out at p <= .05 on one pair of sides."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    g = torch.Generator().manual_seed(1000 + seed)
    metrics = {name: metric for name, metric in default_metrics(k=5).items() if name in MEASURES}
    if kind == "token streams":
        pair, pairings = unrelated.token_streams(g), CORRELATION
        one_space = ("matched_cosine_similarity", "mean_max_cosine_similarity")
        metrics = {name: metric for name, metric in metrics.items() if name not in one_space}
        metrics["correlation_match"] = MatchedScore()
    elif kind in unrelated.PAIRED:
        pair, pairings = unrelated.pair_of(*unrelated.PAIRED[kind](g)), {"unpaired": Unpaired()}
    else:
        pair = unrelated.pair_of(*unrelated.UNRELATED[kind](g))
        pairings = COSINE if null is not None else COSINE | {"unpaired": Unpaired()}
    if null is not None:
        metrics = {n: m for n, m in metrics.items() if not n.startswith("singular")}
    rows = compare_pairs(
        [pair], measures_of(metrics), pairings, null_chooser(null, 19, seed=seed), intervals=False
    )
    return {
        (row.pairing or "none", row.measure): None if row.p_value is None else row.p_value <= 0.05
        for row in rows
        if row.pair == "a~b"
    }


def family_repeat(seed: int, n_layers: int = 12) -> dict[tuple[str, str], bool | None]:
    """Whether the best of all pairs of independent layers comes out, by p_family and by its own p."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    g = torch.Generator().manual_seed(5000 + seed)
    layers = [[torch.randn(60, 12, generator=g) for _ in range(n_layers)] for _ in range(2)]
    from saesim_pl.comparison import FeatureSet

    pairs = [
        Pair(FeatureSet(f"a{i}", a, "a"), FeatureSet(f"b{j}", b, "b"))
        for i, a in enumerate(layers[0])
        for j, b in enumerate(layers[1])
    ]
    measures = measures_of({"linear_cka": LinearCKA(estimator="debiased")})
    chooser = null_chooser(PermutationNull(99, seed))
    rows = compare_pairs(pairs, measures, {"unpaired": Unpaired()}, chooser, intervals=False)
    best = min(rows, key=lambda row: row.p_family)
    return {("best of 144", "p_family"): best.p_family <= 0.05, ("best of 144", "p"): best.p_value <= 0.05}


def power_repeat(share: float, null: Null, seed: int) -> dict[tuple[str, str], bool | None]:
    """Whether a planted share of common features is found."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    pair = unrelated.pair_of(*unrelated.sharing(torch.Generator().manual_seed(seed), share))
    names = MEASURES[:2] if share < 0.1 else MEASURES[2:6:1]
    metrics = {name: metric for name, metric in default_metrics().items() if name in names}
    rows = compare_pairs(
        [pair], measures_of(metrics), {"hungarian": COSINE["hungarian"]}, null_chooser(null), intervals=False
    )
    return {(row.pairing or "none", row.measure): row.p_value <= 0.05 for row in rows if row.pair == "a~b"}


def shares(repeat: Callable[[int], dict], n_repeats: int, pool: ProcessPoolExecutor) -> Mapping:
    """Share of repeats that came out, and how many there were, by pairing and measure."""
    hits: Counter = Counter()
    counts: Counter = Counter()
    for found in pool.map(repeat, range(n_repeats), chunksize=5):
        for key, hit in found.items():
            hits[key] += bool(hit)
            counts[key] += hit is not None
    return {key: (hits[key] / counts[key] if counts[key] else None, counts[key]) for key in counts}


def show(title: str, found: Mapping) -> None:
    """Print one table: a line a measure, a column a pairing; cells outside [.03, .07] are marked."""
    pairings = list(dict.fromkeys(pairing for pairing, _ in found))
    measures = list(dict.fromkeys(measure for _, measure in found))
    print(f"\n### {title}\n\n| measure | " + " | ".join(pairings) + " |")
    print("|---" * (1 + len(pairings)) + "|")
    for measure in measures:
        cells = []
        for pairing in pairings:
            share, _ = found.get((pairing, measure), (None, 0))
            mark = "" if share is None or 0.03 <= share <= 0.07 else " *"
            cells.append("" if share is None else f"{share:.3f}{mark}")
        print(f"| `{measure}` | " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--power_repeats", type=int, default=20)
    parser.add_argument("--only", nargs="*", default=None)
    args = parser.parse_args()
    wanted = args.only
    with ProcessPoolExecutor(2) as pool:
        for kind in [*unrelated.UNRELATED, *unrelated.PAIRED, "token streams"]:
            if not wanted or kind in wanted:
                found = shares(partial(one_repeat, kind, None), args.repeats, pool)
                show(f"{kind}, default nulls, {args.repeats} repeats", found)
        if not wanted or "rotation" in wanted:
            found = shares(
                partial(one_repeat, "common covariance", RotationNull(19)), args.repeats // 10, pool
            )
            show(f"common covariance, RotationNull, {args.repeats // 10} repeats", found)
        if not wanted or "family" in wanted:
            show(f"best of 144, {args.repeats} repeats", shares(family_repeat, args.repeats, pool))
        for name, null in {"reflection": ReflectionNull(19), "rotation": RotationNull(19)}.items():
            for share in (0.05, 0.2):
                if not wanted or "power" in wanted:
                    found = shares(partial(power_repeat, share, null), args.power_repeats, pool)
                    show(f"power, {share:.0%} of 512 shared, {name}, {args.power_repeats} repeats", found)


if __name__ == "__main__":
    sys.exit(main())
