"""Runs the program in processes that may be struck: a server that forks one for each run.

The server has imported the program already, so that a run costs only what it does itself. Each
line on its standard input names the runs of a batch; it answers with a line of their process ids
as soon as they are begun, and with a line of their exit statuses when all have ended.

    python -m tests.reliability.victim                      serve
    python -m tests.reliability.victim '{"at": 37}' ARG…    one run here, to replay a point
"""

import gc
import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from reconciler.backends import leases, postgres, s3
from reconciler.cli.main import run
from reconciler.engine.clock import SystemClock
from tests.reliability.interpose import Interposition, Strike

STATE = "recorded"
"""The folder that the interposition watches: `--state recorded`."""

TRACE = "trace"
_HASTE = 50.0

PATIENCE = "VICTIM_PATIENCE"
"""Environment: for how many seconds a run seeks a backend that is away, if not the usual ones."""

TERMS = "VICTIM_TERMS"
"""Environment: a lease's length, renewal and margin in seconds, if not the usual ones."""

ABROAD = "VICTIM_ABROAD"
"""Environment: set when a run's process shall be none that other runs can look for."""


_NEEDED = (
    "deepdiff",
    "getpass",
    "reconciler.backends.local",
    "reconciler.backends.url",
    "reconciler.cli.applying",
    "reconciler.cli.commands.apply",
    "reconciler.cli.commands.destroy",
    "reconciler.cli.commands.plan",
    "reconciler.cli.commands.state",
    "reconciler.definition.loader",
    "reconciler.emulator.launch",
    "reconciler.engine.records",
    "reconciler.planning.diff",
    "reconciler.providers.modelarts.v1.client",
    "reconciler.providers.modelarts.v2.client",
    "reconciler.render.messages",
    "reconciler.render.tables",
    "reconciler.render.terminal",
)
"""What the runs import; a module that is missing here is imported by each of them anew."""


def main() -> None:
    """Serve, or replay one run."""
    for name in _NEEDED:
        importlib.import_module(name)
    if len(sys.argv) > 1:
        _carry_out(Strike(**json.loads(sys.argv[1])), sys.argv[2:], TRACE, is_hasty=True)
    gc.freeze()
    for line in sys.stdin:
        pids = [_fork(order) for order in json.loads(line)]
        _tell(pids)
        _tell([os.waitpid(pid, 0)[1] for pid in pids])


def _tell(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _fork(order: dict[str, Any]) -> int:
    """Begin a run in a child of its own; return its process id."""
    pid = os.fork()
    if pid == 0:
        _become(order)
    return pid


def _become(order: dict[str, Any]) -> NoReturn:
    signal.alarm(order["patience"])
    os.chdir(order["folder"])
    os.environ.update(order["env"])
    for descriptor, name in enumerate(
        ("/dev/null", order["name"] + ".out", order["name"] + ".err")
    ):
        flags = os.O_RDWR | os.O_CREAT | (os.O_TRUNC if descriptor else 0)
        os.dup2(os.open(name, flags, 0o600), descriptor)
    trace = order["name"] + "." + TRACE
    _carry_out(Strike(**order["strike"]), order["args"], trace, is_hasty=order["hasty"])


def _carry_out(strike: Strike, args: list[str], trace: str, *, is_hasty: bool) -> NoReturn:
    """Run the command line under the strike, and leave."""
    if is_hasty:
        _hasten()
    _set_terms()
    Interposition(Path(STATE), strike, Path(trace)).install()
    code = run(args)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _hasten() -> None:
    """Let the engine's time pass only while it pauses, and then fast: equal runs stay equal."""
    passed = 0.0

    def pause(clock: SystemClock, seconds: float) -> None:
        nonlocal passed
        passed += seconds
        clock._stop.wait(seconds / _HASTE)

    SystemClock.monotonic = lambda _: passed  # type: ignore[assignment, method-assign]
    SystemClock.pause = pause  # type: ignore[assignment, method-assign]


def _set_terms() -> None:
    """Let backends give up, and leases end, sooner; let this process count as one far away."""
    if patience := os.environ.get(PATIENCE):
        postgres.RECOVERY = s3.PATIENCE = float(patience)
    if terms := os.environ.get(TERMS):
        leases.Terms.__init__.__defaults__ = tuple(map(float, terms.split()))
    if os.environ.get(ABROAD):
        leases._PROC = Path("/nowhere")


if __name__ == "__main__":
    main()
