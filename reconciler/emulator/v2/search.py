"""Searching the jobs of v2: conditions, order and pages.

After the ModelArts API Reference, "Querying a Training Job List". What a filter's empty value
means, and what the operators do with several values, is read from its example.
"""

from dataclasses import dataclass

from reconciler.emulator.failures import Failure
from reconciler.emulator.listing import Query
from reconciler.emulator.model import V2, Job
from reconciler.emulator.v2 import catalog
from reconciler.emulator.v2 import requests as wire
from reconciler.emulator.v2.answers import phase

_ORDERS = {
    "create_time": "create_time",
    "name": "job_name",
    "duration": "duration",
    "phase": "status",
}
_KEYS = ("name", "create_time", "phase", "algorithm_name", "kind", "user_id", "runtime_type")
_OPERATORS = ("between", "like", "in", "not")


@dataclass(frozen=True)
class Condition:
    """One demand on a job, decided by what it is."""

    key: str
    operator: str
    values: tuple[str, ...]
    user_id: str

    def fits(self, job: Job) -> bool:
        """Whether the job meets the demand."""
        if self.key == "create_time":
            return int(self.values[0]) <= job.created <= int(self.values[1])
        value = self._value(job)
        match self.operator:
            case "like":
                return any(text in value for text in self.values)
            case "in":
                return value in self.values
            case _:
                return value not in self.values

    def _value(self, job: Job) -> str:
        config = job.latest.config if job.latest else {}
        match self.key:
            case "name":
                return job.name
            case "phase":
                return phase(job.status)[0]
            case "kind":
                return str(config.get("kind", ""))
            case "algorithm_name":
                managed = catalog.algorithm(config.get("algorithm", {}).get("id", ""))
                return managed.name if managed else ""
            case "user_id":
                return self.user_id
            case _:
                return ""


def make_query(project: str, wanted: wire.Search, user_id: str) -> Query:
    """What to look for; a Failure names an order or a condition that is not supported."""
    if wanted.sort_by not in _ORDERS:
        raise Failure(400, "ModelArts.2790", "Unsupported sorting item.")
    conditions = (_condition(each, user_id) for each in wanted.filters)
    return Query(
        project_id=project,
        workspace=wanted.workspace_id or "0",
        sort=_ORDERS[wanted.sort_by],
        descending=wanted.order == "desc",
        api=V2,
        conditions=tuple(each for each in conditions if each is not None),
    )


def page(found: list[Job], wanted: wire.Search, *, by_record: bool) -> list[Job]:
    """The page of the jobs found; `offset` counts pages, or jobs with `by_record`."""
    start = wanted.offset if by_record else wanted.offset * wanted.limit
    return found[start : start + wanted.limit]


def _condition(wanted: wire.Filter, user_id: str) -> Condition | None:
    if wanted.key not in _KEYS:
        raise Failure(400, "ModelArts.2807", f"Unsupported condition key ({wanted.key})")
    ranged = wanted.key == "create_time"
    if wanted.operator not in _OPERATORS or (wanted.operator == "between") != ranged:
        raise Failure(400, "ModelArts.2808", f"Unsupported condition operator ({wanted.operator})")
    values = tuple(value for value in wanted.value if value)
    if not values:
        return None
    if ranged and not (len(values) == 2 and all(_is_time(value) for value in values)):
        raise Failure(400, "ModelArts.2809", "Unsupported condition value (create_time)")
    return Condition(wanted.key, wanted.operator, values, user_id)


def _is_time(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20
