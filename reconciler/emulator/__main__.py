"""`python -m reconciler.emulator`: serve one store in the foreground."""

import argparse
import logging
import os
import sys
from pathlib import Path

from reconciler.emulator.launch import EmulatorError, Running, serve

_IDLE_SECONDS = 900.0


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to end; exit code 0, or 1 with one line that says why not."""
    options = _parser().parse_args(arguments)
    if options.ready_fd is not None and os.fork():
        os._exit(0)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")

    def ready(running: Running) -> None:
        logging.getLogger(__name__).info("Serving %s at %s", options.store, running.url)
        if options.ready_fd is not None:
            os.close(options.ready_fd)

    try:
        serve(
            options.store,
            options.buckets,
            on_ready=ready,
            port=options.port,
            idle_timeout=options.idle_timeout,
            capacity=options.capacity,
            simulate=options.simulate_seconds if options.simulate else None,
            quota=options.quota,
        )
    except EmulatorError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m reconciler.emulator", description=__doc__)
    add = parser.add_argument
    add("--store", type=Path, required=True, help="folder of the job database and the logs")
    add("--buckets", type=Path, required=True, help="folder that plays the object storage")
    add("--port", type=int, default=0, help="port on the loopback interface (default: any)")
    add("--idle-timeout", type=float, default=_idle_default(), help="seconds; 0 means never")
    add("--capacity", type=int, help="workers at once (default: one per processor, at least 2)")
    add("--simulate", action="store_true", help="jobs do not run, they only come to an end")
    add("--simulate-seconds", type=float, default=0.0, help="how long simulated jobs take")
    add("--quota", type=int, default=10_000, help="jobs that a project may hold")
    add("--ready-fd", type=int, help=argparse.SUPPRESS)
    return parser


def _idle_default() -> float:
    text = os.environ.get("RECONCILER_EMULATOR_IDLE", "")
    try:
        return float(text) if text else _IDLE_SECONDS
    except ValueError:
        sys.exit(f"error: RECONCILER_EMULATOR_IDLE={text} is not a number of seconds")


if __name__ == "__main__":
    sys.exit(main())
