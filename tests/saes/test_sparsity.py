"""How many latents fire, and what decides it."""

import pytest
import torch

from saesim_pl.saes import (
    BatchTopKSAE,
    GatedSAE,
    JumpReLUSAE,
    MatchingPursuitSAE,
    MatryoshkaSAE,
    PAnnealSAE,
    TopKSAE,
)
from saesim_pl.saes.batch_top_k import largest


def test_top_k_keeps_the_largest() -> None:
    sae = TopKSAE(3, 3, k=1)
    with torch.no_grad():
        sae.W_enc.copy_(torch.eye(3))
    x = torch.tensor([[1.0, 3.0, 2.0], [-1.0, -3.0, -2.0]])
    assert sae.encode(x).tolist() == [[0, 3, 0], [0, 0, 0]]


def test_batch_top_k_spends_the_budget_where_it_pays() -> None:
    sae = BatchTopKSAE(3, 3, k=1)
    with torch.no_grad():
        sae.W_enc.copy_(torch.eye(3))
    x = torch.tensor([[5.0, 4.0, 0.0], [1.0, 2.0, 3.0]])
    latents = sae.loss(x).latents
    assert latents.tolist() == [[5, 4, 0], [0, 0, 0]]
    # The smallest latent kept is the threshold from the first step on.
    assert sae.threshold.item() == 4
    assert sae.eval().encode(torch.tensor([[4.0, 4.5, 3.0]])).tolist() == [[0, 4.5, 0]]


def test_threshold_follows_training() -> None:
    torch.manual_seed(0)
    sae = BatchTopKSAE(16, 64, k=4)
    for _ in range(500):
        sae.loss(torch.randn(256, 16))
    x = torch.randn(4000, 16)
    assert (sae.eval().encode(x) > 0).sum(1).float().mean().item() == pytest.approx(4, rel=0.03)


def test_a_batch_in_which_nothing_fires_leaves_the_threshold_alone() -> None:
    sae = BatchTopKSAE(4, 8, k=2)
    sae.threshold.fill_(0.5)
    with torch.no_grad():
        sae.b_enc.fill_(-100)
    output = sae.loss(torch.randn(10, 4))
    assert sae.threshold.item() == 0.5
    assert output.fired.sum() == 0


@pytest.mark.parametrize("kind", ["even", "sorted", "tied"])
def test_largest_is_exact_whatever_the_sample_suggests(kind: str) -> None:
    values = torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    if kind == "sorted":
        values = values.sort().values
    if kind == "tied":
        values = values.round()
    value, position = largest(values, 1000)
    assert torch.equal(values[position], value)
    assert len(position.unique()) == 1000
    assert torch.equal(value.sort().values, values.sort().values[-1000:])


def test_prefixes_of_a_matryoshka() -> None:
    sae = MatryoshkaSAE(4, 32, k=2)
    assert sae.group_sizes == [2, 2, 4, 8, 16]
    torch.manual_seed(0)
    x = torch.randn(64, 4)
    one = MatryoshkaSAE(4, 32, k=2, group_sizes=[32])
    one.load_state_dict(sae.state_dict())
    assert one.loss(x).loss.item() == pytest.approx(one.loss(x).terms["mse"].item())
    nested = sae.loss(x)
    assert nested.terms["mse"].item() == pytest.approx(one.loss(x).loss.item(), rel=1e-5)
    assert nested.loss.item() != pytest.approx(one.loss(x).loss.item(), rel=0.1)


def test_jump_relu_jumps() -> None:
    sae = JumpReLUSAE(2, 2, l0_coefficient=0.5, threshold=1.0)
    with torch.no_grad():
        sae.W_enc.copy_(torch.eye(2))
        sae.W_dec.copy_(torch.eye(2))
    x = torch.tensor([[0.9, 1.1], [1.0, -2.0]])
    output = sae.loss(x)
    assert output.latents.tolist() == [[0, pytest.approx(1.1)], [0, 0]]
    assert output.loss.item() == pytest.approx((0.9**2 + 1 + 4) / 2 + 0.5 * 1 / 2)


