"""Which batch was the first whose loss is NaN or infinite, without waiting for an accelerator."""

import torch
from torch import Tensor


class FiniteLosses:
    """Remembers the first batch whose loss is NaN or infinite, and keeps its step from changing a weight.

    To look at every loss would hold up an accelerator: there the batch's number stays on the device until
    someone asks for it, and Adam itself skips that step and all that follow. (Where a gradient scaler looks
    after the gradients, it skips.) Processes agree: gradients are theirs in common.
    """

    def __init__(self) -> None:
        self._first: Tensor | None = None

    def note(self, loss: Tensor, number: int, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Look at the loss of batch ``number``.

        Args:
            loss: Sum of the losses.
            number: What :meth:`first` gives for this batch; at least 0.
            optimizer: Whose step the loss is for; none in an evaluation.
        """
        bad = ~loss.detach().isfinite()
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            said = bad.float()
            torch.distributed.all_reduce(said, torch.distributed.ReduceOp.MAX)
            bad = said.bool()
        if self._first is None or self._first.device != bad.device:
            self._first = torch.full((), -1, dtype=torch.int64, device=bad.device)
        new = bad & (self._first < 0)
        self._first = torch.where(new, number, self._first)
        if not self.is_free and optimizer is not None and optimizer.defaults.get("fused"):
            optimizer.found_inf = (self._first >= 0).float()  # type: ignore[attr-defined] # fused ones read it

    def first(self) -> int | None:
        """Number of the first batch that is not finite; waits for the device."""
        number = -1 if self._first is None else int(self._first)
        return None if number < 0 else number

    @property
    def is_free(self) -> bool:
        """Whether :meth:`first` waits for nothing."""
        return self._first is None or self._first.device.type == "cpu"
