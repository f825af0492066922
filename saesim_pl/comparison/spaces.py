"""In which space the features of a run live: two runs on the same data share theirs."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_ONLY_SAMPLES = frozenset(
    {
        "batch_size",
        "num_workers",
        "samples_per_epoch",
        "validation_samples",
        "validation_fraction",
        "skip_positions",
    }
)
"""Arguments of data modules that decide which samples are seen but do not change the space."""


def space_of(run: Path, stream: str, streams: Sequence[str]) -> str:
    """Name of the space of a stream; equal for two streams if their cosines mean something.

    Args:
        run: Folder of a run. Without a ``config.yaml``, its streams share a space with nothing else.
        stream: The stream.
        streams: All streams of its data.

    Raises:
        ValueError: The run's configuration cannot be read.
    """
    from saesim_pl.data.reopen import config_of_data, reopen_data

    block = config_of_data(run)
    if block is None:
        return f"{run}: stream {stream}"
    name = f"{block['class_path'].rpartition('.')[2]} {_fingerprint(block)}"
    if len(streams) == 1:
        return f"{name}: stream {stream}"
    try:
        data = reopen_data(run)
    except (FileNotFoundError, ValueError):
        return f"{name}: stream {stream}"  # whether others share it, only the data could say
    alike = [other for other in sorted(streams) if other == stream or data.comparable(other, stream)]
    return f"{name}: stream {alike[0]}"


def _fingerprint(block: Mapping[str, Any]) -> str:
    arguments = dict(block.get("init_args") or {})
    kept = {name: value for name, value in arguments.items() if name not in _ONLY_SAMPLES}
    if kept.get("normalize") != "standardise":  # all others keep directions
        kept.pop("normalize", None)
        if "folder" in kept:
            kept.pop("seed", None)  # of the order in which a cache is read
    if "folder" in kept:
        kept["folder"] = str(Path(kept["folder"]).resolve())
    text = json.dumps([block["class_path"], kept], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
