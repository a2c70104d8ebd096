"""Errors of v2: codes, statuses and texts.

After the ModelArts API Reference, page "Error Codes"; the texts are those of its column
"Message" with the place or name filled in.
"""

from typing import Any

from pydantic import ValidationError

from reconciler.emulator import errors
from reconciler.emulator.failures import Failure, first_problem

_SOLUTIONS = {
    "ModelArts.2755": "Check whether the training project information in the request is valid.",
}


def shape(failure: Failure) -> dict[str, Any]:
    """The error body of v2."""
    body = {"error_msg": failure.message, "error_code": failure.code}
    solution = _SOLUTIONS.get(failure.code)
    return body | {"error_solution": solution} if solution else body


def job_not_found(uid: str) -> Failure:
    """No such job in the project; 400 and not 404."""
    return Failure(400, "ModelArts.2775", f"Training job (ID: {uid}) not found.")


def name_taken(name: str) -> Failure:
    """Another job bears the name."""
    return Failure(400, "ModelArts.2751", f"Duplicate training job (name {name}).")


def invalid(what: str) -> Failure:
    """A parameter that makes no sense; `what` begins with its place."""
    return Failure(400, "ModelArts.2788", f"Invalid parameter({what}).")


def invalid_query(name: str) -> Failure:
    """A query parameter out of range."""
    return Failure(400, "ModelArts.2764", f"Invalid query parameter ({name}).")


def invalid_path(path: str) -> Failure:
    """A path that names nothing usable."""
    reason = "it does not exist or cannot be used"
    return Failure(400, "ModelArts.2791", f"Invalid obs path: {path}, reason: {reason}.")


def refuse_body(error: ValidationError | None) -> Failure:
    """The failure for a body that does not fit its shape; None: it is not JSON at all."""
    kind = "json_invalid" if error is None else error.errors(include_input=False)[0]["type"]
    if error is None or kind in {"json_invalid", "json_type"}:
        return Failure(400, "ModelArts.2787", "Invalid JSON request body.")
    problem = first_problem(error)
    if kind.endswith("_type"):
        message = f"The parameter ({problem}) value type error."
        return Failure(400, "ModelArts.2825", message)
    return invalid(problem)


def as_failure(error: errors.RefusedError) -> Failure:
    """The failure that a refusal of the core becomes, where nothing more is known."""
    match error:
        case errors.QuotaExceededError():
            message = "Exceed quota limit of resource(training job)."
            return Failure(400, "ModelArts.2815", message)
        case errors.InvalidPathError():
            return invalid_path(error.path)
        case errors.AlreadyDeletingError():
            return Failure(409, "ModelArts.2878", "The job status has changed.")
        case errors.NotAllowedError():
            return Failure(409, "ModelArts.2796", "The job is not allowed to be terminated.")
        case _:
            return Failure(500, "ModelArts.2950", "Unknown.")
