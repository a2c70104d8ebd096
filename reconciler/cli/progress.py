"""Live progress: events become lines while a run goes on.

On a terminal a live line counts what happens, and lines above it stay; elsewhere every finished
action is one plain line; for programs each event is one line of JSON. Progress never breaks a
run: when nobody reads it any more, it falls silent.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TextIO

from reconciler.model.events import Event
from reconciler.model.plan import ActionKind
from reconciler.render.structured import event_line
from reconciler.render.text import Style, clean, format_duration, listed, shorten
from reconciler.render.words import PAST

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

_INSTANT = 0.4
"""Seconds that a run may last before a live line appears, and rich is imported."""

_PACE = 10.0
"""Seconds without a line after which a pipe is told that the run still goes on."""

_MANY = 50
"""From so many actions on a terminal shows failures and counts, and not each action."""

_NAMED = 3
"""How many actions in flight a live line names."""

_PLENTY = ("done", "skipped", "status")
_FINISHED = ("done", "failed", "skipped")
Clock = Callable[[], float]


class Progress(Protocol):
    """Takes the events of a run from any thread, and shows them its way."""

    def __call__(self, event: Event) -> None:
        """Show an event; never raises, whoever is gone at the other end."""
        ...

    def close(self) -> None:
        """Leave the stream clean for what is printed next; later events are still taken."""
        ...


def make_progress(
    *, mode: Literal["auto", "json", "quiet"], color: bool, stream: TextIO
) -> Progress:
    """Choose how to show progress: `json` writes event lines, `quiet` nothing at all.

    `auto` is live on a terminal that can move its cursor, plain elsewhere.
    """
    match mode:
        case "quiet":
            return Silent()
        case "json":
            return JsonLines(stream)
        case "auto":
            able = stream.isatty() and os.environ.get("TERM") != "dumb"
            style = Style(color)
            return LiveLines(stream, style) if able else PlainLines(stream, style)


class Silent:
    """Shows nothing."""

    def __call__(self, event: Event) -> None:
        """Take the event."""

    def close(self) -> None:
        """Do nothing: nothing was shown."""


class _Lines:
    """A stream that takes whole lines from any thread, until its reader goes away."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self._is_read = True

    def _write(self, line: str) -> None:
        self._tell(lambda: self._stream.write(line + "\n"))
        self._tell(self._stream.flush)

    def _tell(self, show: Callable[[], object]) -> None:
        """Do something to the stream; one that is closed or broken is left alone from then on."""
        if not self._is_read:
            return
        try:
            show()
        except (OSError, ValueError):
            self._is_read = False

    def close(self) -> None:
        """Do nothing: every line is flushed when it is written."""


class JsonLines(_Lines):
    """Each event is one line of JSON, written at once."""

    def __call__(self, event: Event) -> None:
        """Write the event's line."""
        with self._lock:
            self._write(event_line(event))


class PlainLines(_Lines):
    """One line per finished action, and a sign of life when a long time passes without one."""

    def __init__(self, stream: TextIO, style: Style, clock: Clock = time.monotonic) -> None:
        """Begin to count the time; `clock` returns seconds."""
        super().__init__(stream)
        self._style = style
        self._clock = clock
        self._timing = _Timing(clock)
        self._spoke = clock()
        self._waits = False

    def __call__(self, event: Event) -> None:
        """Write the event's line, if it is one to be told here."""
        with self._lock:
            took = self._timing.of(event)
            line = lasting_line(event, took, self._style) or self._sign_of_life(event)
            if line:
                self._spoke = self._clock()
                self._write(line)

    def _sign_of_life(self, event: Event) -> str:
        first = event.type == "waiting" and event.address is None and not self._waits
        self._waits = self._waits or first
        return passing_line(event) if first or self._clock() - self._spoke >= _PACE else ""


