"""Answers as tests want them to be: error bodies of every shape, and successful ones distorted."""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any

from reconciler.emulator.faults import Fault

_HTML = "<html><head><title>Bad Gateway</title></head><body>nginx</body></html>"


@dataclass(frozen=True)
class Answer:
    """One complete answer."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def with_body(self, body: bytes, kind: bytes = b"application/json") -> "Answer":
        """The same with another body, whose length and type the headers tell."""
        kept = tuple(
            (name, value)
            for name, value in self.headers
            if name not in (b"content-length", b"content-type")
        )
        described = ((b"content-type", kind), (b"content-length", b"%d" % len(body)))
        return replace(self, body=body, headers=kept + described)


def error_answer(fault: Fault) -> Answer:
    """The error that a fault asks for."""
    headers = () if fault.retry_after is None else ((b"retry-after", _retry_after(fault)),)
    blank = Answer(fault.status, headers, b"")
    if fault.variant == "html":
        return blank.with_body(_HTML.encode(), b"text/html")
    if fault.variant == "F":
        return blank.with_body(b"", b"text/plain")
    return blank.with_body(json.dumps(_ERRORS[fault.variant](fault)).encode())


def mangle(answer: Answer, fault: Fault) -> Answer:
    """A successful answer distorted the way the fault's kind says; others pass unchanged."""
    if fault.kind == "error_after":
        return error_answer(fault)
    if fault.kind == "invalid_json":
        return answer.with_body(answer.body[:-1] + b",]")
    change = _CHANGES.get(fault.kind)
    if change is None or not answer.body:
        return answer
    return answer.with_body(json.dumps(change(json.loads(answer.body), fault)).encode())


def first_job(answer: Answer) -> str:
    """The number or UUID of the first job in a list's answer; empty if it has none."""
    try:
        body = json.loads(answer.body)
        return str(
            body["jobs"][0]["job_id"] if "jobs" in body else body["items"][0]["metadata"]["id"]
        )
    except (ValueError, KeyError, IndexError, TypeError):
        return ""


def lists_newest_first(answer: Answer) -> bool:
    """Whether a list's answer says that it is in falling order; that of v1 never says."""
    try:
        return bool(json.loads(answer.body).get("order") == "desc")
    except (ValueError, AttributeError):
        return False


def _retry_after(fault: Fault) -> bytes:
    seconds = fault.retry_after or 0
    text = formatdate(time.time() + seconds, usegmt=True) if fault.as_date else str(seconds)
    return text.encode()


_ERRORS: dict[str, Callable[[Fault], dict[str, Any]]] = {
    "A": lambda f: {"is_success": False, "error_message": f.message, "error_code": f.code},
    "B": lambda f: {"is_success": False, "error_msg": f.message, "error_code": f.code},
    "C": lambda f: {"error_code": f.code, "error_message": f.message},
    "D": lambda f: {"error_msg": f.message, "error_code": f.code},
    "E": lambda f: {
        "error_msg": f.message,
        "error_code": f.code,
        "request_id": secrets.token_hex(16),
    },
    "G": lambda f: {
        "error_code": f.code,
        "error_msg": f.message,
        "error_solution": "Try again.",
    },
}


def _duplicate_row(body: Any, _fault: Fault) -> Any:
    for name in ("jobs", "items"):
        rows = body.get(name) or []
        if rows:
            return body | {name: rows + rows[:1]}
    return body


def _texts(value: Any, fault: Fault) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | dict | list):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return {key: _texts(item, fault) for key, item in value.items()}
    return [_texts(item, fault) for item in value]


def _nulls(value: Any, fault: Fault) -> Any:
    return _replace_fields(value, dict.fromkeys(fault.fields))


def _status(value: Any, fault: Fault) -> Any:
    """Statuses are numbers in v1, and objects with a phase in v2."""
    if isinstance(value, dict):
        if "phase" in value:
            return value | {"phase": f"Phase{fault.value}"}
        plain = {"status": fault.value} if "status" in value else {}
        plain = {} if isinstance(value.get("status"), dict) else plain
        return {key: _status(item, fault) for key, item in value.items()} | plain
    return [_status(item, fault) for item in value] if isinstance(value, list) else value


def _replace_fields(value: Any, fields: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {
            key: fields[key] if key in fields else _replace_fields(item, fields)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_replace_fields(item, fields) for item in value]
    return value


_CHANGES: dict[str, Callable[[Any, Fault], Any]] = {
    "duplicate_row": _duplicate_row,
    "numbers_as_strings": _texts,
    "null_fields": _nulls,
    "unknown_status": _status,
}
