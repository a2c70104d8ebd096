"""What all shapes that travel have in common, whichever API version they belong to.

Closed for what we send, tolerant of what comes back: answers may carry further fields, numbers as
text, text as numbers, and null for anything that was not asked for.
"""

from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Sent(BaseModel):
    """Base of request bodies: nothing but the documented fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def body(self) -> bytes:
        """Return the JSON text, without the fields that were not set."""
        return self.model_dump_json(exclude_none=True).encode()


class Received(BaseModel):
    """Base of answers: further fields are none of our business, ids may be numbers or text."""

    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


def _none_if_blank(value: object) -> object:
    return None if value == "" else value


def _text_of(value: object) -> object:
    """Return a scalar as the text that JSON writes for it; parameters may come as numbers."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case _:
            return value


Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Number = Annotated[Whole | None, BeforeValidator(_none_if_blank)]
Text = str | None
_Row = TypeVar("_Row")
Rows = Annotated[tuple[_Row, ...], Field(fail_fast=True)]
"""A list that is refused at its first bad row: a million of them would be told one by one."""
ScalarText = Annotated[str, BeforeValidator(_text_of)]
