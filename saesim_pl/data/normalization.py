"""Shift and scale of activations before SAEs see them."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

NormalizationMode = Literal["none", "mean_norm", "row_norm", "standardise"]


@dataclass(frozen=True)
class Normalization:
    """Normalization of a stream: ``raw = shift + scale * normalized`` by dimension, or by row.

    Attributes:
        mode: Mode of normalization; see :func:`measure_normalization`.
        shift: Subtracted first; None for ``none`` and ``row_norm``.
        scale: Positive divisor of each dimension, the same in all for ``mean_norm``; None where ``shift`` is.
    """

    mode: NormalizationMode = "none"
    shift: Float[Tensor, " d_in"] | None = None
    scale: Float[Tensor, " d_in"] | None = None

    @property
    def keeps_directions(self) -> bool:
        """Whether the normalization keeps the cosine of any two directions."""
        return self.mode != "standardise"

    @property
    def shift_and_scale(self) -> tuple[Float[Tensor, " d_in"], Float[Tensor, " d_in"]]:
        """``shift`` and ``scale`` of ``mean_norm`` and ``standardise``.

        Raises:
            ValueError: The mode has no shift and scale.
        """
        if self.shift is None or self.scale is None:
            raise ValueError(f"the normalization {self.mode} has no shift and scale")
        return self.shift, self.scale

    def has_scale_of(self, other: "Normalization") -> bool:
        """Whether both normalizations divide each dimension by the same number."""
        return torch.equal(self.shift_and_scale[1], other.shift_and_scale[1])

    def apply(self, x: Float[Tensor, "n d_in"]) -> Float[Tensor, "n d_in"]:
        """Normalized rows; ``x`` is not changed. NaN and infinity stay in the result.

        Args:
            x: Raw rows, on the device of ``scale``. A row of zeros has no direction: ``row_norm`` keeps it.
        """
        if self.mode == "none":
            return x
        if self.mode == "row_norm":
            # In float32 the squares of a large row overflow, and the row would become 0 without an error.
            norms = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=torch.float64)
            return x * torch.where(norms > 0, x.shape[1] ** 0.5 / norms, 1).to(x)
        shift, scale = self.shift_and_scale
        return (x - shift).div_(scale)

    def of_directions(self, directions: Float[Tensor, "n d_in"]) -> Float[Tensor, "n d_in"]:
        """Directions of raw rows in normalized space.

        Args:
            directions: Unit rows.

        Returns:
            Unit rows; the same ones if the mode keeps directions.
        """
        if self.keeps_directions:
            return directions
        return torch.nn.functional.normalize(directions / self.shift_and_scale[1], dim=1)


def measure_normalization(rows: Float[Tensor, "n d_in"], mode: NormalizationMode) -> Normalization:
    """The normalization of a stream, measured on a sample of its rows.

    Args:
        rows: Raw rows.
        mode: ``none`` keeps rows as they are. ``mean_norm`` divides by one number, so that the mean norm of
            rows is sqrt(d_in) (SAELens's ``expected_average_only_in``). ``row_norm`` gives each row the norm
            sqrt(d_in). ``standardise`` gives each dimension mean 0 and standard deviation 1; a constant
            dimension keeps its scale.

    Raises:
        ValueError: The mode is unknown, a row has NaN or infinity, or ``mean_norm`` finds rows of zeros only.
    """
    check_mode(mode)
    if mode in ("none", "row_norm"):
        return Normalization(mode)
    if bad := int((~rows.isfinite()).any(1).sum()):
        raise ValueError(f"{bad} of the {len(rows)} rows measured have NaN or infinity")
    return _mean_norm(rows) if mode == "mean_norm" else _standardise(rows)


def measure_streams(
    sample: dict[str, Float[Tensor, "n d_in"]], mode: NormalizationMode
) -> dict[str, Normalization]:
    """:func:`measure_normalization` of each stream.

    Raises:
        ValueError: A stream cannot be normalized; with its name.
    """
    measured = {}
    for stream, rows in sample.items():
        try:
            measured[stream] = measure_normalization(rows, mode)
        except ValueError as error:
            raise ValueError(f"stream {stream!r}: {error}") from None
    return measured


def check_mode(mode: str) -> None:
    """Refuse an unknown mode.

    Raises:
        ValueError: The mode is unknown.
    """
    if mode not in get_args(NormalizationMode):
        raise ValueError(f"normalize must be one of {', '.join(get_args(NormalizationMode))}, got {mode!r}")


def _mean_norm(rows: Tensor) -> Normalization:
    norm = torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64).mean()
    if norm == 0:
        raise ValueError(f"the {len(rows)} rows measured are 0; their mean norm cannot be sqrt(d_in)")
    scale = (norm / rows.shape[1] ** 0.5).to(rows)
    return Normalization("mean_norm", torch.zeros_like(rows[0]), scale.expand(rows.shape[1]).clone())


def _standardise(rows: Tensor) -> Normalization:
    shift = rows.mean(0, dtype=torch.float64).to(rows)
    spread = (rows - shift).square_().mean(0, dtype=torch.float64).sqrt().to(rows)
    # Subtracting its rounded mean from a constant leaves rounding errors, which must not be scaled up.
    constant = spread <= torch.finfo(rows.dtype).eps * rows.abs().amax(0)
    return Normalization("standardise", shift, torch.where(constant, 1, spread))
