"""Refusals on their way out: status, code and message, whatever shape a version gives them."""

import json
import secrets
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from starlette.responses import Response

Json = dict[str, Any]


class Failure(Exception):  # noqa: N818
    """A refusal with its HTTP status and code; `gateway` ones never reached the service."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self, shape: Callable[["Failure"], Json] | None = None) -> Response:
        """The error body: the gateway's shape for its own codes, else the version's `shape`."""
        if shape is None or self.code.startswith("APIG."):
            return answer(self.status, _of_the_gateway(self))
        return answer(self.status, shape(self))


def answer(status: int, body: Any) -> Response:
    """A JSON answer."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, media_type="application/json")


def first_problem(error: ValidationError) -> str:
    """The place and kind of the first mistake in a body, without the value that stands there."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])


def _of_the_gateway(failure: Failure) -> Json:
    return {
        "error_msg": failure.message,
        "error_code": failure.code,
        "request_id": secrets.token_hex(16),
    }
