"""Cosine and bias of a reconstruction, by hand."""

import pytest
import torch

from saesim_pl.functional import reconstruction_cosine, relative_reconstruction_bias
from saesim_pl.metrics import SAEQuality

X = torch.tensor([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]])
# Cosines 0.8, -1, 0; squared lengths 4 + 9; products 8 - 3.
X_HAT = torch.tensor([[0.0, 2.0], [-3.0, 0.0], [0.0, 0.0]])


def test_by_hand() -> None:
    assert reconstruction_cosine(X, X_HAT).item() == pytest.approx(-0.2 / 3)
    assert relative_reconstruction_bias(X, X_HAT).item() == pytest.approx(13 / 5)


def test_scale_moves_the_bias_and_not_the_cosine() -> None:
    assert reconstruction_cosine(X, 0.5 * X).item() == pytest.approx(2 / 3)
    assert relative_reconstruction_bias(X, 0.5 * X).item() == pytest.approx(0.5)
    assert relative_reconstruction_bias(X, X).item() == 1


def test_the_bias_is_the_best_divisor() -> None:
    x = torch.randn(50, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x_hat = 0.7 * x + 0.2 * x.roll(1, 0)
    gamma = relative_reconstruction_bias(x, x_hat)
    errors = [(x_hat / (gamma + step) - x).square().sum() for step in (-0.01, 0.0, 0.01)]
    assert errors[1] < min(errors[0], errors[2])


def test_one_rotation_of_both_changes_nothing() -> None:
    g = torch.Generator().manual_seed(0)
    x, x_hat = (torch.randn(20, 5, generator=g, dtype=torch.float64) for _ in range(2))
    rotation = torch.linalg.qr(torch.randn(5, 5, generator=g, dtype=torch.float64))[0]
    for measure in (reconstruction_cosine, relative_reconstruction_bias):
        assert measure(x @ rotation, x_hat @ rotation).item() == pytest.approx(measure(x, x_hat).item())
        assert measure(x, x_hat @ rotation).item() != pytest.approx(measure(x, x_hat).item(), rel=1e-3)


def test_a_reconstruction_of_zeros_is_0_and_not_nan() -> None:
    for x in (X, 0 * X):
        assert reconstruction_cosine(x, 0 * X).item() == 0
        assert relative_reconstruction_bias(x, 0 * X).item() == 0


def test_bad_input_is_refused() -> None:
    for measure in (reconstruction_cosine, relative_reconstruction_bias):
        with pytest.raises(ValueError, match="x has 3 rows, x_hat has 2"):
            measure(X, X[:2])
        with pytest.raises(ValueError, match="x_hat holds 2 entries that are NaN or infinite"):
            measure(X, X_HAT / torch.tensor([[1.0], [1.0], [0.0]]))


def test_quality_by_hand() -> None:
    metric = SAEQuality(2, 4, dense_threshold=0.5)
    # Firing in 0, 1, 2 and 2 of 3 rows.
    latents = torch.tensor([[0.0, 1, 1, 2], [0, 0, 0, 3], [0, 0, 1, 0]])
    metric.update(X, X_HAT, latents)
    got = {name: value.item() for name, value in metric.compute().items()}
    # Errors 9 + 4 + 16; total (4, 4), squares 26, so variance 26 - 32 / 3.
    expected = {
        "l0": 5 / 3,
        "dead": 0.25,
        "dense": 0.5,
        "fvu": 29 / (26 - 32 / 3),
        "cosine": -0.2 / 3,
        "bias": 2.6,
    }
    assert got == pytest.approx(expected)


def test_a_threshold_that_is_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match=r"dense_threshold is a share in \[0, 1\], got 10"):
        SAEQuality(2, 4, dense_threshold=10)
