"""Whether latents fire when their features do."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from saesim_pl.functional.ground.inputs import check_paired, check_same_width


def firing_agreement(
    latents: Float[Tensor, "n n_pairs"], magnitudes: Float[Tensor, "n n_pairs"]
) -> dict[str, Float[Tensor, ""]]:
    """Precision, recall and F1 of each latent as a detector of its feature, averaged over pairs.

    The average is over pairs whose feature fired, since otherwise there is nothing to detect; a latent that
    never fired scores 0. Each score comes with its value for independent firing: with rates p of the latent
    and q of the feature, precision q, recall p, F1 ``2 p q / (p + q)``. Unchanged by the order of rows and
    of pairs, and by the magnitudes above 0.

    Args:
        latents: SAE activations, above 0 where a latent fires; column i belongs to feature i.
        magnitudes: Magnitudes of the true features, above 0 where a feature fires.

    Returns:
        ``precision``, ``recall``, ``f1`` and each with ``_chance``, in [0, 1]; ``n_pairs``, the number of
        pairs in the average; all 0 if no feature fired.

    Raises:
        ValueError: Shapes or devices differ, or an entry is not finite.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import firing_agreement
        >>> latents = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0]])
        >>> magnitudes = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> scores = firing_agreement(latents, magnitudes)
        >>> round(scores['precision'].item(), 3), round(scores['recall'].item(), 3)
        (0.75, 1.0)
    """
    check_paired(latents, magnitudes, ("latents", "magnitudes"))
    check_same_width(latents, magnitudes, ("latents", "magnitudes"))
    fired, true = latents > 0, magnitudes > 0
    count = torch.tensor(len(fired), device=fired.device)
    return agreement_from_counts((fired & true).sum(0), fired.sum(0), true.sum(0), count)


def agreement_from_counts(
    both: Int64[Tensor, " n_pairs"],
    latent: Int64[Tensor, " n_pairs"],
    feature: Int64[Tensor, " n_pairs"],
    count: Int64[Tensor, ""],
) -> dict[str, Float[Tensor, ""]]:
    """Scores from the numbers of rows, of ``count``, in which both, the latent, and the feature fired."""
    seen = feature > 0
    both, latent, feature = (rows[seen].double() for rows in (both, latent, feature))
    silent = latent == 0
    scores = {
        "precision": (both / latent).masked_fill(silent, 0.0),
        "recall": both / feature,
        "f1": 2 * both / (latent + feature),
        "precision_chance": (feature / count).masked_fill(silent, 0.0),
        "recall_chance": latent / count,
        "f1_chance": 2 * latent * feature / ((latent + feature) * count),
    }
    n_pairs = seen.sum().double()
    return {name: score.sum() / n_pairs.clamp_min(1) for name, score in scores.items()} | {"n_pairs": n_pairs}
