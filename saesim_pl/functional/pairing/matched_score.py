"""Mean of the scores by which rows were paired."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.pairing.matching import Matching


def matched_score(matching: Matching) -> Float[Tensor, ""]:
    """Mean over the pairs of a matching of the score that paired them: their correlation, or their cosine.

    Rows for which a partner was sought and not found count as 0; see ``Matching.n_sought``. Independent
    latents score far above 0, since each pair is the best of many: compare it with its null.

    Args:
        matching: The pairs.

    Returns:
        Score in [-1, 1]; 0 without pairs.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import match_by_correlation, matched_score
        >>> matching = match_by_correlation(torch.tensor([[0.9, 0.1], [0.2, 0.5]]))
        >>> round(float(matched_score(matching)), 2)
        0.7
    """
    n_sought = len(matching) if matching.n_sought is None else matching.n_sought
    return matching.score.sum() / max(1, n_sought)
