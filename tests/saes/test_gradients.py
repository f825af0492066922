"""Every backward, most of them written by hand, against finite differences and against plain autograd."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from saesim_pl.saes import (
    BatchTopKSAE,
    GatedSAE,
    JumpReLUSAE,
    MatchingPursuitSAE,
    MatryoshkaSAE,
    PAnnealSAE,
    SparseAutoencoder,
    StandardSAE,
    TopKSAE,
    sparse_loss,
)

D_IN, D_SAE, BATCH = 5, 9, 7


def mse(x: Tensor, x_hat: Tensor) -> Tensor:
    return (x - x_hat).square().sum(1).mean()


def weighted(sae: SparseAutoencoder, latents: Tensor) -> Tensor:
    return latents * sae.W_dec.norm(dim=1)


def standard(sae: StandardSAE, x: Tensor) -> Tensor:
    latents = (x @ sae.W_enc + sae.b_enc).relu()
    penalised = weighted(sae, latents)
    if sae.penalty == "tanh":
        penalised = penalised.tanh()
    return mse(x, latents @ sae.W_dec + sae.b_dec) + sae.l1_coefficient * penalised.sum(1).mean()


def p_anneal(sae: PAnnealSAE, x: Tensor) -> Tensor:
    latents = (x @ sae.W_enc + sae.b_enc).relu()
    penalised = (weighted(sae, latents) + 0.01).pow(sae.p) - 0.01**sae.p
    return mse(x, latents @ sae.W_dec + sae.b_dec) + sae.l1_coefficient * penalised.sum(1).mean()


def top_k(sae: TopKSAE, x: Tensor) -> Tensor:
    pre = x @ sae.W_enc + sae.b_enc
    kept = pre >= pre.sort(1, descending=True).values[:, sae.k - 1 : sae.k]
    return mse(x, (pre * kept).relu() @ sae.W_dec + sae.b_dec)


def batch_latents(sae: BatchTopKSAE, x: Tensor) -> Tensor:
    pre = x @ sae.W_enc + sae.b_enc
    kept = pre >= pre.flatten().sort(descending=True).values[sae.k * len(x) - 1]
    return (pre * kept).relu()


def batch_top_k(sae: BatchTopKSAE, x: Tensor) -> Tensor:
    return mse(x, batch_latents(sae, x) @ sae.W_dec + sae.b_dec)


def matryoshka(sae: MatryoshkaSAE, x: Tensor) -> Tensor:
    latents, errors, end = batch_latents(sae, x), [], 0
    for size in sae.group_sizes:
        end += size
        errors.append(mse(x, latents[:, :end] @ sae.W_dec[:end] + sae.b_dec))
    return torch.stack(errors).mean()


def jump_relu(sae: JumpReLUSAE, x: Tensor) -> Tensor:
    """Straight-through gradients in the form of the paper: H(z) has the derivative of a ramp."""
    pre, theta = x @ sae.W_enc + sae.b_enc, sae.log_threshold.exp()
    near = ((pre - theta).abs() < sae.bandwidth / 2).detach()
    # The threshold alone sees the ramp; a latent that fires passes its gradient on unchanged.
    ramp = -theta * near / sae.bandwidth
    step = (pre > theta).to(pre) + ramp - ramp.detach()
    latents = pre * (pre > theta) + theta.detach() * (ramp - ramp.detach())
    penalised = weighted(sae, latents).tanh() if sae.penalty == "tanh" else step
    return mse(x, latents @ sae.W_dec + sae.b_dec) + sae.l0_coefficient * penalised.sum(1).mean()


def gated(sae: GatedSAE, x: Tensor) -> Tensor:
    gate = x @ sae.W_enc + sae.b_enc
    latents = (x @ sae.W_enc * sae.r_mag.exp() + sae.b_mag).relu() * (gate > 0)
    weights = sae.W_dec, sae.b_dec
    W_dec, b_dec = (weight.detach() for weight in weights) if sae.freeze_decoder else weights
    l1 = weighted(sae, gate.relu()).sum(1).mean()
    of_gate = mse(x, gate.relu() @ W_dec + b_dec)
    return mse(x, latents @ sae.W_dec + sae.b_dec) + sae.l1_coefficient * l1 + of_gate


def matching_pursuit(sae: MatchingPursuitSAE, x: Tensor) -> Tensor:
    rest = x - sae.b_dec
    for _ in range(sae.k):
        unit = nn.functional.normalize(sae.W_dec, dim=1)
        cosine, best = (rest @ unit.T).max(1)
        rest = rest - cosine.relu()[:, None] * unit[best]
    return rest.square().sum(1).mean()


CASES: dict[str, tuple[Callable[[], SparseAutoencoder], Callable]] = {
    "l1": (lambda: StandardSAE(D_IN, D_SAE, 0.3), standard),
    "tanh": (lambda: StandardSAE(D_IN, D_SAE, 0.3, "tanh"), standard),
    "p_anneal": (lambda: PAnnealSAE(D_IN, D_SAE, 0.3, 0.4), p_anneal),
    "top_k": (lambda: TopKSAE(D_IN, D_SAE, 3), top_k),
    "batch_top_k": (lambda: BatchTopKSAE(D_IN, D_SAE, 3), batch_top_k),
    "matryoshka": (lambda: MatryoshkaSAE(D_IN, D_SAE, 3, [2, 3, 4]), matryoshka),
    "jump_relu": (lambda: JumpReLUSAE(D_IN, D_SAE, 0.3, 0.5, 0.8), jump_relu),
    "jump_relu_tanh": (lambda: JumpReLUSAE(D_IN, D_SAE, 0.3, 0.5, 0.8, "tanh"), jump_relu),
    "gated": (lambda: GatedSAE(D_IN, D_SAE, 0.3), gated),
    "gated_decoder": (lambda: GatedSAE(D_IN, D_SAE, 0.3, freeze_decoder=False), gated),
    "matching_pursuit": (lambda: MatchingPursuitSAE(D_IN, D_SAE, 3), matching_pursuit),
}


@pytest.fixture(params=[0, 2], ids=["products", "sums"], autouse=True)
def dense_share(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways in which the SAEs go that keep k latents."""
    monkeypatch.setattr(sparse_loss, "_DENSE_SHARE", request.param)


