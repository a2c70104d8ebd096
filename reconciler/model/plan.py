"""The plan document: what apply would do, on what condition, as people review it."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.diagnostics import Diagnostic, Location, Severity
from reconciler.model.address import Address
from reconciler.model.base import Model, Moment, digest
from reconciler.model.definition import SourceFile
from reconciler.model.job import JobRecord
from reconciler.model.platform import PlatformIdentity

FORMAT_VERSION = "1.0"


class ActionKind(StrEnum):
    """The verb of an action."""

    CREATE = "create"
    REPLACE = "replace"
    UPDATE = "update"
    DELETE = "delete"
    ADOPT = "adopt"
    FORGET = "forget"
    NOOP = "noop"
    BLOCKED = "blocked"


class Reason(StrEnum):
    """Why an action is planned. For people; apply never branches on it."""

    NEW = "new"
    DEFINITION_CHANGED = "definition_changed"
    DRIFTED = "drifted"
    CODE_CHANGED = "code_changed"
    DEPENDENCY_REPLACED = "dependency_replaced"
    RETRY = "retry"
    VANISHED = "vanished"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"
    REMOVED = "removed"
    DESTROYED = "destroyed"
    RETAINED = "retained"
    GONE = "gone"
    ADOPTED = "adopted"
    NAME_TAKEN = "name_taken"
    UNCHANGED = "unchanged"
    WAITS = "waits"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"


class FieldChange(Model):
    """One field that differs. `before` or `after` is None where the field is not written."""

    path: str
    before: Any = None
    after: Any = None
    forces_replace: bool = True


class Expectation(Model):
    """What must still be true on the platform when the action runs.

    `job_id` None means that no job bears the name.
    """

    job_id: str | None = None
    version_id: str | None = None
    description: str | None = None


class Action(Model):
    """What to do to one job, and why.

    Data only: the executor knows how to carry it out, renderers know how to show it. `before`
    and `after` are canonical specs; `result` is the record that success leaves behind, but for
    the ids that the platform gives. `interrupts` says that the job waits or runs right now,
    `running_ms` for how long (milliseconds).

    `depends_on` are the addresses that come first; of a blocked action, those that it waits for.
    A blocked action that has a `result` is going to be carried out when they have succeeded, with
    `job_id` the job that it is to replace. `strategy` says what becomes of that one: deleted, the
    earlier version of the same job, or kept aside at another address.
    """

    kind: ActionKind
    address: Address
    name: str
    reason: str
    job_id: str | None = None
    version_id: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    changes: tuple[FieldChange, ...] = ()
    expects: Expectation = Expectation()
    interrupts: bool = False
    running_ms: int | None = None
    depends_on: tuple[Address, ...] = ()
    strategy: Literal["replace", "new_version", "keep"] = "replace"
    location: Location | None = None
    result: JobRecord | None = None

    @property
    def waits(self) -> bool:
        """Whether it is going to be carried out once the jobs that it depends on succeeded."""
        return self.kind is ActionKind.BLOCKED and self.result is not None


class PlannedMove(Model):
    """A record that gets another address; no job is touched."""

    source: Address
    target: Address
    location: Location | None = None


class DriftKind(StrEnum):
    """In which way a recorded job is not as we left it."""

    CHANGED = "changed"
    REPLACED = "replaced"
    VANISHED = "vanished"


class Drift(Model):
    """A recorded job that someone changed, replaced or deleted behind our back."""

    address: Address
    name: str
    kind: DriftKind
    changes: tuple[FieldChange, ...] = ()
    location: Location | None = None


class KnownDrift(Drift):
    """Drift that the definition ignores, for a reason, through the day `until` (in UTC)."""

    ignored_because: str
    until: date | None = None


class Estimate(Model):
    """What the runs that a plan starts cost, one run each.

    `cost` sums up those that can be told; nobody can tell for the jobs in `unknown`.
    """

    currency: str = ""
    cost: Decimal
    unknown: tuple[Address, ...] = ()


class Summary(Model):
    """How many of each; unchanged and unmanaged jobs are only counted."""

    create: int = 0
    replace: int = 0
    update: int = 0
    delete: int = 0
    adopt: int = 0
    forget: int = 0
    noop: int = 0
    blocked: int = 0
    recovered: int = 0
    drifted: int = 0
    unmanaged: int = 0


class StateRef(Model):
    """Which state a plan was made from."""

    lineage: str
    serial: int


class PlanPlatform(PlatformIdentity):
    """The platform that a plan is for; `auth_url` is where the definition sends credentials."""

    auth_url: str | None = None
    region: str | None = None

    @property
    def identity(self) -> PlatformIdentity:
        """The part that says which jobs are meant."""
        return PlatformIdentity(
            api=self.api,
            endpoint=self.endpoint,
            project_id=self.project_id,
            workspace_id=self.workspace_id,
        )


_NOT_COVERED: Mapping[str, bool | set[str]] = {
    "location": True,
    "interrupts": True,
    "running_ms": True,
    "result": {"created_at", "outcome", "earlier"},
}


GUARDS = frozenset({"interrupt", "mass_delete", "protect"})
"""The codes of errors that a consent or another apply takes away; they go by today's statuses."""

