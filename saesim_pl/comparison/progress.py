"""How far a comparison is, and how long it will still take."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

Clock = Callable[[], float]


class Progress:
    """Counts work. The time left is estimated from work done now, without the work that was skipped.

    Args:
        total: All work, in any unit.
        clock: Seconds.

    Example:
        >>> seconds = iter([0.0, 10.0])
        >>> progress = Progress(100.0, clock=lambda: next(seconds))
        >>> progress.skip(50.0)
        >>> progress.advance(10.0)
        >>> progress.seconds_left
        40.0
    """

    def __init__(self, total: float, clock: Clock = time.monotonic) -> None:
        self.total, self._clock = total, clock
        self.done = self._worked = 0.0
        self._began, self._last = clock(), 0.0
        self._lock = Lock()

    def advance(self, work: float) -> None:
        """Work that was done."""
        with self._lock:
            self.done += work
            self._worked += work
            self._last = self._clock() - self._began

    def skip(self, work: float) -> None:
        """Work that need not be done: its result is known."""
        with self._lock:
            self.done += work

    @property
    def seconds_left(self) -> float | None:
        """Seconds to go; None before anything was done."""
        if not self._worked:
            return None
        return max(0.0, self.total - self.done) * self._last / self._worked


@contextmanager
def shown(progress: Progress, title: str, show: bool) -> Iterator[None]:
    """Show a bar on the standard error stream while the body runs.

    Args:
        progress: The progress to show.
        title: Text beside the bar.
        show: Whether to show anything.
    """
    if not show:
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class TimeLeft(ProgressColumn):
        def render(self, task: Task) -> Text:
            # The bar asks some times a second, so it can take over how far the work is.
            bar.update(task.id, completed=progress.done)
            return Text(left(progress.seconds_left))

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    console = Console(stderr=True)
    with Bar(*columns, TimeElapsedColumn(), TimeLeft(), console=console, transient=True) as bar:
        bar.add_task(title, total=progress.total)
        yield


def left(seconds: float | None) -> str:
    """Such as ``2 min 5 s left``."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min left"
    return f"{minutes} min {rest} s left" if minutes else f"{rest} s left"
