"""State in PostgreSQL: the home of psycopg.

The session that writes holds an advisory lock, which is gone with its connection. Each lock
takes the next fencing number of its stack, and each write is one statement or transaction that
happens only if its own session holds the lock and its number is still the last one. A session
that was cut can thus never write, whatever is still under way.

When the connection breaks, the writer takes the lock anew, provided that nobody had it since
(the fencing number says so), looks whether its last write is there, and goes on.
"""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from reconciler.backends import codec, tables
from reconciler.backends.holder import Holder, from_bytes, locked, this_process, to_bytes
from reconciler.backends.sealing import NoSeal, Seal
from reconciler.backends.segments import (
    KEPT,
    Contents,
    SegmentWriter,
    snapshot_name,
    snapshot_number,
    understood,
    unknown_snapshot,
)
from reconciler.backends.signing import Author
from reconciler.errors import StateError, StateVersionError, UsageError
from reconciler.model.state import SnapshotInfo, State

Connection = psycopg.Connection[Any]

POLL = 0.1
"""Seconds between two looks at a lock that someone else holds."""

_NAME_SIZE = 63
"""Bytes that PostgreSQL keeps of a name; it would cut a longer one silently."""

RECOVERY = 30.0
"""Seconds for which a writer tries to get a broken connection and its lock back."""

