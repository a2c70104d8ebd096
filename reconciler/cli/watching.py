"""The loop of `watch` from the command line: definition, connection, permissions, telling."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.cli.interrupts import Interrupts
from reconciler.cli.output import Output, wants_color
from reconciler.cli.progress import make_progress
from reconciler.cli.settings import Settings
from reconciler.cli.workspace import Workspace
from reconciler.engine.clock import SystemClock
from reconciler.engine.context import Context
from reconciler.engine.watch import End, Round, run_round, watch
from reconciler.errors import InterruptedRunError, ReconcilerError, UsageError
from reconciler.model.definition import Definition
from reconciler.model.events import Event
from reconciler.model.plan import PlanPlatform
from reconciler.model.report import Result
from reconciler.planning.permissions import Permission
from reconciler.render.messages import render_error
from reconciler.render.outcome import render_apply

if TYPE_CHECKING:
    from reconciler.cli.metrics import Metrics

OFF = "off"


@dataclass(frozen=True, slots=True)
class Pace:
    """How often, and how many times (None: until told to stop); `interval` is in seconds."""

    interval: float
    rounds: int | None = None


class Watching:
    """One `watch` from its start to its end."""

    def __init__(self, settings: Settings, allowed: frozenset[Permission]) -> None:
        """Read the definition for the first time: a wrong one ends the command at once."""
        self._settings = settings
        self._allowed = allowed
        self._output = Output(settings)
        self._workspace = Workspace(settings)
        self._first = self._workspace.definition
        self._interrupts = Interrupts()
        self._links = ExitStack()
        self._link: tuple[Context, PlanPlatform] | None = None
        self._problem: ReconcilerError | None = None
        self._told: tuple[str, ...] = ()
        self._begun = time.monotonic()
        self._metrics: Metrics | None = None
        mode = "json" if self._output.is_json else "quiet" if settings.quiet else "auto"
        stream = sys.stdout if self._output.is_json else sys.stderr
        color = wants_color(stream, no_color=settings.no_color)
        self._progress = make_progress(mode=mode, color=color, stream=stream)  # type: ignore[arg-type]

    def run(self, pace: Pace, listen: str) -> int:
        """Make rounds until a signal ends them; return the exit code."""
        self._interrupts.begin_changes()
        stop = self._interrupts.stop
        with self._interrupts.installed(), self._links, self._served(listen):
            last = watch(
                SystemClock(stop),
                self._attempt,
                self._tell,
                interval=pace.interval,
                rounds=pace.rounds,
                stop=stop.is_set,
            )
            self._progress.close()
        if self._interrupts.received == signal.SIGTERM:
            self._output.say("Ended as asked: nothing is in flight.")
            return 0
        if stop.is_set():
            return InterruptedRunError.exit_code
        if last.end in (End.FAILED, End.REFUSED, End.LOCKED) and last.error is not None:
            return last.error.exit_code
        return 1 if last.end is End.FAILED else 0

    @contextmanager
    def _served(self, listen: str) -> Iterator[None]:
        if listen == OFF:
            yield
            return
        try:
            from reconciler.cli.metrics import Metrics, Server
        except ImportError as error:
            raise UsageError(
                "Metrics need one more library",
                "prometheus-client is not installed.",
                "Install `reconciler[watch]`, or go without: --listen off.",
            ) from error
        self._metrics = Metrics()
        with Server(self._metrics, *_address(listen)) as server:
            self._output.say(f"Metrics at http://{server.address}/metrics, /livez and /readyz.")
            yield

    def _attempt(self) -> Round:
        self._begun = time.monotonic()
        settled = self._reread()
        try:
            if self._link is None:
                connected = self._workspace.connected(
                    "watch", emit=self._emit, stop=self._interrupts.stop
                )
                self._link = self._links.enter_context(connected)
            context, platform = self._link
            request = self._workspace.request(platform, "watch")
        except ReconcilerError as error:
            end = End.INTERRUPTED if self._interrupts.stop.is_set() else End.FAILED
            return Round(end, error=error)
        made = run_round(context, request, self._allowed, settled=settled)
        if made.has_failed:  # the platform may be another one by now: its port, its credentials
            self._links.close()
            self._link = None
        return made

    def _emit(self, event: Event) -> None:
        """Show what is done; that the platform is read again and again is no news."""
        if event.type not in ("refresh", "waiting") or self._output.verbose:
            self._progress(event)

    def _reread(self) -> bool:
        """Read the definition again; keep the last good one when the new one cannot be used.

        Return whether it is the same as before.
        """
        found = Workspace(self._settings)
        try:
            definition = found.definition
            self._require_same_place(definition)
        except ReconcilerError as error:
            self._problem = error
            return False
        was = self._workspace.definition.sources
        had_problem, self._problem, self._workspace = self._problem, None, found
        return had_problem is None and definition.sources == was

    def _require_same_place(self, definition: Definition) -> None:
        first = self._first
        if (definition.stack, definition.platform) != (first.stack, first.platform):
            raise ReconcilerError(
                "The definition names another stack or platform",
                "A loop stays with those that it began with.",
                "Start `reconciler watch` anew if that is meant.",
            )

    def _tell(self, made: Round, pause: float) -> None:
        """Tell what is new: what was done, what is held back, what is wrong; not twice in a row."""
        if self._metrics is not None:
            took = time.monotonic() - self._begun
            self._metrics.tell(made, pause, seconds=took, valid=self._problem is None)
        if made.result.of(Result.FAILED) or not made.result.verified:
            self._say(render_apply(made.result, width=self._output.width), "summary", made)
        messages = [f"Held back: {a.kind} {a.address} ({why})." for a, why in made.held]
        if self._problem is not None:
            messages.append(
                f"{render_error(self._problem)}The last good definition stays in force."
            )
        if made.error is not None and made.end is not End.INTERRUPTED:
            messages.append(render_error(made.error))
        new = tuple(messages)
        if new != self._told:
            for message in new or ("All is well again.",):
                self._say(message, "notice", made)
            if made.has_failed:
                self._say(f"The next round is in {pause:.0f} s.", "notice", made)
        self._told = new

    def _say(self, message: str, kind: str, made: Round) -> None:
        text = message.removesuffix("\n")
        if self._output.is_json:
            event = {"type": kind, "message": text, "data": {"end": made.end}}
            self._progress(Event.model_validate(event))
        else:
            self._progress.close()
            self._output.say(text)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise UsageError(
            "No place to listen", f'"{listen}" is not HOST:PORT.', "Write 127.0.0.1:9464, or off."
        )
    return host.strip("[]") or "127.0.0.1", int(port)
