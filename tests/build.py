"""Builders of values whose every argument has a default: a test names only what it is about."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from reconciler.diagnostics import Diagnostic, Location, Severity
from reconciler.model.address import Address
from reconciler.model.definition import Definition, SourceFile
from reconciler.model.events import Event
from reconciler.model.job import ActualJob, DesiredJob, JobRecord, Lifecycle, Outcome, Status
from reconciler.model.plan import (
    Action,
    ActionKind,
    Drift,
    DriftKind,
    FieldChange,
    Plan,
    PlanPlatform,
    Reason,
    StateRef,
    Summary,
)
from reconciler.model.platform import EngineOffer, Flavor, Listing, PlatformSettings, Quota
from reconciler.model.report import ActionResult, ApplyResult, Report, Result, StatusRow
from reconciler.model.spec import Engine, Input, JobSpec, Output
from reconciler.model.state import Intent, SnapshotInfo, State

NOW = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)
EARLIER = datetime(2024, 5, 17, 10, 48, tzinfo=UTC)
LINEAGE = "0b6f3c52-8a51-4f0e-9f0c-5f6f0a1d2e3b"
DEFAULT: Any = object()
"""Stands for "whatever goes with the rest", where None means None."""


def a_spec(name: str = "resnet", **overrides: Any) -> JobSpec:
    """Return a small but complete specification; overrides are fields of JobSpec."""
    fields: dict[str, Any] = {
        "name": name,
        "description": "",
        "flavor": "modelarts.vm.cpu.8u",
        "workers": 1,
        "engine": Engine(name="TensorFlow", version="TF-1.8.0-python3.6"),
        "code_dir": "/bucket/code/",
        "boot_file": "/bucket/code/train.py",
        "parameters": {"lr": "0.1"},
        "inputs": (Input(path="/bucket/data/"),),
        "outputs": (Output(path=f"/bucket/output/{name}/"),),
    }
    return JobSpec(**(fields | overrides))


def an_outcome(
    status: Status = Status.SUCCEEDED, *, seen_at: datetime = NOW, duration_ms: int | None = 60_000
) -> Outcome:
    """Return the outcome of a run that succeeded."""
    return Outcome(status=status, seen_at=seen_at, duration_ms=duration_ms)


def a_record(spec: JobSpec = DEFAULT, **overrides: Any) -> JobRecord:
    """Return the record of a job that we created; overrides are fields of JobRecord."""
    spec = a_spec() if spec is DEFAULT else spec
    fields: dict[str, Any] = {
        "job_id": "10",
        "version_id": "20",
        "name": spec.name,
        "spec": spec,
        "created_at": EARLIER,
    }
    return JobRecord(**(fields | overrides))


def an_actual(spec: JobSpec | None = DEFAULT, **overrides: Any) -> ActualJob:
    """Return the running job that `a_record()` speaks of; overrides are fields of ActualJob.

    Pass `spec=None` with a `name` for a bare row of the list.
    """
    spec = a_spec() if spec is DEFAULT else spec
    fields: dict[str, Any] = {
        "job_id": "10",
        "version_id": "20",
        "name": spec.name if spec else "resnet",
        "status": Status.RUNNING,
        "description": spec.description if spec else "",
        "created_at": EARLIER,
        "duration_ms": 60_000,
        "spec": spec,
    }
    return ActualJob(**(fields | overrides))


def a_location(line: int = 14, column: int = 3, *, file: str = "jobs.yaml") -> Location:
    """Return a place in the definition."""
    return Location(file, line, column)


def a_desired(
    spec: JobSpec = DEFAULT,
    *,
    address: str | None = None,
    lifecycle: Lifecycle = DEFAULT,
    location: Location | None = DEFAULT,
    **overrides: Any,
) -> DesiredJob:
    """Return a job as the definition wants it; its address is its name unless given."""
    spec = a_spec() if spec is DEFAULT else spec
    return DesiredJob(
        address=Address(address or spec.name),
        spec=spec,
        lifecycle=Lifecycle() if lifecycle is DEFAULT else lifecycle,
        location=a_location() if location is DEFAULT else location,
        **overrides,
    )


def a_definition(
    *jobs: DesiredJob,
    stack: str = "vision",
    platform: PlatformSettings = DEFAULT,
    sources: tuple[SourceFile, ...] = (),
) -> Definition:
    """Return a definition of the jobs, of one job when none is given."""
    jobs = jobs or (a_desired(),)
    settings = PlatformSettings() if platform is DEFAULT else platform
    return Definition(stack, settings, {job.address: job for job in jobs}, sources)


def a_platform(**overrides: Any) -> PlanPlatform:
    """Return the embedded platform; overrides are fields of PlanPlatform."""
    fields: dict[str, Any] = {
        "api": "modelarts/v1",
        "endpoint": "local",
        "project_id": "p1",
        "workspace_id": "0",
    }
    return PlanPlatform(**(fields | overrides))


def a_listing(*jobs: ActualJob, quota: Quota | None = None) -> Listing:
    """Return what the platform lists: nothing unless told."""
    return Listing(jobs, quota)


def a_state(records: Mapping[str, JobRecord] | None = None, **overrides: Any) -> State:
    """Return a state; overrides are fields of State."""
    fields: dict[str, Any] = {
        "stack": "vision",
        "lineage": LINEAGE,
        "serial": 1,
        "salt": "00" * 16,
        "platform": a_platform().identity,
        "records": {Address(address): record for address, record in (records or {}).items()},
    }
    return State(**(fields | overrides))


def an_intent(kind: str = "create", spec: JobSpec = DEFAULT, **overrides: Any) -> Intent:
    """Return an intent to create a job; overrides are fields of Intent."""
    spec = a_spec() if spec is DEFAULT else spec
    fields: dict[str, Any] = {
        "kind": kind,
        "address": Address(spec.name),
        "at": EARLIER,
        "name": spec.name,
        "result": a_record(spec, job_id=None, version_id=None, created_at=None),
    }
    return Intent(**(fields | overrides))


def a_change(
    path: str = "parameters.lr",
    before: Any = "0.1",
    after: Any = "0.2",
    *,
    forces_replace: bool = True,
) -> FieldChange:
    """Return a changed field."""
    return FieldChange(path=path, before=before, after=after, forces_replace=forces_replace)


_REASONS = {
    "create": Reason.NEW,
    "replace": Reason.DEFINITION_CHANGED,
    "update": Reason.DEFINITION_CHANGED,
    "delete": Reason.REMOVED,
    "adopt": Reason.ADOPTED,
    "forget": Reason.GONE,
    "noop": Reason.UNCHANGED,
    "blocked": Reason.NEW,
}


def an_action(
    kind: str = "create", address: str = "resnet", spec: JobSpec = DEFAULT, **overrides: Any
) -> Action:
    """Return an action with the parts that go with its kind; overrides are fields of Action."""
    spec = a_spec(address) if spec is DEFAULT else spec
    existing = kind in ("replace", "update", "delete", "adopt", "forget")
    wanted = kind in ("create", "replace", "update", "adopt", "blocked")
    fields: dict[str, Any] = {
        "kind": ActionKind(kind),
        "address": Address(address),
        "name": spec.name,
        "reason": _REASONS[kind],
        "job_id": "10" if existing else None,
        "version_id": "20" if existing else None,
        "before": dict(spec.canonical) if existing else None,
        "after": dict(spec.canonical) if wanted else None,
        "location": a_location() if wanted else None,
    }
    return Action(**(fields | overrides))


def a_drift(address: str = "resnet", kind: str = "changed", **overrides: Any) -> Drift:
    """Return a job that someone changed; overrides are fields of Drift."""
    fields: dict[str, Any] = {
        "address": Address(address),
        "name": address,
        "kind": DriftKind(kind),
        "changes": (a_change(),) if kind == "changed" else (),
        "location": a_location(),
    }
    return Drift(**(fields | overrides))


def a_diagnostic(
    severity: str = "error", summary: str = "Unknown flavor", **overrides: Any
) -> Diagnostic:
    """Return a diagnostic about `resnet`; overrides are fields of Diagnostic."""
    fields: dict[str, Any] = {
        "detail": 'Job "resnet" asks for flavor "npu.9", which this platform does not offer.',
        "hint": 'Did you mean "npu.8"?',
        "address": "resnet",
        "location": a_location(),
        "code": "unknown_flavor",
    }
    return Diagnostic(Severity(severity), summary, **(fields | overrides))


def a_plan(*actions: Action, noop: int = 0, **overrides: Any) -> Plan:
    """Return the sealed plan of the actions, summary counted; overrides are fields of Plan.

    `noop` is how many jobs are as defined.
    """
    drift = tuple(overrides.get("drift", ()))
    fields: dict[str, Any] = {
        "reconciler_version": "0.1.0",
        "stack": "vision",
        "platform": a_platform(),
        "definition": (SourceFile(path="jobs.yaml", sha256="ab" * 32),),
        "state": StateRef(lineage=LINEAGE, serial=7),
        "created_at": NOW,
        "summary": a_summary(actions, noop=noop, drifted=len(drift)),
        "actions": actions,
    }
    return Plan(**(fields | overrides)).sealed()


def a_summary(actions: Iterable[Action] = (), **overrides: int) -> Summary:
    """Return the counts of the actions; overrides are fields of Summary."""
    counts: dict[str, int] = {}
    for action in actions:
        counts[action.kind] = counts.get(action.kind, 0) + 1
    return Summary(**(counts | overrides))


def a_report(plan: Plan = DEFAULT, **overrides: Any) -> Report:
    """Return a report of a plan that creates one job; overrides are fields of Report."""
    return Report(a_plan(an_action()) if plan is DEFAULT else plan, **overrides)


def an_action_result(
    action: Action = DEFAULT, result: str = "done", **overrides: Any
) -> ActionResult:
    """Return what became of an action: it is done unless told."""
    fields: dict[str, Any] = {"job_id": "567524" if result == "done" else None}
    chosen = an_action() if action is DEFAULT else action
    return ActionResult(chosen, Result(result), **(fields | overrides))


def an_apply_result(*results: ActionResult, **overrides: Any) -> ApplyResult:
    """Return what apply did: one job created unless told; overrides are fields of ApplyResult."""
    return ApplyResult(results=results or (an_action_result(),), **overrides)


def a_status_row(address: str = "resnet", status: str = "running", **overrides: Any) -> StatusRow:
    """Return a row of the status table; overrides are fields of StatusRow."""
    fields: dict[str, Any] = {
        "name": address,
        "job_id": "10",
        "created_at": EARLIER,
        "duration_ms": 60_000,
    }
    return StatusRow(Address(address), status=Status(status), **(fields | overrides))


def an_event(type_: str = "done", **overrides: Any) -> Event:
    """Return an event about `resnet`; overrides are fields of Event."""
    fields: dict[str, Any] = {"type": type_, "address": "resnet", "action": "create"}
    return Event(**(fields | overrides))


def a_flavor(code: str = "modelarts.vm.cpu.8u", **overrides: Any) -> Flavor:
    """Return a machine type on offer; overrides are fields of Flavor."""
    fields: dict[str, Any] = {"id": "2", "max_workers": 2, "cpus": "8", "memory_gb": "32"}
    return Flavor(code, **(fields | overrides))


def an_engine(
    name: str = "TensorFlow", version: str = "TF-1.8.0-python3.6", *, id_: str = "27"
) -> EngineOffer:
    """Return a preset engine on offer."""
    return EngineOffer(id_, name, version)


def a_snapshot_info(serial: int = 7, **overrides: Any) -> SnapshotInfo:
    """Return one stored version of a state; overrides are fields of SnapshotInfo."""
    fields: dict[str, Any] = {"name": f"vision.{serial}.json", "saved_at": EARLIER, "jobs": 15}
    return SnapshotInfo(serial=serial, **(fields | overrides))
