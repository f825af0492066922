"""How activations are shifted and scaled before SAEs see them."""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

NormalizationMode = Literal["none", "mean_norm", "row_norm", "standardise"]


@dataclass(frozen=True)
class Normalization:
    """What was done to a stream: ``raw = shift + scale * served``, dimension by dimension, or row by row.

    Attributes:
        mode: Which normalisation it is; see :func:`measure_normalization`.
        shift: Subtracted first; None for ``none`` and ``row_norm``.
        scale: Positive divisor, of one value throughout for ``mean_norm``; None as ``shift``.
    """

    mode: NormalizationMode = "none"
    shift: Float[Tensor, " d_in"] | None = None
    scale: Float[Tensor, " d_in"] | None = None

    @property
    def keeps_directions(self) -> bool:
        """Whether the cosine of two directions is the same before and after."""
        return self.mode != "standardise"

    @property
    def shift_and_scale(self) -> tuple[Float[Tensor, " d_in"], Float[Tensor, " d_in"]]:
        """``shift`` and ``scale`` of ``mean_norm`` and ``standardise``.

        Raises:
            ValueError: The mode has none.
        """
        if self.shift is None or self.scale is None:
            raise ValueError(f"the normalization {self.mode} has no shift and scale")
        return self.shift, self.scale

    def apply(self, x: Float[Tensor, "n d_in"]) -> Float[Tensor, "n d_in"]:
        """Normalised rows; ``x`` stays as it is. NaN and infinity in a row are in the result too.

        Args:
            x: Raw rows, on the device of ``scale``. A row of zeros has no direction: ``row_norm`` keeps it.
        """
        if self.mode == "none":
            return x
        if self.mode == "row_norm":
            # In float32 the squares of a large row overflow, and the row would become 0 in silence.
            norms = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=torch.float64)
            return x * torch.where(norms > 0, x.shape[1] ** 0.5 / norms, 1).to(x)
        shift, scale = self.shift_and_scale
        return (x - shift).div_(scale)

    def of_directions(self, directions: Float[Tensor, "n d_in"]) -> Float[Tensor, "n d_in"]:
        """Where directions of raw rows point among normalised ones, as unit rows if they are turned.

        Args:
            directions: Unit rows.
        """
        if self.keeps_directions:
            return directions
        return torch.nn.functional.normalize(directions / self.shift_and_scale[1], dim=1)


def measure_normalization(rows: Float[Tensor, "n d_in"], mode: NormalizationMode) -> Normalization:
    """The normalisation that ``rows``, a sample of a stream, suggest for all of it.

    Args:
        rows: Raw rows.
        mode: ``none`` leaves rows as they are. ``mean_norm`` divides by one number, so that norms are
            sqrt(d_in) in the mean (SAELens's ``expected_average_only_in``). ``row_norm`` gives each row that
            norm. ``standardise`` makes each dimension's mean 0 and its standard deviation 1; one that does
            not vary keeps its scale.

    Raises:
        ValueError: Unknown mode, rows with NaN or infinity, or rows of zeros only where their norm counts.
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
        ValueError: Naming the stream that cannot be normalised.
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
        ValueError: With the mode.
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
    # What is left of a constant once its rounded mean is subtracted is no variation to blow up.
    constant = spread <= torch.finfo(rows.dtype).eps * rows.abs().amax(0)
    return Normalization("standardise", shift, torch.where(constant, 1, spread))
