"""What users, strangers and the platform do in a random history, and what holds after each step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reconciler.engine.jobs import adopt, stop_jobs
from reconciler.engine.outcomes import read_status
from reconciler.engine.records import Records
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob, Lifecycle, Status
from reconciler.model.spec import JobSpec
from reconciler.planning.guards import Consent
from reconciler.planning.planner import Selection
from tests.reliability.chaos import Script
from tests.reliability.machine import CALM, Stack, World, request

ADDRESSES = [Address(each) for each in "abc"]
NAMES = ["n1", "n2", "n3", "n4"]
LIFECYCLES = [
    Lifecycle(),
    Lifecycle(on_failure="retry", max_attempts=2),
    Lifecycle(on_failure="retry", max_attempts=3),
    Lifecycle(on_failure="retry", max_attempts=3, on_missing="recreate"),
    Lifecycle(retain=True),
    Lifecycle(protect=True),
    Lifecycle(on_failure="retry", max_attempts=3, protect=True),
    Lifecycle(on_missing="recreate"),
    Lifecycle(on_missing="error"),
    Lifecycle(ttl_after_finished=0),
    Lifecycle(on_change="new_version"),
    Lifecycle(on_change="keep"),
    Lifecycle(on_change="keep", ttl_after_finished=0),
    Lifecycle(ttl_after_finished=30),
    Lifecycle(on_failure="retry", max_attempts=2, ttl_after_finished=30),
]
EDITS = [
    *(("name", name) for name in NAMES),
    *(("lr", lr) for lr in ("0.1", "0.2", "1")),
    *(("description", text) for text in ("", "ours", "new")),
    *(("workers", count) for count in (1, 2)),
    *(("lifecycle", each) for each in LIFECYCLES),
    *(("needs", how) for how in (True, True, True, False)),
    ("drop", None),
    ("drop", None),
    *(("key", address) for address in ADDRESSES),
]
KINDS = [
    *("die before", "die after", "torn", "lost before", "lost after", "late"),
    *("refused", "unreachable", "rival", "stop"),
]
ENDS = [Status.SUCCEEDED] * 2 + [Status.FAILED] * 4 + [Status.STOPPED]
STRANGERS = [
    *(("status", status) for status in (*ENDS, Status.RUNNING, Status.UNKNOWN)),
    ("remove", None),
    ("remove", None),
    ("version", "0.1"),
    ("version", "7"),
    ("recreate", None),
    ("recreate", "7"),
    ("describe", "theirs"),
    ("describe", ""),
    ("add", "0.1"),
    ("add", "7"),
]
MOODS = [
    *(("list_lag", lists) for lists in (0, 1, 2)),
    *(("delete_lag", lists) for lists in (0, 1, 3, None)),
    *(("name_hold", seconds) for seconds in (0.0, 5.0, 60.0)),
    *(("refuses", name) for name in NAMES),
    *(("room", jobs) for jobs in (0, 1, 10_000)),
]
WHICH = st.sampled_from([0, 0, 0, 0, 1])
POINTS = st.sampled_from(range(1, 25))
FAULTS: st.SearchStrategy[Script] = st.dictionaries(
    POINTS, st.sampled_from(KINDS), min_size=1, max_size=3
)
SCRIPTS = st.one_of(st.just(CALM), FAULTS, FAULTS)
SELECTIONS = st.sampled_from([Selection()] * 6 + [Selection(("a",)), Selection((), ("b",))])
FREELY = Consent(interrupt_running=True)
CONSENTS = st.sampled_from([FREELY] * 4 + [Consent()])
CHANGES = st.lists(st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(EDITS)), max_size=2)
DEEDS = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(STRANGERS)), max_size=2)


def spec(name: str, **overrides: object) -> JobSpec:
    """Return a configuration that differs from others in little."""
    fields = {"name": name, "flavor": "modelarts.vm.cpu.8u", "parameters": {"lr": "0.1"}}
    return JobSpec.model_validate(fields | overrides)


def _before(address: Address, others: Sequence[Address]) -> tuple[Address, ...]:
    """Return those that a job may depend on, so that no circle comes about."""
    return tuple(each for each in others if each < address)


Step = tuple[str, Mapping[str, Any]]
"""One step of a history: the rule and its arguments, which are plain values."""


def _noted(function: Callable[..., None]) -> Callable[..., None]:
    """Keep each step in the machine's program, so that it can be replayed and made shorter."""

    @wraps(function)
    def step(self: "Histories", **arguments: Any) -> None:
        self.program.append((function.__name__, arguments))
        function(self, **arguments)

    return step


