"""A mistake becomes one line and status 2."""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import NoReturn

MOST_WORDS = 12
"""Names that a message lists."""


class UsageError(ValueError):
    """A mistake in what the user gave; the message names file or option, key and value."""


def fail(command: str, message: str) -> NoReturn:
    """Print ``saesim COMMAND: error: MESSAGE`` as one line and exit with status 2."""
    said = " ".join(str(message).split())
    print(" ".join(f"saesim {command}".split()) + f": error: {said}", file=sys.stderr)
    sys.exit(2)


@contextmanager
def reported(command: str) -> Iterator[None]:
    """Report a mistake of the user's in one line; with ``SAESIM_DEBUG`` set, with its traceback."""
    try:
        yield
    except UsageError as error:
        if "SAESIM_DEBUG" in os.environ:
            raise
        fail(command, str(error))


def meant(word: object, known: Iterable[object]) -> str:
    """The known word that is close to ``word``, else all that there are, as the end of a message."""
    words = sorted(map(str, known))
    begun = [known for known in words if len(str(word)) > 1 and known.startswith(str(word))]
    if close := get_close_matches(str(word), words, n=1) or begun[:1]:
        return f"; did you mean {close[0]!r}?"
    more = ", ..." if len(words) > MOST_WORDS else ""
    return f"; there is {', '.join(words[:MOST_WORDS])}{more}" if words else ""


def shown(value: object, length: int = 80) -> str:
    """``value`` as an error shows it: on one line, not too long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= length else text[: length - 3] + "..."


def one_line(message: str) -> str:
    """The message of nested parsers, without their remarks about every nesting."""
    noise = r"Does not validate|Subtypes:|Errors:|- Expected a <class 'NoneType'>|Given value|tip:"
    lines = [line.strip() for line in message.splitlines()]
    text = " ".join(line.removeprefix("- ") for line in lines if line and not re.match(noise, line))
    return re.sub(r'Parser key "(\S+)":', r"\1:", text)
