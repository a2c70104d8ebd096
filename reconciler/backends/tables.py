"""The tables of a state in PostgreSQL, and how a schema gets to the present version of them.

`{s}` stands for the schema's quoted name. A migration is never changed once it was released; a
new one is added.
"""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE {s}.stack (
        name text PRIMARY KEY,
        fence bigint NOT NULL DEFAULT 0,
        snapshot bigint NOT NULL DEFAULT 0,
        holder text
    );
    CREATE TABLE {s}.snapshot (
        stack text NOT NULL REFERENCES {s}.stack (name),
        number bigint NOT NULL,
        fence bigint NOT NULL,
        saved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        body bytea NOT NULL,
        PRIMARY KEY (stack, number)
    );
    CREATE TABLE {s}.journal (
        stack text NOT NULL,
        snapshot bigint NOT NULL,
        place integer NOT NULL,
        fence bigint NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (stack, snapshot, place),
        FOREIGN KEY (stack, snapshot) REFERENCES {s}.snapshot (stack, number) ON DELETE CASCADE
    );
    """,
)
"""Each step leads from the version that is its index to the next one."""

LEDGER = """
    CREATE TABLE IF NOT EXISTS {s}.migration (
        version integer PRIMARY KEY,
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
"""

LOCKER = """(
    SELECT pid FROM pg_catalog.pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
    AND (classid::bigint << 32) | objid::bigint = %(key)s
)"""
"""The server's process that holds the lock of the stack, if one does; stands for `{locker}`."""

SESSION = """
    SELECT
    set_config('synchronous_commit',
        CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
        ELSE current_setting('synchronous_commit') END, false),
    set_config('tcp_keepalives_idle', '10', false),
    set_config('tcp_keepalives_interval', '5', false),
    set_config('tcp_keepalives_count', '3', false),
    set_config('statement_timeout', '60s', false),
    CASE WHEN current_setting('idle_session_timeout', true) IS NOT NULL
        THEN set_config('idle_session_timeout', '0', false) END
"""
"""A commit is durable, a dead client is noticed within 25 s, and a quiet lock is not cut."""

LOCK = "SELECT pg_try_advisory_lock(%(key)s)"
UNLOCK = "SELECT pg_advisory_unlock(%(key)s)"
ENTER = "INSERT INTO {s}.stack (name) VALUES (%(stack)s) ON CONFLICT DO NOTHING"
TAKE = """
    UPDATE {s}.stack SET fence = fence + 1, holder = %(holder)s
    WHERE name = %(stack)s AND (%(after)s::bigint IS NULL OR fence = %(after)s)
    RETURNING fence, {locker} IS NOT DISTINCT FROM pg_backend_pid()
"""
"""Take the next fencing number; tells whether the lock is this very session's."""

LEAVE = "UPDATE {s}.stack SET holder = NULL WHERE name = %(stack)s AND fence = %(fence)s"
LAST = "SELECT fence, holder FROM {s}.stack WHERE name = %(stack)s"
HOLDER = "SELECT holder FROM {s}.stack WHERE name = %(stack)s AND {locker} IS NOT NULL"
BREAK = "SELECT pg_terminate_backend({locker})"

ADD = """
    WITH mine AS (
        SELECT fence FROM {s}.stack
        WHERE name = %(stack)s AND fence = %(fence)s AND snapshot = %(number)s
        AND {locker} = pg_backend_pid()
        FOR UPDATE
    )
    INSERT INTO {s}.journal (stack, snapshot, place, fence, body)
    SELECT %(stack)s, %(number)s, %(place)s, fence, %(body)s FROM mine
"""
"""Store a segment, if the lock is this session's and no later number was taken."""

ADDED = """
    SELECT body = %(body)s AND fence = ANY(%(fences)s) FROM {s}.journal
    WHERE stack = %(stack)s AND snapshot = %(number)s AND place = %(place)s
"""

PUT = """
    WITH mine AS (
        UPDATE {s}.stack SET snapshot = %(number)s + 1
        WHERE name = %(stack)s AND fence = %(fence)s AND snapshot = %(number)s
        AND {locker} = pg_backend_pid()
        RETURNING fence
    )
    INSERT INTO {s}.snapshot (stack, number, fence, body)
    SELECT %(stack)s, %(number)s + 1, fence, %(body)s FROM mine
"""
"""Put a snapshot in force, on the same conditions."""

IS_PUT = """
    SELECT body = %(body)s AND fence = ANY(%(fences)s) FROM {s}.snapshot
    WHERE stack = %(stack)s AND number = %(number)s + 1
"""

PRUNE = "DELETE FROM {s}.snapshot WHERE stack = %(stack)s AND number <= %(number)s - %(kept)s"

READ = """
    SELECT s.number, s.body, ARRAY(
        SELECT j.body FROM {s}.journal j
        WHERE j.stack = s.stack AND j.snapshot = s.number ORDER BY j.place
    )
    FROM {s}.stack t JOIN {s}.snapshot s ON s.stack = t.name AND s.number = t.snapshot
    WHERE t.name = %(stack)s
"""
HISTORY = """
    SELECT number, saved_at, body FROM {s}.snapshot WHERE stack = %(stack)s ORDER BY number DESC
"""
KEPT = "SELECT body FROM {s}.snapshot WHERE stack = %(stack)s AND number = %(number)s"

VERSION = "SELECT max(version) FROM {s}.migration"
MIGRATED = "INSERT INTO {s}.migration (version) VALUES (%(version)s)"
MIGRATING = "SELECT pg_advisory_xact_lock(%(key)s), to_regnamespace(%(schema)s) IS NOT NULL"
CREATE = "CREATE SCHEMA IF NOT EXISTS {s}"
