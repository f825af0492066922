"""What every exported architecture keeps; a new one joins by being exported."""

import pytest
import torch

from saesim_pl import saes

ARCHITECTURES = [getattr(saes, name) for name in saes.__all__ if name.endswith("SAE")]
D_IN, D_SAE, BATCH = 6, 10, 12


@pytest.fixture(params=ARCHITECTURES, ids=lambda architecture: architecture.__name__)
def sae(request: pytest.FixtureRequest) -> saes.SparseAutoencoder:
    torch.manual_seed(0)
    return request.param(D_IN, D_SAE)


def test_shapes(sae: saes.SparseAutoencoder) -> None:
    x = torch.randn(BATCH, D_IN)
    output = sae.loss(x)
    assert sae.encode(x).shape == output.latents.shape == (BATCH, D_SAE)
    assert sae(x).shape == output.x_hat.shape == (BATCH, D_IN)
    assert output.loss.shape == ()
    assert output.fired.shape == (D_SAE,)
    torch.testing.assert_close(output.fired, output.latents.sum(0))
    assert sae.dictionary.shape == (D_SAE, D_IN)
    assert not sae.dictionary.requires_grad
    assert not output.x_hat.requires_grad
    assert not output.latents.requires_grad
    assert (sae.d_in, sae.d_sae) == (D_IN, D_SAE)


def test_loss_and_forward_agree(sae: saes.SparseAutoencoder) -> None:
    x = torch.randn(BATCH, D_IN)
    output = sae.eval().loss(x)
    torch.testing.assert_close(output.latents, sae.encode(x))
    torch.testing.assert_close(output.x_hat, sae.decode(sae.encode(x)))
    assert output.latents.min() >= 0


def test_gradients_are_finite_and_reach_every_weight(sae: saes.SparseAutoencoder) -> None:
    sae.loss(torch.randn(BATCH, D_IN)).loss.backward()
    for name, parameter in sae.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


def test_works_under_autocast(sae: saes.SparseAutoencoder) -> None:
    # Where nearly equal values compete, rounding may choose another: as many rows that one choice is nothing.
    x = torch.randn(400, D_IN)
    with torch.autocast("cpu", torch.bfloat16):
        loss = sae.loss(x).loss
    loss.backward()
    assert loss.item() == pytest.approx(sae.loss(x).loss.item(), rel=0.03)
    for name, parameter in sae.named_parameters():
        assert parameter.grad.dtype == torch.float32, name


def test_training_leaves_what_inference_needs(sae: saes.SparseAutoencoder) -> None:
    x = torch.randn(500, D_IN)
    for _ in range(10):
        trained = sae.loss(x)
    one_by_one = torch.cat([sae.eval().encode(row[None]) for row in x])
    torch.testing.assert_close((one_by_one > 0).sum(), (trained.latents > 0).sum(), rtol=0.01, atol=2)


def test_folding_the_decoder_norms_changes_no_reconstruction(sae: saes.SparseAutoencoder) -> None:
    for parameter in sae.parameters():
        torch.nn.init.normal_(parameter)
    x = torch.randn(BATCH, D_IN)
    before, norms, latents = sae.eval()(x), sae.dictionary.norm(dim=1), sae.encode(x)
    if isinstance(sae, saes.TopKSAE | saes.BatchTopKSAE):
        with pytest.raises(TypeError, match="SAE keeps its largest latents: another scale would keep others"):
            sae.fold_decoder_norms()
        return
    sae.fold_decoder_norms()
    torch.testing.assert_close(sae.dictionary.norm(dim=1), torch.ones(D_SAE))
    torch.testing.assert_close(sae.encode(x), latents * norms)
    torch.testing.assert_close(sae(x), before)


@pytest.mark.parametrize("one_scale", [True, False])
def test_folding_the_normalisation_keeps_latents(sae: saes.SparseAutoencoder, one_scale: bool) -> None:
    for parameter in sae.parameters():
        torch.nn.init.normal_(parameter)
    shift = 5 * torch.randn(D_IN)
    scale = torch.full((D_IN,), 3.0) if one_scale else torch.linspace(0.2, 4, D_IN)
    if isinstance(sae, saes.MatchingPursuitSAE) and not one_scale:
        before = {name: weight.clone() for name, weight in sae.state_dict().items()}
        with pytest.raises(TypeError, match="encodes with its decoder: it takes one scale for all"):
            sae.fold_normalization(shift, scale)
        assert all(torch.equal(weight, before[name]) for name, weight in sae.state_dict().items())
        return
    x = torch.randn(BATCH, D_IN)
    raw, latents, x_hat = shift + scale * x, sae.eval().encode(x), sae(x)
    sae.fold_normalization(shift, scale)
    torch.testing.assert_close(sae.encode(raw), latents, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(sae.decode(latents), shift + scale * x_hat, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("shift", "scale", "message"),
    [
        (torch.zeros(1), torch.ones(D_IN), rf"shift must have the shape \({D_IN},\), got \(1,\)"),
        (torch.zeros(D_IN), torch.zeros(D_IN), "scale must be positive, got 0"),
    ],
)
def test_what_cannot_be_folded_is_refused(shift: torch.Tensor, scale: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        saes.StandardSAE(D_IN, D_SAE).fold_normalization(shift, scale)


def test_rows_do_not_notice_each_other(sae: saes.SparseAutoencoder) -> None:
    x = torch.randn(BATCH, D_IN)
    torch.testing.assert_close(sae.encode(x)[3:4], sae.encode(x[3:4]))


def test_training_lowers_the_loss(sae: saes.SparseAutoencoder) -> None:
    x = torch.randn(BATCH, D_IN)
    optimizer = torch.optim.Adam(sae.parameters(), lr=1e-2)
    losses = []
    for _ in range(50):
        loss = sae.loss(x).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_weights_round_trip(sae: saes.SparseAutoencoder, tmp_path) -> None:
    torch.save(sae.state_dict(), tmp_path / "sae.pt")
    other = type(sae)(D_IN, D_SAE)
    other.load_state_dict(torch.load(tmp_path / "sae.pt", weights_only=True))
    x = torch.randn(BATCH, D_IN)
    assert torch.equal(other(x), sae(x))


def test_initial_weights_are_unit_rows_and_their_transpose(sae: saes.SparseAutoencoder) -> None:
    torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.ones(D_SAE))
    torch.testing.assert_close(sae.W_enc, sae.W_dec.T)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_bad_widths_are_refused(architecture: type) -> None:
    with pytest.raises(ValueError, match="d_sae must be at least 1, got 0"):
        architecture(D_IN, 0)
