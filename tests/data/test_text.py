from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from saesim_pl.data import TextContexts
from saesim_pl.data.text import documents

BOS = 0


def prepared(model: str, text: Path | str, **arguments: int) -> TextContexts:
    data = TextContexts(model, str(text), **arguments)
    data.setup("predict")
    return data


def share(data: TextContexts, rank: int, world_size: int) -> dict[str, Tensor]:
    data.trainer = SimpleNamespace(global_rank=rank, world_size=world_size)
    batches = list(data.predict_dataloader())
    return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}


@pytest.fixture
def alphabet(tmp_path: Path) -> Path:
    path = tmp_path / "alphabet.txt"
    path.write_text("abcdefghijklmnopqrstuvwxyz", encoding="utf-8")
    return path


def test_contexts_are_the_text_behind_a_bos_each_and_the_rest_is_dropped(
    tiny_language_model: str, alphabet: Path
) -> None:
    from transformers import AutoTokenizer

    data = prepared(tiny_language_model, alphabet, context_size=6)
    tokenizer = AutoTokenizer.from_pretrained(tiny_language_model)
    assert data.contexts.dtype == torch.int32
    assert data.contexts[:, 0].eq(BOS).all()
    assert [tokenizer.decode(row) for row in data.contexts[:, 1:]] == [
        "abcde",
        "fghij",
        "klmno",
        "pqrst",
        "uvwxy",
    ]


def test_without_bos_every_position_is_text(tiny_language_model: str, alphabet: Path) -> None:
    data = prepared(tiny_language_model, alphabet, context_size=13, prepend_bos=False)
    assert data.contexts.shape == (2, 13)
    assert not data.contexts.eq(BOS).any()


def test_documents_of_a_folder_follow_each_other_with_a_bos_between(
    tiny_language_model: str, tmp_path: Path
) -> None:
    (tmp_path / "b.txt").write_text("cd", encoding="utf-8")
    (tmp_path / "a.md").write_text("ab", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\xff")
    data = prepared(tiny_language_model, tmp_path, context_size=6)
    assert data.contexts.eq(BOS).tolist() == [[True, False, False, True, False, False]]
    assert list(documents(str(tmp_path))) == ["ab", "cd"]


def test_default_text_needs_no_download_and_stops_at_max_contexts(tiny_language_model: str) -> None:
    data = TextContexts(tiny_language_model, context_size=32, max_contexts=7)
    data.setup("predict")
    assert data.contexts.shape == (7, 32)


@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
def test_ranks_share_contexts_without_loss_or_repeat(
    tiny_language_model: str, alphabet: Path, world_size: int
) -> None:
    data = prepared(tiny_language_model, alphabet, context_size=6, batch_size=2)
    shares = [share(data, rank, world_size) for rank in range(world_size)]
    assert torch.cat([part["context_index"] for part in shares]).tolist() == list(range(5))
    assert torch.cat([part["token_ids"] for part in shares]).equal(data.contexts)


def test_dataset_by_name_is_streamed_from_its_column_and_split(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def load_dataset(name: str, subset: str, **arguments: object) -> list[dict[str, str]]:
        asked.update(arguments, name=name, subset=subset)
        return [{"content": "one"}, {"content": "two"}]

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    assert list(documents("owner/name", "content", "validation", "english")) == ["one", "two"]
    assert asked == {"name": "owner/name", "subset": "english", "split": "validation", "streaming": True}
    with pytest.raises(ValueError, match=r"no column 'text', only \['content'\]"):
        list(documents("owner/name"))


def test_what_cannot_work_is_refused_with_what_was_seen(
    tiny_language_model: str, alphabet: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="does not fill one context of 64"):
        prepared(tiny_language_model, alphabet, context_size=64)
    with pytest.raises(ValueError, match="5 contexts cannot be shared by 6 processes"):
        share(prepared(tiny_language_model, alphabet, context_size=6), 0, 6)
    with pytest.raises(ValueError, match="max_contexts must be at least 1, got 0"):
        TextContexts(tiny_language_model, max_contexts=0)
    with pytest.raises(FileNotFoundError, match=r"missing\.txt"):
        prepared(tiny_language_model, "missing.txt")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        prepared(tiny_language_model, tmp_path / "nowhere")
