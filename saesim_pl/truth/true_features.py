"""What generated a synthetic stream."""

from dataclasses import dataclass, fields
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor


@dataclass(frozen=True)
class TrueFeatures:
    """Ground-truth directions of one stream, and what is known of each.

    Attributes:
        directions: Unit rows.
        ids: Names of the rows that hold across streams: two streams share the features whose ids they share.
        clusters: Number of the cluster, circle or pair that a row belongs to, -1 for none; or None.
        parents: Id of the feature without which a row does not fire, -1 for none; or None.
        frequencies: Probability that a row fires in a sample; or None where nobody knows it.
    """

    directions: Float[Tensor, "n_features d_in"]
    ids: Int[Tensor, " n_features"]
    clusters: Int[Tensor, " n_features"] | None = None
    parents: Int[Tensor, " n_features"] | None = None
    frequencies: Float[Tensor, " n_features"] | None = None

    def shared_with(self, *others: "TrueFeatures") -> Bool[Tensor, " n_features"]:
        """Mask of the features that at least one of ``others`` also has."""
        elsewhere = torch.cat([other.ids for other in others]) if others else self.ids[:0]
        return torch.isin(self.ids, elsewhere)

    def save(self, path: Path) -> None:
        """Write all that is known to a safetensors file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        beside = path.with_name(path.name + ".part")
        save_file({name: x.contiguous() for name, x in known.items() if x is not None}, beside)
        beside.replace(path)

    @classmethod
    def load(cls, path: Path) -> "TrueFeatures":
        """Read what :meth:`save` wrote.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file holds something else, or rows of different numbers.
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
