"""A folder of cached activations that is always complete and has one writer at a time."""

import json
import re
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from saesim_pl.data.manifest import FILE_NAME, Manifest, write_whole
from saesim_pl.data.shards import shard_features

LOCK = ".lock"
OWN_FILES = re.compile(
    r"(shard-([0-9a-f]{8}-)?\d{5,}-\d{5,}\.arrow|manifest\.json|state\.json|dataset_info\.json)(\.tmp)?|\.lock"
)


class CacheFolder:
    """Writes a cache into ``folder``, and keeps an old cache there until the new one is complete.

    Each write has its own word in the names of its shards. The manifest names the valid shards. After all
    shards are written, it is replaced in one step, and then other shards are removed. So an error or a kill
    at any time leaves either the old cache or the new one.

    Args:
        folder: Folder of the cache; created if missing.
        overwrite: Whether a finished cache may be replaced.
    """

    def __init__(self, folder: Path, overwrite: bool) -> None:
        self.folder, self.overwrite = folder, overwrite
        self._word = ""
        self._lock: FileLock | None = None

    def look(self) -> None:
        """Refuse a folder that must not be written.

        Raises:
            FileExistsError: It holds a finished cache and ``overwrite`` is off, or other files, or another
                process writes it.
        """
        present = [path.name for path in self.folder.iterdir()] if self.folder.exists() else []
        foreign = sorted(name for name in present if not OWN_FILES.fullmatch(name))
        if foreign:
            raise FileExistsError(f"{self.folder} holds other files, such as {foreign[0]}")
        if FILE_NAME in present and not self.overwrite:
            raise FileExistsError(f"{self.folder} holds a finished cache; set overwrite to replace it")
        if LOCK in present and self._lock is None:
            self._acquire().release()

    def begin(self, word: str) -> None:
        """Lock the folder, check it again, and remove the shards of an interrupted write.

        Args:
            word: Eight hexadecimal digits, the same in all processes of this write and in no other write.

        Raises:
            FileExistsError: See :meth:`look`.
        """
        self._word = word
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._acquire()
        try:
            self.look()
        except FileExistsError:
            self._release()
            raise
        finished = (self.folder / FILE_NAME).is_file()
        self._remove_all_but(Manifest.read(self.folder) if finished else None)

    def join(self, word: str) -> None:
        """Take part in a write that another process began."""
        self._word = word

    def shard(self, rank: int, number: int) -> Path:
        """Path of shard ``number`` of process ``rank``."""
        return self.folder / f"shard-{self._word}-{rank:05d}-{number:05d}.arrow"

    def finish(self, manifest: Manifest) -> None:
        """Write ``manifest`` and the files that ``datasets`` reads; remove all other shards."""
        features = shard_features(manifest.context_size, manifest.hooks)
        state: dict[str, Any] = {
            "_data_files": [{"filename": shard.file} for shard in manifest.shards],
            "_fingerprint": None,
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": None,
        }
        write_whole(self.folder / "dataset_info.json", json.dumps({"features": features.to_dict()}))
        write_whole(self.folder / "state.json", json.dumps(state))
        manifest.write(self.folder)
        self._remove_all_but(manifest)
        self._release()

    def abandon(self) -> None:
        """Remove the shards of this unfinished write."""
        if self._word:
            for path in self.folder.glob(f"shard-{self._word}-*"):
                path.unlink(missing_ok=True)
        self._release()

    def _remove_all_but(self, manifest: Manifest | None) -> None:
        kept = {shard.file for shard in manifest.shards} if manifest else set()
        for path in self.folder.glob("shard-*"):
            if path.name not in kept:
                path.unlink(missing_ok=True)

    def _acquire(self) -> FileLock:
        lock = FileLock(self.folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise FileExistsError(f"{self.folder} is being written by another process") from error
        return lock

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
        self._lock, self._word = None, ""
