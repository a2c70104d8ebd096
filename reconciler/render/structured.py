"""Documents for programs: plans, reports, results and events as JSON, and plans read back."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json, to_jsonable_python

from reconciler.diagnostics import Diagnostic
from reconciler.errors import PlanFileError
from reconciler.model.address import Address, sweep_values
from reconciler.model.events import Event
from reconciler.model.job import ActualJob, JobRecord
from reconciler.model.plan import FORMAT_VERSION, Plan
from reconciler.model.platform import EngineOffer, Flavor
from reconciler.model.report import ApplyResult, Report, Result, StatusRow
from reconciler.model.state import SnapshotInfo
from reconciler.render.text import clean
from reconciler.render.values import with_sorted_keys

_SPELLED_OUT = re.compile(
    "[\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_SHOWN = 3


def plan_json(plan: Plan) -> str:
    """Return the plan document; equal plans give equal text.

    Keys stand in the documented order; those that a user chose (parameters, environment …) are
    sorted, so that the order in which they were written makes no difference.
    """
    return _text(plan_document(plan))


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the plan document as plain values, for a document or event that holds it."""
    document = plan.model_dump(mode="json")
    for action in document["actions"]:
        for key in ("before", "after"):
            action[key] = with_sorted_keys(action[key])
        if action["result"]:
            action["result"]["spec"] = _with_sorted_values(action["result"]["spec"])
    for part in (*document["actions"], *document["drift"], *document["known_drift"]):
        for change in part["changes"]:
            change["before"], change["after"] = (
                with_sorted_keys(change["before"]),
                with_sorted_keys(change["after"]),
            )
    return document


def plan_from_json(text: bytes | str) -> Plan:
    """Read a plan document; `PlanFileError` says what is wrong with one that cannot be used.

    Whether the plan still fits, and whether its digest is its content's, is for apply to judge.
    """
    try:
        document = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise _no_plan("It is not JSON", str(error)) from error
    if not isinstance(document, dict):
        raise _no_plan("It is not a JSON object", "A plan begins with {.")
    _check_version(document.get("format_version"))
    try:
        return Plan.model_validate(document)
    except ValidationError as error:
        raise _no_plan("Its content is not a plan's", _problems(error)) from error


def report_json(report: Report) -> str:
    """Return the plan document of a report: what `plan --json` prints, `apply` takes."""
    return plan_json(report.plan)


def drift_json(report: Report) -> str:
    """Return what someone changed, in the words and order of the plan document."""
    document = plan_document(report.plan)
    kept = ("format_version", "reconciler_version", "stack", "platform", "state", "created_at")
    counts = ("recovered", "drifted", "unmanaged")
    return _text(
        {key: document[key] for key in kept}
        | {"summary": {key: document["summary"][key] for key in counts}}
        | {key: document[key] for key in ("drift", "known_drift", "diagnostics")}
        | {
            "recovered": list(report.recovered),
            "unmanaged": [_actual(job) for job in report.unmanaged],
        }
    )


def status_json(rows: Sequence[StatusRow]) -> str:
    """Return the recorded jobs with where they stand; durations are in milliseconds."""
    counts = Counter(row.status for row in rows)
    return _text({"jobs": list(map(_status, rows)), "summary": with_sorted_keys(counts)})


def status_line(row: StatusRow) -> str:
    """Return one recorded job with where it stands, as one line of ASCII JSON."""
    return json.dumps(to_jsonable_python(_status(row)), separators=(",", ":")) + "\n"


def apply_json(result: ApplyResult) -> str:
    """Return what became of each action, and whether the state equals the plan."""
    return _text(apply_document(result))


def apply_document(result: ApplyResult) -> dict[str, Any]:
    """Return what apply did as plain values, for a document or event that holds it."""
    results = [
        {
            "address": each.action.address,
            "kind": each.action.kind.value,
            "name": each.action.name,
            "result": each.result.value,
            "error": each.error,
            "job_id": each.job_id,
        }
        for each in result.results
    ]
    return {
        "summary": {each.value: len(result.of(each)) for each in Result},
        "results": results,
        "recovered": list(result.recovered),
        "moved": [{"source": each.source, "target": each.target} for each in result.moved],
        "interrupted": result.interrupted,
        "verified": result.verified,
        "mismatches": list(result.mismatches),
    }


