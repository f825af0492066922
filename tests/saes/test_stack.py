"""SAEs of one shape computed together against each of them alone."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from saesim_pl.saes import PAnnealSAE, SAEOutput, SparseAutoencoder, StandardSAE, TopKSAE, stack
from saesim_pl.saes.dense_loss import TANH, _ReLULoss
from saesim_pl.saes.p_anneal import _penalty
from saesim_pl.saes.sparse_loss import _SparseLoss
from saesim_pl.saes.stack import is_worthwhile, joint_losses
from saesim_pl.saes.top_k import _largest_of_rows

D_IN, D_SAE, BATCH = 6, 24, 40
CASES: dict[str, Callable[[int], SparseAutoencoder]] = {
    "l1": lambda i: StandardSAE(D_IN, D_SAE, 0.3),
    "l1 of different strength": lambda i: StandardSAE(D_IN, D_SAE, 0.3 + i / 10),
    "tanh": lambda i: StandardSAE(D_IN, D_SAE, 0.3 + i / 10, "tanh"),
    "p_anneal": lambda i: PAnnealSAE(D_IN, D_SAE, 0.3, 0.4),
    "top_k by sums": lambda i: TopKSAE(D_IN, D_SAE, 2),
    "top_k by products": lambda i: TopKSAE(D_IN, D_SAE, 5),
}


def saes_of(name: str, n: int, dtype: torch.dtype = torch.float32) -> list[SparseAutoencoder]:
    torch.manual_seed(0)
    saes = [CASES[name](i).to(dtype) for i in range(n)]
    for parameter in nn.ModuleList(saes).parameters():
        nn.init.normal_(parameter)
    return saes


@pytest.fixture
def group_sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many SAEs each computation was of."""
    sizes = []
    for architecture in (StandardSAE, PAnnealSAE, TopKSAE):

        def counted(cls: type, saes: list, x: Tensor, losses: Callable = architecture.losses) -> list:
            sizes.append(len(saes))
            return losses(saes, x)

        monkeypatch.setattr(architecture, "losses", classmethod(counted))
    return sizes


