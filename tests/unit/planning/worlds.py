"""Small worlds to plan in, and short words for what comes out."""

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.model.job import ActualJob, DesiredJob, JobRecord
from reconciler.model.plan import Action
from reconciler.planning.planner import Draft, make_draft
from reconciler.planning.world import World
from tests.build import (
    a_desired,
    a_listing,
    a_record,
    a_spec,
    a_state,
    an_actual,
)


def draft(
    desired: Iterable[DesiredJob] = (),
    records: Mapping[str, JobRecord] | None = None,
    jobs: Iterable[ActualJob] = (),
    *,
    intents: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> Draft:
    return make_draft(
        World(
            desired={job.address: job for job in desired},
            state=a_state(records, intents=intents or {}),
            listing=a_listing(*jobs),
            **overrides,
        )
    )


def named(name: str, address: str | None = None, **overrides: Any) -> DesiredJob:
    return a_desired(a_spec(name), address=address or name, **overrides)


def recorded(name: str, job_id: str | None, **overrides: Any) -> JobRecord:
    return a_record(a_spec(name), job_id=job_id, **overrides)


def listed(name: str, job_id: str, **overrides: Any) -> ActualJob:
    return an_actual(a_spec(name), job_id=job_id, **overrides)


def verbs(made: Draft) -> dict[str, str]:
    return {action.address: f"{action.kind} {action.reason}" for action in made.actions}


def only(made: Draft) -> Action:
    assert len(made.actions) == 1
    return made.actions[0]
