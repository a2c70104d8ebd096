"""From an outline to canonical YAML: ruamel writes the values, the comments are woven in."""

import io
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.emitter import Emitter
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from ruamel.yaml.resolver import VersionedResolver

from reconciler.definition import syntax
from reconciler.definition.outline import NULLS, Entry, Node

_NO_FOLD = re.compile(r"\a(?! \S)|(?<!\S)\a")
_PLAIN = re.compile(
    r"(?:[\w/$]|\.(?=[\w/]))(?:[\w/.$@+=~^()<>;,!%&*'\ue0fa-\ue0fe-]|:(?=/)| (?! *$))*"
)
"""Texts that certainly need no quotes; there may be others."""

_TEXT = "tag:yaml.org,2002:str"


def write(document: Entry, text: str) -> str:
    """Return the document, which was outlined from the text, as canonical YAML."""
    if not document.value.entries:
        return "".join(f"{line}\n" for line in _not_twice_blank((), document.below))
    stream = io.StringIO()
    _yaml().emit(_events(document.value, text), stream)
    return _Loom(stream.getvalue()).weave(document)


def _yaml() -> YAML:
    dumper = YAML(typ="rt", pure=True)
    dumper.Emitter = _Emitter
    dumper.indent(mapping=2, sequence=4, offset=2)
    dumper.width = sys.maxsize
    dumper.brace_single_entry_mapping_in_flow_sequence = True
    return dumper


class _Emitter(Emitter):
    """Writes quotes where they are needed, and only there; keys of any length on one line."""

    MAX_SIMPLE_KEY_LENGTH = 1 << 20

    def choose_scalar_style(self) -> str:
        value: str = self.event.value
        if not self.event.style and value in NULLS:
            if self.flow_level and not value:
                self.event.value, self.analysis = "null", None
            return ""
        if not value:
            return '"'
        if self.event.style in ("'", '"') and self._may_lose_quotes(value):
            self.event.style = None
        style: str = super().choose_scalar_style()
        return _quote_for(value) if style in ("'", '"') else style

    def _may_lose_quotes(self, value: str) -> bool:
        """Tell whether the value is a text without quotes, too, to this program and to others.

        In brackets an unquoted reference would be one to this program alone.
        """
        return _is_text(value) and not (self.flow_level and "$" in value)


def _quote_for(value: str) -> str:
    return "'" if ('"' in value or "\\" in value) and value.isprintable() else '"'


@cache
def _resolvers() -> tuple[Any, Any]:
    return yaml.resolver.Resolver(), VersionedResolver()


def _is_text(value: str) -> bool:
    """Tell whether YAML in any of its versions takes a plain scalar for this very text."""
    if not _PLAIN.fullmatch(value) or value in NULLS:
        return False
    plain = (True, False)
    old, new = _resolvers()
    return all(
        str(each) == _TEXT
        for each in (
            old.resolve(yaml.ScalarNode, value, plain),
            new.resolve(_scalar_node(), value, plain),
        )
    )


@cache
def _scalar_node() -> Any:
    from ruamel.yaml.nodes import ScalarNode

    return ScalarNode


def _events(root: Node, text: str) -> Iterator[Any]:
    yield StreamStartEvent()
    yield DocumentStartEvent(explicit=False)
    yield from _node_events(root, text)
    yield DocumentEndEvent(explicit=False)
    yield StreamEndEvent()


def _node_events(node: Node, text: str, *, is_key: bool = False) -> Iterator[Any]:
    event = node.event
    if isinstance(event, AliasEvent):
        yield AliasEvent(event.anchor)
    elif isinstance(event, ScalarEvent):
        value, style = (event.value, event.style) if is_key else _scalar(node, text)
        yield ScalarEvent(event.anchor, None, (True, True), value, style=style)
    else:
        start, end = (
            (MappingStartEvent, MappingEndEvent)
            if node.is_mapping
            else (SequenceStartEvent, SequenceEndEvent)
        )
        yield start(event.anchor, None, True, flow_style=not node.is_block)
        for entry in node.entries:
            if entry.key is not None:
                yield from _node_events(entry.key, text, is_key=True)
            yield from _node_events(entry.value, text)
        yield end()


