"""What a loop tells its surroundings: metrics for Prometheus, and whether it is alive and ready."""

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from reconciler import __version__
from reconciler.engine.watch import End, Round
from reconciler.errors import ReconcilerError
from reconciler.model.job import Status
from reconciler.model.report import Result
from reconciler.planning.permissions import permission_for

_PATIENCE = 300.0
"""Seconds that a round may last before the loop counts as stuck, besides the pause before it."""


class Metrics:
    """Counts rounds and what came of them; safe to be read while it is told."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin without a round; `clock` returns seconds."""
        self._clock = clock
        self.registry = CollectorRegistry()
        here = self.registry
        self._rounds = Counter(
            "reconciler_rounds", "Rounds, by how they ended.", ["end"], registry=here
        )
        self._took = Histogram("reconciler_round_seconds", "How long rounds took.", registry=here)
        self._actions = Counter(
            "reconciler_actions", "Actions, by verb and result.", ["kind", "result"], registry=here
        )
        self._held = Gauge(
            "reconciler_held_back",
            "Actions not carried out, by what they need.",
            ["needs"],
            registry=here,
        )
        self._jobs = Gauge(
            "reconciler_jobs", "Recorded jobs that exist.", ["status"], registry=here
        )
        self._drifted = Gauge(
            "reconciler_drifted_jobs", "Jobs that someone changed.", registry=here
        )
        self._failures = Gauge(
            "reconciler_failures_in_a_row", "Failed rounds since a good one.", registry=here
        )
        self._valid = Gauge(
            "reconciler_definition_valid", "Whether it could be read.", registry=here
        )
        self._good = Gauge(
            "reconciler_last_good_round_timestamp_seconds",
            "When a round last went well.",
            registry=here,
        )
        Gauge("reconciler_build_info", "Which version runs.", ["version"], registry=here).labels(
            __version__
        ).set(1)
        for end in End:
            self._rounds.labels(end)
        self._failed = 0
        self._is_ready = False
        self._due = clock() + _PATIENCE

    def tell(self, made: Round, pause: float, *, seconds: float, valid: bool) -> None:
        """Count a round that took so many seconds and is followed by a pause."""
        self._rounds.labels(made.end).inc()
        self._took.observe(seconds)
        self._failed = self._failed + 1 if made.has_failed else 0
        self._failures.set(self._failed)
        self._valid.set(valid)
        self._due = self._clock() + pause + _PATIENCE
        for each in made.result.results:
            self._actions.labels(each.action.kind, each.result).inc()
        self._is_ready = valid and made.end in (End.IDLE, End.DONE, End.LOCKED)
        if made.error is not None:
            return
        if not made.result.of(Result.FAILED):
            self._good.set(time.time())
        for status in Status:
            self._jobs.labels(status).set(made.statuses.get(status, 0))
        self._drifted.set(made.drifted)
        self._held.clear()
        for action, _ in made.held:
            self._held.labels(permission_for(action) or "").inc()

    @property
    def is_alive(self) -> bool:
        """Whether the last round is not overdue."""
        return self._clock() < self._due

    @property
    def is_ready(self) -> bool:
        """Whether the last round went well, with a definition that can be read."""
        return self._is_ready

    def text(self) -> bytes:
        """Return everything in the text format of Prometheus."""
        return generate_latest(self.registry)


class Server:
    """Serves `/metrics`, `/livez` and `/readyz`; nothing there can change anything."""

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        """Bind the address; `ReconcilerError` when it cannot be had."""
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(metrics))
        except (OSError, OverflowError) as error:
            raise ReconcilerError(
                "Metrics cannot be served",
                f"{host}:{port}: {getattr(error, 'strerror', None) or error}.",
                "Choose another place with --listen HOST:PORT, or none with --listen off.",
            ) from error
        self._server.daemon_threads = True
        self.address = f"{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(metrics: Metrics) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/metrics":
                    self._answer(200, metrics.text(), CONTENT_TYPE_LATEST)
                case "/livez" | "/healthz":
                    self._yes_or_no(metrics.is_alive, "overdue")
                case "/readyz":
                    self._yes_or_no(metrics.is_ready, "the last round did not go well")
                case _:
                    self._answer(404, b"/metrics, /livez, /readyz\n")

        def _yes_or_no(self, yes: bool, why_not: str) -> None:
            self._answer(200 if yes else 503, b"ok\n" if yes else f"{why_not}\n".encode())

        def _answer(self, code: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent: scrapes are no news."""

    return Handler