class Histories(RuleBasedStateMachine):
    """Two stacks on one platform whose few names collide."""

    sequences = 0
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.program: list[Step] = []

    @initialize(
        disks=st.sampled_from([False] * 7 + [True]),
        lifecycles=st.lists(st.sampled_from(LIFECYCLES), min_size=1, max_size=3),
        script=SCRIPTS,
    )
    @_noted
    def begin(self, disks: bool, lifecycles: list[Lifecycle], script: Script) -> None:
        self.world = World()
        for _ in range(2):
            self.world.add_stack(on_disk=disks)
        stack = self.world.stacks[0]
        for address, name, lifecycle in zip(ADDRESSES, NAMES, lifecycles, strict=False):
            stack.desired[address] = DesiredJob(address, spec(name), lifecycle)
        self.world.apply(stack, request(stack), script)

    def stack(self, which: int) -> Stack:
        return self.world.stacks[which]

    # What users write.

    def edit(self, which: int, address: Address, edit: tuple[str, object]) -> None:
        wanted = self.stack(which).desired
        taken = {job.spec.name for job in wanted.values()}
        free = next(name for name in NAMES if name not in taken)
        what, value = edit
        job = wanted.get(address) or DesiredJob(address, spec(free))
        if what == "drop":
            wanted.pop(address, None)
            return
        if what == "key":
            wanted.pop(address, None)
            address = Address(str(value))
            job = replace(job, address=address, depends_on=_before(address, job.depends_on))
        elif what == "name":
            for other in [each for each in wanted.values() if each.spec.name == value]:
                swapped = other.spec.model_copy(update={"name": job.spec.name})
                wanted[other.address] = replace(other, spec=swapped)
        if what == "lifecycle":
            assert isinstance(value, Lifecycle)
            job = replace(job, lifecycle=value)
        elif what == "needs":
            job = replace(job, depends_on=_before(address, ADDRESSES) if value else ())
        elif what != "key":
            update = {"parameters": {"lr": value}} if what == "lr" else {what: value}
            job = replace(job, spec=job.spec.model_copy(update=update))
        wanted[address] = job

    # What users run.

    @rule(
        which=WHICH,
        changes=CHANGES,
        deeds=DEEDS,
        script=SCRIPTS,
        width=st.sampled_from([1, 1, 4]),
        consent=CONSENTS,
        selection=SELECTIONS,
        fail_fast=st.booleans(),
        adopting=st.booleans(),
    )
    @_noted
    def apply(
        self,
        which: int,
        changes: list[tuple[Address, tuple[str, object]]],
        deeds: list[tuple[int, tuple[str, object]]],
        script: Script,
        width: int,
        consent: Consent,
        selection: Selection,
        fail_fast: bool,
        adopting: bool,
    ) -> None:
        """What most of a history is made of: something changed, somewhere, and an apply."""
        self._change(which, changes, deeds)
        stack = self.stack(which)
        asked = request(stack, consent=consent, adopt=adopting, selection=selection)
        self.world.apply(stack, asked, script, width=width, fail_fast=fail_fast)

    @rule(which=WHICH, changes=CHANGES, deeds=DEEDS, adopting=st.booleans())
    @_noted
    def apply_undisturbed(
        self,
        which: int,
        changes: list[tuple[Address, tuple[str, object]]],
        deeds: list[tuple[int, tuple[str, object]]],
        adopting: bool,
    ) -> None:
        """The same without a fault, so that it must come to rest."""
        self._change(which, changes, deeds)
        stack = self.stack(which)
        asked = request(stack, consent=FREELY, adopt=adopting)
        self.world.apply(stack, asked, width=4)

    def _change(
        self,
        which: int,
        changes: list[tuple[Address, tuple[str, object]]],
        deeds: list[tuple[int, tuple[str, object]]],
    ) -> None:
        for address, change in changes:
            self.edit(which, address, change)
        for number, deed in deeds:
            self.stranger(number, deed)
        self.check()

    @rule(which=WHICH, script=SCRIPTS, approved=st.sampled_from([True, True, True, False]))
    @_noted
    def destroy(self, which: int, script: Script, approved: bool) -> None:
        stack = self.stack(which)
        self.world.apply(stack, request(stack, desired={}), script, approved=approved)

    @rule(
        which=WHICH,
        changes=CHANGES,
        deeds=DEEDS,
        script=SCRIPTS,
        consent=CONSENTS,
        keeping=st.sampled_from(["file", "digest", "nothing"]),
    )
    @_noted
    def apply_reviewed(
        self,
        which: int,
        changes: list[tuple[Address, tuple[str, object]]],
        deeds: list[tuple[int, tuple[str, object]]],
        script: Script,
        consent: Consent,
        keeping: str,
    ) -> None:
        """Apply what was reviewed, the kept plan or whatever has its digest; or review anew."""
        stack = self.stack(which)
        for address, change in changes:
            self.edit(which, address, change)
        if stack.saved is None or keeping == "nothing":
            self.world.save_plan(stack, request(stack, consent=consent))
        for number, deed in deeds:
            self.stranger(number, deed)
        self.check()
        if stack.saved and keeping == "digest":
            asked = request(stack, consent=consent)
            self.world.apply(stack, asked, script, expect=stack.saved.plan.digest)
        elif stack.saved:
            self.world.apply_saved(stack, script, consent, 1)

    @rule(which=WHICH, script=SCRIPTS)
    @_noted
    def plan(self, which: int, script: Script) -> None:
        self.world.plan(self.stack(which), request(self.stack(which)), script)

    @rule(which=WHICH, script=SCRIPTS, stopping=st.booleans())
    @_noted
    def wait_or_stop(self, which: int, script: Script, stopping: bool) -> None:
        stack = self.stack(which)
        state = stack.store.read()
        if state is None:
            return
        known = sorted(state.records)
        if stopping:
            self.world.run(stack, script, lambda c: stop_jobs(c, known[:1], timeout=5))
        else:
            self.world.wait(stack, script)
        self.world.run(stack, CALM, read_status)

    @rule(
        which=WHICH,
        script=SCRIPTS,
        address=st.sampled_from(ADDRESSES),
        by_id=st.booleans(),
    )
    @_noted
    def adopt(self, which: int, script: Script, address: Address, by_id: bool) -> None:
        stack = self.stack(which)
        wanted = stack.desired.get(address)
        jobs = {job.name: job.job_id for job in self.world.platform.jobs}
        job_id = jobs.get(wanted.spec.name) if wanted else None
        state = stack.store.read()
        recorded = state is not None and address in state.records
        if wanted is None or job_id is None or (recorded and by_id):
            return
        stack.ledger.adopting(wanted, job_id)
        self.world.run(
            stack, script, lambda c: adopt(c, request(stack), address, job_id if by_id else None)
        )

    @rule(
        which=WHICH,
        script=SCRIPTS,
        number=st.integers(0, 2),
        into=st.sampled_from([*ADDRESSES, None]),
    )
    @_noted
    def move_or_remove(self, which: int, script: Script, number: int, into: Address | None) -> None:
        stack = self.stack(which)
        state = stack.store.read()
        if state is None or not state.records:
            return
        source = sorted(state.records)[number % len(state.records)]
        if into:
            self.world.run(stack, script, lambda c: Records(c.backend, "mv").move(source, into))
            stack.ledger.chain.clear()
        else:
            self.world.late.advance(100)
            self.world.run(stack, script, lambda c: Records(c.backend, "rm").remove([source]))
            stack.ledger.release_unrecorded()

    @rule(which=WHICH, back=st.integers(0, 3), script=SCRIPTS)
    @_noted
    def restore(self, which: int, back: int, script: Script) -> None:
        stack = self.stack(which)
        kept = stack.store.history()
        if len(kept) > back + 1:
            self.world.late.advance(100)
            name = kept[back].name
            self.world.run(stack, script, lambda c: Records(c.backend, "restore").restore(name))
            stack.ledger.release_unrecorded()
            stack.ledger.succeeded.clear()

    # What strangers and the platform do.

    @rule(deeds=DEEDS)
    @_noted
    def strangers(self, deeds: list[tuple[int, tuple[str, object]]]) -> None:
        for number, deed in deeds:
            self.stranger(number, deed)

    def stranger(self, number: int, deed: tuple[str, object]) -> None:
        platform = self.world.platform
        what, value = deed
        present = {job.name: job for job in platform.jobs}
        names = NAMES if what == "add" else sorted(present)
        if not names:
            return
        name = names[number % len(names)]
        other = spec(name, parameters={"lr": str(value or "0.1")})
        if what == "add":
            if not platform.is_taken(name):
                platform.add(other)
            return
        job_id = present[name].job_id
        if what == "status":
            assert isinstance(value, Status)
            if not present[name].status.is_final:
                platform.set_status(name, value, 1000)
                if value is Status.SUCCEEDED:
                    self.world.succeeded.add(job_id)
        elif what == "remove":
            self.world.remove(job_id)
            platform.remove(name)
        elif what == "describe":
            platform.change_description(name, str(value))
        elif what == "version":
            platform.add_version(name, other)
            self.world.tamper(job_id)
        else:
            self.world.remove(job_id)
            platform.recreate(name, other if value else None)

    @rule(mood=st.sampled_from(MOODS))
    @_noted
    def mood(self, mood: tuple[str, object]) -> None:
        what, value = mood
        platform = self.world.platform
        if what == "refuses":
            platform.refuses_deletes ^= {str(value)}
        elif what == "room":
            assert isinstance(value, int)
            platform.quota = value + len(platform.jobs)
        else:
            setattr(platform, what, value)

    @rule(everything=st.booleans())
    @_noted
    def time_passes(self, everything: bool) -> None:
        if everything:
            self.world.settle()
            self.world.platform.finish_deletions()
        else:
            self.world.clock.pause(1.0)

    # What must hold.

    @invariant()
    def check(self) -> None:
        if hasattr(self, "world"):
            Histories.steps += 1
            self.world.check()

    def teardown(self) -> None:
        """In the end all is quiet: one apply each puts everything right."""
        if not hasattr(self, "world"):
            return
        try:
            self.finish()
        finally:
            self.world.close()
        Histories.sequences += 1

    def finish(self) -> None:
        platform = self.world.platform
        platform.refuses_deletes.clear()
        platform.list_lag, platform.delete_lag, platform.quota = 0, 0, 10_000
        self.world.settle()
        platform.finish_deletions()
        for stack in self.world.stacks:
            for _ in range(3):
                self.world.apply(stack, request(stack))
                self.world.check()