class LiveLines(_Lines):
    """Lasting lines above a live one that says how far the run is.

    The live line begins when a run takes longer than an instant and ends with `close`, or when a
    plan or a summary says that a phase is over.
    """

    def __init__(
        self,
        stream: TextIO,
        style: Style,
        clock: Clock = time.monotonic,
        *,
        instant: float = _INSTANT,
    ) -> None:
        """Show nothing yet; `instant` is in seconds, `clock` returns seconds."""
        super().__init__(stream)
        self._style = style
        self._clock = clock
        self._timing = _Timing(clock)
        self._instant = instant
        self._tally = _Tally()
        self._begun = clock()
        self._timer: threading.Timer | None = None
        self._live: Live | None = None

    def __call__(self, event: Event) -> None:
        """Print the event's lasting line, if it has one, and count it in the live line."""
        with self._lock:
            took = self._timing.of(event)
            if event.type in ("plan", "summary"):
                self.close()
                return
            self._expect_to_last()
            self._tally = self._tally.after(event, self._timing.running)
            many = (event.total or 0) > _MANY and event.type in _PLENTY
            if not many and (line := lasting_line(event, took, self._style)):
                self._print(line)

    def close(self) -> None:
        """Take the live line away; the lasting ones stay."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
            if self._live:
                self._tell(self._live.stop)
            self._timer, self._live, self._tally = None, None, _Tally()

    def _expect_to_last(self) -> None:
        if self._timer is None:
            self._begun = self._clock()
            self._timer = threading.Timer(self._instant, self._go_live)
            self._timer.daemon = True
            self._timer.start()

    def _go_live(self) -> None:
        with self._lock:
            if self._timer is not threading.current_thread() or not self._is_read:
                return
            from rich.console import Console
            from rich.live import Live

            console = Console(
                file=self._stream, no_color=not self._style.color, highlight=False, markup=False
            )
            self._live = Live(
                get_renderable=self._frame,
                console=console,
                refresh_per_second=8,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._tell(self._live.start)

    def _frame(self) -> "Text":
        """Return the live line; runs in rich's thread, so that it must not take our lock."""
        from rich.text import Text

        live = self._live
        width = live.console.width if live else 80
        seconds = int(self._clock() - self._begun)
        spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[int(self._clock() * 8) % 10]
        text = f"{spinner} {seconds // 60}:{seconds % 60:02d}  {self._tally.words()}"
        return Text(shorten(text, width - 1), no_wrap=True)

    def _print(self, line: str) -> None:
        live = self._live
        if live is None:
            self._write(line)
            return
        from rich.text import Text

        self._tell(lambda: live.console.print(Text.from_ansi(line), soft_wrap=True))


class _Timing:
    """When each action that is under way was begun."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.running: dict[str, float] = {}

    def of(self, event: Event) -> float | None:
        """Note the event; return how many seconds the action took that it ends."""
        if event.address is None:
            return None
        if event.type == "started":
            self.running[event.address] = self._clock()
        if event.type in _FINISHED and event.address in self.running:
            return self._clock() - self.running.pop(event.address)
        return None


@dataclass(frozen=True, slots=True)
class _Tally:
    """What the live line says; replaced as a whole, so that any thread may read it."""

    passing: str = ""
    done: int = 0
    total: int | None = None
    failed: int = 0
    running: str = ""
    is_applying: bool = False

    def after(self, event: Event, running: Iterable[str]) -> "_Tally":
        """Return the tally that counts the event too."""
        finished = event.type in _FINISHED
        return _Tally(
            passing=passing_line(event) or self.passing,
            done=max(self.done + 1, event.done or 0) if finished else self.done,
            total=event.total if finished and event.total else self.total,
            failed=self.failed + (event.type == "failed"),
            running=listed(list(running), _NAMED),
            is_applying=self.is_applying or finished or event.type == "started",
        )

    def words(self) -> str:
        """Return the live line without its spinner and time."""
        if not self.is_applying:
            return self.passing or "Working"
        total = f" of {self.total:,}" if self.total else ""
        parts = [f"Applying: {self.done:,}{total} done"]
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        if self.running:
            parts.append(f"{self.running} under way")
        elif self.passing and not (self.total and self.done < self.total):
            parts = [self.passing]
        return ", ".join(parts)


def lasting_line(event: Event, seconds: float | None, style: Style) -> str:
    """Return the line that an event leaves behind, empty if it leaves none.

    `seconds` is how long the action took. Of an error only the summary is told; the rest stands
    in the report at the end.
    """
    address, action = clean(event.address or ""), clean(event.action or "")
    message = clean(event.message.partition("\n")[0])
    after = f": {message}" if message else ""
    match event.type:
        case "done":
            known = f" (id {clean(str(event.data['job_id']))})" if event.data.get("job_id") else ""
            took = f" in {format_duration(round(seconds * 1000))}" if seconds is not None else ""
            return f"{address}: {style.paint('succeeded', _past(action))}{known}{took}"
        case "failed":
            return style.paint("failed", f"{address}: {action} failed{after}")
        case "skipped":
            return style.paint("warning", f"{address}: {action} skipped{after}")
        case "recovered":
            return f"{address}: {style.paint('succeeded', 'recovered')}{after}"
        case "status":
            status = clean(str(event.data.get("status", "")))
            return f"{address}: {message or status}"
        case "notice":
            return f"{address}{after}" if address else message
        case _:
            return ""


def passing_line(event: Event) -> str:
    """Return what an event says of the moment only, empty if it says nothing."""
    if event.type not in ("refresh", "waiting"):
        return ""
    if event.address is not None:
        told = clean(event.message) or "waiting"
        return f"{clean(event.address)}: {told}"
    if event.type == "waiting" and event.total:
        left = event.total - (event.done or 0)
        return f"Waiting: {left:,} of {event.total:,} jobs still run"
    counted = f" {event.done or 0:,} of {event.total:,}" if event.total else ""
    return (clean(event.message) or "Working") + counted


def _past(action: str) -> str:
    return PAST[ActionKind(action)] if action in set(ActionKind) else f"{action} done"
