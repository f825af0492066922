"""What generated a synthetic stream."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class TrueFeatures:
    """Ground-truth directions of one stream.

    Attributes:
        directions: Unit rows.
        ids: Names of the rows that hold across streams: two streams share the features whose ids they share.
    """

    directions: Float[Tensor, "n_features d_in"]
    ids: Int[Tensor, " n_features"]

    def shared_with(self, *others: "TrueFeatures") -> Bool[Tensor, " n_features"]:
        """Mask of the features that at least one of ``others`` also has."""
        elsewhere = torch.cat([other.ids for other in others]) if others else self.ids[:0]
        return torch.isin(self.ids, elsewhere)
