"""Errors of v1: which code and HTTP status every refusal gets.

After the ModelArts API Reference, page "Error Codes"; where HTTP statuses are not listed
there, 400 stands in.
"""

from typing import Any

from pydantic import ValidationError

from reconciler.emulator import errors
from reconciler.emulator.failures import Failure, first_problem

_CODES: dict[type[errors.RefusedError], tuple[int, str]] = {
    errors.NameTakenError: (400, "ModelArts.0103"),
    errors.NotFoundError: (400, "ModelArts.0102"),
    errors.AlreadyDeletingError: (400, "ModelArts.6357"),
    errors.QuotaExceededError: (400, "ModelArts.0116"),
    errors.NotAllowedError: (400, "ModelArts.0104"),
    errors.InvalidPathError: (400, "ModelArts.0101"),
}


def shape(failure: Failure) -> dict[str, Any]:
    """The error body of v1."""
    return {
        "is_success": False,
        "error_message": failure.message,
        "error_code": failure.code,
    }


def as_failure(error: errors.RefusedError) -> Failure:
    """The failure that a refusal of the core becomes."""
    return Failure(*_CODES[type(error)], str(error))


def refuse_body(error: ValidationError | None) -> Failure:
    """The failure for a body that does not fit its shape; None: it is not JSON at all."""
    problem = "the body must be JSON" if error is None else first_problem(error)
    return Failure(400, "ModelArts.0104", f"Parameter error: {problem}.")


def refuse_parameter(name: str) -> Failure:
    """The failure for a query parameter that is out of range."""
    return Failure(400, "ModelArts.0107", f"Invalid parameter value: {name}.")
