"""The kinds of values that a definition is made of.

A shape turns a node of the tree into a plain value and tells what does not fit; the same shape
describes itself as JSON Schema, so that what an editor offers and what we accept are one table.
Where a problem was told, the value is BROKEN: written, but of no use to further rules.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Protocol

from reconciler.definition.problems import Problems, did_you_mean
from reconciler.definition.references import BEGIN, NOBODY, References, Subject
from reconciler.definition.tree import Mark, Value, kind_of, quote


class Broken(Enum):
    """The type of BROKEN."""

    BROKEN = "broken"


BROKEN: Final = Broken.BROKEN
"""Stands for a value whose problem has been told."""

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,9})?")
_DURATION = re.compile(r"(0|[1-9][0-9]{0,8})([smhd]?)")
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_ENDS = re.compile("[\n\r\x85\u2028\u2029]")
_REFERENCE_JSON = {"type": "string", "pattern": r"\$\{"}


@dataclass(slots=True)
class Scope:
    """What reading a value needs to know of its surroundings.

    `subject` is the job that texts belong to, `where` opens each detail (`Job "resnet": `),
    `address` marks the problems that belong to one job. Without `references`, a text is taken as
    it is.
    """

    problems: Problems
    references: References | None = None
    subject: Subject = NOBODY
    where: str = ""
    address: str | None = None

    def tell(self, mark: Mark, summary: str, detail: str, hint: str = "") -> Broken:
        """Tell a problem, and return the value to go on with."""
        self.problems.add(mark, summary, detail, hint, where=self.where, address=self.address)
        return BROKEN


class Shape(Protocol):
    """What may stand at one place of a definition."""

    def read(self, value: Value, mark: Mark, scope: Scope, name: str) -> Any:
        """Return the plain value of what was written at a mark, or BROKEN. Never raises.

        `value` is not None: a plain null counts as not written. `name` names it in messages.
        """
        ...

    def json(self) -> dict[str, Any]:
        """Return the JSON Schema of what may be written."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A text. YAML's unquoted numbers and booleans are texts too, exactly as written.

    `pattern` must match the whole text and `rule` says so in people's words. Without `lines` it
    is one line; without `empty` it says something. `is_name` says that it is a job's name, which
    cannot refer to itself.
    """

    description: str
    pattern: re.Pattern[str] | None = None
    rule: str = ""
    choices: tuple[str, ...] = ()
    max_length: int | None = None
    lines: bool = False
    empty: bool = False
    is_name: bool = False
    examples: tuple[str, ...] = ()

    def read(self, value: Value, mark: Mark, scope: Scope, name: str) -> Any:
        """Return the text with its references resolved."""
        if type(value) is not str:
            return scope.tell(
                mark, "Wrong type", f"{quote(name)} must be a text, not {kind_of(value)}."
            )
        text = value
        if BEGIN in value and scope.references is not None:
            subject = scope.subject.in_its_name if self.is_name else scope.subject
            resolved = scope.references.resolve(value, mark, subject)
            if resolved is None:
                return BROKEN
            text = resolved
        if text.isprintable() and text and not (self.pattern or self.choices or self.max_length):
            return text
        problem = self._problem(text, quote(name), value)
        return scope.tell(mark, *problem) if problem else text

    def _problem(self, text: str, name: str, written: str) -> tuple[str, str, str] | None:
        """Return summary, detail and hint of what is wrong with a text, if something is."""
        if not text.isprintable() and (bad := _CONTROL.search(text)):
            return ("Control character", f"{name} holds the character U+{ord(bad[0]):04X}.", "")
        if not self.lines and _LINE_ENDS.search(text):
            return ("Invalid value", f"{name} must be one line.", "")
        if not text and not self.empty:
            return ("Invalid value", f"{name} is empty.", "Remove the key, or fill it in.")
        if self.choices and text not in self.choices:
            known = ", ".join(self.choices)
            said = f"{name} must be one of {known}, not {_shown(text, written)}."
            return ("Invalid value", said, did_you_mean(text, self.choices))
        if self.max_length is not None and len(text) > self.max_length:
            said = f"{name} has {len(text)} characters; {self.max_length} are allowed."
            return ("Text is too long", said, "Shorten it.")
        if self.pattern and not self.pattern.fullmatch(text):
            said = f"{name} must be {self.rule}, not {_shown(text, written)}."
            return ("Invalid value", said, "")
        return None

    def json(self) -> dict[str, Any]:
        """Return the schema; numbers and booleans may stand where the text has no pattern."""
        about: dict[str, Any] = {"description": self.description}
        if self.examples:
            about["examples"] = list(self.examples)
        if self.choices:
            return {**about, "anyOf": [{"enum": list(self.choices)}, _REFERENCE_JSON]}
        if self.pattern is not None:
            written = {"type": "string", "pattern": f"^(?:{self.pattern.pattern})$"}
            return {**about, "anyOf": [written, {"type": "number"}, _REFERENCE_JSON]}
        return {**about, "type": ["string", "number", "boolean"]}


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number in decimal digits, nothing else."""

    description: str
    minimum: int
    maximum: int = 10**9

    def read(self, value: Value, mark: Mark, scope: Scope, name: str) -> Any:
        """Return the number."""
        text = ANY_TEXT.read(value, mark, scope, name) if type(value) is str else value
        if text is BROKEN:
            return BROKEN
        if not isinstance(text, str) or not _INTEGER.fullmatch(text):
            said = f"{quote(name)} must be a whole number, not {_shown(text, value)}."
            return scope.tell(mark, "Wrong type", said)
        number = int(text)
        if number < self.minimum:
            said = f"{quote(name)} must be at least {self.minimum}, not {number}."
            return scope.tell(mark, "Invalid value", said)
        if number > self.maximum:
            said = f"{quote(name)} must be at most {self.maximum}, not {number}."
            return scope.tell(mark, "Invalid value", said)
        return number

    def json(self) -> dict[str, Any]:
        """Return the schema; a text may hold the digits, or references."""
        number = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        text = {"type": "string", "pattern": rf"^(?:{_INTEGER.pattern})$|\$\{{"}
        return {"description": self.description, "anyOf": [number, text]}