def flavors_json(flavors: Sequence[Flavor]) -> str:
    """Return the machine types on offer."""
    return _text({"flavors": [asdict(each) for each in flavors]})


def engines_json(engines: Sequence[EngineOffer]) -> str:
    """Return the preset engines on offer."""
    return _text({"engines": [asdict(each) for each in engines]})


def history_json(snapshots: Sequence[SnapshotInfo]) -> str:
    """Return the stored versions of a state."""
    return _text({"snapshots": [asdict(each) for each in snapshots]})


def state_list_json(records: Mapping[Address, JobRecord]) -> str:
    """Return the recorded jobs with their names and ids."""
    jobs = [
        {
            "address": address,
            "name": record.name,
            "job_id": record.job_id,
            "version_id": record.version_id,
        }
        for address, record in records.items()
    ]
    return _text({"jobs": jobs})


def record_json(address: Address, record: JobRecord) -> str:
    """Return everything that is recorded of one job."""
    document = {"address": address} | record.model_dump(mode="json")
    document["spec"] = with_sorted_keys(dict(record.spec.canonical))
    return _text(document)


def diagnostics_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Return diagnostics as the plan document holds them."""
    return _text({"diagnostics": [asdict(each) for each in diagnostics]})


def event_line(event: Event) -> str:
    """Return an event as one line of ASCII JSON; what it does not say is left out."""
    document = event.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(document, separators=(",", ":"))


def _with_sorted_values(spec: dict[str, Any]) -> dict[str, Any]:
    return {
        key: with_sorted_keys(value) if isinstance(value, dict) else value
        for key, value in spec.items()
    }


def _status(row: StatusRow) -> dict[str, Any]:
    """Return a row of the status; a sweep's job with its values, and with metrics that were read.

    What is no number (`nan`) is null, since JSON has none.
    """
    document = asdict(row)
    numbers = {name: float(text) for name, text in document.pop("metrics").items()}
    if values := sweep_values(row.address):
        document["values"] = values
    if numbers:
        document["metrics"] = {n: x if math.isfinite(x) else None for n, x in numbers.items()}
    return document


def _actual(job: ActualJob) -> dict[str, Any]:
    created: datetime | None = job.created_at
    return {
        "job_id": job.job_id,
        "name": job.name,
        "status": job.status,
        "created_at": created,
    }


def _text(document: Any) -> str:
    """Return indented JSON in which no character is left that a terminal would obey."""
    try:
        text = to_json(document, indent=2).decode() + "\n"
    except PydanticSerializationError:  # half a character, as in a path that is no UTF-8
        text = json.dumps(to_jsonable_python(document), indent=2) + "\n"
    return _SPELLED_OUT.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _check_version(version: object) -> None:
    match = re.fullmatch(r"(\d{1,9})\.(\d{1,9})", version) if isinstance(version, str) else None
    if match is None:
        raise _no_plan("It names no format version", 'A plan holds "format_version": "1.0".')
    known = tuple(int(part) for part in FORMAT_VERSION.split("."))
    if tuple(int(part) for part in match.groups()) > known:
        raise PlanFileError(
            "Plan of a newer version",
            f"The plan has format {version}, this program reads up to {FORMAT_VERSION}.",
            "Use the version of reconciler that wrote it, or plan anew.",
        )


def _problems(error: ValidationError) -> str:
    """Return the first problems, each with its place in the document."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    lines = [f"{_place(each['loc'])}: {clean(each['msg'])}" for each in found[:_SHOWN]]
    more = len(found) - _SHOWN
    return "\n".join([*lines, f"… and {more:,} more"] if more > 0 else lines)


def _place(loc: tuple[int | str, ...]) -> str:
    text = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in loc)
    return clean(text.removeprefix(".")) or "document"


def _no_plan(what: str, detail: str) -> PlanFileError:
    return PlanFileError(
        "Not a plan", f"{what}: {detail}", "Write a plan with `reconciler plan -o FILE`."
    )
