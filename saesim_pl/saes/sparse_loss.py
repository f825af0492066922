"""Squared error of an autoencoder with few active latents, by sums of rows where that is faster."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import embedding_bag

from saesim_pl.product import product
from saesim_pl.saes.dense_loss import masked_losses
from saesim_pl.saes.k_sparse import KSparseAutoencoder
from saesim_pl.saes.output import SAEOutput
from saesim_pl.saes.stack import outputs_of, weights_of

Select = Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]
"""Selects pre-activations that may fire, and returns their rows (ascending), latents and values.

For a stack of SAEs, the rows of one SAE follow the rows of the one before.
"""

# Where k is this share of d_sae or more, whole products are faster than sums of k rows. On a CPU steps of
# TopK took, at 256 -> 512 and in units of five products, .60, .70, .96, 1.52 by sums and .93, .95, 1.02, 1.01
# by products for k = 16, 32, 64, 128; they cross at the same share at 128 -> 1024 and at 576 -> 4608.
_DENSE_SHARE = 1 / 8


def sparse_losses(
    saes: Sequence[KSparseAutoencoder], x: Tensor, select: Select, prefixes: tuple[int, ...] = ()
) -> list[SAEOutput]:
    r"""Mean of :math:`\|x - b_{dec} - \sum_{i < m} f_i W_{dec,i}\|_2^2` over prefixes m and the batch.

    Args:
        saes: SAEs of one shape and ``k``.
        x: Activations.
        select: Chooses the entries of ``f``; negative entries become 0.
        prefixes: Ascending numbers of latents that end with ``d_sae``; by default ``d_sae`` only.
    """
    d_sae = saes[0].d_sae
    if not prefixes and saes[0].k >= _DENSE_SHARE * d_sae:
        return masked_losses(saes, x, partial(_keep_selected, select))
    x, *weights = weights_of(saes, x)
    loss, mse, x_hat, row, latent, value = _SparseLoss.apply(x, *weights, select, prefixes or (d_sae,))
    n_latents = loss.numel() * d_sae
    fired = x.new_zeros(n_latents, dtype=value.dtype).index_add_(0, latent, value)

    def latents() -> Tensor:
        flat = value.new_zeros(x.shape[:-1].numel(), d_sae).index_put_((row, latent % d_sae), value)
        return flat.view(*x.shape[:-1], d_sae)

    terms = {"mse": mse, "prefix_mse": loss.detach()} if prefixes else {"mse": mse}
    return outputs_of(saes, x_hat, loss, terms, fired.view(*loss.shape, d_sae), latents)


def _keep_selected(select: Select, pre: Tensor) -> Tensor:
    rows = pre.flatten(0, -2)
    row, latent, value = select(rows)
    return torch.zeros_like(rows).index_put_((row, latent), value.relu()).view_as(pre)


class _SparseLoss(torch.autograd.Function):
    """Sums the rows of the few active latents instead of multiplying by all, in forward and backward.

    An entry is one active latent of one sample. Its bag is the pair of its sample and the shortest prefix
    that contains its latent. Bags are numbered prefix by prefix, so that the errors of all prefixes form one
    table of rows. For a stack of SAEs, samples and latents of one SAE follow those before in the tables.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        W_enc: Tensor,
        b_enc: Tensor,
        W_dec: Tensor,
        b_dec: Tensor,
        select: Select,
        prefixes: tuple[int, ...],
    ) -> tuple[Tensor, ...]:
        row, latent, value = select(product(x, W_enc, b_enc).flatten(0, -2))
        value, bag, n_prefixes, n_rows = value.to(W_dec.dtype).relu_(), row, len(prefixes), x[..., 0].numel()
        if n_prefixes > 1:
            # Compared with Python numbers: a tensor of prefixes would be copied to the device at each step.
            for end in prefixes[:-1]:
                bag = bag + n_rows * (latent >= end)
            bag, order = bag.sort()
            row, latent, value = row[order], latent[order], value[order]
        if W_dec.dim() > 2:
            latent = latent + row // x.shape[-2] * W_dec.shape[-2]
        sums = _sum_bags(latent, W_dec.flatten(0, -2), bag, n_prefixes * n_rows, value)
        sums = sums.view(n_prefixes, *x.shape)
        # Cumulative sums are refused in deterministic runs on a GPU: only Matryoshka needs them.
        x_hat = (sums.cumsum_(0) if n_prefixes > 1 else sums) + b_dec.unsqueeze(-2)
        residual = x_hat - x
        errors = residual.square().sum((-2, -1)) / x.shape[-2]
        ctx.save_for_backward(x, W_enc, W_dec, residual, row, latent, value, bag)
        last = x_hat[-1], row, latent, value
        ctx.set_materialize_grads(False)  # else backward would get zeros for outputs without a gradient
        ctx.mark_non_differentiable(*last, mse := errors[-1].clone())
        return errors.mean(0), mse, *last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor | None, *_: Tensor) -> tuple[Tensor | None, ...]:
        if grad_loss is None:
            return (None,) * len(ctx.needs_input_grad)
        x, W_enc, W_dec, residual, row, latent, value, bag = ctx.saved_tensors
        # Error term by prefix: 2 (x_hat_m - x) / (prefixes * batch).
        grad_x_hat = residual * (2 / len(residual) / x.shape[-2] * grad_loss)[..., None, None]
        if len(grad_x_hat) > 1:
            # A latent of one prefix is also in all longer prefixes: sum their gradients, from the end.
            grad_x_hat = grad_x_hat.flip(0).cumsum_(0).flip(0)
        grad_b_dec, table, decoder = grad_x_hat[0].sum(-2), grad_x_hat.flatten(0, -2), W_dec.flatten(0, -2)
        # Latents: grad_x_hat of the entry's bag times its decoder row; the ReLU passes positive values.
        grad_value = _dot_rows(table, bag, decoder, latent).mul_(value > 0)
        sorted_latent, order = latent.sort()
        entries, samples = (sorted_latent, len(decoder)), x.flatten(0, -2).to(value.dtype)
        # Row i of the decoder: sum of latent times grad_x_hat over entries of latent i. Column i of the
        # encoder: sum of the latent's gradient times x.
        grad_W_dec = _sum_bags(bag[order], table, *entries, value[order]).view_as(W_dec)
        grad_W_enc = _sum_bags(row[order], samples, *entries, grad_value[order]).view_as(W_dec)
        grad_b_enc = torch.zeros_like(decoder[:, 0]).index_add_(0, latent, grad_value).view_as(W_dec[..., 0])
        grad_x = None
        if ctx.needs_input_grad[0]:
            # x enters through the encoder and, with a minus sign, through the residuals of all prefixes.
            rows = W_enc.mT.flatten(0, -2)[latent] * grad_value[:, None]
            grad_x = torch.zeros_like(samples).index_add_(0, row, rows).view_as(x).sub_(grad_x_hat[0])
        return grad_x, grad_W_enc.mT.contiguous(), grad_b_enc, grad_W_dec, grad_b_dec, None, None


