"""Share of the features that two SAEs have in common, by encoder and decoder."""

import torch
from jaxtyping import Float
from torch import Tensor

from saesim_pl.functional.ground.blocks import MEMORY_BUDGET
from saesim_pl.functional.ground.declaration import Blind, declared
from saesim_pl.functional.ground.inputs import check_cosine, check_same_width
from saesim_pl.functional.pairing.matching import Matching, MatchingMethod, match_by_cosine
from saesim_pl.functional.pairing.pair_cosines import cosines_of_pairs


@declared(
    needs="sides",
    bounds=(0.0, 1.0),
    one_space=True,
    matching="pairing",
    encoder=True,
    blind=(Blind("isotropic_scale"),),
    shown=({"threshold": 0.4},),
    per_feature=lambda a, b, **options: shared(a, b, **options),
)
def fraction_shared(
    a: Float[Tensor, "n_a two_d_in"],
    b: Float[Tensor, "n_b two_d_in"],
    threshold: float = 0.7,
    method: MatchingMethod = "hungarian",
    memory_budget: int = MEMORY_BUDGET,
    *,
    matching: Matching | None = None,
) -> Float[Tensor, ""]:
    """Share of the features whose partner agrees with them in both encoder and decoder.

    Rows are matched by their decoder halves; a pair is shared where the cosines of both halves are at
    least ``threshold``. The divisor is the smaller number of rows, or the number of pairs that the matching
    sought if it is larger. Symmetric but for ties; unchanged by the scale of each half of a row and by the
    order of the rows on either side. Practically 0 for independent directions. Paulo & Belrose (2025),
    "Sparse autoencoders trained on the same data learn different features", ask this question and use
    Hungarian matching; here a single matching, of the decoders, decides the partners.

    Args:
        a: Each row a latent: its encoder column, then its decoder row, ``cat([W_enc.T, W_dec], 1)``.
        b: The same for the other SAE.
        threshold: Lowest cosine at which two directions count as one.
        method: How rows choose each other.
        memory_budget: Bytes for temporaries.
        matching: Pairs to take instead, made by any rule; ``method`` is then not used.

    Returns:
        A share in [0, 1].

    Raises:
        ValueError: Widths differ or are odd, the threshold lies outside [-1, 1], or the matching has other
            numbers of rows.

    Example:
        >>> import torch
        >>> from saesim_pl.functional import fraction_shared
        >>> a = torch.eye(3).repeat(1, 2)
        >>> b = torch.cat([torch.eye(3), torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 3, 4]])], dim=1)
        >>> round(fraction_shared(a, b).item(), 3)
        1.0
        >>> round(fraction_shared(a, b, threshold=0.9).item(), 3)
        0.667
    """
    counted = shared(a, b, threshold, method, memory_budget, matching=matching)
    return counted.mean().to(torch.promote_types(a.dtype, torch.float32))


def shared(
    a: Float[Tensor, "n_a two_d_in"],
    b: Float[Tensor, "n_b two_d_in"],
    threshold: float = 0.7,
    method: MatchingMethod = "hungarian",
    memory_budget: int = MEMORY_BUDGET,
    *,
    matching: Matching | None = None,
) -> Float[Tensor, " n_sought"]:
    """1 for each pair that :func:`fraction_shared` counts, 0 for the others and for pairs not found."""
    check_cosine("threshold", threshold)
    check_same_width(a, b)
    if a.shape[1] % 2:
        raise ValueError(f"rows of a and b hold an encoder and a decoder, got the odd width {a.shape[1]}")
    (encoder_a, decoder_a), (encoder_b, decoder_b) = (side.chunk(2, dim=1) for side in (a, b))
    if matching is None:
        matching = match_by_cosine(decoder_a, decoder_b, method, memory_budget=memory_budget)
    agree = cosines_of_pairs(matching, decoder_a, decoder_b) >= threshold
    agree &= cosines_of_pairs(matching, encoder_a, encoder_b) >= threshold
    n_missing = max(matching.n_sought or len(matching), min(matching.sizes)) - len(matching)
    return torch.nn.functional.pad(agree.double(), (0, n_missing))
