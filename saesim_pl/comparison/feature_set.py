"""The rows that are compared, with their space and everything else that is known of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from saesim_pl.functional.ground.inputs import check_matrix


@dataclass(frozen=True)
class FeatureSet:
    """A set of features: the decoder rows of an SAE, true features, neurons, or the rows of any matrix.

    Args:
        name: Short name, as it appears in pairs such as ``a~b``.
        directions: One feature a row.
        space: Name of the space that the rows live in. Two sets have meaningful cosines only where their
            spaces are equal; None is equal to nothing, itself included.
        encoder: Encoder directions as rows (``W_enc.T``), where there is an encoder.
        latents: Latents of a batch of raw activations by stream, one column a row of ``directions``.
        groups: Named masks over the rows, such as ``shared`` or ``cluster_3``.
        ids: Names of the rows that hold across sets: rows of one id are one feature.
        source: Where the rows came from, for tables and caches of results.

    Raises:
        ValueError: Directions are no finite matrix, or another field has another number of rows.

    Example:
        >>> import torch
        >>> features = FeatureSet("a", torch.eye(4), groups={"first": torch.tensor([1, 1, 0, 0]).bool()})
        >>> len(features), len(features.only("first"))
        (4, 2)
    """

    name: str
    directions: Float[Tensor, "n d"]
    space: str | None = None
    encoder: Float[Tensor, "n d"] | None = None
    latents: Callable[[Mapping[str, Tensor]], Tensor] | None = None
    groups: Mapping[str, Bool[Tensor, " n"]] = field(default_factory=dict)
    ids: Int[Tensor, " n"] | None = None
    source: str = ""

    def __post_init__(self) -> None:
        check_matrix(self.name, self.directions)
        for what, rows in {"encoder": self.encoder, "ids": self.ids, **self.groups}.items():
            if rows is not None and len(rows) != len(self):
                raise ValueError(f"{self.name} has {len(self)} rows, its {what} has {len(rows)}")

    def __len__(self) -> int:
        return len(self.directions)

    @property
    def n_alive(self) -> int:
        """Rows that are not zero: only these can be matched."""
        return int(self.directions.any(dim=1).sum())

    def only(self, group: str) -> "FeatureSet":
        """The rows of one group; ``all`` gives every row.

        Raises:
            KeyError: There is no such group.
        """
        return self if group == "all" else self.rows(self.groups[group].nonzero().squeeze(1))

    def rows(self, index: Int[Tensor, " m"]) -> "FeatureSet":
        """Chosen rows; groups and latents are dropped, since they belong to the whole set."""
        index = index.to(self.directions.device)
        return replace(
            self,
            directions=self.directions[index],
            encoder=None if self.encoder is None else self.encoder[index],
            ids=None if self.ids is None else self.ids[index.to(self.ids.device)],
            latents=None,
            groups={},
        )

    def mapped(self, directions: Tensor, encoder: Tensor | None = None) -> "FeatureSet":
        """The same features with other directions, as a draw of a null gives them."""
        return replace(self, directions=directions, encoder=encoder)

    def to(self, device: torch.device | str) -> "FeatureSet":
        """The same features on another device, detached, in float32 at least."""
        dtype = torch.promote_types(self.directions.dtype, torch.float32)
        return replace(
            self,
            directions=self.directions.detach().to(device, dtype),
            encoder=None if self.encoder is None else self.encoder.detach().to(device, dtype),
            groups={name: mask.to(device) for name, mask in self.groups.items()},
        )


def check_one_space(a: FeatureSet, b: FeatureSet, asker: str) -> None:
    """Refuse two sets whose cosines mean nothing.

    Raises:
        ValueError: The spaces differ or are unknown, or the widths do.
    """
    if a.directions.shape[1] != b.directions.shape[1]:
        widths = f"{a.name} has d_in={a.directions.shape[1]}, {b.name} has {b.directions.shape[1]}"
        raise ValueError(f"{asker}: widths differ: {widths}; compare by correlation, or unpaired")
    if a.space is None or a.space != b.space:
        raise ValueError(
            f"{asker}: {a.name} ({a.space or 'space unknown'}) and {b.name} ({b.space or 'space unknown'}) "
            "have different spaces, where a cosine means nothing; compare by correlation, or say that the "
            "space is one"
        )
