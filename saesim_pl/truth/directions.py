"""Directions of true features."""

from abc import ABC, abstractmethod

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from saesim_pl.checks import check_counts, check_not_negative

Drawn = tuple[Float[Tensor, "n d_in"], Int[np.ndarray, " n"]]
"""Unit rows, and the cluster of each row, -1 if it has no cluster."""


class Directions(ABC):
    """Law by which directions are drawn.

    Attributes:
        unit: Size of groups of consecutive rows that belong together: a stream has all rows of a group or no
            row of it.
    """

    unit = 1

    @abstractmethod
    def draw(self, n: int, d_in: int, rng: np.random.Generator) -> Drawn:
        """``n`` unit rows and their clusters.

        Raises:
            ValueError: The law cannot give ``n`` rows in ``d_in`` dimensions.
        """


class UniformDirections(Directions):
    """Uniform on the sphere, independent of each other."""

    def draw(self, n: int, d_in: int, rng: np.random.Generator) -> Drawn:
        """Normal numbers, normalized by row."""
        return _uniform(n, d_in, rng), np.full(n, -1)


class NearOrthogonalDirections(Directions):
    r"""Nearly orthogonal directions: lowers the sum of :math:`cos^4` over pairs of directions.

    Exactly orthogonal if there are at most as many directions as dimensions. Otherwise projected gradient
    descent from uniform directions. The fourth power weights large overlaps more than small ones. The sum of
    squares is minimal for every tight frame, which may have large overlaps.

    Args:
        steps: Number of descent steps; each costs ``n * n * d_in`` multiplications.

    Raises:
        ValueError: ``steps`` is negative.
    """

    def __init__(self, steps: int = 50) -> None:
        check_not_negative(steps=steps)
        self.steps = steps

    def draw(self, n: int, d_in: int, rng: np.random.Generator) -> Drawn:
        """Orthonormal rows, or the result of the descent."""
        rows = _uniform(n, d_in, rng)
        if n <= d_in:
            return torch.linalg.qr(rows.T)[0].T.contiguous(), np.full(n, -1)
        for _ in range(self.steps):
            rows = normalize(rows - _descent(rows), dim=1)
        return rows, np.full(n, -1)


def _descent(rows: Float[Tensor, "n d_in"], n_rows: int = 1024) -> Float[Tensor, "n d_in"]:
    r"""Gradient of the sum of :math:`cos^4`, scaled such that its largest row has norm .1."""
    gradient = torch.empty_like(rows)
    for start in range(0, len(rows), n_rows):
        cosine = rows[start : start + n_rows] @ rows.T
        cosine.diagonal(start).zero_()
        gradient[start : start + n_rows] = cosine.pow_(3) @ rows
    return gradient * (0.1 / gradient.norm(dim=1).max())


class ClusteredDirections(Directions):
    r"""Clusters around uniform centers: :math:`\sqrt{c}` times the center plus an orthogonal random part.

    Feature i belongs to cluster i modulo ``n_clusters``, so that each cluster has frequent and rare features.

    Args:
        n_clusters: Number of clusters.
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
        """Rows around the centers.

        Raises:
            ValueError: More clusters than directions.
        """
        if self.n_clusters > n:
            raise ValueError(f"n_clusters={self.n_clusters} for {n} directions")
        clusters = np.arange(n) % self.n_clusters
        centers = _uniform(self.n_clusters, d_in, rng)[torch.from_numpy(clusters)]
        own = _uniform(n, d_in, rng)
        own = normalize(own - torch.linalg.vecdot(own, centers)[:, None] * centers, dim=1)
        return self.cosine**0.5 * centers + (1 - self.cosine) ** 0.5 * own, clusters


class CircleDirections(Directions):
    """Evenly spaced points on circles; each circle lies in its own random plane.

    With the dependence ``OneOfGroup`` an activation moves on each circle, as days of the week do in language
    models: Engels et al. (2024), "Not all language model features are one-dimensionally linear".

    Args:
        n_points: Number of points of a circle; they are consecutive features.

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
            ValueError: ``n`` is no multiple of ``n_points``, or ``d_in`` is below 2.
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
    """Pairs of opposite directions; the two are consecutive features."""

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
