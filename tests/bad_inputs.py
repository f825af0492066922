"""What ``saesim`` says to bad inputs: status 2, one line that names the mistake, and nothing left behind.

``python -m tests.bad_inputs`` prints for each input its status, lines, files left, verdict and message, and
ends with status 1 if a verdict is bad that ``EXCEPTIONS`` does not explain. ``tests/cli/test_bad_inputs.py``
runs a part.
"""

import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bad_input_rows import ROWS, Row, prepare

EXCEPTIONS: dict[str, str] = {}
"""By name of a row, why it may fail."""


@dataclass(frozen=True)
class Outcome:
    """What came of one input.

    Attributes:
        status: Exit status; 0 where nothing was refused.
        lines: What was printed to standard error.
        left: Files and folders that were not there before.
        missing: Words that the line should hold.
    """

    status: int
    lines: list[str]
    left: list[str]
    missing: list[str]

    @property
    def verdict(self) -> str:
        """``ok``, or what is wrong."""
        wrong = []
        if self.status != 2:
            wrong.append(f"status {self.status}")
        if len(self.lines) != 1:
            wrong.append(f"{len(self.lines)} lines")
        if self.lines and not self.lines[-1].startswith("saesim"):
            wrong.append("no prefix")
        if self.left:
            wrong.append("leaves " + ", ".join(self.left[:3]))
        if self.missing:
            wrong.append("does not say " + ", ".join(self.missing))
        return "; ".join(wrong) or "ok"


def outcome_of(row: Row, folder: Path, main: Callable[[Sequence[str]], None]) -> Outcome:
    """Run ``row`` in this process; what it writes goes to ``folder``."""
    words = row.words_in(folder)
    before = set(folder.rglob("*"))
    printed, status = io.StringIO(), 0
    with contextlib.redirect_stderr(printed), contextlib.redirect_stdout(io.StringIO()):
        try:
            main(words)
        except SystemExit as stop:
            status = int(stop.code or 0)
        except Exception as error:
            status = 1
            print("Traceback", type(error).__name__, error, file=sys.stderr)
    lines = printed.getvalue().strip().splitlines()
    left = sorted(str(path.relative_to(folder)) for path in set(folder.rglob("*")) - before)
    said = lines[-1] if lines else ""
    return Outcome(status, lines, left, [word for word in row.says if word not in said])


def main() -> int:
    """Print the table."""
    from saesim_pl.cli import main as saesim

    bad = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        for row in ROWS:
            outcome = outcome_of(row, folder, saesim)
            explained = EXCEPTIONS.get(row.name, "")
            bad += outcome.verdict != "ok" and not explained
            said = outcome.lines[-1] if outcome.lines else ""
            verdict = f"{outcome.verdict} (explained: {explained})" if explained else outcome.verdict
            what = json.dumps([word.replace(name, "") for word in row.words_in(folder)[-3:]])
            print(
                f"{row.name}\t{what[:90]}\tstatus {outcome.status}\tlines {len(outcome.lines)}\t"
                f"left {len(outcome.left)}\t{verdict}\n    {said.replace(name, '')[:300]}"
            )
    print(f"{len(ROWS)} inputs, {bad} bad, {len(EXCEPTIONS)} exceptions")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
