"""Random worlds: a definition, a state and a platform that have to do with one another."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import combinations, permutations, product

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from reconciler.model.address import Address, kept_aside
from reconciler.model.job import (
    ActualJob,
    DesiredJob,
    JobRecord,
    Lifecycle,
    Outcome,
    Status,
)
from reconciler.model.plan import ActionKind
from reconciler.model.platform import Listing
from reconciler.model.spec import Engine, Input, JobSpec
from reconciler.planning.guards import Consent
from reconciler.planning.world import Selection, World
from tests.build import EARLIER, NOW, a_spec, a_state

ADDRESSES = [Address(name) for name in ("a", "b", "c", "sweep[lr=0.1]")]
NAMES = ["n1", "n2", "n3", "n4", "n5"]
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""
YES_NO = (True, False)
SELECTIONS = [Selection(), Selection(), Selection(("a", "sweep[*]")), Selection((), ("a",))]
EVERYTHING = Consent(interrupt_running=True, mass_delete=True)
DESTROYING = (ActionKind.DELETE, ActionKind.REPLACE)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=6)
KEYS = st.text("ab_'\".[]0", min_size=1, max_size=4)
MAPPINGS = st.dictionaries(KEYS, TEXTS, max_size=3)

SPECS = st.builds(
    JobSpec,
    name=st.sampled_from(NAMES),
    description=st.sampled_from(["", "ours", "theirs"]),
    flavor=st.sampled_from([None, "f1"]),
    workers=st.integers(1, 2),
    engine=st.sampled_from([None, Engine(id="1"), Engine(id="1", name="TF"), Engine(name="PT")]),
    parameters=MAPPINGS,
    inputs=st.lists(st.sampled_from([Input(path="/a/"), Input(path="/b/")]), max_size=2).map(tuple),
    auto_stop_hours=st.sampled_from([None, 1]),
)
"""Specs that often differ, and in every way."""

LIFECYCLES = st.sampled_from(
    [
        Lifecycle(
            on_failure=on_failure,
            max_attempts=max_attempts,
            on_missing=on_missing,
            protect=protect,
            retain=retain,
            ttl_after_finished=(None, 0, 3600)[number % 3],
            on_change=("replace", "replace", "new_version", "keep")[number % 4],
        )
        for number, (on_failure, max_attempts, on_missing, protect, retain) in enumerate(
            product(
                ("keep", "retry"), (1, 3), ("accept_finished", "recreate", "error"), YES_NO, YES_NO
            )
        )
    ]
)
OUTCOMES = st.none() | st.builds(
    Outcome, status=st.sampled_from([Status.SUCCEEDED, Status.FAILED]), seen_at=st.just(NOW)
)


FEW = {
    name: [
        a_spec(name),
        a_spec(name),
        a_spec(name, description="ours"),
        a_spec(name, description="theirs"),
        a_spec(name, workers=2),
    ]
    for name in (*NAMES, *(f"{name}-old" for name in NAMES))
}


def of_few(name: str) -> st.SearchStrategy[JobSpec]:
    """Specs of a name that are mostly equal, so that all rows of the truth table are met."""
    return st.sampled_from(FEW[name])


def filled_in(spec: JobSpec) -> JobSpec:
    """What the platform answers of a job: the same, and more that nobody wrote."""
    engine = spec.engine and spec.engine.model_copy(update={"id": spec.engine.id or "27"})
    return spec.model_copy(
        update={
            "engine": engine,
            "pool_id": spec.pool_id or "shared",
            "parameters": spec.parameters | {"undeclared": "1"},
            "annotations": {"job_template": "Template DL"},
            "log_dir": spec.log_dir or "/default/",
        }
    )


SUBSETS = [each for size in range(5) for each in combinations(ADDRESSES, size)]
ORDERS = list(permutations(NAMES, len(ADDRESSES)))


NEEDS = [
    dict.fromkeys(ADDRESSES, ()),
    dict(zip(ADDRESSES, ((), ADDRESSES[:1], ADDRESSES[1:2], ADDRESSES[:2]), strict=True)),
    dict(zip(ADDRESSES, (ADDRESSES[3:], ADDRESSES[:1], (), ()), strict=True)),
]
"""Who depends on whom."""


@st.composite
def desired_jobs(draw: st.DrawFn) -> dict[Address, DesiredJob]:
    """Wanted jobs; each has a name of its own, as the definition's reader makes sure."""
    names = draw(st.sampled_from(ORDERS))
    chosen = draw(st.sampled_from(SUBSETS))
    needed = draw(st.sampled_from(NEEDS))
    return {
        address: DesiredJob(
            address,
            draw(of_few(name)),
            draw(LIFECYCLES),
            depends_on=tuple(each for each in needed[address] if each in chosen),
        )
        for address, name in zip(chosen, names, strict=False)
    }


