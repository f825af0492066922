"""Names of streams, which are also used in file names and log keys."""

import re


def check_stream_names(names: list[str]) -> None:
    """Refuse names that cannot be used everywhere.

    The truth of a stream is saved in a file of its name, and its SAE is compared with ``truth``.

    Raises:
        ValueError: The list is empty, a name occurs twice, or a name has other characters or is ``truth``.
    """
    if not names:
        raise ValueError("stream_names is empty: name at least one stream, or leave it out")
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name) or name == "truth":
            raise ValueError(f"stream_names: {name!r} is no stream's name: letters, digits, _, - and dots")
    if len(set(names)) < len(names):
        raise ValueError(f"stream_names must differ, got {names}")
