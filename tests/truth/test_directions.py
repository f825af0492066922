import numpy as np
import pytest
import torch

from saesim_pl.truth import (
    AntipodalDirections,
    CircleDirections,
    ClusteredDirections,
    Directions,
    NearOrthogonalDirections,
    UniformDirections,
)


def draw(directions: Directions, n: int = 96, d_in: int = 32) -> tuple[torch.Tensor, np.ndarray]:
    return directions.draw(n, d_in, np.random.default_rng(0))


def largest_cosine(rows: torch.Tensor) -> torch.Tensor:
    return (rows @ rows.T - torch.eye(len(rows))).abs().amax(1).mean()


@pytest.mark.parametrize(
    "directions",
    [
        UniformDirections(),
        NearOrthogonalDirections(),
        ClusteredDirections(8, 0.5),
        CircleDirections(8),
        AntipodalDirections(),
    ],
    ids=lambda directions: type(directions).__name__,
)
def test_rows_are_unit_and_a_function_of_the_generator(directions: Directions) -> None:
    rows, clusters = draw(directions)
    assert rows.dtype == torch.float32
    assert rows.shape == (96, 32)
    assert clusters.shape == (96,)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(96))
    assert torch.equal(rows, draw(directions)[0])


def test_uniform_directions_have_no_preference() -> None:
    rows, clusters = draw(UniformDirections(), 20_000, 8)
    assert rows.mean(0).abs().max() < 5 / np.sqrt(20_000 * 8)
    torch.testing.assert_close(rows.T @ rows / len(rows), torch.eye(8) / 8, atol=0.005, rtol=0)
    assert set(clusters) == {-1}


def test_near_orthogonal_directions_overlap_less() -> None:
    rows, _ = draw(NearOrthogonalDirections(steps=100))
    assert largest_cosine(rows) < 0.75 * largest_cosine(draw(UniformDirections())[0])
    exact, _ = draw(NearOrthogonalDirections(), n=32)
    torch.testing.assert_close(exact @ exact.T, torch.eye(32), atol=1e-5, rtol=0)


def test_the_descent_lowers_the_fourth_powers_across_blocks() -> None:
    few, many = (draw(NearOrthogonalDirections(steps), 1500, 64)[0] for steps in (0, 5))
    sums = [(rows @ rows.T).pow(4).sum().item() - 1500 for rows in (few, many)]
    assert sums[1] < 0.9 * sums[0]


@pytest.mark.parametrize("cosine", [0.0, 0.3, 0.8])
def test_clusters_have_the_given_mean_cosine(cosine: float) -> None:
    rows, clusters = draw(ClusteredDirections(10, cosine), 1000, 128)
    same = torch.from_numpy(clusters[:, None] == clusters[None, :]) & ~torch.eye(1000, dtype=torch.bool)
    similarity = rows @ rows.T
    assert similarity[same].mean().item() == pytest.approx(cosine, abs=0.01)
    assert similarity[~same & ~torch.eye(1000, dtype=torch.bool)].mean().abs() < 0.03
    assert np.bincount(clusters).tolist() == [100] * 10


def test_circles_are_flat_and_even() -> None:
    rows, circles = draw(CircleDirections(8))
    assert np.bincount(circles).tolist() == [8] * 12
    for circle in range(12):
        points = rows[torch.from_numpy(circles == circle)]
        assert torch.linalg.matrix_rank(points, atol=1e-4) == 2
        assert points.sum(0).norm() < 1e-5
        step = (points * points.roll(1, 0)).sum(1)
        torch.testing.assert_close(step, torch.full((8,), np.cos(np.pi / 4), dtype=torch.float32))


def test_antipodes_point_away_from_each_other() -> None:
    rows, pairs = draw(AntipodalDirections())
    assert torch.equal(rows[::2], -rows[1::2])
    assert pairs.tolist() == [i // 2 for i in range(96)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NearOrthogonalDirections(-1), "steps must not be negative, got -1"),
        (lambda: ClusteredDirections(0), "n_clusters must be at least 1, got 0"),
        (lambda: ClusteredDirections(4, 1.0), r"cosine must lie in \[0, 1\), got 1.0"),
        (lambda: draw(ClusteredDirections(97)), "n_clusters=97 for 96 directions"),
        (lambda: CircleDirections(1), "n_points must be at least 2, got 1"),
        (lambda: draw(CircleDirections(7)), "96 directions in 32 dimensions are no circles of 7 points"),
        (lambda: draw(AntipodalDirections(), 3), "3 directions are no pairs"),
    ],
)
def test_impossible_directions_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
