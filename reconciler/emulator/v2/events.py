"""The events of a v2 job, told from what is known of its run.

After the ModelArts API Reference, "Querying Training Job Events"; texts are made up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reconciler.emulator.failures import Failure
from reconciler.emulator.model import TERMINAL, Job, Version
from reconciler.emulator.query import Parameters
from reconciler.emulator.v2.answers import phase

Json = dict[str, Any]

_LEVELS = ("Info", "Error", "Warning")
_BAD = ("Failed", "Abnormal")


@dataclass(frozen=True)
class Event:
    """Something that happened at `time`, in epoch milliseconds."""

    time: int
    level: str
    message: str
    source: str


@dataclass(frozen=True)
class EventQuery:
    """Which events are wanted; times in epoch milliseconds, both or none."""

    offset: int
    limit: int
    descending: bool
    start: int | None
    end: int | None
    level: str
    pattern: str
    source: str


def of(job: Job, version: Version) -> list[Event]:
    """Everything that happened to a job, oldest first."""
    found = [Event(version.created, "Info", "Training job created.", "Job")]
    if version.started is not None:
        found.append(Event(version.started, "Info", "Training job is running.", "Job"))
        for index in range(version.work.workers):
            text = f"Task worker-{index} started."
            found.append(Event(version.started, "Info", text, "Task"))
    if version.ended is not None and version.status in TERMINAL:
        name = phase(version.status)[0]
        level = "Error" if name in _BAD else "Info"
        found.append(Event(version.ended, level, f"Training job {name.lower()}.", "Job"))
    if job.deleting:
        last = version.ended or version.created
        found.append(Event(last, "Info", "Training job is being deleted.", "Job"))
    return found


def read_query(values: Mapping[str, str]) -> EventQuery:
    """The query of the call; a Failure (50004000) for a value that is out of range."""
    query = Parameters(values, _refuse)
    start, end = _time(values, "start_time"), _time(values, "end_time")
    if (start is None) != (end is None):
        raise _refuse("start_time and end_time")
    return EventQuery(
        offset=query.number("offset", 0, 0, 2**31),
        limit=query.number("limit", 50, 1, 100),
        descending=query.descending("desc"),
        start=start,
        end=end,
        level=query.choice("level", ("", *_LEVELS), ""),
        pattern=query.text("pattern", "", 256),
        source=query.text("source", ""),
    )


def page(found: list[Event], wanted: EventQuery, now: int) -> Json:
    """The answer to a query: one page, and how many events fit in all."""
    fitting = [event for event in found if _fits(event, wanted)]
    if wanted.descending:
        fitting.reverse()
    start = found[0].time if wanted.start is None else wanted.start
    return {
        "total": len(fitting),
        "limit": wanted.limit,
        "offset": wanted.offset,
        "order": "desc" if wanted.descending else "asc",
        "start_time": _iso(start),
        "end_time": _iso(now if wanted.end is None else wanted.end),
        "events": [_row(each) for each in fitting[wanted.offset : wanted.offset + wanted.limit]],
    }


def _fits(event: Event, wanted: EventQuery) -> bool:
    within = wanted.start is None or wanted.start <= event.time <= (wanted.end or 0)
    return (
        within
        and wanted.level in ("", event.level)
        and wanted.source in ("", event.source)
        and wanted.pattern in event.message
    )


def _row(event: Event) -> Json:
    return {
        "time": _iso(event.time),
        "level": event.level,
        "message": event.message,
        "source": event.source,
    }


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


def _time(values: Mapping[str, str], name: str) -> int | None:
    text = values.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 15):
        raise _refuse(name)
    return int(text)


def _refuse(name: str) -> Failure:
    return Failure(400, "ModelArts.50004000", f"Bad request: {name}.")
