"""The true features of a synthetic stream."""

from dataclasses import dataclass, fields
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor


@dataclass(frozen=True)
class TrueFeatures:
    """Ground-truth directions of one stream, with known properties of each.

    Attributes:
        directions: Unit rows.
        ids: Number of each feature across streams: features of two streams with the same id are shared.
        clusters: Number of the cluster, circle or pair of each row, -1 for a row without one; None if no row
            has one.
        parents: Id of each row's parent, without which it does not fire, -1 for a root; None if all rows are
            roots.
        frequencies: Probability that each row fires in a sample; None if unknown.
    """

    directions: Float[Tensor, "n_features d_in"]
    ids: Int[Tensor, " n_features"]
    clusters: Int[Tensor, " n_features"] | None = None
    parents: Int[Tensor, " n_features"] | None = None
    frequencies: Float[Tensor, " n_features"] | None = None

    def shared_with(self, *others: "TrueFeatures") -> Bool[Tensor, " n_features"]:
        """Mask of the features that also occur in at least one of ``others``."""
        elsewhere = torch.cat([other.ids for other in others]) if others else self.ids[:0]
        return torch.isin(self.ids, elsewhere)

    def save(self, path: Path) -> None:
        """Write all attributes to a safetensors file; an interrupted write leaves ``path`` as it was."""
        path.parent.mkdir(parents=True, exist_ok=True)
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        beside = path.with_name(path.name + ".part")
        save_file({name: x.contiguous() for name, x in known.items() if x is not None}, beside)
        beside.replace(path)

    @classmethod
    def load(cls, path: Path) -> "TrueFeatures":
        """Read a file written by :meth:`save`.

        Raises:
            FileNotFoundError: The file does not exist.
            ValueError: The file holds other tensors, or tensors with different numbers of rows.
        """
        try:
            tensors = load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} is no safetensors file: {error}") from None
        names = {field.name for field in fields(cls)}
        if not {"directions", "ids"} <= tensors.keys() <= names:
            raise ValueError(f"{path} holds {sorted(tensors)}, not true features")
        lengths = {name: len(tensor) for name, tensor in tensors.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{path} has rows of different numbers: {lengths}")
        return cls(**tensors)