@dataclass(frozen=True, slots=True)
class Number:
    """A number from 0 in decimal digits, with a point if it needs one; kept exactly."""

    description: str

    def read(self, value: Value, mark: Mark, scope: Scope, name: str) -> Any:
        """Return the number as a Decimal."""
        text = ANY_TEXT.read(value, mark, scope, name) if type(value) is str else value
        if text is BROKEN:
            return BROKEN
        if not isinstance(text, str) or not _DECIMAL.fullmatch(text):
            said = f"{quote(name)} must be a number from 0, not {_shown(text, value)}."
            return scope.tell(mark, "Wrong type", said, "Write it in digits, such as 12 or 0.85.")
        return Decimal(text)

    def json(self) -> dict[str, Any]:
        """Return the schema; a text may hold the digits, or references."""
        text = {"type": "string", "pattern": rf"^(?:{_DECIMAL.pattern})$|\$\{{"}
        return {"description": self.description, "anyOf": [{"type": "number", "minimum": 0}, text]}


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time: a whole number of seconds, or one with a unit, `30m`, `12h`, `7d`."""

    description: str

    def read(self, value: Value, mark: Mark, scope: Scope, name: str) -> Any:
        """Return the seconds."""
        text = ANY_TEXT.read(value, mark, scope, name) if type(value) is str else value
        if text is BROKEN:
            return BROKEN
        match = _DURATION.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            said = f"{quote(name)} must be a length of time, not {_shown(text, value)}."
            return scope.tell(mark, "Wrong type", said, "Write seconds, or 30m, 12h, 7d.")
        return int(match[1]) * _SECONDS[match[2]]

    def json(self) -> dict[str, Any]:
        """Return the schema; a text may hold a unit, or references."""
        text = {"type": "string", "pattern": rf"^(?:{_DURATION.pattern})$|\$\{{"}
        return {"description": self.description, "anyOf": [{"type": "integer", "minimum": 0}, text]}


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`, not the other words that YAML once took for them."""

    description: str

    def read(self, value: Value, mark: Mark, scope: Scope, name: str) -> Any:
        """Return the truth value."""
        text = ANY_TEXT.read(value, mark, scope, name) if type(value) is str else value
        if text is BROKEN:
            return BROKEN
        if text == "true" or text == "false":
            return text == "true"
        said = f"{quote(name)} must be true or false, not {_shown(text, value)}."
        return scope.tell(mark, "Wrong type", said)

    def json(self) -> dict[str, Any]:
        """Return the schema; a text may hold a reference."""
        texts = [{"enum": ["true", "false"]}, _REFERENCE_JSON]
        return {"description": self.description, "anyOf": [{"type": "boolean"}, *texts]}


def _shown(value: Value, written: Value) -> str:
    """Show a wrong value; what comes from the environment stays there, it may be a secret."""
    from_environment = isinstance(written, str) and "${env." in written
    return kind_of(written if from_environment else value)


ANY_TEXT: Final = Text("", lines=True, empty=True)
"""A text without any rule but that it holds no control characters."""
