import math

import pytest
import torch

from saesim_pl.saes import StandardSAE


def random_sae() -> StandardSAE:
    torch.manual_seed(0)
    sae = StandardSAE(5, 9, l1_coefficient=0.3).double()
    for parameter in sae.parameters():
        torch.nn.init.normal_(parameter)
    return sae


def test_loss_by_hand() -> None:
    sae = StandardSAE(2, 1, l1_coefficient=0.5)
    with torch.no_grad():
        sae.W_dec.copy_(torch.tensor([[3.0, 4.0]]))
        sae.W_enc.copy_(torch.tensor([[1.0], [0.0]]))
    output = sae.loss(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    # Latents 1 and 0; errors (2, 4) and (1, 0); the decoder row has norm 5.
    assert output.terms["mse"].item() == pytest.approx((20 + 1) / 2)
    assert output.terms["l1"].item() == pytest.approx(5 / 2)
    assert output.loss.item() == pytest.approx(10.5 + 0.5 * 2.5)


def test_a_zero_decoder_row_gives_finite_gradients() -> None:
    sae = random_sae().float()
    sae.l1_coefficient = 5.0
    with torch.no_grad():
        sae.W_dec[2] = 0
        sae.b_enc.fill_(3)
    sae.loss(torch.randn(7, 5)).loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in sae.parameters())


def test_rescaling_a_latent_gains_nothing() -> None:
    sae, x = random_sae(), torch.randn(7, 5, dtype=torch.float64)
    before = sae.loss(x).loss
    with torch.no_grad():
        sae.W_enc *= 0.1
        sae.b_enc *= 0.1
        sae.W_dec *= 10
    torch.testing.assert_close(sae.loss(x).loss, before)
    sae.l1_coefficient *= 2
    assert sae.loss(x).loss > before + 0.01


def test_negative_penalty_is_refused() -> None:
    with pytest.raises(ValueError, match=r"l1_coefficient must not be negative, got -1"):
        StandardSAE(2, 3, l1_coefficient=-1)


def test_unknown_penalty_is_refused() -> None:
    with pytest.raises(ValueError, match=r"penalty must be one of .*got 'l2'"):
        StandardSAE(2, 3, penalty="l2")


def test_tanh_penalty_by_hand() -> None:
    sae = StandardSAE(2, 1, l1_coefficient=0.5, penalty="tanh")
    with torch.no_grad():
        sae.W_dec.copy_(torch.tensor([[3.0, 4.0]]))
        sae.W_enc.copy_(torch.tensor([[0.1], [0.0]]))
    output = sae.loss(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    # Latents .1 and 0, of a row of norm 5.
    assert output.terms["tanh"].item() == pytest.approx(math.tanh(0.5) / 2)
