"""Base of the metrics that are twins of a declared measure."""

from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor

from saesim_pl.functional.ground.declaration import Declaration, declaration_of
from saesim_pl.metrics.keeps_precision import KeepsPrecision


class MeasureMetric(KeepsPrecision):
    """A metric with the range and direction that its function declares.

    Attributes:
        function: The measure. An attribute of the metric with the name of an option holds that option.
    """

    function: ClassVar[Callable[..., Tensor]]

    @property
    def declaration(self) -> Declaration:
        """The facts about the function."""
        return declaration_of(type(self).function)

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments of the function, from the metric's attributes of the same names."""
        return {name: getattr(self, name) for name in self.declaration.completed({}) if hasattr(self, name)}

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        """Whether more similar sides score higher."""
        return self.declaration.higher_is_better(self.options)

    @property
    def plot_lower_bound(self) -> float | None:  # type: ignore[override]
        """Lowest value, None without one."""
        return self.declaration.bounds(self.options)[0]

    @property
    def plot_upper_bound(self) -> float | None:  # type: ignore[override]
        """Highest value, None without one."""
        return self.declaration.bounds(self.options)[1]
