"""The matrix product that SAEs spend their time in."""

from typing import Any

import torch
from torch import Tensor


# Private to PyTorch: used only where it is there and takes what it is given below.
def _find_onednn() -> Any:
    kernel: Any = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    one = torch.ones(1, 1)
    try:
        kernel(one, one, one[0], "none", [], "")
        kernel.binary(one, one, one, None, "add")
    except (AttributeError, TypeError, RuntimeError):
        return None
    return kernel


_ONEDNN = _find_onednn() if torch.backends.mkldnn.is_available() else None
# Rows of a batch multiplied at a time where it is summed over: fewer cost more additions.
_PART = 1024


def product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """``a @ b + bias``, in float32 on a CPU by oneDNN; it has no gradient.

    PyTorch multiplies such matrices by MKL, which on processors not made by Intel does without their
    widest instructions: oneDNN takes .54 of its time for the products of a step at 256 -> 512 and at
    576 -> 4608. What the kernel lacks (other types, autocast, compilation) goes PyTorch's own way.

    Args:
        a: (rows, inner), or a stack of such.
        b: (inner, columns), as many.
        bias: Of the columns.
    """
    if _ONEDNN and _suits_onednn(a, b) and (bias is None or bias.dtype == torch.float32):
        return _ONEDNN(a, b.T, bias, "none", [], "")
    if bias is None:
        return a @ b
    return torch.addmm(bias, a, b) if a.dim() == 2 else torch.baddbmm(bias[:, None], a, b)


def transposed_product(a: Tensor, b: Tensor) -> Tensor:
    """``a.T @ b``; see :func:`product`.

    Args:
        a: (batch, rows), or a stack of such.
        b: (batch, columns), as many.
    """
    if not (_ONEDNN and _suits_onednn(a, b)):
        return a.mT @ b
    # The kernel copies both sides, transposed: the batch comes by parts, the wider matrix on the right.
    if a.shape[1] > b.shape[1]:
        return transposed_product(b, a).T.contiguous()
    (first, right), *parts = zip(a.split(_PART), b.split(_PART), strict=True)
    total = product(first.T, right)
    for left, right in parts:
        total = _ONEDNN.binary(left.T, total, right.T, None, "add")
    return total


def _suits_onednn(a: Tensor, b: Tensor) -> bool:
    plain = a.device.type == "cpu" and a.dtype == b.dtype == torch.float32 and a.dim() == 2
    if torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling():
        return False
    return bool(plain and a.numel() and b.numel())
