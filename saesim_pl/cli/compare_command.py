"""``saesim compare``: :func:`~saesim_pl.comparison.compare.compare` from the command line."""

import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from docstring_parser import parse
from jsonargparse import SUPPRESS, ActionConfigFile, ArgumentParser, Namespace

from saesim_pl.cli.messages import UsageError, one_line
from saesim_pl.comparison.compare import FORMATS, compare
from saesim_pl.comparison.store import fingerprint
from saesim_pl.comparison.table import print_rows

BY_HAND: set[str | int] = {"things", "activations", "progress"}
"""Arguments that mean less here than in Python."""


class _Parser(ArgumentParser):
    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise UsageError(one_line(message))


def run(command: str, words: Sequence[str]) -> None:
    """Compare, print a table, and write it into a folder.

    Args:
        command: ``compare``.
        words: The words behind it.

    Raises:
        UsageError: Something is wrong with what was asked for.
    """
    parser = _parser()
    asked = parser.parse_args(list(words))
    folder = asked.folder or default_folder(asked)
    try:
        given = parser.instantiate_classes(asked).as_dict()
        things, _, _ = given.pop("things", ()), given.pop("config", None), given.pop("folder")
        found = compare(*things, **given, folder=folder, progress=True)
    except (ValueError, TypeError, OSError) as error:
        raise UsageError(str(error)) from error
    for note in found.notes:
        print(f"saesim compare: {note}", file=sys.stderr)
    print_rows(found, "")
    files = ", ".join(f"comparison.{form}" for form in FORMATS)
    print(f"{folder}: {files}")


def default_folder(asked: Namespace) -> Path:
    """A folder for what was asked: the same question finds the scores of its last attempt there."""
    settings: dict[str, Any] = {key: value for key, value in asked.as_dict().items() if key != "config"}
    ends = (re.split(r"[/=]", thing)[-1] for thing in asked.get("things", ()))
    names = "-".join(re.sub(r"\W+", "_", end).strip("_") for end in ends)
    text = json.dumps(settings, sort_keys=True, default=str)
    return Path("comparisons", f"{names[:60]}-{fingerprint(text, os.getcwd())[:8]}")


def _parser() -> ArgumentParser:
    documented = parse(compare.__doc__ or "")
    said = {one.arg_name: " ".join((one.description or "").split()) for one in documented.params}
    parser = _Parser(prog="saesim compare", description=documented.short_description)
    parser.add_argument("-c", "--config", action=ActionConfigFile, help="Configuration file in yaml.")
    parser.add_argument("things", nargs="*", type=str, default=SUPPRESS, help=said["things"])
    parser.add_function_arguments(compare, skip=BY_HAND)
    parser.add_argument("--activations", type=str | None, default=None, help=said["activations"])
    return parser
