"""From bytes to a tree with positions: YAML and JSON, read from the parser's events.

Only syntax is judged here. Scalars keep their text, since what a text means is the schema's to
say; anchors and aliases work within limits; tags, merge keys and several documents do not.
References need no quotes: `[/${var.bucket}/data/]` is no YAML, since a brace ends a plain text
inside brackets, but it is what people write and it can mean nothing else. So the braces of
references are hidden from the parser, character for character, and put back in its scalars.
"""

import re
from array import array
from collections.abc import Callable
from typing import Any, NoReturn

import yaml
from yaml import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from reconciler.definition import syntax
from reconciler.definition.problems import Problems
from reconciler.definition.tree import BITS, ListNode, MappingNode, Mark, Value, pack, quote

MAX_BYTES = 64_000_000
MAX_DEPTH = 64
MAX_ALIASED = 1_000_000
"""How many values aliases may add to those that are written out."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_ODD = _NULLS | {"<<"}
_REFERENCE = re.compile(r"\$(\{(?:[\w.\- ]*|jobs\.[\w-]+\[[^\s\[\]{}$]*\]\.output)\})")
_OPEN = "\ue0fa"
_STAND_INS = dict(zip("{}[],", "\ue0fa\ue0fb\ue0fc\ue0fd\ue0fe", strict=True))
"""Of the private use area, where no standard gives a character a meaning."""
_HIDE = str.maketrans(_STAND_INS)
_SHOW = str.maketrans({hidden: shown for shown, hidden in _STAND_INS.items()})


def read(data: bytes, file: int, problems: Problems) -> MappingNode | None:
    """Return the mapping that a file holds, or None when its syntax is broken.

    `file` is the number that `problems` gave the file. Never raises for any bytes.
    """
    try:
        text = syntax.decode(data, file)
        if problems.files[file].endswith(".json"):
            text = syntax.from_json(text)
        try:
            return _Builder(text, file, problems).document()
        except yaml.YAMLError as error:
            raise syntax.explain(error, text, pack(file, 0, 0)) from error
    except syntax.BrokenError as broken:
        problems.add(broken.mark, broken.summary, broken.detail, broken.hint)
        return None


def hide_references(text: str) -> str:
    """Make the brackets and commas of references invisible to a YAML parser; nothing moves."""
    if any(hidden in text for hidden in _STAND_INS.values()):
        return text
    return _REFERENCE.sub(_hidden, text)


def _hidden(reference: re.Match[str]) -> str:
    return "$" + reference[1].translate(_HIDE)


def show_references(text: str) -> str:
    """Undo `hide_references`."""
    return text.translate(_SHOW) if _OPEN in text else text


class _Builder:
    """Turns the events of one parser into a tree."""

    def __init__(self, text: str, file: int, problems: Problems) -> None:
        self._base = pack(file, 0, 0)
        self._problems = problems
        hidden = hide_references(text)
        self._hides = hidden != text
        self._get: Callable[[], Any] = syntax.parser(hidden).get_event
        self._texts: dict[str, str] = {}  # one copy of each, since most stand in every job
        self._anchors: dict[str, tuple[Value, Mark, int, int] | None] = {}
        self._values = 0
        self._aliased = 0
        self._deepest = 0

    def document(self) -> MappingNode:
        self._get()
        event = self._get()
        if type(event) is StreamEndEvent:
            return MappingNode(self._base)
        root, mark = self._value(self._get(), 0)
        self._get()
        event = self._get()
        if type(event) is DocumentStartEvent:
            self._refuse(
                self._mark(event),
                "Several documents in one file",
                "A definition file holds one document; a second one starts here.",
                "Put it into a file of its own, next to this one, and remove the `---`.",
            )
        if root is None:
            return MappingNode(mark)
        if not isinstance(root, MappingNode):
            self._refuse(
                mark,
                "Not a definition",
                f"The file holds {'a list' if isinstance(root, ListNode) else 'a text'}, "
                "not keys with values.",
                "A definition starts with `version: 1` and lists its jobs below `jobs:`.",
            )
        return root

    def _mapping(self, mark: Mark, depth: int) -> MappingNode:
        get, base, known, hides = self._get, self._base, self._texts, self._hides
        event: Any
        start: Any
        node = MappingNode(mark)
        values = node.values
        marks: list[Mark] = []
        while type(event := get()) is not MappingEndEvent:
            start = event.start_mark  # what _mark does, without the call: this is the hot loop
            key_mark = base + (start.line << BITS) + start.column
            if type(event) is not ScalarEvent or event.anchor or event.tag or event.value in _ODD:
                self._check_key(event, key_mark)
            key = show_references(event.value) if hides else event.value
            event = get()
            if type(event) is ScalarEvent and not (event.anchor or event.tag):
                text = event.value
                if hides and _OPEN in text:
                    text = show_references(text)
                is_null = text in _NULLS and not event.style
                value: Value = None if is_null else known.setdefault(text, text)
                start = event.start_mark
                value_mark = base + (start.line << BITS) + start.column
            else:
                value, value_mark = self._value(event, depth)
            if key in values:
                self._duplicate(key, key_mark, marks[2 * list(values).index(key)])
                continue
            values[known.setdefault(key, key)] = value
            marks += (key_mark, value_mark)
        node.marks = array("Q", marks)
        self._values += len(values)
        return node

    def _list(self, mark: Mark, depth: int) -> ListNode:
        node = ListNode(mark)
        while type(event := self._get()) is not SequenceEndEvent:
            value, value_mark = self._value(event, depth)
            node.values.append(value)
            node.marks.append(value_mark)
        self._values += len(node.values)
        return node

    def _check_key(self, event: Any, mark: Mark) -> None:
        if type(event) is not ScalarEvent:
            self._refuse(
                mark,
                "Key is not a text",
                "A list, a mapping or an alias stands here as a key.",
                "Write a plain word before the colon; quote texts that start with [ { & or *.",
            )
        if event.tag is not None:
            self._refuse_tag(event.tag, mark)
        key: str = event.value
        if event.anchor is not None:
            self._anchors[event.anchor] = (show_references(key), mark, 1, 0)
        if key in _NULLS and not event.style:
            self._refuse(
                mark,
                "Key is not a text",
                "The key before this colon is empty." if key == "" else f"The key is {key}.",
                "Write a name before the colon, in quotes if it must be this one.",
            )
        if key == "<<" and not event.style:
            self._refuse(
                mark,
                "Unknown key",
                "Merge keys (`<<`) are not part of a definition.",
                "Put what the jobs share below `defaults:`.",
            )

    def _value(self, event: Any, depth: int) -> tuple[Value, Mark]:
        """Read the value that begins with an event, `depth` levels below the document."""
        mark = self._mark(event)
        if type(event) is AliasEvent:
            return self._alias(str(event.anchor), mark, depth)
        if event.tag is not None:
            self._refuse_tag(event.tag, mark)
        if event.anchor is None:
            return self._content(event, mark, depth), mark
        before, outer, self._deepest = self._values + self._aliased, self._deepest, depth
        self._anchors[event.anchor] = None
        value = self._content(event, mark, depth)
        size, height = self._values + self._aliased - before + 1, self._deepest - depth
        self._anchors[event.anchor] = (value, mark, size, height)
        self._deepest = max(outer, self._deepest)
        return value, mark

    def _content(self, event: Any, mark: Mark, depth: int) -> Value:
        if type(event) is ScalarEvent:
            text: str = event.value
            if text in _NULLS and not event.style:
                return None
            return show_references(text) if self._hides else text
        depth += 1
        self._check_depth(depth, mark)
        self._deepest = max(depth, self._deepest)
        if type(event) is MappingStartEvent:
            return self._mapping(mark, depth)
        return self._list(mark, depth)

    def _alias(self, name: str, mark: Mark, depth: int) -> tuple[Value, Mark]:
        if name not in self._anchors:
            known = ", ".join(sorted(self._anchors)[:5])
            self._refuse(
                mark,
                "Unknown alias",
                f"No anchor &{name} stands before this alias.",
                f"Anchors so far: {known}." if known else "Quote a text that starts with `*`.",
            )
        anchored = self._anchors[name]
        if anchored is None:
            self._refuse(mark, "Alias inside its own anchor", f"*{name} would contain itself.")
        value, origin, size, height = anchored
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            self._refuse(
                mark,
                "Too many aliased values",
                f"With *{name}, aliases stand for more than {MAX_ALIASED:,} values.",
                "Put what the jobs share below `defaults:` instead of repeating it by alias.",
            )
        self._check_depth(depth + height, mark)
        self._deepest = max(self._deepest, depth + height)
        return value, origin

    def _check_depth(self, depth: int, mark: Mark) -> None:
        if depth > MAX_DEPTH:
            self._refuse(
                mark, "Nested too deeply", f"More than {MAX_DEPTH} levels stand inside each other."
            )

    def _duplicate(self, key: str, mark: Mark, first: Mark) -> None:
        self._problems.add(
            mark,
            "Duplicate key",
            f"{quote(key)} already stands at {self._problems.show(first)}.",
            "Keep one of the two.",
        )

    def _refuse_tag(self, tag: str, mark: Mark) -> NoReturn:
        self._refuse(
            mark,
            "Tags are not allowed",
            f"The tag {quote(tag)} asks for a type, but in a definition the key decides the type.",
            "Remove the tag; quote a text that starts with `!`.",
        )

    def _mark(self, event: Any) -> Mark:
        return self._base + (event.start_mark.line << BITS) + event.start_mark.column  # type: ignore[no-any-return]

    def _refuse(self, mark: Mark, summary: str, detail: str, hint: str = "") -> NoReturn:
        raise syntax.BrokenError(mark, summary, detail, hint)