RUNS: list[dict[Address, str]] = [{}, {}, {ADDRESSES[0]: "0/v1"}, {ADDRESSES[0]: "77/v1"}]
KEPT = list(product(YES_NO, YES_NO, (1, 2, 3), (None, Status.SUCCEEDED, Status.FAILED)))
IDS = st.sampled_from([("v1", True)] * 4 + [(None, True), (None, False)])


@st.composite
def recorded_jobs(
    draw: st.DrawFn, wanted: Mapping[Address, DesiredJob]
) -> dict[Address, JobRecord]:
    """Records; mostly of what is wanted, each of a job of its own or of none."""
    records = {}
    for number, address in enumerate(draw(st.sampled_from(SUBSETS))):
        names = [wanted[address].spec.name] * 8 if address in wanted else []
        spec = draw(of_few(draw(st.sampled_from([*names, *NAMES]))))
        version_id, has_job = draw(IDS)
        protect, retain, attempt, outcome = draw(st.sampled_from(KEPT))
        records[address] = JobRecord(
            job_id=str(number) if has_job else None,
            version_id=version_id,
            name=spec.name,
            spec=spec,
            protect=protect,
            retain=retain,
            attempt=attempt,
            outcome=Outcome(status=outcome, seen_at=NOW) if outcome else None,
            depends_on=draw(st.sampled_from(RUNS)),
            expired=outcome is not None and draw(st.sampled_from([False, False, False, True])),
        )
        if has_job and number and draw(st.sampled_from([False, False, False, True])):
            aside = records[address].model_copy(update={"job_id": f"old{number}", "expired": False})
            records[kept_aside(address, f"old{number}")] = aside.model_copy(
                update={"name": f"{spec.name}-old", "spec": a_spec(f"{spec.name}-old")}
            )
    return records


SEEN = list(product(Status, ("v1", "v1", "v2"), (None, "theirs", ""), (None, 60_000), YES_NO))


@st.composite
def actual_jobs(draw: st.DrawFn, records: Mapping[Address, JobRecord]) -> tuple[ActualJob, ...]:
    """What is there: recorded jobs and strangers, at most one of a name."""
    jobs: dict[str, ActualJob] = {}
    known = [(r.job_id, r.name, r.spec) for r in records.values() if r.job_id]
    strangers = [(f"x{name}", name, None) for name in NAMES]
    for job_id, name, recorded in (*known, *strangers):
        if name in jobs or not draw(st.sampled_from(YES_NO if recorded is None else [1, 1, 0])):
            continue
        spec = draw(st.sampled_from([recorded, recorded, *FEW[name]] if recorded else FEW[name]))
        status, version_id, description, duration, is_read = draw(st.sampled_from(SEEN))
        if description is not None:
            spec = spec.model_copy(update={"description": description})
        jobs[name] = ActualJob(
            job_id=job_id,
            name=name,
            status=status,
            version_id=version_id,
            description=spec.description,
            created_at=EARLIER,
            duration_ms=duration,
            spec=filled_in(spec) if is_read else None,
        )
    return tuple(jobs.values())


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A definition, a state and a platform that have to do with one another."""
    wanted = draw(desired_jobs())
    records = draw(recorded_jobs(wanted))
    return World(
        desired=wanted,
        state=a_state({str(address): record for address, record in records.items()}),
        listing=Listing(draw(actual_jobs(records))),
        selection=draw(st.sampled_from(SELECTIONS)),
        adopt=draw(st.booleans()),
        now=draw(st.sampled_from([None, NOW, NOW + timedelta(hours=1)])),
    )