def test_matching_pursuit_explains_away() -> None:
    sae = MatchingPursuitSAE(2, 2, k=2)
    with torch.no_grad():
        sae.W_dec.copy_(torch.tensor([[2.0, 0.0], [3.0, 3.0]]))
    # Row 1 comes first (cosine .95); of (2, 1) it leaves (.5, -.5), of which row 0 takes the first part.
    latents = sae.encode(torch.tensor([[2.0, 1.0]]))
    torch.testing.assert_close(latents, torch.tensor([[0.25, 0.5]]))


def test_gate_decides_and_magnitude_is_free() -> None:
    sae = GatedSAE(1, 1)
    with torch.no_grad():
        sae.W_enc.fill_(1.0)
        sae.b_enc.fill_(-1.0)
        sae.r_mag.fill_(torch.tensor(2.0).log())
        sae.b_mag.fill_(0.5)
    assert sae.encode(torch.tensor([[0.9], [1.5]])).squeeze(1).tolist() == [0, pytest.approx(3.5)]


@pytest.mark.parametrize("p", [1.0, 0.5, 0.1])
def test_power_of_a_latent_by_hand(p: float) -> None:
    sae = PAnnealSAE(1, 1, p=p)
    with torch.no_grad():
        sae.W_enc.fill_(1.0)
        sae.W_dec.fill_(-2.0)
    penalty = sae.loss(torch.tensor([[1.0], [-1.0]])).terms["lp"].item()
    assert penalty == pytest.approx((2.01**p - 0.01**p) / 2, rel=1e-5)


def test_a_change_of_p_keeps_the_penalty_of_the_last_latents() -> None:
    torch.manual_seed(0)
    sae, x = PAnnealSAE(4, 6, l1_coefficient=0.3, p=1.0, keep_size=True), 3 * torch.randn(8, 4)

    def penalty() -> float:
        output = sae.loss(x)
        return (output.loss - output.terms["mse"]).item()

    first = penalty()
    assert first == pytest.approx(0.3 * sae.eval().loss(x).terms["lp"].item())
    sae.train()
    for p in (0.9, 0.5, 0.5, 0.2):
        sae.p = p
        assert penalty() == pytest.approx(first, rel=1e-5)
    assert sae.loss(x).terms["lp"].item() != pytest.approx(first / 0.3, rel=0.1)
    # A resumed run is configured anew, with the p that annealing begins with, and knows what p was.
    resumed = PAnnealSAE(4, 6, l1_coefficient=0.3, p=1.0, keep_size=True)
    resumed.load_state_dict(sae.state_dict())
    resumed.p = sae.p = 0.15
    assert torch.equal(resumed.loss(x).loss, sae.loss(x).loss)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TopKSAE(2, 4, k=5), r"k must lie in \[1, d_sae=4\], got 5"),
        (lambda: BatchTopKSAE(2, 4, k=0), r"k must lie in \[1, d_sae=4\], got 0"),
        (lambda: MatchingPursuitSAE(2, 4, k=5), "got 5"),
        (lambda: MatryoshkaSAE(2, 4, 2, [1, 2]), "group_sizes sum up to 3, but d_sae is 4"),
        (lambda: MatryoshkaSAE(2, 4, 2, [0, 4]), r"group_sizes must be positive, got \[0, 4\]"),
        (lambda: PAnnealSAE(2, 4, p=0), r"p must lie in \(0, 1\], got 0"),
        (lambda: PAnnealSAE(2, 4, l1_coefficient=-1), "l1_coefficient must not be negative, got -1"),
        (lambda: GatedSAE(2, 4, -0.5), "l1_coefficient must not be negative, got -0.5"),
        (lambda: JumpReLUSAE(2, 4, -0.5), "l0_coefficient must not be negative"),
        (lambda: JumpReLUSAE(2, 4, threshold=0), "threshold must be positive, got 0"),
        (lambda: JumpReLUSAE(2, 4, bandwidth=-1), "bandwidth must be positive, got -1"),
        (lambda: JumpReLUSAE(2, 4, penalty="l2"), "penalty must be one of"),
    ],
)
def test_bad_numbers_are_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
