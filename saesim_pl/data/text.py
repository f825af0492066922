"""Text as packed contexts of tokens."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from saesim_pl.language_models.pretrained import load_tokenizer

PYDOC_TOPICS = "pydoc_data.topics"
"""465 thousand characters of English about Python that come with every Python."""


class TextContexts(LightningDataModule):
    """Serves ``{"token_ids": (batch, context_size), "context_index": (batch,)}`` for prediction.

    Documents are joined into one sequence of tokens and cut into contexts without padding; an incomplete last
    context is dropped. With ``prepend_bos`` the tokenizer's beginning-of-sequence token (or its end-of-text
    token, if it has no other) begins each context and separates documents, as in SAELens. Language models
    put an attention sink on the first token, so this token keeps the sink off the text. Attention crosses
    the borders of documents.

    Each process takes consecutive contexts, and no two processes the same. All tokens are held in memory: 4
    bytes each, a thousandth of their activations.

    Args:
        model: Language model whose tokenizer is used: folder, hub name, or ``smollm2``.
        text: A text file, a folder (its ``.txt`` and ``.md`` files, each a document), the name of a
            Hugging Face dataset (streamed), or ``pydoc_data.topics``, which needs no download.
        context_size: Tokens of a context, including the prepended token.
        batch_size: Contexts that a process runs at once.
        max_contexts: Largest number of contexts over all processes; by default all of the text.
        prepend_bos: Whether each context begins with the beginning-of-sequence token.
        column: Column of the Hugging Face dataset that holds the text.
        split: Split of the Hugging Face dataset.
        subset: Configuration of the Hugging Face dataset, where it has several.

    Raises:
        ValueError: A number is too small, the text does not fill one context for each process, or the
            tokenizer has no token to prepend.
        FileNotFoundError: ``text`` is written as a path that does not exist.
    """

    def __init__(
        self,
        model: str,
        text: str = PYDOC_TOPICS,
        context_size: int = 128,
        batch_size: int = 8,
        max_contexts: int | None = None,
        prepend_bos: bool = True,
        column: str = "text",
        split: str = "train",
        subset: str | None = None,
    ) -> None:
        super().__init__()
        least = {"context_size": 2, "batch_size": 1, "max_contexts": 1}
        given = {"context_size": context_size, "batch_size": batch_size, "max_contexts": max_contexts}
        for name, value in given.items():
            if value is not None and value < least[name]:
                raise ValueError(f"{name} must be at least {least[name]}, got {value}")
        self.model, self.text = model, text
        self.context_size, self.batch_size, self.max_contexts = context_size, batch_size, max_contexts
        self.prepend_bos = prepend_bos
        self.column, self.split, self.subset = column, split, subset

    def setup(self, stage: str) -> None:
        """Tokenize and pack the text, in every process, so that all agree on the contexts' indices."""
        packed = islice(self._contexts(), self.max_contexts)
        contexts = [torch.tensor(context, dtype=torch.int32) for context in packed]
        if not contexts:
            raise ValueError(f"text {self.text!r} does not fill one context of {self.context_size} tokens")
        self.contexts = torch.stack(contexts)

    def predict_dataloader(self) -> DataLoader:
        """This process's share of the contexts, in order."""
        rank, world_size = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        n_contexts = len(self.contexts)
        if n_contexts < world_size:
            raise ValueError(f"{n_contexts} contexts cannot be shared by {world_size} processes")
        bounds = (rank * n_contexts // world_size, (rank + 1) * n_contexts // world_size)
        share = _Share(self.contexts, range(*bounds))
        # The share is already this rank's; with a DistributedSampler present, Lightning adds no other.
        sampler: DistributedSampler[int] = DistributedSampler(share, num_replicas=1, rank=0, shuffle=False)
        return DataLoader(share, batch_size=self.batch_size, sampler=sampler)

    def _contexts(self) -> Iterator[list[int]]:
        tokenizer = load_tokenizer(self.model)
        opening: list[int] = []
        if self.prepend_bos:
            bos = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
            if bos is None:
                raise ValueError(
                    f"prepend_bos: the tokenizer of {self.model} has neither a BOS nor an EOS token"
                )
            opening = [bos]
        length = self.context_size - len(opening)
        run: list[int] = []
        for document in documents(self.text, self.column, self.split, self.subset):
            run += opening if run else []
            run += tokenizer(document, add_special_tokens=False, verbose=False)["input_ids"]
            full = len(run) // length * length
            yield from (opening + run[start : start + length] for start in range(0, full, length))
            run = run[full:]


class _Share(Dataset):
    def __init__(self, contexts: Tensor, indices: range) -> None:
        self.contexts, self.indices = contexts, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, item: int) -> dict[str, Tensor | int]:
        index = self.indices[item]
        return {"token_ids": self.contexts[index], "context_index": index}


def documents(
    text: str, column: str = "text", split: str = "train", subset: str | None = None
) -> Iterator[str]:
    """Documents of a text file, a folder, a Hugging Face dataset or ``pydoc_data.topics``.

    Raises:
        FileNotFoundError: ``text`` is written as a path that does not exist, or a folder has no text.
        ValueError: The dataset lacks ``column``, or a file is no UTF-8 text.
    """
    path = Path(text).expanduser()
    if text == PYDOC_TOPICS:
        from pydoc_data.topics import topics

        yield from topics.values()
    elif path.is_file():
        yield _text_of(path)
    elif path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in {".txt", ".md"})
        if not files:
            raise FileNotFoundError(f"no .txt or .md file in {path}")
        yield from map(_text_of, files)
    elif text.startswith((".", "/", "~")) or path.suffix in {".txt", ".md"}:
        raise FileNotFoundError(f"no text file or folder at {path}")
    else:
        yield from _hub_documents(text, column, split, subset)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no UTF-8 text: byte {error.start} cannot be read") from error


def _hub_documents(name: str, column: str, split: str, subset: str | None) -> Iterator[str]:
    from datasets import load_dataset

    for row in load_dataset(name, subset, split=split, streaming=True):
        if column not in row:
            raise ValueError(f"dataset {name} has no column {column!r}, only {sorted(row)}")
        yield row[column]
