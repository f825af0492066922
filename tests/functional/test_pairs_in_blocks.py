"""Measures of all pairs of rows: block by block they equal those of whole matrices, in little memory."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor

from saesim_pl.functional import distance_correlation, rbf_cka
from saesim_pl.functional.geometry.median_of_blocks import median_of_blocks
from saesim_pl.functional.ground import blocks


def _rows(seed: int, n: int = 70, d: int = 5) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _plain(name: str, *sides: Tensor) -> float:
    """Whole matrices of distances between rows, without a product of them."""
    centred = []
    for rows in sides:
        x = rows.numpy()
        squares = ((x[:, None] - x) ** 2).sum(2)
        if name == "rbf_cka":
            scale = np.median(squares) or squares.mean()
            matrix = np.exp(-squares / (2 * (scale or 1)))
        else:
            matrix = np.sqrt(squares)
        matrix = matrix - matrix.mean(0) - matrix.mean(1)[:, None] + matrix.mean()
        centred.append(matrix)
    a, b = centred
    scale = np.linalg.norm(a) * np.linalg.norm(b)
    value = (a * b).sum() / scale if scale > 1e-9 else 0.0
    return float(value if name == "rbf_cka" else np.sqrt(value))


CASES = {
    "plain": _rows(0),
    "odd": _rows(0, 69),
    "far away": _rows(0) + 1e4,
    "far row": torch.cat([_rows(0, 69), 1e3 * _rows(1, 1)]),
    "mostly equal": torch.cat([torch.ones(60, 5, dtype=torch.float64), _rows(0, 10)]),
    "one-hot": torch.eye(5, dtype=torch.float64)[torch.arange(70) % 5],
    "all equal": torch.full((70, 5), 0.1, dtype=torch.float64),
}


@pytest.mark.parametrize("measure", [rbf_cka, distance_correlation])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("largest", [1, 2**15, 2**25])
def test_blocks_equal_whole_matrices(
    measure, case: str, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    a = CASES[case]
    b = a[:, :3] + _rows(2, len(a), 3)
    expected = _plain(measure.__name__, a, b)
    monkeypatch.setattr(blocks.row_blocks, "__defaults__", (2**28, largest, None))
    assert measure(a, b).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("count", [1, 2, 301, 1000])
@pytest.mark.parametrize("kind", ["spread", "tied", "zero"])
def test_median_of_blocks(count: int, kind: str) -> None:
    g = torch.Generator().manual_seed(count)
    values = torch.rand(count, generator=g, dtype=torch.float64)
    values = {"spread": values**40, "tied": (3 * values).round(), "zero": values * 0}[kind]
    assert median_of_blocks(lambda: values.split(7), count, 3 * values.max()).item() == np.median(
        values.numpy()
    )


_PEAK = """
import resource, sys, torch
from saesim_pl.functional import {0}
torch.set_num_threads(1)
a, b = torch.randn(2, {1}, 8).unbind(0)
{0}(a[:50], b[:50])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
{0}(a, b)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


@pytest.mark.parametrize("name", ["rbf_cka", "distance_correlation"])
def test_no_square_matrix_is_held(name: str) -> None:
    n = 4500
    program = _PEAK.format(name, n)
    peak = int(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout)
    assert peak < 8 * n * n
