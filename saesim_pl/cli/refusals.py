"""Which errors are the user's to read in one line, and which are defects that need their traceback."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pickle import UnpicklingError

from lightning.pytorch import Trainer
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from saesim_pl.checks import PlainError
from saesim_pl.cli.messages import UsageError, one_line
from saesim_pl.cli.request import Request

_COMMON = {"a", "name", "data", "model", "trainer", "in", "on", "version"}
"""Words of any message that are also keys."""

_SPEAKING = (ValueError, TypeError, FileNotFoundError, FileExistsError, MisconfigurationException)
"""Errors whose message says enough without their class."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def explained(request: Request, trainer: Trainer | None = None) -> Iterator[None]:
    """Report a refusal in one line, with the setting it speaks of; never hide a defect of a run under way.

    Before the first batch any error is a refusal: of a setting, a file or a machine. From then
    on only those are that our own code raises on purpose.

    Args:
        request: The settings of the run.
        trainer: Of the run, once there is one.

    Raises:
        UsageError: In place of a refusal.
    """
    try:
        yield
    except UsageError:
        raise
    except UnpicklingError as unpickling:
        raise UsageError("the checkpoint holds more than weights and plain data") from unpickling
    except Exception as outer:
        cause = _first_of_others(outer)
        if "SAESIM_DEBUG" in os.environ or (trainer and _has_begun(trainer) and not _is_on_purpose(cause)):
            raise
        said = one_line(str(cause)) or type(cause).__name__
        if not isinstance(cause, _SPEAKING) and not _is_on_purpose(cause):
            said = f"{type(cause).__name__}: {said}"
        raise UsageError(_with_setting(said, request)) from cause


def _has_begun(trainer: Trainer) -> bool:
    loops = (trainer.fit_loop.epoch_loop, trainer.validate_loop, trainer.test_loop, trainer.predict_loop)
    return any(loop.batch_progress.total.ready for loop in loops)


def _first_of_others(error: BaseException) -> BaseException:
    """The outermost error that the parser did not make of another one."""
    while error.__cause__ is not None and _raised_in(error).startswith("jsonargparse"):
        error = error.__cause__
    return error


def _raised_in(error: BaseException) -> str:
    """Module of the innermost frame."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return str(trace.tb_frame.f_globals.get("__name__", "")) if trace else ""


def _is_on_purpose(error: BaseException) -> bool:
    """Whether our code raised it, no library on our behalf, or a disk is full."""
    kinds = ValueError | TypeError | OSError | ImportError
    if isinstance(error, PlainError) or (isinstance(error, OSError) and error.errno in _NO_ROOM):
        return True
    return _raised_in(error).startswith("saesim_pl.") and isinstance(error, kinds)


def _with_setting(said: str, request: Request) -> str:
    """The message, led by the place of the setting that it names with its value."""
    if said.startswith("--"):
        return said  # it names the option itself
    words = set(re.findall(r"\w+", said)) - _COMMON
    named = {key: words & set(re.findall(r"\w+", key)) for key in request.origins if _last(key) in words}
    with_value = {key for key in named if _stands_in(request.origins[key][0], said)}

    # Where several have that name and value, the one of an SAE that is named too.
    def rank(key: str) -> tuple[int, bool, int]:
        return -len(named[key]), not request.origins[key][1].startswith("--"), said.find(_last(key))

    best = sorted(with_value or named, key=rank)
    if not with_value and len(best) > 1 and rank(best[0]) == rank(best[1]):
        best = []
    best = best or [key for key, (value, _) in request.origins.items() if _is_spoken_of(value, said)]
    return f"{request.at(best[0])}: {said}" if best and (with_value or named or len(best) == 1) else said


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def _stands_in(value: object, said: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(str(value))}(?!\.?\w)", said) is not None


def _is_spoken_of(value: object, said: str) -> bool:
    return isinstance(value, str) and len(value) > 2 and _stands_in(value, said)
