"""Mutations of what keeps state on a disk, and of what speaks to the platform."""

from tests.reliability.mutations.mutation import Mutation

DURABLE = "reconciler/backends/durable.py"
ON_DISK = "reconciler/backends/journal.py"
BACKENDS = ("tests/unit/backends", "tests/contract/test_backends.py")

MUTATIONS = (
    # On the disk.
    Mutation(
        "journal: follows ignored",
        ON_DISK,
        "    return base if header.follows < base.serial else fold(base, journal.entries)\n",
        "    return fold(base, journal.entries)\n",
        BACKENDS,
    ),
    Mutation(
        "journal: checksum ignored",
        ON_DISK,
        '    return body if b"%08x" % zlib.crc32(body, crc) == frame[1] else None\n',
        "    return body\n",
        BACKENDS,
    ),
    Mutation(
        "journal: torn tail not cut off",
        DURABLE,
        "        if os.fstat(self._descriptor).st_size != self._size:\n",
        "        if False:\n",
        BACKENDS,
    ),
    Mutation(
        "journal: append not flushed",
        DURABLE,
        "                os.fdatasync(self._descriptor)\n",
        "",
        BACKENDS,
    ),
    Mutation(
        "snapshot: not flushed before the rename",
        DURABLE,
        "        write_fully(descriptor, data)\n        os.fsync(descriptor)\n",
        "        write_fully(descriptor, data)\n",
        BACKENDS,
    ),
    Mutation(
        "snapshot: journal cleared first",
        "reconciler/backends/local.py",
        """            durable.replace(self._files.snapshot, snapshot)
            self._clear_journal(keep=is_damaged)
""",
        """            self._clear_journal(keep=is_damaged)
            durable.replace(self._files.snapshot, snapshot)
""",
        BACKENDS,
    ),
    Mutation(
        "snapshot: an earlier serial accepted",
        "reconciler/backends/local.py",
        "        if at and state.serial < at.serial:\n",
        "        if False:\n",
        BACKENDS,
    ),
    Mutation(
        "lock: shared",
        "reconciler/backends/lockfile.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        BACKENDS,
    ),
    Mutation(
        "restore: serial does not grow",
        "reconciler/engine/records.py",
        "current.serial if current else 0]) + 1\n",
        "current.serial if current else 0])\n",
        ("tests/unit/engine/test_records.py",),
    ),
    # On the wire.
    Mutation(
        "transport: a create repeated blindly",
        "reconciler/providers/patience.py",
        "                may_repeat = effect is not Effect.ONCE\n",
        "                may_repeat = True\n",
        ("tests/unit/providers/test_transport.py", "tests/unit/providers/test_v1_client.py"),
    ),
    Mutation(
        "transport: secrets told",
        "reconciler/providers/transport.py",
        "    words, code = clean(redact(verdict.words)), clean(redact(verdict.code))\n",
        "    words, code = clean(verdict.words), clean(verdict.code)\n",
        ("tests/unit/providers/test_transport.py", "tests/unit/providers/test_auth.py"),
    ),
)