POLICIES = frozenset({"policy", "limit"})
"""The codes of what comes from the demands of the definition itself."""

REFUSALS = GUARDS | POLICIES
"""The codes of the errors that say no to a plan which the platform would take."""


class Plan(Model):
    """What apply would do. Equal inputs give equal bytes but for `created_at`.

    `moved` comes before the actions, which speak of the new addresses. `dependencies` is which
    desired job needs which others, whether something happens to them or not.

    The digest covers what would be done and on what condition: the platform, the actions and
    their expectations, and which errors refuse the plan (but for guards). It covers no time, no
    status and no file path, so that a job which went from queued to running does not make a plan
    stale.
    """

    format_version: str = FORMAT_VERSION
    reconciler_version: str
    stack: str
    platform: PlanPlatform
    definition: Annotated[tuple[SourceFile, ...], Field(fail_fast=True)] = ()
    state: StateRef
    created_at: Moment
    digest: str = ""
    summary: Summary = Summary()
    moved: Annotated[tuple[PlannedMove, ...], Field(fail_fast=True)] = ()
    actions: Annotated[tuple[Action, ...], Field(fail_fast=True)] = ()
    dependencies: dict[Address, tuple[Address, ...]] = Field(default_factory=dict)
    drift: Annotated[tuple[Drift, ...], Field(fail_fast=True)] = ()
    known_drift: Annotated[tuple[KnownDrift, ...], Field(fail_fast=True)] = ()
    estimate: Estimate | None = None
    diagnostics: Annotated[tuple[Diagnostic, ...], Field(fail_fast=True)] = ()

    @cached_property
    def computed_digest(self) -> str:
        """The digest that this plan's content has; differs from `digest` after tampering."""
        covered: dict[str, Any] = {
            "stack": self.stack,
            "platform": self.platform.model_dump(mode="json"),
            "actions": [
                action.model_dump(mode="json", exclude=_NOT_COVERED) for action in self.actions
            ],
        }
        if self.moved:
            covered["moved"] = [[each.source, each.target] for each in self.moved]
        refusals = [[each.code, each.address] for each in self.errors if each.code not in GUARDS]
        return digest(covered | ({"errors": refusals} if refusals else {}))

    def sealed(self) -> "Plan":
        """Return the plan with its digest filled in."""
        return self.model_copy(update={"digest": self.computed_digest})

    @property
    def is_empty(self) -> bool:
        """Whether apply would do nothing."""
        return not self.moved and not any(
            action.kind is not ActionKind.BLOCKED for action in self.actions
        )

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that refuse the plan."""
        return tuple(each for each in self.diagnostics if each.severity is Severity.ERROR)

    @property
    def policy_errors(self) -> tuple[Diagnostic, ...]:
        """Those of the errors with which policies and limits refuse the plan."""
        return tuple(each for each in self.errors if each.code in POLICIES)

    @property
    def by_address(self) -> Mapping[Address, Action]:
        """The listed actions by address."""
        return {action.address: action for action in self.actions}
