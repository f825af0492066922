"""The product by oneDNN against PyTorch's own."""

import pytest
import torch

from saesim_pl import product as product_module
from saesim_pl.product import product, transposed_product
from saesim_pl.saes import sparse_loss

SHAPES = [(1, 1, 1), (1, 5, 7), (3, 1, 4), (300, 5, 9), (64, 100, 33), (33, 2500, 9)]


@pytest.mark.parametrize(("rows", "inner", "columns"), SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_products_equal_those_of_pytorch(rows: int, inner: int, columns: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    a, b, bias = torch.randn(rows, inner), torch.randn(inner, columns), torch.randn(columns)
    a, b, bias = (tensor.to(dtype) for tensor in (a, b, bias))
    for ours, theirs in (
        (product(a, b), a @ b),
        (product(a, b, bias), torch.addmm(bias, a, b)),
        (product(a.T.contiguous().T, b.T.contiguous().T), a @ b),
        (transposed_product(a.T, b), a @ b),
        (transposed_product(b, a.T), (a @ b).T),
    ):
        tolerance = {"rtol": 2e-2, "atol": 0.5} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-4}
        torch.testing.assert_close(ours, theirs, **tolerance)


def test_columns_of_a_wider_matrix_multiply_as_well() -> None:
    wide, b = torch.randn(20, 30), torch.randn(10, 8)
    torch.testing.assert_close(product(wide[:, 5:15], b), wide[:, 5:15] @ b)


def test_autocast_decides_the_type() -> None:
    a, b = torch.randn(4, 6), torch.randn(6, 5)
    with torch.autocast("cpu", torch.bfloat16):
        assert product(a, b).dtype == torch.bfloat16
    assert product(a, b).dtype == torch.float32


def test_an_empty_batch_gives_an_empty_product() -> None:
    assert product(torch.zeros(0, 3), torch.randn(3, 4)).shape == (0, 4)


def test_a_kernel_that_is_gone_or_changed_is_not_used(monkeypatch) -> None:
    def changed(*_: object) -> None:
        raise TypeError("takes other arguments")

    for kernel in (None, changed):
        monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", kernel, raising=False)
        assert product_module._find_onednn() is None
        monkeypatch.setattr(product_module, "_ONEDNN", None)
    torch.testing.assert_close(product(torch.ones(3, 4), torch.ones(4, 2)), torch.full((3, 2), 4.0))


def test_rows_are_multiplied_without_the_private_kernel(monkeypatch) -> None:
    torch.manual_seed(0)
    left, right = torch.randn(5, 3), torch.randn(7, 3)
    of_left, of_right = torch.randint(5, (9,)), torch.randint(7, (9,))
    fast = sparse_loss._dot_rows(left, of_left, right, of_right)
    monkeypatch.setattr(sparse_loss, "_DOT_ROWS", None)
    torch.testing.assert_close(sparse_loss._dot_rows(left, of_left, right, of_right), fast)
    torch.testing.assert_close(fast, (left[of_left] * right[of_right]).sum(1))
