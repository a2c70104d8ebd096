"""Who holds a state's lock, as the lock itself tells and as people read it."""

import getpass
import os
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from reconciler.errors import StateLockedError
from reconciler.model.base import Model, Moment


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: user, host, process, the command it runs, and since when.

    A field that the lock does not tell is empty (`pid` 0, `since` None). `alive` is false only
    where a lock can outlive its holder.
    """

    user: str = ""
    host: str = ""
    pid: int = 0
    command: str = ""
    since: datetime | None = None
    alive: bool = True


class _Text(Model):
    holder: str
    host: str
    pid: int
    command: str
    since: Moment


def this_process(command: str) -> Holder:
    """Return the holder that this process is from now on."""
    return Holder(_user(), socket.gethostname(), os.getpid(), command, datetime.now(UTC))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user id, as in a bare container
        return str(os.getuid())


def to_bytes(holder: Holder) -> bytes:
    """Return a holder as the lock keeps it: one line of JSON."""
    text = _Text(
        holder=_printable(holder.user),
        host=_printable(holder.host),
        pid=holder.pid,
        command=_printable(holder.command),
        since=holder.since or datetime.now(UTC),
    )
    return text.model_dump_json().encode() + b"\n"


def _printable(text: str) -> str:
    """Return text that UTF-8 can hold: an argument of a command line need not be any."""
    return text.encode(errors="replace").decode()


def from_bytes(data: bytes) -> Holder:
    """Return the holder that a lock tells; one without fields when it tells nothing readable."""
    try:
        text = _Text.model_validate_json(data)
    except ValidationError:
        return Holder()
    return Holder(text.holder, text.host, text.pid, text.command, text.since)


def holder_words(holder: Holder, *, now: datetime) -> str:
    """Say who holds a lock, since when, and whether it is known to live."""
    facts = ", ".join(fact for fact in _facts(holder, now) if fact)
    return f"{facts}. {'It is alive.' if holder.alive else 'It no longer lives.'}"


def _facts(holder: Holder, now: datetime) -> list[str]:
    return [
        f"Held by {holder.user or 'someone unknown'}"
        + (f" on {holder.host}" if holder.host else ""),
        f"process {holder.pid}" if holder.pid else "",
        f"running `{holder.command}`" if holder.command else "",
        _since(holder.since, now),
    ]


def locked(where: str, holder: Holder, *, now: datetime, waited: float = 0.0) -> StateLockedError:
    """Return the error that names the holder; `waited` is in seconds."""
    facts = _facts(holder, now)
    after = f" after waiting {waited:g} s" if waited else ""
    return StateLockedError(
        "The state is locked",
        f"{', '.join(fact for fact in facts if fact)}.\n{where} is still locked{after}.",
        "Wait for it to end, or use --lock-timeout to wait here.",
    )


def _since(since: datetime | None, now: datetime) -> str:
    if since is None:
        return ""
    age = timedelta(seconds=max(0, round((now - since).total_seconds())))
    return f"since {since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} ({age} ago)"
