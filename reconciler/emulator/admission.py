"""Who may use which project: every request of both API versions passes here first."""

from starlette.requests import Request

from reconciler.emulator.failures import Failure
from reconciler.emulator.iam import TokenExpiredError, Tokens, TokenUnknownError


def admit(request: Request, tokens: Tokens) -> str:
    """The project that the request may use; a Failure says why it may not."""
    project = _project_of_token(request.headers.get("x-auth-token", ""), tokens)
    if request.path_params["project_id"] != project:
        message = "The project id in the request URL does not match the token."
        raise Failure(403, "ModelArts.0210", message)
    return project


def _project_of_token(text: str, tokens: Tokens) -> str:
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
    return token.project.id
