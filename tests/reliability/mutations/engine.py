"""Mutations of the engine: intents before requests, outcomes after them, exactly one create."""

from tests.reliability.mutations.mutation import Mutation

EXECUTOR = "reconciler/engine/executor.py"
CREATION = "reconciler/engine/creation.py"
DELETION = "reconciler/engine/deletion.py"
JOURNAL = "reconciler/engine/journal.py"
ENGINE = ("tests/unit/engine",)
KILLS = ("tests/unit/engine/test_kills.py",)
CREATING = ("tests/unit/engine/test_creating.py", "tests/unit/engine/test_late_jobs.py")
DELETING = ("tests/unit/engine/test_deleting.py",)

MUTATIONS = (
    # Intents before requests, outcomes after them.
    Mutation(
        "delete: intent after the request",
        EXECUTOR,
        """        self._open("replace" if action.kind is ActionKind.REPLACE else "delete", action)
        try:
            self.context.provider.delete(action.job_id or "")
""",
        """        try:
            self.context.provider.delete(action.job_id or "")
            self._open("replace" if action.kind is ActionKind.REPLACE else "delete", action)
""",
        KILLS,
    ),
    Mutation(
        "intent never written",
        EXECUTOR,
        "        self.journal.append(Opened(intent=intent))\n        return intent\n",
        "        return intent\n",
        KILLS,
    ),
    Mutation(
        "create: outcome not recorded",
        EXECUTOR,
        """        self.journal.append(Recorded(address=intent.address, record=record))
        return record

    def _delete(
""".rstrip("\n"),
        """        return record

    def _delete(
""".rstrip("\n"),
        CREATING,
    ),
    Mutation(
        "version: outcome not recorded",
        EXECUTOR,
        """        self.journal.append(Recorded(address=intent.address, record=record))
        return record

    def _go_on_once_gone(
""".rstrip("\n"),
        """        return record

    def _go_on_once_gone(
""".rstrip("\n"),
        ENGINE,
    ),
    Mutation(
        "version: sent again after a lost answer",
        "reconciler/engine/versioning.py",
        "            return self._after_lost_answer(lost)\n",
        "            made = provider.create_version(job_id, self.intent.version_id, result.spec)\n",
        ENGINE,
    ),
    Mutation(
        "replace: first half not recorded",
        EXECUTOR,
        """        self.journal.append(Removed(address=action.address, job_id=action.job_id or ""))
""",
        "",
        ENGINE,
    ),
    Mutation(
        "create: closed although it may be sent",
        EXECUTOR,
        "            if not creation.maybe_sent:\n",
        "            if True:\n",
        ENGINE,
    ),
    Mutation(
        "delete: closed after a lost answer",
        EXECUTOR,
        "            return Accepted(certain=False)\n",
        "            self.journal.append(Closed(address=action.address))\n            raise\n",
        ENGINE,
    ),
    Mutation(
        "delete: aimed at the name",
        EXECUTOR,
        '            self.context.provider.delete(action.job_id or "")\n',
        """            found = self.context.provider.find(action.name)
            self.context.provider.delete(found[0].job_id if found else action.job_id or "")
""",
        ENGINE,
    ),
    Mutation(
        "late job not recorded",
        EXECUTOR,
        "            self.journal.append(Recorded(address=intent.address, record=late.record))\n",
        "",
        ENGINE,
    ),
    Mutation(
        "stop: new actions begun nevertheless",
        EXECUTOR,
        "            self.context.stop.is_set()\n            or self.journal",
        "            self.journal",
        ("tests/unit/engine/test_interrupts.py",),
    ),
    Mutation(
        "parallelism not bounded",
        EXECUTOR,
        "while self._running < self.context.parallelism and not",
        "while not",
        ENGINE,
    ),
    # Group commit.
    Mutation(
        "group commit: acknowledged before the append",
        JOURNAL,
        "            while entries and not batch.is_durable:\n",
        "            if entries and not batch.is_durable:\n",
        ("tests/unit/engine/test_journal.py",),
    ),
    Mutation(
        "group commit: goes on after a failure",
        JOURNAL,
        "                self._failure = failure\n",
        "                batch.is_durable = True\n",
        ("tests/unit/engine/test_journal.py",),
    ),
    # Creating exactly once.
    Mutation(
        "create: blind retry after a lost answer",
        CREATION,
        "                found = self._after_lost_answer(lost)\n",
        "                found, self.maybe_sent, self._lost = None, True, self._lost + 1\n",
        CREATING,
    ),
    Mutation(
        "create: a stranger's equal job claimed",
        CREATION,
        "        if self._lost and (found :=",
        "        if (found :=",
        CREATING,
    ),
    Mutation(
        "create: failure after a loss says no effect",
        CREATION,
        "        self.maybe_sent = True\n        self._lost += 1\n",
        "        self._lost += 1\n",
        CREATING,
    ),
    Mutation(
        "adopt: how the run ended is not recorded",
        "reconciler/engine/apply.py",
        """        if ended := self._observed(journal.state, prepared.listing):
            journal.append(*ended)
""",
        "",
        ("tests/unit/engine/test_jobs.py",),
    ),
    # Deleting.
    Mutation(
        "delete: gone as soon as the list says so",
        EXECUTOR,
        """        else:
            return Accepted()
        if action.kind""",
        "        if action.kind",
        DELETING,
    ),
    Mutation(
        "delete: one bad status believed",
        DELETION,
        "_CONFIRMATIONS = 3\n",
        "_CONFIRMATIONS = 1\n",
        DELETING,
    ),
    Mutation(
        "delete: lost request never repeated",
        DELETION,
        "        if awaited.certain or awaited.polls % _PATIENCE:\n",
        "        if True:\n",
        DELETING,
    ),
)
