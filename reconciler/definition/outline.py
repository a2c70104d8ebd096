"""A YAML text as its author laid it out: entries with their places, written styles and comments.

The reader knows what a definition means; an outline knows what it looks like. Only `fmt` needs it,
and only here and in `emission` is ruamel.yaml imported.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(slots=True, eq=False)
class Node:
    """A value or a key. `start` and `end` are indices into the text.

    `event` is ruamel's, with the anchor and the style. `is_block` says that the entries have lines
    of their own once formatted: what stands in brackets on one line stays there, and what is
    broken over several lines is written as a block.
    """

    event: Any
    start: int
    end: int
    entries: list["Entry"] = field(default_factory=list)
    is_block: bool = False

    @property
    def is_mapping(self) -> bool:
        """Whether it is a mapping."""
        return isinstance(self.event, MappingStartEvent)

    @property
    def is_flow(self) -> bool:
        """Whether it was written in brackets."""
        return isinstance(self.event, CollectionStartEvent) and bool(self.event.flow_style)

    @property
    def is_alias(self) -> bool:
        """Whether it stands for an anchored value elsewhere."""
        return isinstance(self.event, AliasEvent)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in it: a plain null, or brackets around nothing."""
        if isinstance(self.event, ScalarEvent):
            return not self.event.style and self.event.value in NULLS
        return isinstance(self.event, CollectionStartEvent) and not self.entries


@dataclass(slots=True, eq=False)
class Entry:
    """A key with its value, or an item of a list; the document itself is the outermost one.

    `above` are the lines before it, an empty one for a blank line; `aside` are the comments at the
    end of its line, with the columns that they were given or 0; `below` are the lines after the
    last one of its value.
    """

    start: int
    column: int
    key: Node | None
    value: Node
    owner: "Entry | None"
    above: list[str] = field(default_factory=list)
    aside: list[tuple[int, str]] = field(default_factory=list)
    below: list[str] = field(default_factory=list)

    def chain(self) -> Iterator["Entry"]:
        """Yield the entry and what it stands in, up to the document."""
        entry: Entry | None = self
        while entry is not None:
            yield entry
            entry = entry.owner

    def with_rows(self) -> Iterator["Entry"]:
        """Yield the entries below that will have lines of their own, in their order."""
        if self.value.is_block:
            for entry in self.value.entries:
                yield entry
                yield from entry.with_rows()


def outline(text: str) -> Entry:
    """Return the document that a YAML text holds.

    The text must be readable and hold no comments: blank them out, so that no index moves. Raises
    ruamel's YAMLError for what ruamel does not understand.
    """
    events = [each for each in YAML(typ="rt", pure=True).parse(text) if _counts(each)]
    if not events:
        events = [ScalarEvent(None, None, (True, False), "", *_NOWHERE)]
    document = Entry(-1, -1, None, Node(None, 0, 0), None)
    document.value = _Builder(text, events).node(document)
    document.value.is_block = bool(document.value.entries)
    return document


class _Mark:
    index = 0


_NOWHERE: Final = (_Mark(), _Mark())


def _counts(event: Any) -> bool:
    return isinstance(event, NodeEvent | CollectionEndEvent)


class _Builder:
    """Turns the events of a text into nodes."""

    def __init__(self, text: str, events: list[Any]) -> None:
        self._text = text
        self._events = events
        self._next = 0

    def node(self, owner: Entry) -> Node:
        event = self._events[self._next]
        self._next += 1
        node = Node(event, event.start_mark.index, event.end_mark.index)
        if isinstance(event, CollectionStartEvent):
            self._fill(node, owner)
            is_broken = not node.is_flow or "\n" in self._text[node.start : node.end]
            node.is_block = is_broken and bool(node.entries)
        return node

    def _fill(self, node: Node, owner: Entry) -> None:
        while not isinstance(self._events[self._next], CollectionEndEvent):
            entry = Entry(0, 0, None, node, owner)
            if node.is_mapping:
                entry.key = self.node(entry)
            entry.value = self.node(entry)
            entry.start = self._start(entry, node)
            entry.column = entry.start - (self._text.rfind("\n", 0, entry.start) + 1)
            node.entries.append(entry)
        node.end = self._events[self._next].end_mark.index
        self._next += 1

    def _start(self, entry: Entry, node: Node) -> int:
        if entry.key is not None:
            return entry.key.start
        if node.is_flow:
            return entry.value.start
        return self._text.rfind("-", 0, entry.value.start)
