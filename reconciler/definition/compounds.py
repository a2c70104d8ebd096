"""The shapes that hold other values: mappings with free or known keys, and lists."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from reconciler.definition.problems import suggest
from reconciler.definition.shapes import ANY_TEXT, BROKEN, Broken, Scope, Shape
from reconciler.definition.tree import ListNode, MappingNode, Mark, Value, kind_of, quote


@lru_cache(maxsize=1024)
def _is_name(names: re.Pattern[str], key: str) -> bool:
    """Tell whether a name is allowed; remembered, since most names stand in every job."""
    return names.fullmatch(key) is not None


@dataclass(frozen=True, slots=True)
class Texts:
    """A mapping of names that the user chooses to texts.

    `names` must match each name, and `rule` says so. A null is an error here: it might be meant
    as an empty text or as no entry, and only the user knows. With `secret`, a value may be a
    mapping of that shape instead of a text.
    """

    description: str
    names: re.Pattern[str]
    rule: str
    secret: "Object | None" = None

    def read(self, value: Value, mark: Mark, scope: Scope, name: str) -> Any:
        """Return the mapping, without the entries whose problem was told."""
        if not isinstance(value, MappingNode):
            return _not_a_mapping(value, mark, scope, name)
        result: dict[str, Any] = {}
        for key, item, key_mark, at in value.entries():
            if not _is_name(self.names, key):
                self._refuse_name(key, key_mark, scope, name)
                continue
            if item is None:
                scope.tell(
                    at,
                    "Missing value",
                    f"{quote(key)} of {quote(name)} has no value.",
                    'Write "" for an empty text, or remove the key.',
                )
                continue
            if type(item) is MappingNode and self.secret is not None:
                secret = self.secret.read(item, at, scope, key)
                if isinstance(secret, dict) and BROKEN not in secret.values():
                    result[key] = secret
                continue
            if type(item) is not str:
                scope.tell(
                    at,
                    "Wrong type",
                    f"{quote(key)} of {quote(name)} must be a text, not {kind_of(item)}.",
                    "Put it in quotes to hand it over as one text.",
                )
                continue
            text = ANY_TEXT.read(item, at, scope, key)
            if text is not BROKEN:
                result[key] = text
        return result

    def _refuse_name(self, key: str, mark: Mark, scope: Scope, name: str) -> None:
        scope.tell(
            mark, "Invalid name", f"A name in {quote(name)} must be {self.rule}, not {quote(key)}."
        )

    def json(self) -> dict[str, Any]:
        """Return the schema."""
        item: dict[str, Any] = {"type": ["string", "number", "boolean"]}
        return {
            "description": self.description,
            "type": "object",
            "propertyNames": {"pattern": f"^(?:{self.names.pattern})$"},
            "additionalProperties": {"anyOf": [item, self.secret.json()]} if self.secret else item,
        }


@dataclass(frozen=True, slots=True)
class Named:
    """A mapping of names that the user chooses to values of one shape."""

    description: str
    item: Shape

    def read(self, value: Value, mark: Mark, scope: Scope, name: str) -> Any:
        """Return the mapping without what is not written; BROKEN stands for a broken value."""
        if not isinstance(value, MappingNode):
            return _not_a_mapping(value, mark, scope, name)
        return {
            key: self.item.read(item, at, scope, key)
            for key, item, _, at in value.entries()
            if item is not None
        }

    def json(self) -> dict[str, Any]:
        """Return the schema."""
        return {
            "description": self.description,
            "type": "object",
            "additionalProperties": {"anyOf": [self.item.json(), {"type": "null"}]},
        }


@dataclass(frozen=True, slots=True)
class Object:
    """A mapping with known keys.

    A `required` key must be written. A scalar in place of the mapping is the value of
    `shorthand`. `other_names` says which key is meant by words that people bring from
    elsewhere; `refused` holds summary, detail and hint for keys that deserve their own message.
    """

    description: str
    fields: Mapping[str, Shape]
    required: tuple[str, ...] = ()
    shorthand: str | None = None
    other_names: Mapping[str, str] = field(default_factory=dict)
    refused: tuple[tuple[re.Pattern[str], tuple[str, str, str]], ...] = ()

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
                result[key] = scope.tell(mark, "Missing key", f"{quote(name)} needs {quote(key)}.")
        return result

    def _refuse_key(
        self, key: str, mark: Mark, scope: Scope, name: str, result: dict[str, Any]
    ) -> None:
        """Tell of an unknown key, and take the key that was meant as written."""
        for keys, message in self.refused:
            if keys.fullmatch(key.lower()):
                scope.tell(mark, *message)
                return
        meant = self.other_names.get(key) or suggest(key, self.fields)
        known = ", ".join(sorted(self.fields))
        scope.tell(
            mark,
            "Unknown key",
            f"{quote(name) if name else 'it'} has no key {quote(key)}.",
            f"Did you mean {quote(meant)}?" if meant else f"Known keys: {known}.",
        )
        if meant is not None and meant in self.fields:
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

    def read(self, value: Value, mark: Mark, scope: Scope, name: str) -> Any:
        """Return the items that could be read; BROKEN stands for one that could not."""
        if type(value) is ListNode:
            return [
                self._item(item, at, scope, name)
                for item, at in zip(value.values, value.marks, strict=True)
            ]
        if self.key is not None and type(value) is MappingNode:
            return [
                self._named(entry, item, at, scope, name) for entry, item, _, at in value.entries()
            ]
        return [self.item.read(value, mark, scope, name)]

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
        forms: list[dict[str, Any]] = [{"type": "array", "items": item}, item]
        if self.key is not None:
            forms.append({"type": "object", "additionalProperties": item})
        return {"description": self.description, "anyOf": forms}


def _not_a_mapping(value: Value, mark: Mark, scope: Scope, name: str) -> Broken:
    return scope.tell(
        mark,
        "Wrong type",
        f"{quote(name)} must be a mapping of keys to values, not {kind_of(value)}.",
    )
