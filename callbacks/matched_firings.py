"""Firings of latents against those of the true features they are matched with."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional import match_by_cosine
from saesim_pl.metrics import FiringAgreement
from saesim_pl.truth import Firings
from saesim_pl.truth.true_features import TrueFeatures

from .scores import Score


class MatchedFirings:
    """Counts, over batches, how well latents detect the features that their dictionary rows match.

    The matching is by cosine with its sign: a latent that points away from a feature does not detect it.

    Args:
        truth: Features of the stream that the SAE reads.
        dictionary: Rows of the SAE, which stay as they are while batches are counted.
        method: How rows are matched one to one.
    """

    def __init__(
        self,
        truth: TrueFeatures,
        dictionary: Float[Tensor, "d_sae d_in"],
        method: Literal["hungarian", "mutual"],
    ) -> None:
        matching = match_by_cosine(truth.directions.to(dictionary), dictionary, method)
        self.latents = matching.index_b.to(dictionary.device)
        ids = truth.ids.cpu()
        # Pair of each global id; features without a partner share one column more, which is cut off.
        self.pair_of = torch.full((int(ids.max()) + 1,), len(matching))
        self.pair_of[ids[matching.index_a]] = torch.arange(len(matching))
        self.agreement = FiringAgreement(len(matching)).to(dictionary.device)

    def update(self, latents: Float[Tensor, "n d_sae"], firings: Firings) -> None:
        """Add a batch: its latents, and what fired in the same rows."""
        ends = torch.cat([firings.offsets[1:], firings.offsets.new_tensor([len(firings.feature)])])
        sample = torch.repeat_interleave(torch.arange(len(ends)), (ends - firings.offsets).long())
        magnitudes = torch.zeros(len(ends), len(self.latents) + 1)
        magnitudes[sample, self.pair_of[firings.feature.long()]] = firings.magnitude
        self.agreement.update(latents[:, self.latents], magnitudes[:, :-1].to(latents.device))

    def scores(self) -> list[Score]:
        """Precision, recall and F1, averaged over the pairs whose feature fired."""
        found = {name: value.item() for name, value in self.agreement.compute().items()}
        n_pairs = int(found["n_pairs"])
        return [
            Score(f"firing_{name}", found[name], found[f"{name}_chance"], n_pairs, n_pairs)
            for name in ("precision", "recall", "f1")
        ]