def _scalar(node: Node, text: str) -> tuple[str, str | None]:
    """Return what to write and how: a plain text over several lines keeps them.

    A bell stands where ruamel is to break a folded text, as its own parser puts it.
    """
    value: str = node.event.value
    style: str | None = node.event.style
    if style in ("|", ">"):
        if not value.removesuffix("\n").rpartition("\n")[2].strip():  # comments may come below
            return value.replace("\a", ""), '"'
        return _NO_FOLD.sub("", value), style
    lines = [line.strip() for line in text[node.start : node.end].strip().split("\n")]
    if style is not None or len(lines) == 1:
        return value, style
    return re.sub(r"\n+", _folded, "\n".join(lines)), ">"


def _folded(breaks: re.Match[str]) -> str:
    return breaks[0][1:] or "\a "


class _Loom:
    """Puts comments and blank lines into a text that was written without them."""

    def __init__(self, written: str) -> None:
        self._lines = written.removesuffix("\n").split("\n")
        self._places = _places(written)
        self._above: dict[int, list[str]] = {}
        self._aside: dict[int, tuple[int, str]] = {}
        self._below: list[str] = []

    def weave(self, document: Entry) -> str:
        """Return the text with all that the entries of the document carry."""
        self._place(document.value)
        woven = [*document.above]
        for number, line in enumerate(self._lines):
            woven += _not_twice_blank(woven, self._above.get(number, ()))
            woven.append(_beside(line, self._aside.get(number)))
        woven += _not_twice_blank(woven, self._below + document.below)
        return "\n".join(woven) + "\n"

    def _place(self, node: Node) -> int:
        """Give the lines of a block's entries what the entries carry; return the block's column.

        What belongs below an entry waits for the next line that is an entry's: what ends in
        between is the text of a scalar.
        """
        column = 0
        for entry in node.entries:
            number, column = next(self._places)
            line = self._lines[number]
            indent = len(line) - len(line.lstrip(" "))
            if number not in self._above:
                self._above[number], self._below = self._below, []
            above, aside = _split(entry)
            opens = entry is node.entries[0]
            self._above[number] += _indented(_opening(above) if opens else above, indent)
            if aside is not None:
                self._aside[number] = aside
            inner = self._place(entry.value) if entry.value.is_block else column + 2
            self._below += _indented(entry.below, inner)
        return column


def _places(text: str) -> Iterator[tuple[int, int]]:
    """Yield line and column, from 0, of each entry of a block, in the order of the lines."""
    parser = syntax.parser(text)
    blocks: list[yaml.CollectionStartEvent] = []
    keys = [False]
    while parser.check_event():
        event: Any = parser.get_event()
        if isinstance(event, yaml.CollectionEndEvent):
            blocks.pop()
            keys.pop()
        if not isinstance(event, yaml.NodeEvent):
            continue
        keys[-1] = not keys[-1]
        if blocks and not blocks[-1].flow_style:
            is_item = isinstance(blocks[-1], yaml.SequenceStartEvent)
            if is_item or keys[-1]:
                mark: Any = event.start_mark
                first: Any = blocks[-1].start_mark if is_item else mark
                yield mark.line, first.column
        if isinstance(event, yaml.CollectionStartEvent):
            blocks.append(event)
            keys.append(False)


def _split(entry: Entry) -> tuple[list[str], tuple[int, str] | None]:
    """Return the lines above an entry, and the one comment that has room on its own line.

    An item's line is also that of the first key in it, which goes first.
    """
    has_room = entry.aside and not (entry.key is None and entry.value.is_block)
    moved = entry.aside[:-1] if has_room else entry.aside
    lines = [*entry.above, *(text for _, text in moved)]
    return lines, entry.aside[-1] if has_room else None


def _beside(line: str, aside: tuple[int, str] | None) -> str:
    """Put a comment behind a line: in its column if it can be, so that columns stay columns."""
    if aside is None:
        return line
    column, text = aside
    return line.ljust(max(len(line) + 2, column)) + text


def _indented(lines: Iterable[str], by: int) -> list[str]:
    return [line and " " * by + line for line in lines]


def _opening(lines: Sequence[str]) -> Sequence[str]:
    """Return the lines at the top of a block, which does not begin with a blank one."""
    return lines[1:] if lines and not lines[0] else lines


def _not_twice_blank(before: Sequence[str], lines: Iterable[str]) -> list[str]:
    """Return lines to put behind others, without a second blank line in a row."""
    kept: list[str] = []
    for line in lines:
        previous = kept[-1] if kept else before[-1] if before else ""
        if line or previous:
            kept.append(line)
    return kept
