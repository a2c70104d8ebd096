"""What policies may look at: jobs, actions and plans as plain values, and what each is called.

Every name always has a value, so that a rule need not ask whether something was written: an
unwritten text is empty, a number 0, a list or mapping empty.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from reconciler.model.job import DesiredJob, Lifecycle
from reconciler.model.plan import Action, Drift, Estimate, FieldChange, Summary
from reconciler.model.policy import PolicyScope
from reconciler.planning.expressions import Kind

_SPEC: Final[Mapping[str, Kind]] = {
    "description": "text",
    "flavor": "text",
    "pool_id": "text",
    "workers": "number",
    "engine.id": "text",
    "engine.name": "text",
    "engine.version": "text",
    "algorithm.id": "text",
    "algorithm.subscription_id": "text",
    "algorithm.item_version_id": "text",
    "image": "text",
    "command": "text",
    "code_dir": "text",
    "boot_file": "text",
    "parameters": "values",
    "environment": "values",
    "inputs": "rows",
    "outputs": "rows",
    "log_dir": "text",
    "volumes": "rows",
    "notification.topic_urn": "text",
    "notification.events": "list",
    "auto_stop_hours": "number",
    "priority": "number",
    "annotations": "values",
}
_LIFECYCLE: Final[Mapping[str, Kind]] = {
    "on_failure": "text",
    "max_attempts": "number",
    "on_missing": "text",
    "protect": "truth",
    "retain": "truth",
    "ttl_after_finished": "number",
    "on_change": "text",
}
_JOB: Final[Mapping[str, Kind]] = {
    "address": "text",
    "name": "text",
    "labels": "texts",
    **_SPEC,
    **{f"lifecycle.{name}": kind for name, kind in _LIFECYCLE.items()},
    "estimated_hours": "any",
}
_ACTION: Final[Mapping[str, Kind]] = {
    "kind": "text",
    "address": "text",
    "name": "text",
    "reason": "text",
    "labels": "texts",
    "job_id": "text",
    "version_id": "text",
    "changes": "rows",
    "interrupts": "truth",
    "running_ms": "number",
    "depends_on": "list",
    "cost": "any",
    **{f"before.{name}": kind for name, kind in {"name": "text", **_SPEC}.items()},
    **{f"after.{name}": kind for name, kind in {"name": "text", **_SPEC}.items()},
}
_PLAN: Final[Mapping[str, Kind]] = {
    "actions": "rows",
    "jobs": "rows",
    "drift": "rows",
    "cost": "any",
    **{f"summary.{name}": "number" for name in Summary.model_fields},
}


def _below(scope: PolicyScope, names: Mapping[str, Kind]) -> dict[str, Kind]:
    return {f"{scope}.{name}": kind for name, kind in names.items()}


NAMES: Final[Mapping[PolicyScope, Mapping[str, Kind]]] = {
    PolicyScope.JOB: _below(PolicyScope.JOB, _JOB),
    PolicyScope.ACTION: _below(PolicyScope.ACTION, _ACTION),
    PolicyScope.PLAN: _below(PolicyScope.PLAN, _PLAN),
}
"""The names that the expressions of each scope may use, with what they stand for."""

_BLANKS: Final[Mapping[Kind, Any]] = {
    "text": "",
    "number": 0,
    "truth": False,
    "any": None,
    "texts": {},
    "values": {},
    "list": [],
    "rows": [],
}
_BLANK_ITEMS: Final[Mapping[str, Mapping[str, Any]]] = {
    "inputs": {"path": "", "dataset_id": "", "dataset_version_id": "", "name": ""},
    "outputs": {"path": "", "name": ""},
    "volumes": {"type": "", "source": "", "target": "", "read_only": False, "id": ""},
}
_NESTED: Final = frozenset(name.partition(".")[0] for name in _SPEC if "." in name)


def _blank_spec() -> dict[str, Any]:
    row: dict[str, Any] = {"name": ""}
    for name, kind in _SPEC.items():
        outer, _, inner = name.partition(".")
        if inner:
            row.setdefault(outer, {})[inner] = _BLANKS[kind]
        else:
            row[name] = _BLANKS[kind]
    return row


_BLANK: Final = _blank_spec()


def spec_row(canonical: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a canonical spec with everything in it that was not written; None is no job."""
    if canonical is None:
        return _BLANK
    row = {**_BLANK, "workers": 1, **canonical}
    for key in _NESTED & canonical.keys():
        row[key] = {**_BLANK[key], **canonical[key]}
    for key in _BLANK_ITEMS.keys() & canonical.keys():
        row[key] = [{**_BLANK_ITEMS[key], **item} for item in canonical[key]]
    return row


def job_row(job: DesiredJob) -> dict[str, Any]:
    """Return a desired job."""
    return {
        **spec_row(job.spec.canonical),
        "address": job.address,
        "labels": dict(job.labels),
        "lifecycle": _lifecycle(job.lifecycle),
        "estimated_hours": _float(job.estimated_hours),
    }


def action_row(action: Action, labels: Mapping[str, str], cost: Decimal | None) -> dict[str, Any]:
    """Return an action; `cost` None says that nobody can tell."""
    return {
        "kind": action.kind.value,
        "address": action.address,
        "name": action.name,
        "reason": action.reason,
        "labels": dict(labels),
        "job_id": action.job_id or "",
        "version_id": action.version_id or "",
        "before": spec_row(action.before),
        "after": spec_row(action.after),
        "changes": _changes(action.changes),
        "interrupts": action.interrupts,
        "running_ms": action.running_ms or 0,
        "depends_on": list(action.depends_on),
        "cost": _float(cost),
    }


def plan_row(
    actions: Iterable[Mapping[str, Any]],
    jobs: Iterable[Mapping[str, Any]],
    drift: Iterable[Drift],
    summary: Summary,
    estimate: Estimate | None,
) -> dict[str, Any]:
    """Return a plan of rows of actions and jobs; its cost is None when nobody can tell."""
    told = estimate is not None and not estimate.unknown
    return {
        "actions": list(actions),
        "jobs": list(jobs),
        "drift": [
            {
                "address": each.address,
                "name": each.name,
                "kind": each.kind.value,
                "changes": _changes(each.changes),
            }
            for each in drift
        ],
        "summary": summary.model_dump(),
        "cost": _float(estimate.cost) if estimate and told else None,
    }


def pick(scope: PolicyScope, row: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the values of full names (`job.engine.name`) out of the row of a scope."""
    return {name: _at(row, name.removeprefix(f"{scope}.")) for name in names}


def _at(row: Any, path: str) -> Any:
    for key in path.split("."):
        row = row[key]
    return row


def _lifecycle(lifecycle: Lifecycle) -> dict[str, Any]:
    values = {name: getattr(lifecycle, name) for name in _LIFECYCLE}
    return {
        name: _BLANKS[_LIFECYCLE[name]] if value is None else value
        for name, value in values.items()
    }


def _changes(changes: Iterable[FieldChange]) -> list[dict[str, Any]]:
    return [change.model_dump() for change in changes]


def _float(number: Decimal | None) -> float | None:
    return None if number is None else float(number)
