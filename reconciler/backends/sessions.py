"""The session that writes a state in PostgreSQL: its lock, its fencing number, its writes.

It holds an advisory lock, which is gone with its connection. Each lock takes the next fencing
number of its stack, and each write is one statement or transaction that happens only if its own
session holds the lock and its number is still the last one. A session that was cut can thus never
write, whatever is still under way.

When the connection breaks, the writer takes the lock anew, provided that nobody had it since
(the fencing number says so), looks whether its last write is there, and goes on.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg

from reconciler.backends import tables
from reconciler.backends.database import (
    Connection,
    Place,
    check_session,
    contents,
    execute,
    explained,
    migrate,
    shared,
)
from reconciler.backends.holder import Holder, from_bytes, locked, this_process, to_bytes
from reconciler.backends.segments import KEPT, Contents
from reconciler.errors import StateError

POLL = 0.1
"""Seconds between two looks at a lock that someone else holds."""


@dataclass(frozen=True, slots=True)
class _Write:
    """A write: its statement, and the one that tells whether it took place, and was ours."""

    statement: str
    look: str
    values: dict[str, Any]


class PostgresSession:
    """The connection that holds a stack's lock, and writes."""

    def __init__(self, place: Place, command: str, *, recovery: float) -> None:
        """Take the place and the command that runs; `begin` connects."""
        self._place = place
        self._recovery = recovery
        self._me = to_bytes(this_process(command)).decode()
        self._connection: Connection | None = None
        self._fence = 0
        self._fences: list[int] = []

    def begin(self, timeout: float) -> None:
        """Connect, bring the tables up to date, take the lock and the next fencing number.

        Raises `StateLockedError` after `timeout` seconds, and `StateError`.
        """
        with explained("lock", self._place):
            self._connection = self._place.connect()
            try:
                check_session(self._connection, self._place)
                migrate(self._connection, self._place)
                self._wait(timeout)
                self._take()
            except BaseException:
                self._connection.close()
                raise

    def end(self) -> None:
        """Give the lock back; closing the connection frees it whatever else happens."""
        if self._connection is None:
            return
        with suppress(psycopg.Error):
            self._run(tables.LEAVE)
            self._run(tables.UNLOCK)
        self._connection.close()

    def load(self) -> Contents | None:
        """Return what is stored; under the lock nobody else can change it."""
        with explained("read", self._place):
            row = self._run(tables.READ).fetchone()
        return contents(row) if row else None

    def add(self, number: int, place: int, segment: bytes) -> None:
        """Store a segment in one statement, which is one durable commit."""
        values = {"number": number, "place": place, "body": segment}
        self._write(_Write(tables.ADD, tables.ADDED, values))

    def replace(self, number: int, places: int, snapshot: bytes) -> None:  # noqa: ARG002
        """Put the next snapshot in force in one statement, then let old ones go."""
        self._write(_Write(tables.PUT, tables.IS_PUT, {"number": number, "body": snapshot}))
        with suppress(psycopg.Error):  # the next checkpoint prunes as well
            self._run(tables.PRUNE, number=number, kept=KEPT)

    def _write(self, write: _Write) -> None:
        """Write once; after a broken connection look, and write again only if it is not there."""
        deadline: float | None = None
        with explained("write", self._place):
            while True:
                try:
                    if deadline is not None and self._is_there(write):
                        return
                    if self._run(write.statement, **write.values).rowcount == 0:
                        raise self._lost()
                except psycopg.OperationalError as error:
                    if not self._is_broken:
                        raise
                    deadline = deadline or time.monotonic() + self._recovery
                    self._resume(error, deadline)
                else:
                    return

    def _is_there(self, write: _Write) -> bool:
        row = self._run(write.look, **write.values, fences=self._fences).fetchone()
        if row is not None and not row[0]:
            raise self._lost()
        return row is not None

    @property
    def _is_broken(self) -> bool:
        return self._connection is None or self._connection.closed

    def _resume(self, cause: psycopg.Error, deadline: float) -> None:
        """Take the lock anew on a new connection, if nobody had it since; else `StateError`."""
        while time.monotonic() < deadline:
            try:
                self._connection = self._place.connect()
                if self._try_lock():
                    return self._take(after=self._fence)
                if (holder := self._other()) is not None:
                    raise self._lost(holder)
                self._connection.close()
            except psycopg.OperationalError as error:
                cause = error
            time.sleep(POLL)
        raise cause

    def _other(self) -> Holder | None:
        """Return the holder that came after us, or None while it is our own old session."""
        row = self._run(tables.LAST).fetchone()
        is_other = row is not None and row[0] != self._fence
        return from_bytes((row[1] or "").encode()) if is_other and row else None

    def _wait(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not self._try_lock():
            if time.monotonic() >= deadline:
                row = self._run(tables.HOLDER).fetchone()
                holder = from_bytes(((row and row[0]) or "").encode())
                raise locked(self._place.shown, holder, now=datetime.now(UTC), waited=timeout)
            time.sleep(POLL)

    def _try_lock(self) -> bool:
        row = self._run(tables.LOCK).fetchone()
        return bool(row and row[0])

    def _take(self, after: int | None = None) -> None:
        """Take the next fencing number, which fences off every session before this one.

        With `after` only if that is still the last one. Raises `StateError` otherwise, or when
        this connection does not lead to one session: behind a pooler that shares them.
        """
        self._run(tables.ENTER)
        row = self._run(tables.TAKE, holder=self._me, after=after).fetchone()
        if row is None:
            raise self._lost()
        self._fence = row[0]
        self._fences.append(self._fence)
        if not row[1]:
            raise shared(self._place)

    def _lost(self, holder: Holder | None = None) -> StateError:
        """Tell why a write did not take place: the lock went to someone else, or to no one."""
        holder = holder or self._other()
        if holder is None and not self._is_broken:
            return shared(self._place)
        who = f"{holder.user} on {holder.host}" if holder and holder.user else "someone else"
        return StateError(
            "The lock of the state was lost",
            f"The connection to {self._place.shown} broke, and {who} took the lock meanwhile. "
            "Nothing was written since.",
            "Run the command again: it begins with what was recorded.",
        )

    def _run(self, text: str, **values: Any) -> psycopg.Cursor[Any]:
        if self._connection is None:
            raise psycopg.OperationalError("not connected")
        values |= {"fence": self._fence}
        return execute(self._connection, self._place, text, values)
