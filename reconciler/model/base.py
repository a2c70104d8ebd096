"""The base of values that cross a file or a socket, and their canonical form."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict


class Model(BaseModel):
    """Base of every value that crosses a file or a socket.

    Frozen, so that a plan cannot change between being shown and being applied; unknown fields
    are refused, so that a typo is an error and not a silent default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __eq__(self, other: object) -> bool:
        """Compare field by field; at once where no cached property stands in the way."""
        if type(self) is not type(other):
            return NotImplemented
        mine, theirs = self.__dict__, other.__dict__
        return mine == theirs or all(mine[name] == theirs[name] for name in type(self).model_fields)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy without the cached properties: they were computed from the old fields."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(copied).model_fields.keys():
            del copied.__dict__[name]
        return copied


def _within_calendars(moment: datetime) -> datetime:
    if moment.tzinfo is None or not 1970 <= moment.year < 9999:
        raise ValueError("must be a time with its zone, from 1970 on")
    return moment


Moment = Annotated[datetime, AfterValidator(_within_calendars)]
"""A moment that can be compared, shifted and shown in any time zone."""


def canonical_json(value: Any) -> bytes:
    """Return the one JSON text of a plain value: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def digest(value: Any) -> str:
    """Return `sha256:` and the hex digest of a plain value's canonical JSON."""
    return "sha256:" + hashlib.sha256(canonical_json(value)).hexdigest()
