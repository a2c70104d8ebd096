"""What commands show: the values that renderers turn into text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.model.address import Address
from reconciler.model.job import ActualJob, Status
from reconciler.model.plan import Action, Plan, PlannedMove


@dataclass(frozen=True, slots=True)
class Report:
    """A plan and what belongs beside it on the page.

    `command` is the one that shows it (`plan`, `apply`, `destroy`, `drift`, `show`); `saved_to`
    the file it was saved in, `options` what the user needs to type behind a further command to
    mean the same stack (` -f examples/01-quickstart`); `unmanaged` the platform's jobs that no
    record speaks of; `statuses` the live status of recorded jobs, for orientation only; `notes`
    remarks for those who want to know more.
    """

    plan: Plan
    command: str = "plan"
    saved_to: str | None = None
    options: str = ""
    unmanaged: tuple[ActualJob, ...] = ()
    recovered: tuple[Address, ...] = ()
    statuses: Mapping[Address, Status] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Result(StrEnum):
    """What became of one action."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class ActionResult:
    """One action after apply; `error` says why it failed or was not begun."""

    action: Action
    result: Result
    error: str = ""
    job_id: str | None = None


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What apply did.

    `verified` says that what was recorded equals what the plan projected, action by action;
    `mismatches` names the addresses where it does not. `recovered` were left open by an earlier
    run that died and are settled now; the records that `moved` have other addresses.
    `interrupted` says that the user stopped the run.
    """

    results: tuple[ActionResult, ...] = ()
    recovered: tuple[Address, ...] = ()
    moved: tuple[PlannedMove, ...] = ()
    interrupted: bool = False
    verified: bool = True
    mismatches: tuple[Address, ...] = ()

    def of(self, result: Result) -> tuple[ActionResult, ...]:
        """Return the actions that ended this way, in the plan's order."""
        return tuple(each for each in self.results if each.result is result)


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One recorded job as `status` shows it.

    `status` is the live one, or the recorded outcome's when the job is gone (`is_gone`);
    `duration_ms` is in milliseconds. `metrics` are results that its log tells, as it tells them;
    they are read only when asked for.
    """

    address: Address
    name: str
    job_id: str | None
    status: Status
    version_id: str | None = None
    is_gone: bool = False
    attempt: int = 1
    created_at: datetime | None = None
    duration_ms: int | None = None
    metrics: Mapping[str, str] = field(default_factory=dict)
