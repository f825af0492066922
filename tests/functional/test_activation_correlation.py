import numpy as np
import pytest
import torch
from torch import Tensor

from saesim_pl.functional import activation_correlation, match_by_correlation
from saesim_pl.metrics import ActivationCorrelation


def latents(kind: str, seed: int = 0, n: int = 300) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(n, 40, generator=generator, dtype=torch.float64)
    b = a[:, :30] + torch.randn(n, 30, generator=generator, dtype=torch.float64)
    if kind == "sparse":
        a, b = (a - 2.4).relu(), (b - 3.4).relu()
    if kind == "offset":
        a, b = a + 30, b - 50
    a[:, 3], b[:, 7] = 0, 2.5
    return a, b


def plain_correlation(a: Tensor, b: Tensor) -> np.ndarray:
    x, y = (side.numpy() - side.numpy().mean(axis=0) for side in (a, b))
    scale = np.outer(np.linalg.norm(x, axis=0), np.linalg.norm(y, axis=0))
    dead = np.outer(np.ptp(a.numpy(), axis=0) > 0, np.ptp(b.numpy(), axis=0) > 0)
    return np.where(dead, x.T @ y / np.where(scale > 0, scale, 1), 0)


@pytest.mark.parametrize("kind", ["dense", "sparse", "offset"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_streamed_and_one_shot_equal_numpy(kind: str, dtype: torch.dtype, tolerance: float) -> None:
    a, b = latents(kind)
    expected = plain_correlation(a, b)
    metric = ActivationCorrelation()
    for rows in (slice(0, 1), slice(1, 180), slice(180, 300)):
        metric.update(a[rows].to(dtype), b[rows].to(dtype))
    for scores in (metric.compute(), activation_correlation(a.to(dtype), b.to(dtype))):
        np.testing.assert_allclose(scores.whole().numpy(), expected, atol=tolerance)
        assert scores.shape == (40, 30)
        assert not scores.live_a[3]
        assert not scores.live_b[7]
        assert scores.live_a.sum() == (expected.any(axis=1)).sum()


def test_non_zeros_alone_give_what_a_dense_product_gives() -> None:
    generator = torch.Generator().manual_seed(0)
    sides = []
    for _ in range(2):
        fired = torch.rand(200, 300, generator=generator) < 0.008
        sides.append(fired * (0.5 + torch.rand(200, 300, generator=generator, dtype=torch.float64)))
    sparse, dense = ActivationCorrelation(), ActivationCorrelation()
    sparse.update(*sides)
    dense.update(*(side + 1 for side in sides))
    torch.testing.assert_close(sparse.compute().whole(), dense.compute().whole())


@pytest.mark.parametrize("method", ["argmax", "mutual", "hungarian"])
def test_matching_by_sums_equals_matching_by_the_matrix(method: str) -> None:
    a, b = latents("dense")
    metric = ActivationCorrelation()
    metric.update(a, b)
    streamed = match_by_correlation(metric.compute(), method, min_score=0.1, memory_budget=1)
    whole = match_by_correlation(torch.from_numpy(plain_correlation(a, b)), method, min_score=0.1)
    assert torch.equal(streamed.index_a, whole.index_a)
    assert torch.equal(streamed.index_b, whole.index_b)
    assert 3 not in streamed.index_a
    assert 7 not in streamed.index_b
    torch.testing.assert_close(streamed.score, whole.score)


def test_a_later_update_does_not_change_an_earlier_result() -> None:
    a, b = latents("dense")
    metric = ActivationCorrelation()
    metric.update(a[:100], b[:100])
    early = metric.compute()
    before = early.whole()
    metric.update(a[100:], b[100:])
    assert torch.equal(early.whole(), before)
    np.testing.assert_allclose(metric.compute().whole().numpy(), plain_correlation(a, b), atol=1e-12)


def test_errors() -> None:
    metric = ActivationCorrelation()
    with pytest.warns(UserWarning, match="before the ``update``"), pytest.raises(ValueError, match="got 0"):
        metric.compute()
    metric.update(*latents("dense"))
    with pytest.raises(ValueError, match=r"earlier updates had \(40, 30\)"):
        metric.update(*latents("dense")[::-1])
    with pytest.raises(ValueError, match="latents_a has 300 rows, latents_b has 299"):
        activation_correlation(latents("dense")[0], latents("dense")[1][1:])
