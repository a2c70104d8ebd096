"""Random definitions, edits, changes behind our back, faults and deaths: what must always hold."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.errors import (
    OutcomeUnknownError,
    ProviderError,
    ReconcilerError,
    StateError,
    UnreachableError,
)
from reconciler.model.job import DesiredJob, JobRecord, Lifecycle, Status
from reconciler.model.plan import ActionKind
from reconciler.model.report import ApplyResult, Report, Result
from reconciler.model.state import State
from tests.unit.engine.support import World, a_request, after, job
from tests.unit.engine.tape import Died, Reaper, When

SCALE = float(os.environ.get("RECONCILER_TEST_SCALE", "1"))
NAMES = ("a", "b", "c", "d")
LIFECYCLES = {
    "plain": Lifecycle(),
    "retry": Lifecycle(on_failure="retry"),
    "protect": Lifecycle(protect=True),
    "retain": Lifecycle(retain=True),
    "recreate": Lifecycle(on_missing="recreate"),
    "expire": Lifecycle(ttl_after_finished=0),
    "version": Lifecycle(on_change="new_version"),
    "keep": Lifecycle(on_change="keep"),
    "keep and expire": Lifecycle(on_change="keep", ttl_after_finished=0),
}
FAULTS = {
    "lost": OutcomeUnknownError("The answer was lost"),
    "refused": ProviderError("The platform says no"),
    "unreachable": UnreachableError("No connection"),
}
METHODS = ("create", "create_version", "delete", "update_description", "find", "get", "list")


@dataclass(frozen=True)
class Wanted:
    """How one block of the definition reads."""

    rate: str
    description: str
    lifecycle: str
    needs: bool = False


@dataclass(frozen=True)
class Outside:
    """What somebody does behind our back to the job that bears a name."""

    deed: str
    name: str

    def happen(self, world: World) -> None:
        platform = world.platform
        names = {each.name for each in platform.jobs}
        match self.deed:
            case "add" if self.name not in names:
                platform.add(job(self.name).spec)
            case "remove" if self.name in names:
                platform.remove(self.name)
            case "recreate" if self.name in names:
                platform.recreate(self.name)
            case "describe" if self.name in names:
                platform.change_description(self.name, "theirs")
            case "version" if self.name in names and self._is_recorded(world):
                platform.add_version(self.name, job(self.name, workers=2).spec)
            case "succeed" | "fail" | "run" if self.name in names:
                status = {"succeed": Status.SUCCEEDED, "fail": Status.FAILED}
                platform.set_status(self.name, status.get(self.deed, Status.RUNNING))

    def _is_recorded(self, world: World) -> bool:
        """Tell whether anybody knows whose job it is: nobody can if a stranger changes it first."""
        state = world.store.read()
        known = state.records.values() if state else ()
        return world.platform.job(self.name).job_id in {record.job_id for record in known}


@dataclass(frozen=True)
class Step:
    """An edit, what happens outside, and an apply that may go wrong."""

    edits: Mapping[str, Wanted | None]
    outside: tuple[Outside, ...]
    amid: tuple[int, Outside] | None
    faults: tuple[tuple[str, int, str, str], ...]
    death: tuple[int, When] | None
    stop: int | None
    broken_append: tuple[int, bool] | None
    parallelism: int
    lag: int


WANTED = st.builds(
    Wanted,
    rate=st.sampled_from(["0.1", "0.2"]),
    description=st.sampled_from(["", "ours", "new"]),
    lifecycle=st.sampled_from(["retry", "plain"] * 4 + sorted(LIFECYCLES)),
    needs=st.sampled_from([False, False, True]),
)
OUTSIDE = st.builds(
    Outside,
    deed=st.sampled_from(
        ["add", "remove", "recreate", "describe", "version", "succeed", "fail", "run"]
    ),
    name=st.sampled_from(NAMES),
)
FAULT = st.tuples(
    st.sampled_from(METHODS),
    st.integers(1, 3),
    st.sampled_from(["before", "after"]),
    st.sampled_from(sorted(FAULTS)),
).filter(lambda fault: fault[2] == "before" or fault[3] == "lost")


def rarely(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | strategy


STEP = st.builds(
    Step,
    edits=st.dictionaries(st.sampled_from(NAMES), st.none() | WANTED, min_size=1, max_size=3),
    outside=st.lists(OUTSIDE, max_size=3).map(tuple),
    amid=rarely(st.tuples(st.integers(1, 20), OUTSIDE)),
    faults=st.lists(FAULT, max_size=3).map(tuple),
    death=rarely(st.tuples(st.integers(1, 40), st.sampled_from(["before", "after", "torn"]))),
    stop=rarely(st.integers(1, 15)),
    broken_append=rarely(st.tuples(st.integers(1, 12), st.booleans())),
    parallelism=st.sampled_from([1, 4]),
    lag=st.integers(0, 2),
)


@dataclass
class Story:
    """One world through several applies, and what was approved in it."""

    world: World = field(default_factory=World)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    deletable: set[str] = field(default_factory=set)
    let_go: set[str] = field(default_factory=set)
    known: State | None = None

    @property
    def jobs(self) -> list[DesiredJob]:
        made = [
            job(
                name,
                LIFECYCLES[each.lifecycle],
                parameters={"lr": each.rate},
                description=each.description,
            )
            for name, each in sorted(self.wanted.items())
        ]
        return [
            replace(each, depends_on=(before.address,))
            if before and self.wanted[each.address].needs
            else each
            for before, each in zip([None, *made], made, strict=False)
        ]

    def approve(self, report: Report) -> bool:
        """Note what the approved plan lists, as its reader would."""
        for action in report.plan.actions:
            if action.strategy == "new_version":
                continue
            if action.kind in (ActionKind.DELETE, ActionKind.REPLACE):
                self.deletable.add(action.job_id or "")
            if action.kind is ActionKind.FORGET:
                self.let_go.add(action.job_id or "")
        return True

    def apply(self, reaper: Reaper | None = None, parallelism: int = 1) -> ApplyResult | None:
        """Apply; None when it was refused, stopped or killed."""
        request = a_request(*self.jobs, adopt=True)
        try:
            return self.world.apply(
                request=request, confirm=self.approve, reaper=reaper, parallelism=parallelism
            )
        except (ReconcilerError, Died):
            return None

    def go(self, step: Step) -> None:
        """Edit, let things happen, and apply while things go wrong."""
        for name, wanted in step.edits.items():
            self.wanted.pop(name, None)
            if wanted is not None:
                self.wanted[name] = wanted
        for deed in step.outside:
            deed.happen(self.world)
        with self.trouble(step):
            self.apply(Reaper(*step.death) if step.death else None, step.parallelism)

    @contextmanager
    def trouble(self, step: Step) -> Iterator[None]:
        world, platform = self.world, self.world.platform
        platform.delete_lag = platform.list_lag = step.lag
        for method, nth, when, kind in step.faults:
            platform.fail(method, FAULTS[kind], nth=nth, when=when)  # type: ignore[arg-type]
        if step.broken_append:
            nth, is_durable = step.broken_append
            full = StateError("Cannot write the state")
            world.memory.fail_append(world.memory.appends + nth, is_durable, full)
        if step.stop:
            world.events = StoppingEvents(world, step.stop)  # type: ignore[assignment]
        if step.amid:
            amid(world, *step.amid)
        yield
        world.events = []
        world.around.clear()
        platform.faults.clear()
        world.memory._store.faults.clear()

    def check(self, protected: Mapping[str, JobRecord], calls: int) -> None:
        """Hold what is always true against the world; `protected` are records before the run."""
        state = self.world.store.read()
        deleted = {
            str(call.args[0])
            for call in self.world.platform.calls[calls:]
            if call.method == "delete"
        }
        assert deleted <= self.deletable
        assert not deleted & protected.keys()
        if state is None:
            assert self.world.created == []
            return
        ids = [record.job_id for record in state.records.values() if record.job_id]
        assert len(ids) == len(set(ids))
        self.check_orphans(state, set(ids))
        if self.known:
            assert state.lineage == self.known.lineage
            assert state.serial >= self.known.serial
            if state.records.keys() != self.known.records.keys():
                assert state.serial > self.known.serial
        self.known = state

    def check_orphans(self, state: State, recorded: set[str]) -> None:
        """Each job of ours that lives is recorded, intended, or was let go."""
        intended = {intent.name for each in state.intents.values() for intent in each}
        for each in self.world.platform.jobs:
            if each.job_id in self.world.created and each.job_id not in self.let_go:
                assert each.job_id in recorded or each.name in intended

    def check_end(self) -> None:
        """Undisturbed applies settle everything; then nothing is left to do or to change."""
        self.world.platform.delete_lag = self.world.platform.list_lag = 0
        for _ in range(3):
            self.world.platform.listed()
        for _ in range(4):
            self.world.clock.pause(60)
            result = self.apply()
        if result is None:
            assert self.refusal()
            return
        assert result.of(Result.FAILED) == ()
        calls = len(self.world.platform.mutating_calls())
        again = self.apply()
        assert again is not None
        assert again.results == ()
        assert len(self.world.platform.mutating_calls()) == calls
        left = self.world.plan(*self.jobs, adopt=True)
        assert left.plan.is_empty

    def refusal(self) -> bool:
        """Tell whether the plan has errors: a taken name, or a protected job."""
        codes = {each.code for each in self.world.plan(*self.jobs, adopt=True).plan.errors}
        return bool(codes) and codes <= {"name_taken", "protect"}


class StoppingEvents(list[object]):
    """Events, the nth of which stops the run."""

    def __init__(self, world: World, nth: int) -> None:
        super().__init__()
        self._stop = after(lambda: world.stop.set(), nth)

    def append(self, event: object) -> None:
        super().append(event)
        self._stop()


def amid(world: World, nth: int, deed: Outside) -> None:
    """Let something happen outside just before our nth call."""
    hook = after(lambda: deed.happen(world), nth)

    @contextmanager
    def call() -> Iterator[None]:
        hook()
        yield

    for method in ("list", "find", "get", "create", "version", "update", "delete"):
        world.around[method] = call


START = st.fixed_dictionaries(dict.fromkeys(NAMES[:3], WANTED))


@given(START, st.lists(STEP, min_size=3, max_size=6))
@settings(
    max_examples=max(1, int(60 * SCALE)),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_whatever_happens_no_job_is_doubled_lost_or_deleted_unasked(
    start: dict[str, Wanted], steps: list[Step]
) -> None:
    story = Story(wanted=dict(start))
    story.apply()
    for step in steps:
        state = story.world.store.read()
        records = state.records.values() if state else ()
        protected = {str(each.job_id): each for each in records if each.protect}
        calls = len(story.world.platform.calls)

        story.go(step)

        story.check(protected, calls)
    story.check_end()
    story.check({}, len(story.world.platform.calls))