def _sum_bags(index: Tensor, table: Tensor, bag: Tensor, n_bags: int, weight: Tensor) -> Tensor:
    """Row b is the sum of ``weight * table[index]`` over the entries whose ``bag``, ascending, is b."""
    offsets = torch.searchsorted(bag, torch.arange(n_bags, device=bag.device))
    return embedding_bag(index, table, offsets, mode="sum", per_sample_weights=weight)


def add_rows(total: Tensor, index: Tensor, rows: Tensor) -> None:
    """Add each of ``rows`` to the row of ``total`` given by ``index``, in parallel."""
    bag, order = index.sort()
    total += _sum_bags(order, rows, bag, len(total), torch.ones_like(rows[:, 0]))


# Private to PyTorch; where it is missing, the rows are gathered.
_DOT_ROWS = getattr(torch.ops.aten, "_embedding_bag_per_sample_weights_backward", None)


def _dot_rows(left: Tensor, left_index: Tensor, right: Tensor, right_index: Tensor) -> Tensor:
    """Products of the chosen rows of two tables, without gathering them."""
    if _DOT_ROWS is None:
        return torch.linalg.vecdot(left[left_index], right[right_index])
    offsets = torch.zeros(1, dtype=right_index.dtype, device=right_index.device)
    return _DOT_ROWS(left, right, right_index, offsets, left_index, 0, -1)
