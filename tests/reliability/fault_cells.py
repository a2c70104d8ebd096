"""The fault matrix as data: what happens to a request, and what must come of it."""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tests.reliability.fault_calls import CALLS, Call, Sort
from tests.reliability.seen import Api

SUCCESS = ""
"""The outcome of a run that gets over its fault; any other outcome is a message's first line."""
NOT_ALLOWED = "The platform does not allow this"
BAD_LOGIN = "The platform rejects our credentials"
LOGIN_REFUSED = "The login was refused"
REFUSED = "The platform refuses"
NONSENSE = "The platform's answer makes no sense"
NO_SUCH_JOB = "There is no job"
NO_LOG = "No log any more"
NOT_STOPPED = "Not every job could be stopped"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to go wrong.

    `rule` is a fault of the emulator, `timing` its slowness (seconds), `wire` what the relay in
    between does. `read_timeout` makes the client impatient; `asks` is how long the platform asks
    to wait.
    """

    name: str
    rule: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, Any] = field(default_factory=dict)
    wire: Literal["", "refuse", "unseen", "unanswered", "close_idle", "forget_idle"] = ""
    read_timeout: float = 30.0
    for_ever: bool = False
    asks: float = 0.0


@dataclass(frozen=True, slots=True)
class Cell:
    """A call, a fault, and which of the matching requests it meets (counted from 1)."""

    call: Call
    fault: Fault
    number: int = 1
    for_ever: bool = False

    @property
    def id(self) -> str:
        """The cell's name, by which it is run again."""
        which = "every" if self.for_ever else f"no {self.number}"
        api = "" if self.call.api == "v1" else f"{self.call.api}: "
        return f"{api}{self.call.name} - {self.fault.name} - {which}"

    @property
    def expected(self) -> str | None:
        """The outcome of the run that meets the fault; None where it hangs on circumstances."""
        if self.number > 1 or (self.for_ever and not self.fault.for_ever):
            return None
        pair = (self.call.name, self.fault.name)
        outcome = _OUTCOMES.get(pair, _outcome(self.call, self.fault))
        is_of_many = outcome and self.call.name == "stop in stop"
        return f"{NOT_STOPPED}\nkept: {outcome}" if is_of_many else outcome


def _error(when: str, status: int, code: str, variant: str = "A", **more: Any) -> dict[str, Any]:
    said = {"message": "because of a test", "variant": variant}
    return {"kind": f"error_{when}", "status": status, "code": code, **said, **more}


def _busy(**more: Any) -> dict[str, Any]:
    return _error("before", 429, "APIG.0308", "E", **more)


_IMPATIENT = 0.3
FAULTS = (
    Fault("connection refused", wire="refuse"),
    Fault("reset before", {"kind": "drop_before", "mode": "reset"}),
    Fault("reset after", {"kind": "drop_after", "mode": "reset"}),
    Fault("closed before", {"kind": "drop_before", "mode": "close"}),
    Fault("closed after", {"kind": "drop_after", "mode": "close"}),
    Fault("time-out before", wire="unseen", read_timeout=_IMPATIENT),
    Fault("time-out after", wire="unanswered", read_timeout=_IMPATIENT),
    Fault("time-out and late effect", {"kind": "latency", "seconds": 0.6}, read_timeout=_IMPATIENT),
    Fault("kept connection closed", wire="close_idle"),
    Fault("kept connection forgotten", wire="forget_idle"),
    Fault("truncated", {"kind": "truncate"}),
    Fault("not JSON", {"kind": "invalid_json"}),
    Fault("HTML with 200", _error("before", 200, "", "html")),
    Fault("HTML with 200 after", _error("after", 200, "", "html")),
    Fault("401 once", _error("before", 401, "ModelArts.0202")),
    Fault("expired login", {"kind": "expire_tokens"}),
    Fault("401 always", _error("before", 401, "APIG.0301", "E"), for_ever=True),
    Fault("403", _error("before", 403, "ModelArts.0108")),
    Fault("404 of the gateway", _error("before", 404, "APIG.0101", "E")),
    Fault("no such job", _error("before", 404, "ModelArts.0015")),
    Fault("409", _error("before", 409, "ModelArts.0105", "C")),
    Fault("name taken, says the platform", _error("before", 400, "ModelArts.0103")),
    Fault("no quota", _error("before", 400, "ModelArts.0118")),
    Fault("429 with seconds", _busy(retry_after=3), asks=3.0),
    Fault("429 with a date", _busy(retry_after=3, as_date=True), asks=1.0),
    Fault("429", _busy()),
    Fault("500", _error("before", 500, "ModelArts.0010")),
    Fault("500 after", _error("after", 500, "ModelArts.0010", "D")),
    Fault("502 after", _error("after", 502, "", "F")),
    Fault("503", _error("before", 503, "", "html")),
    Fault("200 that says no", _error("before", 200, "ModelArts.0105", "B")),
    Fault("numbers as text", {"kind": "numbers_as_strings"}),
    Fault("nulls", {"kind": "null_fields"}),
    Fault("no job id", {"kind": "null_fields", "fields": ["job_id"]}),
    Fault("unknown status", {"kind": "unknown_status", "value": 99}),
    Fault("stale page", {"kind": "stale_list"}),
    Fault("duplicate row", {"kind": "duplicate_row"}),
    Fault("row inserted between pages", {"kind": "move_rows", "how": "insert"}),
    Fault("row deleted between pages", {"kind": "move_rows", "how": "delete"}),
    Fault("row moved between pages", {"kind": "move_rows", "how": "reorder"}),
    Fault("jobs listed late", timing={"list_lag": 0.4}),
    Fault(
        "answer lost and job listed late",
        {"kind": "drop_after", "mode": "reset"},
        {"list_lag": 0.4},
    ),
    Fault("slow deletion", timing={"delete_delay": 0.4}),
    Fault("failed deletion", timing={"delete_fails": 1}),
    Fault("name held", timing={"name_hold": 0.5}),
)


