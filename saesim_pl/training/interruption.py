"""SIGTERM and Ctrl-C as an orderly end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Interrupted(SystemExit):
    """Ends the process with the status that a shell gives for a signal: 143 for SIGTERM, 130 for Ctrl-C.

    Args:
        signum: The signal.
        done: What was saved and how to go on, in one line.
    """

    def __init__(self, signum: int, done: str) -> None:
        super().__init__(128 + signum)
        name = "Ctrl-C" if signum == signal.SIGINT else signal.Signals(signum).name
        self.message = f"ended by {name}: {done}"

    def __str__(self) -> str:
        return self.message


class Interruptions:
    """Raises :class:`Interrupted` at a signal, or where a callback has said that it will see to it.

    A training step must not be left half done. So a callback defers signals, asks after each step whether
    there was one, saves, and raises. A second signal is not deferred.

    Attributes:
        received: The deferred signal; 0 for none.
        done: What the user is told when a signal ends the run: what was saved, how to go on.
    """

    def __init__(self) -> None:
        self.received, self.done = 0, ""
        self._listens = self._defers = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take both signals; outside the main thread, where Python allows no handlers, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGINT)}
        self.received, self.done, self._listens, self._defers = 0, "nothing was saved", True, False
        self._take()
        try:
            yield
        finally:
            self._listens = self._defers = False
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def defer(self) -> None:
        """Remember signals from here on, where signals are listened to at all."""
        if self._listens:
            self._defers = True
            self._take()  # Lightning's own handler answers SIGTERM with status 0

    def stop_deferring(self) -> None:
        """Raise at signals again, also for one that has come meanwhile."""
        self._defers = False
        if self.received:
            self.end(self.received)

    def end(self, signum: int) -> NoReturn:
        """Raise :class:`Interrupted` with what was done."""
        self._defers = False
        raise Interrupted(signum, self.done)

    def _take(self) -> None:
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._handle)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if not self._defers or self.received:
            self.end(signum)
        self.received = signum


interruptions = Interruptions()
"""Of this process: signals are a process's."""
