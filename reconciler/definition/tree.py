"""A document as a tree of text that remembers where it was written.

A scalar is its text, exactly as written, or None for a plain null; only mappings and lists are
objects. A place is one packed number of 64 bits (which file, line, column), because a definition of
10,000 jobs has half a million of them and nearly none is ever shown.
"""

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from reconciler.diagnostics import Location

Mark: TypeAlias = int
Value: TypeAlias = "str | MappingNode | ListNode | None"

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
BITS: Final = 26
"""How many bits of a mark hold the line, and how many the column; the file has the rest of 64."""

MAX_FILES: Final = 1 << 64 - 2 * BITS
_MASK = (1 << BITS) - 1


@dataclass(slots=True, eq=False)
class MappingNode:
    """A mapping in the order of the file.

    `marks` holds two places for each entry, the key's and the value's, in the order of `values`.
    """

    mark: Mark
    values: dict[str, Value] = field(default_factory=dict)
    marks: "array[Mark]" = field(default_factory=lambda: array("Q"))

    def entries(self) -> Iterator[tuple[str, Value, Mark, Mark]]:
        """Yield each key with its value, the place of the key and the place of the value."""
        return zip(
            self.values, self.values.values(), self.marks[::2], self.marks[1::2], strict=True
        )

    def key_mark(self, key: str) -> Mark:
        """Return where a key is written; takes time in proportion to the number of keys."""
        return self.marks[2 * list(self.values).index(key)]

    def value_mark(self, key: str) -> Mark:
        """Return where the value of a key is written."""
        return self.marks[2 * list(self.values).index(key) + 1]


@dataclass(slots=True, eq=False)
class ListNode:
    """A list; `marks` holds the place of each of its `values`."""

    mark: Mark
    values: list[Value] = field(default_factory=list)
    marks: "array[Mark]" = field(default_factory=lambda: array("Q"))


def pack(file: int, line: int, column: int) -> Mark:
    """Make the mark of a place from the number of its file and its line and column, from 0."""
    return (file << 2 * BITS) + (line << BITS) + column


def file_of(mark: Mark) -> int:
    """Return the number of the file that a mark is in."""
    return mark >> 2 * BITS


def line_of(mark: Mark) -> int:
    """Return the line of a mark, counted from 0."""
    return (mark >> BITS) & _MASK


def column_of(mark: Mark) -> int:
    """Return the column of a mark, in characters counted from 0."""
    return mark & _MASK


def locate(mark: Mark, files: Sequence[str]) -> Location:
    """Return the place that a mark stands for, counted from 1 as editors do."""
    return Location(files[file_of(mark)], line_of(mark) + 1, column_of(mark) + 1)


def split_lines(text: str) -> list[str]:
    """Return the lines of a text, broken where YAML breaks them."""
    return _LINE_BREAK.split(text)


def kind_of(value: Value) -> str:
    """Name what was written, for messages: `"two"`, `a list`, `nothing`."""
    match value:
        case None:
            return "nothing"
        case str():
            return quote(value)
        case ListNode():
            return "a list"
        case MappingNode():
            return "a mapping"


def quote(text: str, limit: int = 80) -> str:
    """Show a text of the user's on one line of a message, cut when it is long."""
    shown = text if len(text) <= limit else text[:limit] + "…"
    if not shown.isprintable():
        shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in shown)
    return f'"{shown}"'
