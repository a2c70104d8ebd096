"""Runs of the program in forked processes, each under a strike; see `victim`."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.reliability.interpose import Strike

PATIENCE = 60
"""Seconds after which a run counts as hanging, and is ended."""

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Run:
    """A command line, and what strikes it.

    `is_hasty`: the engine's time passes only while it pauses. `folder` is where it runs, if not
    where the others do.
    """

    args: tuple[str, ...]
    strike: Strike = field(default_factory=Strike)
    is_hasty: bool = True
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a run: its exit code (-9: killed), its output, the points it passed.

    `times` says when it came to each point, in seconds on a clock that all processes share.
    """

    code: int
    stdout: str
    stderr: str
    points: tuple[str, ...]
    times: tuple[float, ...]

    def __str__(self) -> str:
        last = self.points[-1] if self.points else "none"
        return f"exit {self.code}, last point: {last}\n{self.stdout}{self.stderr}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Runs that have begun together; `pids` are their processes."""

    forks: "Forks"
    pids: tuple[int, ...]
    files: tuple[str, ...]

    def wait(self) -> list[Ended]:
        """Return how they ended, in their order, when all have."""
        statuses = self.forks.answer()
        return [
            self._ended(file, status) for file, status in zip(self.files, statuses, strict=True)
        ]

    def passed(self, file: str) -> list[tuple[str, float]]:
        """Return the points that a run has passed so far, and when."""
        trace = Path(f"{file}.trace")
        lines = trace.read_text().splitlines() if trace.exists() else []
        pairs = [line.rpartition(" ") for line in lines if line.endswith("s")]
        return [(point, float(time[:-1])) for point, _, time in pairs]

    def _ended(self, file: str, status: int) -> Ended:
        out, err, trace = (Path(f"{file}.{kind}") for kind in ("out", "err", "trace"))
        passed = self.passed(file)
        ended = Ended(
            os.waitstatus_to_exitcode(status),
            out.read_text(),
            err.read_text(),
            tuple(point for point, _ in passed),
            tuple(time for _, time in passed),
        )
        for each in (out, err, trace):
            each.unlink(missing_ok=True)
        return ended


class Forks:
    """A server of forked runs in one folder; one batch at a time."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        """Start the server; `env` is added to the environment of its runs."""
        self._folder = folder
        self._env = dict(env)
        self._numbers = count(1)
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.reliability.victim"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the server."""
        self._server.communicate(timeout=PATIENCE + 10)

    def start(self, *runs: Run) -> Batch:
        """Begin runs side by side."""
        folder, server = self._folder, self._server.pid
        files = tuple(str(folder / f"run{server}-{next(self._numbers)}") for _ in runs)
        orders = [self._order(run, file) for run, file in zip(runs, files, strict=True)]
        assert self._server.stdin
        self._server.stdin.write(json.dumps(orders) + "\n")
        self._server.stdin.flush()
        return Batch(self, tuple(self.answer()), files)

    def run(self, *args: str, strike: Strike | None = None, is_hasty: bool = True) -> Ended:
        """Run one command line to its end."""
        return self.start(Run(args, strike or Strike(), is_hasty)).wait()[0]

    def answer(self) -> Any:
        """Return the server's next line."""
        assert self._server.stdout
        line = self._server.stdout.readline()
        assert line, "the server of forked runs has ended"
        return json.loads(line)

    def _order(self, run: Run, file: str) -> dict[str, Any]:
        return {
            "args": run.args,
            "strike": asdict(run.strike),
            "hasty": run.is_hasty,
            "folder": str(run.folder or self._folder),
            "name": file,
            "env": self._env,
            "patience": PATIENCE,
        }