DEFAULTS = {
    "application_name": "reconciler",
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
"""Connection parameters where the URL says nothing else: a dead peer is noticed within 30 s."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which database: connection parameters, the schema, the stack.

    `parameters` may hold a password; `shown` names the place without it.
    """

    parameters: dict[str, str]
    schema: str
    stack: str
    shown: str

    @property
    def key(self) -> int:
        """The advisory lock's key, a signed 64-bit number."""
        return _key(self.schema, self.stack)

    def query(self, text: str) -> sql.Composed:
        """Return a statement with the schema's name put in."""
        return sql.SQL(text).format(s=sql.Identifier(self.schema), locker=sql.SQL(tables.LOCKER))

    def connect(self) -> Connection:
        """Open a session that commits each statement, durably."""
        connection = psycopg.connect(
            **cast("dict[str, Any]", DEFAULTS | self.parameters),
            autocommit=True,
            prepare_threshold=None,  # a pooler may hand the next session to someone else
        )
        try:
            connection.execute(tables.SESSION)
        except BaseException:
            connection.close()
            raise
        return connection


def _key(*names: str) -> int:
    digest = hashlib.sha256("\0".join(("reconciler", *names)).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def open_database(
    url: str, schema: str, stack: str, author: Author, seal: Seal, shape: str
) -> "PostgresBackend":
    """Return the backend that a URL names; what it leaves out comes from `PG*` variables.

    Connects to nothing yet. Raises `UsageError`, which shows the shape that a URL must have.
    """
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        # The library's message may repeat a part of the password.
        raise UsageError("Not a place for state", "The URL is broken.", f"Write {shape}.") from None
    if not schema or "\0" in schema or len(schema.encode()) > _NAME_SIZE:
        raise UsageError("Not a place for state", "The schema has no proper name.")
    parameters = {name: str(value) for name, value in given.items()}
    return PostgresBackend(
        Place(parameters, schema, stack, _shown(parameters, schema)), author, seal
    )


def _shown(parameters: dict[str, str], schema: str) -> str:
    """Name a database for messages: the server, the database, the schema; no user, no password."""
    host = parameters.get("host") or os.environ.get("PGHOST") or "the local server"
    port = parameters.get("port") or os.environ.get("PGPORT") or ""
    database = parameters.get("dbname") or os.environ.get("PGDATABASE") or "its default database"
    return f"PostgreSQL at {host}{':' if port else ''}{port}, {database}, schema {schema}"


@dataclass(frozen=True, slots=True)
class _Write:
    """A write: its statement, and the one that tells whether it took place, and was ours."""

    statement: str
    look: str
    values: dict[str, Any]


class PostgresBackend:
    """One stack's state in a PostgreSQL database. Reading takes no lock and changes nothing."""

    def __init__(
        self,
        place: Place,
        author: Author | None = None,
        seal: Seal | None = None,
        *,
        recovery: float | None = None,
    ) -> None:
        """Take the place, and for how many seconds a broken connection is sought again."""
        self.place = place
        self._author = author or Author()
        self._seal = seal or NoSeal()
        self._recovery = RECOVERY if recovery is None else recovery

    def read(self) -> State | None:
        """Return the snapshot with the journal folded in, or None when there is none yet."""
        row = self._row(tables.READ)
        if row is None:
            return None
        return understood(_contents(row), self.place.stack, self.place.shown, self._seal).state

    @contextmanager
    def lock(self, *, command: str, timeout: float = 0.0) -> Iterator[SegmentWriter]:
        """Hold the right to write, waiting up to `timeout` seconds for another holder."""
        session = PostgresSession(self.place, command, recovery=self._recovery)
        session.begin(timeout)
        writer = SegmentWriter(
            session,
            self.place.stack,
            self.place.shown,
            partial(self._author.run, command),
            self._seal,
        )
        try:
            yield writer
        finally:
            writer.close()
            session.end()

    def holder(self) -> Holder | None:
        """Return who holds the lock, or None when it is free; a holder found is connected."""
        row = self._row(tables.HOLDER)
        return from_bytes((row[0] or "").encode()) if row else None

    def break_lock(self) -> None:
        """End the session that holds the lock. It takes the right to signal that session."""
        self._row(tables.BREAK)

    def history(self) -> Sequence[SnapshotInfo]:
        """Return the kept snapshots that are intact, newest first, the present one included."""
        found = []
        for number, saved_at, body in self._rows(tables.HISTORY):
            with suppress(StateError):
                name = snapshot_name(self.place.stack, number)
                data = self._seal.open(bytes(body), "snapshot", name)
                found.append(codec.info(data, name, saved_at.astimezone(UTC), name))
        return tuple(found)

    def restore(self, name: str) -> State:
        """Return a kept snapshot as it was, by the name that `history` gives."""
        number = snapshot_number(self.place.stack, name)
        row = self._row(tables.KEPT, number=number)
        if row is None:
            raise unknown_snapshot(name)
        where = f"{self.place.shown}, snapshot {number}"
        return codec.decode(self._seal.open(bytes(row[0]), "snapshot", where), where)

    def _row(self, text: str, **values: Any) -> Any:
        rows = self._rows(text, **values)
        return rows[0] if rows else None

    def _rows(self, text: str, **values: Any) -> list[Any]:
        """Run one reading statement; without tables there are no rows."""
        with explained("read", self.place), self.place.connect() as connection:
            check_version(connection, self.place)
            try:
                return _execute(connection, self.place, text, values).fetchall()
            except psycopg.errors.UndefinedTable:
                return []


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
        return _contents(row) if row else None

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
        return _execute(self._connection, self._place, text, values)


def _execute(
    connection: Connection, place: Place, text: str, values: dict[str, Any]
) -> psycopg.Cursor[Any]:
    names = {"stack": place.stack, "key": place.key}
    return connection.execute(place.query(text), names | values)


def _contents(row: Any) -> Contents:
    return Contents(row[0], bytes(row[1]), tuple(map(bytes, row[2])))


def check_session(connection: Connection, place: Place) -> None:
    """Refuse a pooler that lends one session of the server to many connections.

    Behind a pooler the server's process is not the one that the connection names. If it shares,
    a second connection gets the process that ours just had, or ours gets another one next.
    """
    first = _process(connection)
    if first == connection.info.backend_pid:
        return
    with place.connect() as other, other.transaction():
        if _process(other) == first or _process(connection) != first:
            raise shared(place)


def _process(connection: Connection) -> int | None:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row[0] if row else None


def shared(place: Place) -> StateError:
    """Return the error for a session that is not ours alone."""
    return StateError(
        "The lock does not hold",
        f"The session of {place.shown} that takes the lock need not be the one that writes: "
        "the connection leads through a pooler that shares sessions.",
        "Let the pooler work in session mode for this user, or connect to the server itself.",
    )


def check_version(connection: Connection, place: Place) -> int:
    """Return the version of the tables, 0 when there are none; refuses newer ones."""
    try:
        row = connection.execute(place.query(tables.VERSION)).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return 0
    version = int((row and row[0]) or 0)
    if version > len(tables.MIGRATIONS):
        raise StateVersionError(
            f"{place.shown} has tables of version {version}, made by a newer reconciler; "
            f"this one knows up to {len(tables.MIGRATIONS)}."
        )
    return version


def migrate(connection: Connection, place: Place) -> None:
    """Bring the tables to the present version, all steps in one transaction."""
    if check_version(connection, place) == len(tables.MIGRATIONS):
        return
    with connection.transaction():
        key = _key(place.schema)  # one at a time, whatever the stack
        quoted = sql.Identifier(place.schema).as_string()
        values = {"key": key, "schema": quoted}
        row = connection.execute(place.query(tables.MIGRATING), values).fetchone()
        if not (row and row[1]):
            connection.execute(place.query(tables.CREATE))
        connection.execute(place.query(tables.LEDGER))
        for version in range(check_version(connection, place), len(tables.MIGRATIONS)):
            connection.execute(place.query(tables.MIGRATIONS[version]))
            connection.execute(place.query(tables.MIGRATED), {"version": version + 1})


_HINTS: tuple[tuple[type[psycopg.Error], str], ...] = (
    (psycopg.errors.InsufficientPrivilege, "See docs/backends.md for the grants that it takes."),
    (psycopg.errors.ReadOnlySqlTransaction, "Name the primary server: this one is a replica."),
    (psycopg.errors.DiskFull, "Free some space on the server, then run the command again."),
)


@contextmanager
def explained(verb: str, place: Place) -> Iterator[None]:
    """Turn psycopg's errors into `StateError`; no password is ever part of one."""
    try:
        yield
    except psycopg.Error as error:
        hint = next((text for kind, text in _HINTS if isinstance(error, kind)), "")
        said = error.diag.message_primary or str(error).strip() or type(error).__name__
        if password := place.parameters.get("password"):
            said = said.replace(password, "…")
        raise StateError(
            f"Cannot {verb} the state",
            f"{place.shown}: {said}",
            hint or "What was recorded is kept. Check the server, then run the command again.",
        ) from error