def _said(status: int, code: str, when: str = "before") -> dict[str, Any]:
    """Return a refusal in the shape of version 2."""
    return _error(when, status, code, "G")


_SAID_BY_V2: Mapping[str, Mapping[str, Any]] = {
    "no such job": _said(400, "ModelArts.2775"),
    "409": _said(409, "ModelArts.0105"),
    "name taken, says the platform": _said(400, "ModelArts.2751"),
    "no quota": _said(400, "ModelArts.2815"),
    "429": _said(429, "ModelArts.2799"),
    "403": _said(403, "ModelArts.2785"),
    "500": _said(500, "ModelArts.2950"),
    "500 after": _said(500, "ModelArts.2952", "after"),
    "200 that says no": _said(200, "ModelArts.2758"),
    "no job id": {"kind": "null_fields", "fields": ["id"]},
}
_V2_ALONE = (
    Fault("403 for a stale login", _said(403, "ModelArts.2784")),
    Fault("409 not to be stopped", _said(409, "ModelArts.2796")),
    Fault("409 status changed", _said(409, "ModelArts.2878")),
    Fault("no content", _error("before", 204, "", "F")),
    Fault("no content after", _error("after", 204, "", "F")),
)
_FAULTS: Mapping[Api, tuple[Fault, ...]] = {
    "v1": FAULTS,
    "v2": (
        *(replace(each, rule=_SAID_BY_V2.get(each.name, each.rule)) for each in FAULTS),
        *_V2_ALONE,
    ),
}

_OF_LISTS = frozenset(
    each.name for each in FAULTS if each.rule.get("kind") in ("stale_list", "duplicate_row")
) | frozenset(each.name for each in FAULTS if each.rule.get("kind") == "move_rows")
_OF_CREATES = frozenset(
    {"name taken, says the platform", "no quota", "answer lost and job listed late"}
)
_OF_STOPS = frozenset({"409 not to be stopped", "409 status changed"})
_WITHOUT_CONTENT = frozenset({"no content", "no content after"})
_CONDITIONS = {
    "jobs listed late": ("list", "create"),
    "slow deletion": ("delete", "list in apply"),
    "failed deletion": ("delete", "list in apply"),
    "name held": ("create anew", "delete for", "list in apply"),
}


def impossible(call: Call, fault: Fault) -> str:
    """Return why a fault cannot meet a call; empty when it can."""
    if fault.name in _OF_LISTS and not call.is_list:
        return "the answer is not a list with pages"
    if fault.name in _OF_CREATES and call.sort is not Sort.ONCE:
        return "only creations are told so"
    if fault.name in _OF_STOPS and not call.name.startswith("stop"):
        return "only stops are told so"
    if fault.name in _WITHOUT_CONTENT and call.sort not in (Sort.READ, Sort.ONCE):
        return "it has no content to lose"
    if fault.name == "unknown status" and not call.has_status:
        return "the answer holds no status"
    if fault.name == "no job id" and not (call.has_status and "versions" not in call.name):
        return "the answer holds no job id that anybody reads"
    if fault.name in _CONDITIONS and not call.name.startswith(_CONDITIONS[fault.name]):
        return "the condition does not touch this call"
    if call.sort is Sort.LOGIN and fault.name == "expired login":
        return "a login needs no login"
    if call.sort is Sort.LOGIN and fault.wire in ("close_idle", "forget_idle"):
        return "the login comes first: no connection is kept yet"
    return ""


