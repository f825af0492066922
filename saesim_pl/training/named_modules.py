"""A ``ModuleDict`` that knows the class of its modules."""

from typing import TYPE_CHECKING, Generic, TypeVar

from torch import nn

if TYPE_CHECKING:
    from collections.abc import ItemsView, ValuesView

M = TypeVar("M", bound=nn.Module)


class NamedModules(nn.ModuleDict, Generic[M]):
    """Modules of one class by name; only type checkers see a difference from ``nn.ModuleDict``."""

    if TYPE_CHECKING:

        def __getitem__(self, key: str) -> M: ...
        def items(self) -> ItemsView[str, M]: ...  # noqa: D102
        def values(self) -> ValuesView[M]: ...  # noqa: D102
