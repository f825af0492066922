"""How the SAEs of every architecture start, and how one of their latents begins again."""

from functools import partial

import pytest
import torch
from saesim_pl.callbacks.resample_dead_latents import resample

from saesim_pl import saes
from saesim_pl.saes import GatedSAE, JumpReLUSAE, SparseAutoencoder

D_IN, D_SAE, DEAD = 12, 24, torch.arange(5)
MAKERS = {
    name: partial(getattr(saes, name), D_IN, D_SAE) for name in saes.__all__ if name.endswith("SAE")
} | {
    "JumpReLU, large thresholds": lambda: JumpReLUSAE(D_IN, D_SAE, threshold=1.5),
    "JumpReLU, tanh": lambda: JumpReLUSAE(D_IN, D_SAE, threshold=0.5, penalty="tanh"),
}
every_architecture = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def rows(offset: float = 5.0) -> torch.Tensor:
    """Activations around a point other than 0."""
    generator = torch.Generator().manual_seed(0)
    sparse = torch.rand(400, 30, generator=generator) * (torch.rand(400, 30, generator=generator) < 0.1)
    directions = torch.nn.functional.normalize(torch.randn(30, D_IN, generator=generator), dim=1)
    return 3 * sparse @ directions + offset


def trained(make, x: torch.Tensor) -> tuple[SparseAutoencoder, torch.optim.Adam]:
    """An SAE after a step, and what its optimizer remembers."""
    torch.manual_seed(1)
    sae = make()
    adam = torch.optim.Adam(sae.parameters(), amsgrad=True)
    sae.start_from(1.0, x.mean(0))
    sae.loss(x).loss.backward()
    adam.step()
    for parameter in sae.parameters():
        for moment in adam.state[parameter].values():
            moment.fill_(1.0)
    return sae, adam


@every_architecture
def test_an_sae_starts_around_its_centre(make) -> None:
    torch.manual_seed(0)
    plain, moved, x = make(), make(), rows(offset=0)
    moved.load_state_dict(plain.state_dict())
    centre = torch.linspace(-4, 9, D_IN)
    moved.start_from(1.0, centre)
    with torch.no_grad():
        assert (plain.encode(x) > 0).any()
        torch.testing.assert_close(moved.encode(x + centre), plain.encode(x), atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(moved(x + centre), plain(x) + centre, atol=1e-4, rtol=1e-4)
        moved.start_from(0.25, centre)
    torch.testing.assert_close(moved.W_dec.norm(dim=1), torch.full((D_SAE,), 0.25))


@every_architecture
def test_all_that_a_latent_has_learnt_begins_again(make) -> None:
    sae, adam = trained(make, rows())
    learnt = {name for name, weight in sae.named_parameters() if name != "b_dec"}
    directions = torch.eye(D_IN)[DEAD]
    assert sae.new_latents(directions, torch.tensor(0.5)).keys() == learnt
    before = {name: weight.detach().clone() for name, weight in sae.named_parameters()}
    resample(sae, DEAD, rows(), adam, seed=3)
    for name, weight in sae.named_parameters():
        axis = 1 if name == "W_enc" else 0
        kept = torch.arange(len(DEAD), weight.shape[axis])
        moments = [m for m in adam.state[weight].values() if m.dim()]
        assert len(moments) == 3
        for tensor, old in [(weight.detach(), before[name]), *((m, torch.ones_like(m)) for m in moments)]:
            changed = (tensor != old).movedim(axis, 0).flatten(1 if old.dim() > 1 else 0)
            changed = changed if changed.dim() == 1 else changed.any(1)
            if name == "b_dec":
                assert not changed.any()
            else:
                assert not changed[kept].any(), name
        if name != "b_dec":
            assert all(not m.index_select(axis, DEAD).any() for m in moments), name


@every_architecture
@pytest.mark.parametrize("offset", [0.0, 5.0, 20.0])
def test_latents_that_begin_again_fire_and_not_on_everything(make, offset: float) -> None:
    x = rows(offset)
    sae, adam = trained(make, x)
    resample(sae, DEAD, x, adam, seed=0)
    if "k" in dir(sae):
        sae.k = D_SAE // 2  # a fifth of the others' size: few are among the largest at once
    with torch.no_grad():
        shares = (sae.encode(x)[:, DEAD] > 0).float().mean(0)
    assert (shares > 0).all()
    assert (shares < 0.9).all()


def test_gated_magnitudes_begin_as_their_gates() -> None:
    x = rows()
    sae, adam = trained(lambda: GatedSAE(D_IN, D_SAE), x)
    with torch.no_grad():
        sae.r_mag.fill_(0.7)
        sae.b_mag.fill_(-100.0)  # no magnitude is positive
        assert not sae.encode(x).any()
        resample(sae, DEAD, x, adam, seed=0)
        assert (sae.encode(x)[:, DEAD] > 0).any(0).all()
        sae.start_from(1.0, torch.ones(D_IN))
    torch.testing.assert_close(sae.b_mag[5:], -(torch.ones(D_IN) @ sae.W_enc * sae.r_mag.exp())[5:])
