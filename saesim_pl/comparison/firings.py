"""Firings of latents compared with the firings of their matched true features."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.comparison.row import ComparisonRow
from saesim_pl.functional import Matching
from saesim_pl.metrics import FiringAgreement
from saesim_pl.truth.firings import Firings
from saesim_pl.truth.true_features import TrueFeatures


class MatchedFirings:
    """Counts, over batches, how well latents detect the features that their dictionary rows match.

    The matching is by cosine with its sign: a latent that points away from a feature does not detect it.

    Args:
        truth: Features of the stream that the SAE reads.
        matching: Pairs of a feature and a row of the SAE, one to one.
        device: Where latents are.
    """

    def __init__(self, truth: TrueFeatures, matching: Matching, device: torch.device) -> None:
        self.latents = matching.index_b.to(device)
        ids = truth.ids.cpu()
        # Pair of each global id; features without a partner share one column more, which is cut off.
        self.pair_of = torch.full((int(ids.max()) + 1,), len(matching))
        self.pair_of[ids[matching.index_a]] = torch.arange(len(matching))
        self.agreement = FiringAgreement(len(matching)).to(device)

    def update(self, latents: Float[Tensor, "n d_sae"], firings: Firings) -> None:
        """Add a batch: its latents, and the firings in the same rows."""
        ends = torch.cat([firings.offsets[1:], firings.offsets.new_tensor([len(firings.feature)])])
        sample = torch.repeat_interleave(torch.arange(len(ends)), (ends - firings.offsets).long())
        magnitudes = torch.zeros(len(ends), len(self.latents) + 1)
        magnitudes[sample, self.pair_of[firings.feature.long()]] = firings.magnitude
        self.agreement.update(latents[:, self.latents], magnitudes[:, :-1].to(latents.device))

    def rows(self, pair: str, pairing: str) -> list[ComparisonRow]:
        """Precision, recall and F1, averaged over the pairs whose feature fired.

        Args:
            pair: Name of the pair.
            pairing: Name of the pairing.
        """
        found = {name: value.item() for name, value in self.agreement.compute().items()}
        n_pairs = int(found["n_pairs"])
        return [
            ComparisonRow(
                epoch=None,
                pair=pair,
                subset="all",
                pairing=pairing,
                measure=f"firing_{name}",
                value=found[name],
                null="independent firing",
                null_mean=found[f"{name}_chance"],
                n_pairs=n_pairs,
                n_unique=n_pairs,
            )
            for name in ("precision", "recall", "f1")
        ]
