"""Watch: plan and apply again and again, within what was approved in advance."""

import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial

from reconciler.engine.apply import Approval, apply
from reconciler.engine.clock import Clock
from reconciler.engine.context import Context
from reconciler.engine.outcomes import observed
from reconciler.engine.plan import Prepared, plan, refuse_errors
from reconciler.engine.request import Request
from reconciler.errors import (
    DefinitionError,
    InterruptedRunError,
    ReconcilerError,
    RefusedError,
    StateLockedError,
)
from reconciler.model.job import Status
from reconciler.model.plan import GUARDS, Action
from reconciler.model.report import ApplyResult, Result
from reconciler.planning.permissions import Permission, held_back, permission_for

_LONGEST = 900.0
"""Seconds that failures may stretch a pause to, unless the interval itself is longer."""


class End(StrEnum):
    """How a round ended."""

    IDLE = "idle"
    DONE = "done"
    REFUSED = "refused"
    LOCKED = "locked"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Round:
    """What one round came to.

    `held` maps each action that was not carried out to the reason; `error` says why nothing was
    done; `statuses` counts the recorded jobs by their live status.
    """

    end: End
    result: ApplyResult = field(default_factory=ApplyResult)
    held: tuple[tuple[Action, str], ...] = ()
    error: ReconcilerError | None = None
    statuses: Mapping[Status, int] = field(default_factory=dict)
    drifted: int = 0

    @property
    def has_failed(self) -> bool:
        """Whether the next round should wait longer."""
        return self.end is End.FAILED


def run_round(
    context: Context, request: Request, allowed: Collection[Permission], *, settled: bool
) -> Round:
    """Plan, and carry out what is allowed; never raises an expected error.

    Without anything to do or to record, the state is not locked. What is carried out is planned
    anew under the lock, and held against the same permissions.
    """
    permits = partial(_permits, allowed=allowed, settled=settled)
    try:
        prepared = plan(context, request)
        seen = _seen(prepared, allowed, settled=settled)
        if not _has_work(context, prepared, permits):
            refuse_errors(tuple(e for e in prepared.plan.errors if e.code not in GUARDS))
            return seen
        result = apply(context, replace(request, permits=permits), Approval())
    except InterruptedRunError as error:
        return Round(End.INTERRUPTED, error=error)
    except StateLockedError as error:
        return Round(End.LOCKED, error=error)
    except (RefusedError, DefinitionError) as error:
        return Round(End.REFUSED, error=error)
    except ReconcilerError as error:
        return Round(End.FAILED, error=error)
    if result.interrupted:
        return replace(seen, end=End.INTERRUPTED, result=result)
    failed = result.of(Result.FAILED) or not result.verified
    return replace(seen, end=End.FAILED if failed else End.DONE, result=result)


def pause_after(failures: int, interval: float, chance: float) -> float:
    """Return how many seconds to wait for the next round.

    Each failure in a row doubles the pause, up to a quarter of an hour; `chance` (0 to 1) spreads
    it by a tenth both ways, so that loops which began together do not stay together.
    """
    longest = max(interval, _LONGEST)
    return min(interval * 2.0 ** min(failures, 30), longest) * (0.9 + 0.2 * chance)


def watch(
    time: Clock,
    attempt: Callable[[], Round],
    tell: Callable[[Round, float], None],
    *,
    interval: float,
    rounds: int | None = None,
    chance: Callable[[], float] = random.random,
    stop: Callable[[], bool] = lambda: False,
) -> Round:
    """Make rounds until told to stop, or until there were so many; return the last one.

    `tell` hears of each round, and how many seconds the pause after it lasts.
    """
    failures, count = 0, 0
    while True:
        made = attempt()
        count += 1
        failures = failures + 1 if made.has_failed else 0
        pause = pause_after(failures, interval, chance())
        tell(made, pause)
        if made.end is End.INTERRUPTED or stop() or count == rounds:
            return made
        time.pause(pause)
        if stop():
            return made


def _permits(action: Action, *, allowed: Collection[Permission], settled: bool) -> bool:
    return not held_back(action, allowed, settled=settled)


def _seen(prepared: Prepared, allowed: Collection[Permission], *, settled: bool) -> Round:
    """Return the round as it is when nothing has to be done."""
    held = [(a, held_back(a, allowed, settled=settled)) for a in prepared.plan.actions]
    live = (prepared.listing.by_id(record.job_id) for record in prepared.state.records.values())
    return Round(
        End.IDLE,
        held=tuple((action, why) for action, why in held if why),
        statuses=Counter(job.status for job in live if job is not None),
        drifted=prepared.plan.summary.drifted,
    )


def _has_work(context: Context, prepared: Prepared, permits: Callable[[Action], bool]) -> bool:
    """Tell whether there is anything to carry out, or to record."""
    if prepared.state.serial != prepared.plan.state.serial or prepared.recovery.entries:
        return True
    if any(permission_for(each) and permits(each) for each in prepared.plan.actions):
        return True
    return bool(observed(prepared.state, prepared.listing, context.provider.now()))