def random_case(name: str) -> tuple[SparseAutoencoder, Tensor, Callable]:
    torch.manual_seed(0)
    make, slow = CASES[name]
    sae = make().double()
    for parameter in sae.parameters():
        nn.init.normal_(parameter)
    return sae, torch.randn(BATCH, D_IN, dtype=torch.float64, requires_grad=True), slow


@pytest.mark.parametrize("name", CASES)
def test_loss_and_gradients_equal_plain_autograd(name: str) -> None:
    sae, x, slow = random_case(name)
    inputs = [x, *sae.parameters()]
    ours, theirs = sae.loss(x).loss, slow(sae, x)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(torch.autograd.grad(ours, inputs), torch.autograd.grad(theirs, inputs))


# Straight-through gradients, and those of a frozen decoder, are no derivatives of their loss.
@pytest.mark.parametrize("name", sorted(CASES.keys() - {"jump_relu", "jump_relu_tanh", "gated"}))
def test_gradients_by_finite_differences(name: str) -> None:
    sae, x, _ = random_case(name)
    names = [parameter for parameter, _ in sae.named_parameters()]

    def loss(x: Tensor, *weights: Tensor) -> Tensor:
        return torch.func.functional_call(_Loss(sae), dict(zip(names, weights, strict=True)), (x,))

    class _Loss(nn.Module):
        def __init__(self, sae: SparseAutoencoder) -> None:
            super().__init__()
            self.sae = sae

        def forward(self, x: Tensor) -> Tensor:
            return self.sae.loss(x).loss

    names = [f"sae.{name}" for name in names]
    assert torch.autograd.gradcheck(loss, (x, *sae.parameters()))
