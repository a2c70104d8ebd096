"""Errors of v1: which code and HTTP status every refusal gets.

After the ModelArts API Reference, page "Error Codes"; where HTTP statuses are not listed
there, 400 stands in.
"""

import json
import secrets
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from reconciler.emulator import errors
from reconciler.emulator.iam import TokenExpiredError, Tokens, TokenUnknownError

_CODES: dict[type[errors.RefusedError], tuple[int, str]] = {
    errors.NameTakenError: (400, "ModelArts.0103"),
    errors.NotFoundError: (400, "ModelArts.0102"),
    errors.AlreadyDeletingError: (400, "ModelArts.6357"),
    errors.QuotaExceededError: (400, "ModelArts.0116"),
    errors.NotAllowedError: (400, "ModelArts.0104"),
    errors.InvalidPathError: (400, "ModelArts.0101"),
}


class Failure(Exception):  # noqa: N818
    """A refusal with its HTTP status and code; `gateway` ones never reached the service."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> Response:
        """The error body: the gateway's shape for its own codes, else the service's."""
        if self.code.startswith("APIG."):
            return answer(
                self.status,
                {
                    "error_msg": self.message,
                    "error_code": self.code,
                    "request_id": secrets.token_hex(16),
                },
            )
        return answer(
            self.status,
            {"is_success": False, "error_message": self.message, "error_code": self.code},
        )


def as_failure(error: errors.RefusedError) -> Failure:
    """The failure that a refusal of the core becomes."""
    return Failure(*_CODES[type(error)], str(error))


def answer(status: int, body: dict[str, Any]) -> Response:
    """A JSON answer."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, media_type="application/json")


def authorise(request: Request, tokens: Tokens) -> str:
    """The project that the request may use; a Failure says why it may not."""
    text = request.headers.get("x-auth-token")
    if not text:
        raise Failure(
            401, "APIG.0301", "Incorrect IAM authentication information: x-auth-token not found"
        )
    try:
        token = tokens.check(text)
    except TokenUnknownError as error:
        message = "Incorrect IAM authentication information: decrypt token fail"
        raise Failure(401, "APIG.0301", message) from error
    except TokenExpiredError as error:
        message = "Invalid token header because the token has expired."
        raise Failure(401, "ModelArts.0202", message) from error
    if token.project is None:
        raise Failure(401, "ModelArts.0212", "The token does not contain a project.")
    if request.path_params["project_id"] != token.project.id:
        message = "The project id in the request URL does not match the token."
        raise Failure(403, "ModelArts.0210", message)
    return token.project.id


def first_problem(error: ValidationError) -> str:
    """The place and kind of the first mistake in a body, without the value that stands there."""
    first = error.errors(include_input=False, include_context=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])