def everything(saes: list[SparseAutoencoder], outputs: list[SAEOutput]) -> list[tuple]:
    """Outputs and gradients; losses are weighted differently, as an added loss would do."""
    parameters = [list(sae.parameters()) for sae in saes]
    flat = [parameter for of_sae in parameters for parameter in of_sae]
    grads = torch.autograd.grad(sum((i + 1) * output.loss for i, output in enumerate(outputs)), flat)
    made = [(o.loss, o.terms, o.x_hat, o.fired, o.latents) for o in outputs]
    return [*made, *grads]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_together_equals_alone(
    name: str, n: int, dtype: torch.dtype, tolerance: float, group_sizes: list[int]
) -> None:
    saes, x = saes_of(name, n, dtype), torch.randn(BATCH, D_IN, dtype=dtype)
    alone = everything(saes, [sae.loss(x) for sae in saes])
    group_sizes.clear()
    together = everything(saes, joint_losses(saes, [x] * n))
    assert group_sizes == [n]
    torch.testing.assert_close(together, alone, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", CASES)
def test_together_equals_alone_under_autocast(name: str, group_sizes: list[int]) -> None:
    saes, x = saes_of(name, 3), torch.randn(BATCH, D_IN)
    with torch.autocast("cpu", torch.bfloat16):
        alone, together = [sae.loss(x) for sae in saes], joint_losses(saes, [x] * 3)
    assert group_sizes[-1] == 3
    alone, together = everything(saes, alone), everything(saes, together)
    torch.testing.assert_close(together, alone, rtol=0.02, atol=0.05)


def stacked_inputs(n: int) -> list[Tensor]:
    torch.manual_seed(0)
    shapes = (7, 4), (4, 5), (5,), (5, 4), (4,)
    return [torch.randn(n, *shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


@pytest.mark.parametrize("penalty", [None, TANH, _penalty(0.4)], ids=["l1", "tanh", "lp"])
@pytest.mark.parametrize("coefficient", [0.3, torch.tensor([0.3, 0.5], dtype=torch.float64)])
def test_dense_gradients_by_finite_differences(penalty: object, coefficient: float | Tensor) -> None:
    def losses(*inputs: Tensor) -> Tensor:
        return _ReLULoss.apply(*inputs, Tensor.relu_, coefficient, penalty)[0]

    assert torch.autograd.gradcheck(losses, stacked_inputs(2))


def test_sparse_gradients_by_finite_differences() -> None:
    def losses(*inputs: Tensor) -> Tensor:
        return _SparseLoss.apply(*inputs, partial(_largest_of_rows, 2), (5,))[0]

    assert torch.autograd.gradcheck(losses, stacked_inputs(3))


def test_the_gradient_of_shared_activations_is_the_sum() -> None:
    saes, x = saes_of("tanh", 3), torch.randn(BATCH, D_IN, requires_grad=True)
    (together,) = torch.autograd.grad(sum(o.loss for o in joint_losses(saes, [x] * 3)), x)
    (alone,) = torch.autograd.grad(sum(sae.loss(x).loss for sae in saes), x)
    torch.testing.assert_close(together, alone)


class OwnLoss(StandardSAE):
    def loss(self, x: Tensor) -> SAEOutput:
        return super().loss(2 * x)


@pytest.mark.parametrize(
    "pair",
    [
        (StandardSAE(D_IN, D_SAE), StandardSAE(D_IN, D_SAE + 1)),
        (StandardSAE(D_IN, D_SAE), StandardSAE(D_IN, D_SAE, penalty="tanh")),
        (StandardSAE(D_IN, D_SAE), PAnnealSAE(D_IN, D_SAE)),
        (PAnnealSAE(D_IN, D_SAE, p=0.5), PAnnealSAE(D_IN, D_SAE, p=0.6)),
        (PAnnealSAE(D_IN, D_SAE, keep_size=True), PAnnealSAE(D_IN, D_SAE, keep_size=True)),
        (TopKSAE(D_IN, D_SAE, 3), TopKSAE(D_IN, D_SAE, 4)),
        (TopKSAE(D_IN, D_SAE).eval(), TopKSAE(D_IN, D_SAE).eval()),
        (OwnLoss(D_IN, D_SAE), OwnLoss(D_IN, D_SAE)),
    ],
)
def test_what_differs_is_computed_alone(pair: tuple[SparseAutoencoder, ...], group_sizes: list[int]) -> None:
    x = torch.randn(BATCH, D_IN)
    losses = [output.loss for output in joint_losses(pair, [x, x])]
    assert group_sizes == [1, 1]
    assert losses == [sae.loss(x).loss for sae in pair]


def test_what_is_alike_is_found_among_others(group_sizes: list[int]) -> None:
    x, other = torch.randn(2, BATCH, D_IN)
    saes = [*saes_of("l1", 3), *saes_of("top_k by sums", 2), StandardSAE(D_IN, 3)]
    inputs = [x, other, x, other, other, x]
    outputs = joint_losses([saes[i] for i in (0, 1, 3, 4, 2, 5)], [inputs[i] for i in (0, 1, 3, 4, 2, 5)])
    assert sorted(group_sizes) == [1, 1, 2, 2]
    for i, output in zip((0, 1, 3, 4, 2, 5), outputs, strict=True):
        torch.testing.assert_close(output.loss, saes[i].loss(inputs[i]).loss)


def test_large_saes_are_computed_alone_on_a_cpu_only(group_sizes: list[int]) -> None:
    rows = stack._CPU_LIMIT // (D_IN * D_SAE)
    assert is_worthwhile(torch.zeros(rows, D_IN), D_SAE)
    x = torch.zeros(rows + 1, D_IN)
    assert not is_worthwhile(x, D_SAE)
    assert is_worthwhile(x.to("meta"), D_SAE)
    assert not is_worthwhile(torch.zeros(1024, 512, device="meta"), 32768)  # weights are copied each step
    joint_losses(saes_of("l1", 2), [x, x])
    assert group_sizes == [1, 1]
