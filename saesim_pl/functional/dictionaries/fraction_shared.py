"""Share of the features that two SAEs have in common, by encoder and decoder."""

from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.inputs import check_same_width, unit_rows
from saesim_pl.functional.pairing.matching import MatchingMethod, match_by_cosine


def fraction_shared(
    a: Float[Tensor, "n_a two_d_in"],
    b: Float[Tensor, "n_b two_d_in"],
    threshold: float = 0.7,
    method: MatchingMethod = "hungarian",
    memory_budget: int = MEMORY_BUDGET,
) -> Float[Tensor, ""]:
    """Share of the features whose partner agrees with them in encoder and decoder alike.

    Rows are matched by their decoder halves; a pair is shared where the cosines of both halves are at
    least ``threshold``. The share is of the smaller number of rows. Symmetric but for ties; unchanged by
    the scale of each half of a row and by the order of the rows on either side. Practically 0 for
    independent directions. The question, and Hungarian matching as its means, are those of Paulo & Belrose
    (2025), "Sparse autoencoders trained on the same data learn different features"; here one matching, of
    the decoders, decides who is whose partner.

    Args:
        a: Each row a latent: its encoder column, then its decoder row, ``cat([W_enc.T, W_dec], 1)``.
        b: Likewise, of the other SAE.
        threshold: Cosine from which two directions count as one.
        method: How rows choose each other.
        memory_budget: Bytes for temporaries.

    Returns:
        A share in [0, 1].

    Raises:
        ValueError: Widths differ or are odd, or the threshold lies outside [-1, 1].
    """
    if not -1 <= threshold <= 1:
        raise ValueError(f"threshold is a cosine in [-1, 1], got {threshold}")
    check_same_width(a, b)
    if a.shape[1] % 2:
        raise ValueError(f"rows of a and b hold an encoder and a decoder, got the odd width {a.shape[1]}")
    (encoder_a, decoder_a), (encoder_b, decoder_b) = (side.chunk(2, dim=1) for side in (a, b))
    pairs = match_by_cosine(decoder_a, decoder_b, method, threshold, memory_budget=memory_budget)
    matched = unit_rows(encoder_a[pairs.index_a]) * unit_rows(encoder_b[pairs.index_b])
    return (matched.sum(1) >= threshold).sum().to(a) / min(len(a), len(b))
