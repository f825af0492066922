"""The product by oneDNN against PyTorch's own."""

import pytest
import torch

from saesim_pl.product import product, transposed_product

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
