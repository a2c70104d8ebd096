"""Request bodies of both API versions: JSON, of one shape, and not too long."""

from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request

from reconciler.emulator.failures import Failure

_MAX_BODY = 12 * 1024 * 1024


class Wire(BaseModel):
    """Base of every request body: closed, strictly typed, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Body = TypeVar("Body", bound=Wire)


async def read_body(
    request: Request, shape: type[Body], refuse: Callable[[ValidationError | None], Failure]
) -> Body:
    """The request's body in its shape; what does not fit is the Failure that `refuse` makes.

    `refuse` gets None for a body that is not declared as JSON.
    """
    kind = request.headers.get("content-type", "application/json").split(";")[0].strip()
    if kind.lower() != "application/json":
        raise refuse(None)
    data = await request.body()
    if len(data) > _MAX_BODY:
        raise Failure(413, "APIG.0201", "Request entity too large.")
    try:
        return shape.model_validate_json(data)
    except ValidationError as error:
        raise refuse(error) from error
