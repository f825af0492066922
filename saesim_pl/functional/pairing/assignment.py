"""The best one-to-one assignment between the rows and the columns of a score."""

import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def best_assignment(score: Float[Tensor, "n_a n_b"]) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"]]:
    """Indices of rows and of columns, ``min(n_a, n_b)`` pairs, whose scores have the highest sum."""
    rows, columns = linear_sum_assignment(score.detach().cpu().numpy(), maximize=True)
    return torch.as_tensor(rows, device=score.device), torch.as_tensor(columns, device=score.device)
