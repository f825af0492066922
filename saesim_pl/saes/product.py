"""The matrix product that SAEs spend their time in."""

import torch
from torch import Tensor

_ONEDNN = (
    getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None
)
# Rows of a batch multiplied at a time where it is summed over: fewer cost more additions.
_PART = 1024


def product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """``a @ b + bias``, in float32 on a CPU by oneDNN; it has no gradient.

    PyTorch multiplies such matrices by MKL, which on processors not made by Intel does without their
    widest instructions: oneDNN takes .54 of its time for the products of a step at 256 -> 512 and at
    576 -> 4608. What the kernel lacks (other types, autocast, compilation) goes PyTorch's own way.

    Args:
        a: (rows, inner).
        b: (inner, columns).
        bias: Of the columns.
    """
    if _ONEDNN and _suits_onednn(a, b) and (bias is None or bias.dtype == torch.float32):
        return _ONEDNN(a, b.T, bias, "none", [], "")
    return a @ b if bias is None else torch.addmm(bias, a, b)


def transposed_product(a: Tensor, b: Tensor) -> Tensor:
    """``a.T @ b``; see :func:`product`.

    Args:
        a: (batch, rows).
        b: (batch, columns).
    """
    if not (_ONEDNN and _suits_onednn(a, b)):
        return a.T @ b
    # The kernel copies both sides, transposed: the batch comes by parts, the wider matrix on the right.
    if a.shape[1] > b.shape[1]:
        return transposed_product(b, a).T.contiguous()
    (first, right), *parts = zip(a.split(_PART), b.split(_PART), strict=True)
    total = product(first.T, right)
    for left, right in parts:
        total = _ONEDNN.binary(left.T, total, right.T, None, "add")
    return total


def _suits_onednn(a: Tensor, b: Tensor) -> bool:
    plain = a.device.type == "cpu" and a.dtype == b.dtype == torch.float32 and a.numel() and b.numel()
    return bool(plain) and not (torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling())
