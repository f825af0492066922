"""A device that is none: tensors that claim to be on an accelerator, compute on the CPU and count waits.

It shows where a real accelerator would have to wait for the CPU or the CPU for it, and which operations mix
devices. It says nothing about speed.
"""

import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

ROOT = Path(__file__).parents[1]
# PyTorch's own device without values: autograd works there with nothing to be registered.
DEVICE = torch.device("meta")

aten = torch.ops.aten
# Operations whose result's size or value the CPU must know before it goes on.
WAITS = {
    aten._local_scalar_dense.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten.bincount.default,
    aten._unique2.default,
    aten.equal.default,
    aten.is_nonzero.default,
    aten.multinomial.default,
}
INDEXING = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}


class Elsewhere(Tensor):
    """A tensor of the stand-in; ``_here`` holds its values."""

    _here: Tensor

    @staticmethod
    def __new__(cls, values: Tensor) -> "Elsewhere":
        made = Tensor._make_wrapper_subclass(
            cls,
            values.size(),
            strides=values.stride(),
            storage_offset=0,
            dtype=values.dtype,
            device=DEVICE,
        )
        made._here = values
        return made

    def __repr__(self) -> str:
        return f"Elsewhere({tuple(self.shape)}, {self.dtype})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        raise RuntimeError(f"{func} outside of `stand_in()`")


class _Dispatch(TorchDispatchMode):
    def __init__(self, waits: Counter[str]) -> None:
        super().__init__()
        self.waits = waits

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = dict(kwargs or {})
        leaves = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        target = kwargs.get("device")
        moves_here = target is not None and torch.device(target).type == "cpu"
        there = any(isinstance(leaf, Elsewhere) for leaf in leaves)
        goes_there = target is not None and torch.device(target).type == DEVICE.type
        self._look(func, args, leaves, there, moves_here, goes_there)
        if goes_there:
            kwargs["device"] = torch.device("cpu")
        result = func(*tree_map(_here, args), **tree_map(_here, kwargs))
        if moves_here or not (there or goes_there):
            return result
        known = {id(leaf._here): leaf for leaf in leaves if isinstance(leaf, Elsewhere)}
        return tree_map(lambda value: _wrapped(value, known), result)

    def _look(
        self, func: Any, args: tuple, leaves: list, there: bool, moves_here: bool, goes_there: bool
    ) -> None:
        if there and (func in WAITS or moves_here):
            self._count(f"waits for {func}")
        if goes_there and func is aten._to_copy.default and not there and args[0].dim():
            self._count("copies from pageable memory")
        if there and func in INDEXING:
            if any(i is not None and i.dtype == torch.bool for i in args[1]):
                self._count("waits to index by a mask")
        elif there and func not in (aten.copy_.default, aten._to_copy.default):
            strangers = [leaf for leaf in leaves if not isinstance(leaf, Elsewhere) and leaf.dim()]
            if strangers:
                raise RuntimeError(f"{func} mixes devices at {_place()}")

    def _count(self, what: str) -> None:
        self.waits[f"{what} at {_place()}"] += 1


class _Constructors(TorchFunctionMode):
    """`torch.tensor` never reaches the dispatcher with its device: it is made here and copied."""

    def __init__(self, waits: Counter[str]) -> None:
        super().__init__()
        self.waits = waits

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = dict(kwargs or {})
        name, target = getattr(func, "__name__", ""), kwargs.get("device")
        if name in ("tensor", "as_tensor") and target is not None and torch.device(target) == DEVICE:
            del kwargs["device"]
            self.waits[f"copies from pageable memory at {_place()}"] += 1
            return Elsewhere(func(*args, **kwargs))
        if name == "new_tensor" and isinstance(args[0], Elsewhere):
            self.waits[f"copies from pageable memory at {_place()}"] += 1
            return Elsewhere(torch.tensor(args[1], dtype=kwargs.get("dtype", args[0].dtype)))
        return func(*args, **kwargs)


@contextmanager
def stand_in() -> Iterator[Counter[str]]:
    """Within it tensors on the stand-in can be computed with; yields the waits, by kind and place."""
    waits: Counter[str] = Counter()
    with _Constructors(waits), _Dispatch(waits):
        yield waits


def there(value: Tensor) -> Elsewhere:
    """A copy of ``value`` on the stand-in."""
    return Elsewhere(value.detach().clone())


def move(module: nn.Module) -> None:
    """Put parameters and buffers of ``module`` on the stand-in."""
    for part in module.modules():
        for name, parameter in list(part._parameters.items()):
            if parameter is not None:
                part._parameters[name] = nn.Parameter(there(parameter))
        for name, buffer in list(part._buffers.items()):
            if buffer is not None:
                part._buffers[name] = there(buffer)


def _here(value: Any) -> Any:
    return value._here if isinstance(value, Elsewhere) else value


def _wrapped(value: Any, known: dict[int, Elsewhere]) -> Any:
    if not isinstance(value, Tensor):
        return value
    # An operation in place gives back the tensor that it changed.
    return known[id(value)] if id(value) in known else Elsewhere(value)


def _place() -> str:
    frames = [f for f in traceback.extract_stack() if Path(f.filename).is_relative_to(ROOT)]
    frames = [
        f for f in frames if not f.filename.endswith("stand_in.py") and "site-packages" not in f.filename
    ]
    return f"{Path(frames[-1].filename).relative_to(ROOT)}:{frames[-1].lineno}" if frames else "?"
