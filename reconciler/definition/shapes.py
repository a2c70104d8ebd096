"""The kinds of values that a definition is made of.

A shape turns a node of the tree into a plain value and tells what does not fit; the same shape
describes itself as JSON Schema, so that what an editor offers and what we accept are one table.
Where a problem was told, the value is BROKEN: written, but of no use to further rules.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Protocol

from reconciler.definition.problems import Problems, did_you_mean, suggest
from reconciler.definition.references import BEGIN, References
from reconciler.definition.tree import ListNode, MappingNode, Mark, Value, kind_of, quote


class _Broken(Enum):
    BROKEN = "broken"


BROKEN: Final = _Broken.BROKEN
"""Stands for a value whose problem has been told."""

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_ENDS = re.compile("[\n\r\x85\u2028\u2029]")
_REFERENCE_JSON = {"type": "string", "pattern": r"\$\{"}


@dataclass(slots=True)
class Scope:
    """What reading a value needs to know of its surroundings.

    `job` is the platform name that `${job.name}` stands for, `where` opens each detail
    (`Job "resnet": `), `address` marks the problems that belong to one job. Without
    `references`, a text is taken as it is.
    """

    problems: Problems
    references: References | None = None
    job: str | None = None
    where: str = ""
    address: str | None = None

    def tell(self, mark: Mark, summary: str, detail: str, hint: str = "") -> _Broken:
        """Tell a problem, and return the value to go on with."""
        self.problems.add(mark, summary, self.where + detail, hint, address=self.address)
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
    is one line; without `empty` it says something.
    """

    description: str
    pattern: re.Pattern[str] | None = None
    rule: str = ""
    choices: tuple[str, ...] = ()
    max_length: int | None = None
    lines: bool = False
    empty: bool = False
    has_job: bool = True
    examples: tuple[str, ...] = ()

    def read(self, value: Value, mark: Mark, scope: Scope, name: str) -> Any:
        """Return the text with its references resolved."""
        if type(value) is not str:
            return scope.tell(
                mark, "Wrong type", f"{quote(name)} must be a text, not {kind_of(value)}."
            )
        if BEGIN in value and scope.references is not None:
            job = scope.job if self.has_job else None
            resolved = scope.references.resolve(value, mark, job)
            if resolved is None:
                return BROKEN
            value = resolved
        if value.isprintable() and value and not (self.pattern or self.choices or self.max_length):
            return value
        return self._checked(value, mark, scope, name)

    def _checked(self, text: str, mark: Mark, scope: Scope, name: str) -> Any:
        if not text.isprintable() and (bad := _CONTROL.search(text)):
            shown = f"U+{ord(bad[0]):04X}"
            return scope.tell(
                mark, "Control character", f"{quote(name)} holds the character {shown}."
            )
        if not self.lines and _LINE_ENDS.search(text):
            return scope.tell(mark, "Invalid value", f"{quote(name)} must be one line.")
        if not text and not self.empty:
            return scope.tell(
                mark, "Invalid value", f"{quote(name)} is empty.", "Remove the key, or fill it in."
            )
        if self.choices and text not in self.choices:
            listed = ", ".join(self.choices)
            return scope.tell(
                mark,
                "Invalid value",
                f"{quote(name)} must be one of {listed}, not {quote(text)}.",
                did_you_mean(text, self.choices),
            )
        if self.max_length is not None and len(text) > self.max_length:
            return scope.tell(
                mark,
                "Text is too long",
                f"{quote(name)} has {len(text)} characters; {self.max_length} are allowed.",
            )
        if self.pattern and not self.pattern.fullmatch(text):
            return scope.tell(
                mark, "Invalid value", f"{quote(name)} must be {self.rule}, not {quote(text)}."
            )
        return text

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
        text = _ANY_TEXT.read(value, mark, scope, name) if type(value) is str else value
        if text is BROKEN:
            return BROKEN
        if not isinstance(text, str) or not _INTEGER.fullmatch(text):
            return scope.tell(
                mark, "Wrong type", f"{quote(name)} must be a whole number, not {kind_of(text)}."
            )
        number = int(text)
        if number < self.minimum:
            return scope.tell(
                mark, "Invalid value", f"{quote(name)} must be at least {self.minimum}, not {text}."
            )
        if number > self.maximum:
            return scope.tell(
                mark, "Invalid value", f"{quote(name)} must be at most {self.maximum}, not {text}."
            )
        return number

    def json(self) -> dict[str, Any]:
        """Return the schema; a text may hold the digits, or references."""
        number = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        text = {"type": "string", "pattern": rf"^(?:{_INTEGER.pattern})$|\$\{{"}
        return {"description": self.description, "anyOf": [number, text]}


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`, not the other words that YAML once took for them."""

    description: str

    def read(self, value: Value, mark: Mark, scope: Scope, name: str) -> Any:
        """Return the truth value."""
        text = _ANY_TEXT.read(value, mark, scope, name) if type(value) is str else value
        if text is BROKEN:
            return BROKEN
        if text == "true":
            return True
        if text == "false":
            return False
        return scope.tell(
            mark,
            "Wrong type",
            f"{quote(name)} must be true or false, not {kind_of(text)}.",
        )

    def json(self) -> dict[str, Any]:
        """Return the schema; a text may hold a reference."""
        texts = [{"enum": ["true", "false"]}, _REFERENCE_JSON]
        return {"description": self.description, "anyOf": [{"type": "boolean"}, *texts]}


@dataclass(frozen=True, slots=True)
class Texts:
    """A mapping of names that the user chooses to texts.

    `names` must match each name, and `rule` says so. A null is an error here: it might be meant
    as an empty text or as no entry, and only the user knows.
    """

    description: str
    names: re.Pattern[str]
    rule: str

    def read(self, value: Value, mark: Mark, scope: Scope, name: str) -> Any:
        """Return the mapping, without the entries whose problem was told."""
        if not isinstance(value, MappingNode):
            return _not_a_mapping(value, mark, scope, name)
        result: dict[str, str] = {}
        for (key, item), at in zip(value.values.items(), value.marks[1::2], strict=True):
            if not self.names.fullmatch(key):
                self._refuse_name(key, value.key_mark(key), scope, name)
                continue
            if item is None:
                scope.tell(
                    at,
                    "Missing value",
                    f"{quote(key)} of {quote(name)} has no value.",
                    'Write "" for an empty text, or remove the key.',
                )
                continue
            if type(item) is not str:
                scope.tell(
                    at,
                    "Wrong type",
                    f"{quote(key)} of {quote(name)} must be a text, not {kind_of(item)}.",
                    "Put it in quotes to hand it over as one text.",
                )
                continue
            text = _ANY_TEXT.read(item, at, scope, key)
            if text is not BROKEN:
                result[key] = text
        return result

    def _refuse_name(self, key: str, mark: Mark, scope: Scope, name: str) -> None:
        scope.tell(
            mark, "Invalid name", f"A name in {quote(name)} must be {self.rule}, not {quote(key)}."
        )

    def json(self) -> dict[str, Any]:
        """Return the schema."""
        return {
            "description": self.description,
            "type": "object",
            "propertyNames": {"pattern": f"^(?:{self.names.pattern})$"},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        }


@dataclass(frozen=True, slots=True)
class Object:
    """A mapping with known keys.

    A `required` key must be written. A scalar in place of the mapping is the value of
    `shorthand`. `other_names` says which key is meant by words that people bring from
    elsewhere; `refused` holds summary, detail and hint of keys that deserve their own message.
    """

    description: str
    fields: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    shorthand: str | None = None
    other_names: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)

    def read(self, value: Value, mark: Mark, scope: Scope, name: str) -> Any:
        """Return the written keys with their plain values; BROKEN stands for a broken one."""
        if type(value) is not MappingNode:
            if self.shorthand is not None and type(value) is str:
                shape = self.fields[self.shorthand]
                return {self.shorthand: shape.read(value, mark, scope, name)}
            return _not_a_mapping(value, mark, scope, name)
        result: dict[str, Any] = {}
        fields, marks, index = self.fields, value.marks, 1
        for key, item in value.values.items():
            if item is not None:
                if key in fields:
                    result[key] = fields[key].read(item, marks[index], scope, key)
                else:
                    self._refuse_key(key, marks[index - 1], scope, name, result)
            elif key not in fields:
                self._refuse_key(key, marks[index - 1], scope, name, result)
            index += 2
        for key in self.required:
            if key not in result:
                result[key] = scope.tell(
                    mark, "Missing key", f"{quote(name)} needs {quote(key)}."
                )
        return result

    def _refuse_key(
        self, key: str, mark: Mark, scope: Scope, name: str, result: dict[str, Any]
    ) -> None:
        """Tell of an unknown key, and take the key that was meant as written."""
        if (special := self.refused.get(key.lower())) is not None:
            scope.tell(mark, *special)
            return
        meant = self.other_names.get(key) or suggest(key, self.fields)
        known = ", ".join(sorted(self.fields))
        scope.tell(
            mark,
            "Unknown key",
            f"{quote(name) if name else 'it'} has no key {quote(key)}.",
            f"Did you mean {quote(meant)}?" if meant else f"Known keys: {known}.",
        )
        if meant in self.fields:
            result.setdefault(meant, BROKEN)

    def json(self) -> dict[str, Any]:
        """Return the schema."""
        schema: dict[str, Any] = {
            "type": "object",
            "additionalProperties": False,
            "properties": {key: shape.json() for key, shape in self.fields.items()},
        }
        if self.required:
            schema["required"] = list(self.required)
        if self.shorthand is None:
            return {"description": self.description, **schema}
        scalar = self.fields[self.shorthand].json()
        return {"description": self.description, "anyOf": [scalar, schema]}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list. A single item may stand for a list of one; with `key`, a mapping for a list.

    In the mapping form each entry's name becomes the item's `name` and its value the item's
    `key`.
    """

    description: str
    item: Shape
    key: str | None = None
    single: bool = True

    def read(self, value: Value, mark: Mark, scope: Scope, name: str) -> Any:
        """Return the items that could be read; BROKEN stands for one that could not."""
        if type(value) is ListNode:
            return [
                self._item(item, at, scope, name)
                for item, at in zip(value.values, value.marks, strict=True)
            ]
        if self.key is not None and type(value) is MappingNode:
            return [
                self._named(entry, item, at, scope, name)
                for entry, item, _, at in value.entries()
            ]
        if self.single:
            return [self.item.read(value, mark, scope, name)]
        return scope.tell(
            mark, "Wrong type", f"{quote(name)} must be a list, not {kind_of(value)}."
        )

    def _item(self, item: Value, mark: Mark, scope: Scope, name: str) -> Any:
        if item is None:
            return scope.tell(
                mark, "Missing value", f"An item of {quote(name)} is empty.", "Remove it."
            )
        return self.item.read(item, mark, scope, name)

    def _named(self, entry: str, item: Value, mark: Mark, scope: Scope, name: str) -> Any:
        if item is None:
            return scope.tell(
                mark, "Missing value", f"{quote(entry)} of {quote(name)} has no value."
            )
        read = self.item.read(item, mark, scope, name)
        return {**read, "name": entry} if isinstance(read, dict) else read

    def json(self) -> dict[str, Any]:
        """Return the schema of every form."""
        item = self.item.json()
        forms: list[dict[str, Any]] = [{"type": "array", "items": item}]
        if self.single:
            forms.append(item)
        if self.key is not None:
            forms.append({"type": "object", "additionalProperties": item})
        return {"description": self.description, "anyOf": forms}


def _not_a_mapping(value: Value, mark: Mark, scope: Scope, name: str) -> _Broken:
    return scope.tell(
        mark,
        "Wrong type",
        f"{quote(name)} must be a mapping of keys to values, not {kind_of(value)}.",
    )


_ANY_TEXT = Text("", lines=True, empty=True)
