"""MCC, PW-MCC, uniqueness and shared fraction, by hand."""

import pytest
import torch
from torch import Tensor

from saesim_pl.functional import fraction_shared, mcc, pw_mcc, uniqueness

EYE = torch.eye(3)
# 60 degrees from the first axis.
TILTED = torch.tensor([[0.5, 0.75**0.5, 0.0]])


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_mcc_by_hand() -> None:
    assert mcc(EYE, -2 * EYE.flip(0)).item() == pytest.approx(1)
    assert mcc(EYE[:1], TILTED).item() == pytest.approx(0.5)
    # One row for two: the second copy has to take an orthogonal partner.
    assert mcc(EYE, EYE[[0, 0, 1]]).item() == pytest.approx(2 / 3)
    assert mcc(EYE, EYE * torch.tensor([[1.0], [1.0], [0.0]])).item() == pytest.approx(2 / 3)


def test_pw_mcc_is_the_mean_over_pairs() -> None:
    # Pairs: 1, 0.5, 0.5.
    assert pw_mcc([EYE[:1], -EYE[:1], TILTED]).item() == pytest.approx(2 / 3)
    a, b, c = (normal(8, 5, seed=seed) for seed in range(3))
    expected = (mcc(a, b) + mcc(a, c) + mcc(b, c)) / 3
    assert pw_mcc([c, a, b]).item() == pytest.approx(expected.item())
    assert pw_mcc([a, a.flip(0), -a]).item() == pytest.approx(1)


def test_uniqueness_by_hand() -> None:
    assert uniqueness(2 * EYE.flip(0), EYE).item() == 1
    crowd = torch.cat([EYE[:1], EYE[:1] + 0.1, EYE[:1] - 0.1, torch.zeros(1, 3)])
    assert uniqueness(crowd, EYE).item() == 0.25
    assert uniqueness(torch.zeros(2, 3), EYE).item() == 0


def test_uniqueness_ignores_order_scale_and_a_common_rotation() -> None:
    rows, truth, rotation = normal(12, 4), normal(9, 4, seed=1), torch.linalg.qr(normal(4, 4, seed=2))[0]
    value = uniqueness(rows, truth).item()
    assert uniqueness(3 * rows.flip(0), truth.flip(0)).item() == value
    assert uniqueness(rows @ rotation, truth @ rotation).item() == value


def latents(encoder: Tensor, decoder: Tensor) -> Tensor:
    return torch.cat([encoder, decoder], dim=1)


def test_a_feature_is_shared_where_encoder_and_decoder_agree() -> None:
    a = latents(EYE, EYE)
    assert fraction_shared(a, 3 * a.flip(0)).item() == 1
    # The last encoder, then also the first decoder, points elsewhere.
    encoder = EYE * torch.tensor([1.0, 1.0, -1.0])
    assert fraction_shared(a, latents(encoder, EYE)).item() == pytest.approx(2 / 3)
    decoder = torch.cat([TILTED, EYE[1:]])
    assert fraction_shared(a, latents(encoder, decoder)).item() == pytest.approx(1 / 3)
    assert fraction_shared(a, latents(EYE, decoder), threshold=0.4).item() == pytest.approx(1)
    assert fraction_shared(a, 0 * a).item() == 0


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="pw_mcc needs at least 2 dictionaries, got 1"):
        pw_mcc([EYE])
    with pytest.raises(ValueError, match=r"one shape, got \[\(2, 3\), \(3, 3\)\]"):
        pw_mcc([EYE, EYE[:2]])
    with pytest.raises(ValueError, match="the odd width 3"):
        fraction_shared(EYE, EYE)
    with pytest.raises(ValueError, match=r"threshold is a cosine in \[-1, 1\], got 7"):
        fraction_shared(EYE[:, :2], EYE[:, :2], threshold=7)
    with pytest.raises(ValueError, match="widths differ: dictionary has 3 columns, true_features has 2"):
        uniqueness(EYE, EYE[:, :2])
