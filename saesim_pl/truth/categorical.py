"""Draws from a finite distribution."""

import numpy as np
from jaxtyping import Float, Int


class Categorical:
    """Draws indices in proportion to ``weights`` in constant time each (Vose's alias method, 1991).

    Args:
        weights: Relative probabilities, not negative, at least one positive.
    """

    def __init__(self, weights: Float[np.ndarray, " n"]) -> None:
        n = len(weights)
        self.share = weights * (n / weights.sum())
        self.alias = np.arange(n, dtype=np.int32)
        small, large = list(np.flatnonzero(self.share < 1)), list(np.flatnonzero(self.share >= 1))
        while small and large:
            needy, donor = small.pop(), large[-1]
            self.alias[needy] = donor
            self.share[donor] -= 1 - self.share[needy]
            if self.share[donor] < 1:
                small.append(large.pop())
        self.share = self.share.astype(np.float32)

    def draw(self, n: int, rng: np.random.Generator) -> Int[np.ndarray, " n"]:
        """``n`` independent indices."""
        index = rng.integers(len(self.share), size=n, dtype=np.int32)
        return np.where(rng.random(n, dtype=np.float32) < self.share[index], index, self.alias[index])