def first_cells() -> list[Cell]:
    """Return every call with every fault that can meet it, in its first matching request."""
    return [
        Cell(call, fault, for_ever=fault.for_ever)
        for call in CALLS
        for fault in _FAULTS[call.api]
        if not impossible(call, fault)
    ]


def further_cells() -> list[Cell]:
    """Return the same in the second and third matching request, and in every one."""
    found = []
    for cell in first_cells():
        if (cell.fault.timing and not cell.fault.rule) or cell.for_ever:
            continue
        if cell.fault.rule.get("how") == "delete":
            continue  # later pages begin with our own jobs: these would be lost, not moved
        found += [replace(cell, number=2), replace(cell, number=3), replace(cell, for_ever=True)]
    return found


def impossible_pairs() -> Iterator[tuple[str, int]]:
    """Yield each reason, and how many pairs of a call and a fault it rules out."""
    reasons = [impossible(call, fault) for call in CALLS for fault in _FAULTS[call.api]]
    for reason in sorted({each for each in reasons if each}):
        yield reason, reasons.count(reason)


def sample(cells: Iterable[Cell], wanted: int, seed: int) -> list[Cell]:
    """Return so many cells, the same for the same seed; no call and no fault goes without."""
    shuffled = list(cells)
    random.Random(seed).shuffle(shuffled)
    chosen: dict[str, Cell] = {}
    met: set[str] = set()
    for cell in shuffled:
        if not {cell.call.name, cell.fault.name} <= met:
            chosen[cell.id] = cell
            met |= {cell.call.name, cell.fault.name}
    for cell in shuffled:
        if len(chosen) >= wanted:
            break
        chosen.setdefault(cell.id, cell)
    return list(chosen.values())


_SHRUGGED_OFF = (
    "403",
    "404 of the gateway",
    "no such job",
    "409",
    "200 that says no",
)
_OUTCOMES = {
    # Whether a deleted job is gone is asked again at the next poll, whatever the answer was.
    **{("details of a deleted job in apply", each): SUCCESS for each in _SHRUGGED_OFF},
    ("details of a deleted job in apply", "no job id"): SUCCESS,
    ("details of a deleted job in apply", "401 always"): "Deletion takes too long",
    # Listed, but without details: nobody can say that this job equals the definition.
    # The platform says that there is no such job, and goes on showing it.
    ("delete in apply", "no such job"): "Deletion takes too long",
    (
        "delete for a replacement in apply",
        "no such job",
    ): "Deletion takes too long",
    (
        "details in apply",
        "no such job",
    ): "The plan has errors: nothing was changed",
    ("log names in logs", "no such job"): NO_LOG,
    ("log text in logs", "no such job"): NO_LOG,
    ("versions in logs", "no such job"): NO_LOG,
    ("tasks in logs", "no such job"): NO_LOG,
    # An older installation has no such call.
    ("quota in apply", "404 of the gateway"): SUCCESS,
    ("details in adopt", "no such job"): "Job differs from the definition",
}
"""Where a pair leads to something else than its parts would."""


def _outcome(call: Call, fault: Fault) -> str:
    if call.sort is Sort.LOGIN:
        refusals = (
            "401 once",
            "401 always",
            "403",
            "403 for a stale login",
            "404 of the gateway",
            "no such job",
            "409",
        )
        return LOGIN_REFUSED if fault.name in refusals else SUCCESS
    match fault.name:
        case "401 always":
            return BAD_LOGIN
        case "403":
            return NOT_ALLOWED
        case "no such job" if call.about_job:
            return NO_SUCH_JOB
        case "404 of the gateway" | "no such job" | "409" | "200 that says no":
            return REFUSED
        case "no quota":
            return "The platform takes no more jobs"
        case "no job id" if call.sort is Sort.READ:
            return NONSENSE
        case "failed deletion":
            # Version 2 has no phase that tells so.
            return "Deletion failed" if call.api == "v1" else "Deletion takes too long"
        case _:
            return SUCCESS
