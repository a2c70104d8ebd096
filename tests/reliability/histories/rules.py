"""What users, strangers and the platform do in a random history, and what holds after each step."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reconciler.engine.jobs import adopt, stop_jobs
from reconciler.engine.outcomes import read_status
from reconciler.engine.records import Records
from reconciler.model.address import Address
from reconciler.model.job import DesiredJob, Lifecycle
from reconciler.planning.guards import Consent
from reconciler.planning.world import Selection
from tests.reliability.chaos import Script
from tests.reliability.histories.choices import (
    ANYWHERE,
    CHANGES,
    CONSENTS,
    DEEDS,
    FREELY,
    LIFECYCLES,
    MOODS,
    SCRIPTS,
    SELECTIONS,
    VALUES,
    WHICH,
    YIELDING,
)
from tests.reliability.histories.strangers import give_way, meddle
from tests.reliability.machine import CALM, Stack, World, request
from tests.reliability.secrecy import MARK
from tests.reliability.written import ADDRESSES, NAMES, SECRET, Edit, spec

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
    api = "v1"

    def __init__(self) -> None:
        super().__init__()
        self.program: list[Step] = []

    @initialize(
        disks=st.sampled_from([False] * 7 + [True]),
        lifecycles=st.lists(st.sampled_from(LIFECYCLES), min_size=1, max_size=3),
        script=SCRIPTS,
    )
    def begin(
        self, disks: bool, lifecycles: list[Lifecycle], script: Script, api: str | None = None
    ) -> None:
        api = api or self.api
        arguments = {"disks": disks, "lifecycles": lifecycles, "script": script, "api": api}
        self.program.append(("begin", arguments))
        self.world = World(api)
        for _ in range(2):
            stack = self.world.add_stack(on_disk=disks)
            stack.ledger.environment[SECRET] = f"{MARK}4711"
        stack = self.world.stacks[0]
        for address, name, lifecycle in zip(ADDRESSES, NAMES, lifecycles, strict=False):
            stack.written.jobs[address] = DesiredJob(address, spec(name), lifecycle)
        self.world.apply(stack, request(stack), script)

    def stack(self, which: int) -> Stack:
        return self.world.stacks[which]

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
        yielding=YIELDING,
    )
    @_noted
    def apply(
        self,
        which: int,
        changes: list[tuple[Address, Edit]],
        deeds: list[tuple[int, tuple[str, object]]],
        script: Script,
        width: int,
        consent: Consent,
        selection: Selection,
        fail_fast: bool,
        adopting: bool,
        yielding: bool = False,
    ) -> None:
        """What most of a history is made of: something changed, somewhere, and an apply."""
        self._change(which, changes, deeds, yielding=yielding)
        stack = self.stack(which)
        asked = request(stack, consent=consent, adopt=adopting, selection=selection)
        self.world.apply(stack, asked, script, width=width, fail_fast=fail_fast)

    @rule(which=WHICH, changes=CHANGES, deeds=DEEDS, adopting=st.booleans(), yielding=YIELDING)
    @_noted
    def apply_undisturbed(
        self,
        which: int,
        changes: list[tuple[Address, Edit]],
        deeds: list[tuple[int, tuple[str, object]]],
        adopting: bool,
        yielding: bool = False,
    ) -> None:
        """The same without a fault, so that it must come to rest."""
        self._change(which, changes, deeds, yielding=yielding)
        stack = self.stack(which)
        asked = request(stack, consent=FREELY, adopt=adopting)
        self.world.apply(stack, asked, width=4)

    def _change(
        self,
        which: int,
        changes: list[tuple[Address, Edit]],
        deeds: list[tuple[int, tuple[str, object]]],
        *,
        yielding: bool,
    ) -> None:
        self._write(which, changes)
        for number, deed in deeds:
            meddle(self.world, number, deed)
        if yielding:
            give_way(self.world, self.stack(which))
        self.check()

    def _write(self, which: int, changes: list[tuple[Address, Edit]]) -> None:
        for address, change in changes:
            self.stack(which).written.edit(address, change)

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
        changes: list[tuple[Address, Edit]],
        deeds: list[tuple[int, tuple[str, object]]],
        script: Script,
        consent: Consent,
        keeping: str,
    ) -> None:
        """Apply what was reviewed, the kept plan or whatever has its digest; or review anew."""
        stack = self.stack(which)
        self._write(which, changes)
        if stack.saved is None or keeping == "nothing":
            self.world.save_plan(stack, request(stack, consent=consent))
        for number, deed in deeds:
            meddle(self.world, number, deed)
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
        address=st.sampled_from(ANYWHERE),
        by_id=st.booleans(),
    )
    @_noted
    def adopt(self, which: int, script: Script, address: Address, by_id: bool) -> None:
        stack = self.stack(which)
        wanted = request(stack).desired.get(address)
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
        into=st.sampled_from([*ANYWHERE, None]),
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
            meddle(self.world, number, deed)

    @rule(which=WHICH, value=st.sampled_from(VALUES))
    @_noted
    def rotate(self, which: int, value: str | None) -> None:
        """The variable of the secret gets another value, or none."""
        self.stack(which).ledger.environment.pop(SECRET, None)
        if value:
            self.stack(which).ledger.environment[SECRET] = value

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
            stack.ledger.environment.setdefault(SECRET, f"{MARK}4711")
            for _ in range(3):
                self.world.apply(stack, request(stack))
                self.world.check()
