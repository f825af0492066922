"""Description of a folder of cached activations."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE_NAME = "manifest.json"
FORMAT = "saesim-pl activations"
FORMAT_VERSION = 2


@dataclass(frozen=True)
class Shard:
    """One Arrow file: consecutive contexts that one process wrote.

    Attributes:
        file: Name in the folder.
        rank: Process that wrote it.
        first_context: Index of its first context in the whole text.
        n_contexts: Number of contexts, its rows.
        n_bytes: Size in bytes.
        checksum: Checksum of its bytes, see :func:`checksum_of`; empty in caches of format version 1.
    """

    file: str
    rank: int
    first_context: int
    n_contexts: int
    n_bytes: int
    checksum: str = ""


@dataclass(frozen=True)
class Manifest:
    """Contents of a cache; written last, so that a folder with a manifest is complete.

    Attributes:
        model: Language model that computed the activations.
        text: Text that the model read.
        context_size: Tokens of a context.
        hooks: Width ``d_in`` of each hook.
        shards: Files in the order of their contexts.
        dtype: Type of the activations.
    """

    model: str
    text: str | None
    context_size: int
    hooks: dict[str, int]
    shards: tuple[Shard, ...]
    dtype: str = "float32"

    @property
    def n_contexts(self) -> int:
        """Rows of all shards."""
        return sum(shard.n_contexts for shard in self.shards)

    def write(self, folder: Path) -> None:
        """Write to ``folder``, whole or not at all."""
        head = {"format": FORMAT, "format_version": FORMAT_VERSION, "n_contexts": self.n_contexts}
        write_whole(folder / FILE_NAME, json.dumps(head | asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of ``folder``.

        Raises:
            FileNotFoundError: The folder has no manifest: no cache, or an interrupted write.
            ValueError: This version cannot read the manifest.
        """
        path = folder / FILE_NAME
        if not path.is_file():
            raise FileNotFoundError(
                f"no {FILE_NAME} in {folder}: nothing was cached there, or the run that did was interrupted; "
                "run `saesim predict` first"
            )
        try:
            fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            head = fields.pop("format"), fields.pop("format_version")
            if head not in [(FORMAT, version) for version in range(1, FORMAT_VERSION + 1)]:
                raise ValueError(f"it is {head}, expected {(FORMAT, FORMAT_VERSION)}")
            n_contexts = fields.pop("n_contexts")
            fields["shards"] = tuple(Shard(**shard) for shard in fields["shards"])
            manifest = cls(**fields)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} cannot be read: {error!r}") from error
        if manifest.n_contexts != n_contexts:
            raise ValueError(f"{path} names {n_contexts} contexts, its shards hold {manifest.n_contexts}")
        manifest._check_shards(path)
        return manifest

    def _check_shards(self, path: Path) -> None:
        """Refuse shards that are repeated or in another order, which checksums would not show."""
        if self.dtype != "float32":
            raise ValueError(f"{path}: dtype is {self.dtype!r}, expected 'float32'")
        first = 0
        for number, shard in enumerate(self.shards):
            if shard.first_context != first:
                seen = f"shard {number}, {shard.file}, begins with context {shard.first_context}"
                raise ValueError(f"{path}: {seen}, expected {first}")
            first += shard.n_contexts
        if len({shard.file for shard in self.shards}) < len(self.shards):
            raise ValueError(f"{path} names a shard twice")


def checksum_of(path: Path) -> str:
    """XXH3 of a file's bytes, in 16 hexadecimal digits: a guard against damage, not against forgery."""
    import xxhash

    digest = xxhash.xxh3_64()
    with path.open("rb") as file:
        while block := file.read(2**22):
            digest.update(block)
    return digest.hexdigest()


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` under another name, then rename: no reader sees half of it."""
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
