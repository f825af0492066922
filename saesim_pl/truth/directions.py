"""Where true features point."""

from abc import ABC, abstractmethod

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from saesim_pl.checks import check_counts, check_not_negative

Drawn = tuple[Float[Tensor, "n d_in"], Int[np.ndarray, " n"]]
"""Unit rows, and the cluster of each: -1 where there is none."""


class Directions(ABC):
    """How directions are drawn.

    Attributes:
        unit: Neighbouring rows that make sense together only: a stream has all of them or none.
    """

    unit = 1

    @abstractmethod
    def draw(self, n: int, d_in: int, rng: np.random.Generator) -> Drawn:
        """``n`` unit rows and their clusters.

        Raises:
            ValueError: There are no so many of the kind.
        """


class UniformDirections(Directions):
    """Uniform on the sphere, independent of each other."""

    def draw(self, n: int, d_in: int, rng: np.random.Generator) -> Drawn:
        """Normalised normal numbers."""
        return _uniform(n, d_in, rng), np.full(n, -1)


class NearOrthogonalDirections(Directions):
    r"""As orthogonal as so many directions can be made: the sum of :math:`cos^4` over pairs is lowered.

    Where they are no more than the dimensions, orthogonal. Else projected gradient descent from uniform
    directions. The fourth power, as large overlaps matter more than small ones; with squares, whose minimum
    is any tight frame, the largest would stay.

    Args:
        steps: Of the descent; each costs ``n * n * d_in`` multiplications.

    Raises:
        ValueError: ``steps`` is negative.
    """

    def __init__(self, steps: int = 50) -> None:
        check_not_negative(steps=steps)
        self.steps = steps

    def draw(self, n: int, d_in: int, rng: np.random.Generator) -> Drawn:
        """Rows of an orthogonal matrix, or where the descent ends."""
        rows = _uniform(n, d_in, rng)
        if n <= d_in:
            return torch.linalg.qr(rows.T)[0].T.contiguous(), np.full(n, -1)
        for _ in range(self.steps):
            rows = normalize(rows - _descent(rows), dim=1)
        return rows, np.full(n, -1)


def _descent(rows: Float[Tensor, "n d_in"], n_rows: int = 1024) -> Float[Tensor, "n d_in"]:
    r"""Gradient of the sum of :math:`cos^4`, such that the largest row is a tenth of a unit."""
    gradient = torch.empty_like(rows)
    for start in range(0, len(rows), n_rows):
        cosine = rows[start : start + n_rows] @ rows.T
        cosine.diagonal(start).zero_()
        gradient[start : start + n_rows] = cosine.pow_(3) @ rows
    return gradient * (0.1 / gradient.norm(dim=1).max())


class ClusteredDirections(Directions):
    r"""Groups around uniform centres: :math:`\sqrt{c}` times the centre and the rest at right angles to it.

    Feature i belongs to cluster i modulo ``n_clusters``, so that rates are spread evenly.

    Args:
        n_clusters: How many there are.
        cosine: c, the mean cosine of two rows of a cluster.

    Raises:
        ValueError: ``n_clusters`` is below 1, or ``cosine`` outside [0, 1).
    """

    def __init__(self, n_clusters: int = 32, cosine: float = 0.5) -> None:
        check_counts(n_clusters=n_clusters)
        if not 0 <= cosine < 1:
            raise ValueError(f"cosine must lie in [0, 1), got {cosine}")
        self.n_clusters, self.cosine = n_clusters, cosine

    def draw(self, n: int, d_in: int, rng: np.random.Generator) -> Drawn:
        """Rows around centres.

        Raises:
            ValueError: More clusters than directions.
        """
        if self.n_clusters > n:
            raise ValueError(f"n_clusters={self.n_clusters} for {n} directions")
        clusters = np.arange(n) % self.n_clusters
        centres = _uniform(self.n_clusters, d_in, rng)[torch.from_numpy(clusters)]
        own = _uniform(n, d_in, rng)
        own = normalize(own - torch.linalg.vecdot(own, centres)[:, None] * centres, dim=1)
        return self.cosine**0.5 * centres + (1 - self.cosine) ** 0.5 * own, clusters


class CircleDirections(Directions):
    """Points that lie evenly on circles, each circle in a plane of its own.

    With the dependence ``OneOfGroup`` an activation moves on each circle, as days of the week do in language
    models: Engels et al. (2024), "Not all language model features are one-dimensionally linear".

    Args:
        n_points: Points of a circle, which are neighbours in the list of features.

    Raises:
        ValueError: ``n_points`` is below 2.
    """

    def __init__(self, n_points: int = 8) -> None:
        if n_points < 2:
            raise ValueError(f"n_points must be at least 2, got {n_points}")
        self.n_points = self.unit = n_points

    def draw(self, n: int, d_in: int, rng: np.random.Generator) -> Drawn:
        """Points in random planes.

        Raises:
            ValueError: ``n`` directions are no whole number of circles, or one dimension holds none.
        """
        n_circles, left = divmod(n, self.n_points)
        if left or d_in < 2:
            raise ValueError(f"{n} directions in {d_in} dimensions are no circles of {self.n_points} points")
        first, second = _uniform(n_circles, d_in, rng), _uniform(n_circles, d_in, rng)
        second = normalize(second - torch.linalg.vecdot(second, first)[:, None] * first, dim=1)
        angle = torch.arange(self.n_points)[:, None] * (2 * torch.pi / self.n_points)
        rows = angle.cos() * first[:, None] + angle.sin() * second[:, None]
        return rows.flatten(0, 1), np.arange(n) // self.n_points


class AntipodalDirections(Directions):
    """Pairs that point away from each other, neighbours in the list of features."""

    unit = 2

    def draw(self, n: int, d_in: int, rng: np.random.Generator) -> Drawn:
        """Uniform directions and their opposites.

        Raises:
            ValueError: ``n`` is odd.
        """
        if n % 2:
            raise ValueError(f"{n} directions are no pairs")
        half = _uniform(n // 2, d_in, rng)
        return torch.stack([half, -half], dim=1).flatten(0, 1), np.arange(n) // 2


def _uniform(n: int, d_in: int, rng: np.random.Generator) -> Float[Tensor, "n d_in"]:
    return normalize(torch.from_numpy(rng.standard_normal((n, d_in), np.float32)), dim=1)
