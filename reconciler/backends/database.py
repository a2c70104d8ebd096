"""A database that keeps state: how to reach it, its tables, and its errors as ours."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from psycopg import sql

from reconciler.backends import tables
from reconciler.backends.segments import Contents
from reconciler.errors import StateError, StateVersionError

Connection = psycopg.Connection[Any]

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


def execute(
    connection: Connection, place: Place, text: str, values: dict[str, Any]
) -> psycopg.Cursor[Any]:
    """Run a statement, into which the place's names and the values are put."""
    names = {"stack": place.stack, "key": place.key}
    return connection.execute(place.query(text), names | values)


def contents(row: Any) -> Contents:
    """Return what a row of `tables.READ` holds."""
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
