"""Samples a second of sae-lens's generator, run by the Python that has it.

PYTHON_WITH_PEERS tests/benchmarks/sampling_peers.py THREADS

Reads a line of JSON for each request, and answers each with a line: {"case": {...}} builds a generator and is
answered by "ready", {"batch": size} clocks it and is answered by samples a second, through dense or through
sparse tensors, whichever are faster the first time. Imports nothing of this project, so that sae-lens 6.54
may live in an environment of its own.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable

import torch

warnings.filterwarnings("ignore")
# A run goes on for so many seconds, or one batch.
SECONDS = 0.3


def generator(case: dict) -> Callable[[int, bool], torch.Tensor]:
    """Draws a batch of the given size, through sparse tensors or dense ones."""
    from sae_lens.synthetic import ActivationGenerator, FeatureDictionary, hierarchy_modifier
    from sae_lens.synthetic.correlation import generate_random_low_rank_correlation_matrix
    from sae_lens.synthetic.hierarchy import HierarchyConfig, generate_hierarchy

    n = case["n_features"]
    rates = torch.tensor(case["rates"])
    correlation, modifier = None, None
    if case["correlation"] == "low rank":
        correlation = generate_random_low_rank_correlation_matrix(n, 25, 0.1, seed=0)
    elif case["correlation"] == "given":
        samples = torch.nn.functional.normalize(torch.randn(n, n))
        # A matrix of so many samples is not positive definite in 32 bits.
        correlation = (samples @ samples.T + 1e-3 * torch.eye(n)) / 1.001
        correlation.fill_diagonal_(1)
    if case["trees"]:
        config = HierarchyConfig(*case["trees"])
        trees = generate_hierarchy(n, config, seed=0)
        rates = (rates * trees.compute_probability_correction_factors(rates)).clamp(max=1)
        modifier = hierarchy_modifier(trees.roots)
    activations = ActivationGenerator(n, rates, 0.3, 1.0, modifier, correlation)
    directions = FeatureDictionary(n, case["d_in"], initializer=None, seed=0)

    def draw(batch: int, sparse: bool) -> torch.Tensor:
        activations.use_sparse_tensors = sparse
        with torch.no_grad():
            return directions(activations.sample(batch))

    return draw


def clock(draw: Callable[[], object]) -> float:
    """Batches a second."""
    start, n = time.perf_counter(), 0
    while not n or time.perf_counter() - start < SECONDS:
        draw()
        n += 1
    return n / (time.perf_counter() - start)


class Clocked:
    """A generator, and whether it is faster with sparse tensors, by batch size."""

    def __init__(self, case: dict) -> None:
        self.draw = generator(case)
        self.sparse: dict[int, bool] = {}

    def speed(self, batch: int) -> float:
        """Samples a second."""
        if batch not in self.sparse:
            self._with(batch, False)  # warms up
            self.sparse[batch] = self._with(batch, True) > self._with(batch, False)
        return self._with(batch, self.sparse[batch])

    def _with(self, batch: int, sparse: bool) -> float:
        return batch * clock(lambda: self.draw(batch, sparse))


def main() -> None:
    """Answer requests until there are no more."""
    torch.set_num_threads(int(sys.argv[1]))
    clocked = None
    for line in sys.stdin:
        request = json.loads(line)
        if "case" in request:
            torch.manual_seed(0)
            clocked = Clocked(request["case"])
            print("ready", flush=True)
        elif clocked:
            print(clocked.speed(request["batch"]), flush=True)


if __name__ == "__main__":
    main()
