"""The canonical form of definition files: one way to write what a file says, every comment kept.

Only layout changes: indentation, order of known keys, blank lines, needless quotes. No text does,
which is checked by reading what was written before it is handed out.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import ScalarEvent

from reconciler.definition import emission, moves, policies, reader, schema, syntax
from reconciler.definition.comments import attach, bare, find_comments
from reconciler.definition.compounds import ListOf, Named, Object
from reconciler.definition.outline import NULLS, Entry, Node, outline
from reconciler.definition.problems import Problems
from reconciler.definition.shapes import ANY_TEXT, Shape
from reconciler.definition.tree import ListNode, MappingNode, Value
from reconciler.errors import DefinitionError, ReconcilerError

FILE: Final = Object(
    "A definition file as people read it: what holds for all jobs first, then the jobs.",
    {
        "version": ANY_TEXT,
        "stack": ANY_TEXT,
        "platform": schema.PLATFORM,
        "variables": Named("Variables.", schema.VARIABLE),
        "defaults": schema.DEFAULTS,
        "profiles": Named("Profiles.", schema.PROFILE),
        "policies": Named("Policies.", policies.POLICY),
        "limits": policies.LIMITS,
        "cost": policies.COST,
        "drift": policies.DRIFT,
        "jobs": Named("Jobs.", schema.JOB),
        "moved": moves.MOVED,
        "removed": moves.REMOVED,
    },
)
"""The order of keys, from the top of a file down."""

_LITERAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?|true|false|null")


def formatted(data: bytes, name: str) -> bytes:
    """Return the canonical form of a definition file; `name` tells YAML from JSON, and in errors.

    It reads as the same texts, and formatting it again changes nothing. Raises DefinitionError
    with every problem of the syntax, each with its place, and ReconcilerError for what cannot be
    formatted without losing something.
    """
    before = _read(data, name)
    is_json = name.endswith(".json")
    text = syntax.decode(data, 0).replace("\r\n", "\n").replace("\r", "\n")
    try:
        after = _json(syntax.from_json(text), name) if is_json else _yaml(text)
    except YAMLError as error:
        raise _refusal(name, _said(error)) from error
    result = after.encode()
    try:
        is_same = _is_same(before, _read(result, name))
    except DefinitionError as error:
        raise _refusal(name, "What was written could not be read again.") from error
    if not is_same:
        raise _refusal(name, "A text would have changed.")
    if not is_json and _comments(text) != _comments(after):
        raise _refusal(name, "A comment would have been lost.")
    return result


def _said(error: YAMLError) -> str:
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return "It is written too strangely."
    return f"{error.problem or error.context} (line {error.problem_mark.line + 1})."


def _refusal(name: str, detail: str) -> ReconcilerError:
    return ReconcilerError(
        "File cannot be formatted",
        f"{name}: {detail} The file is as it was.",
        "Write the place in a simpler way, or leave this file to be formatted by hand.",
    )


def _read(data: bytes, name: str) -> MappingNode:
    problems = Problems()
    tree = reader.read(data, problems.add_file(name, data), problems)
    if tree is None or problems.count:
        raise DefinitionError("The definition cannot be read", problems.sorted())
    return tree


def _is_same(one: Value, other: Value) -> bool:
    """Tell whether two values are equal, wherever they were written."""
    match one, other:
        case MappingNode(values=left), MappingNode(values=right):
            return left.keys() == right.keys() and all(
                _is_same(each, right[key]) for key, each in left.items()
            )
        case ListNode(values=left), ListNode(values=right):
            return len(left) == len(right) and all(map(_is_same, left, right))
    return one == other


def _comments(text: str) -> Counter[str]:
    return Counter(each.text for each in find_comments(reader.hide_references(text)))


def _yaml(text: str) -> str:
    hidden = reader.hide_references(text)
    comments = find_comments(hidden)
    plain = bare(hidden)
    document = outline(plain)
    attach(document, hidden, comments)
    _sort(document)
    _separate_jobs(document)
    written = emission.write(document, plain)
    return reader.show_references(written) if hidden != text else written


def _sort(document: Entry) -> None:
    """Bring known keys into their order, unless that would put an alias before its anchor."""
    kept = {id(node): list(node.entries) for node in _nodes(document.value)}
    _sort_shape(document.value, FILE)
    if not _aliases_follow(document.value):
        for node in list(_nodes(document.value)):
            node.entries = kept[id(node)]


def _sort_shape(node: Node, shape: Shape) -> None:
    match shape:
        case ListOf(item=item, key=key):
            is_single = node.is_mapping and key is None
            for each in [node] if is_single else [entry.value for entry in node.entries]:
                _sort_shape(each, item)
        case Named(item=item):
            for entry in node.entries:
                _sort_shape(entry.value, item)
        case Object(fields=fields) if node.is_mapping:
            _sort_keys(node, fields)
            for entry in node.entries:
                if (key := _key(entry)) in fields:
                    _sort_shape(entry.value, fields[key])


def _sort_keys(node: Node, order: Iterable[str]) -> None:
    """Sort the entries by an order of keys; those that it does not know stay together behind."""
    places = {key: number for number, key in enumerate(order)}
    node.entries.sort(key=lambda entry: places.get(_key(entry), len(places)))


def _key(entry: Entry) -> str:
    return "" if entry.key is None or entry.key.is_alias else str(entry.key.event.value)


def _nodes(root: Node) -> Iterator[Node]:
    """Yield all nodes, in the order in which they are written."""
    yield root
    for entry in root.entries:
        if entry.key is not None:
            yield entry.key
        yield from _nodes(entry.value)


def _aliases_follow(root: Node) -> bool:
    """Tell whether each alias has its anchor before it, and each anchor its name alone."""
    seen: set[str] = set()
    for node in _nodes(root):
        anchor: str | None = node.event.anchor
        if anchor is not None and node.is_alias != (anchor in seen):
            return False
        if anchor is not None:
            seen.add(anchor)
    return True


def _separate_jobs(document: Entry) -> None:
    """Put a blank line between jobs that take several lines."""
    for entry in document.value.entries:
        if _key(entry) == "jobs" and entry.value.is_block:
            before: Entry | None = None
            for job in entry.value.entries:
                if before and (before.value.is_block or job.value.is_block):
                    job.above.insert(0, "")
                before = job


def _json(text: str, name: str) -> str:
    if find_comments(text):
        raise _refusal(name, "JSON has no comments, and this file has some.")
    document = outline(text)
    _sort(document)
    if any(node.event.anchor is not None for node in _nodes(document.value)):
        raise _refusal(name, "JSON has no anchors and aliases, and this file has some.")
    root = document.value
    return ("{}" if root.is_empty else _json_value(root, "\n")) + "\n"


def _json_value(node: Node, newline: str) -> str:
    """Return a value as JSON; `newline` breaks a line and indents the next like this one."""
    if isinstance(node.event, ScalarEvent):
        return _json_scalar(node.event.value, is_quoted=bool(node.event.style))
    opening, closing = "{}" if node.is_mapping else "[]"
    inner = newline + "  "
    items = [
        (f"{_json_text(str(each.key.event.value))}: " if each.key else "")
        + _json_value(each.value, inner)
        for each in node.entries
    ]
    if not items:
        return opening + closing
    return opening + inner + f",{inner}".join(items) + newline + closing


def _json_scalar(value: str, *, is_quoted: bool) -> str:
    if is_quoted:
        return _json_text(value)
    if value in NULLS:
        return "null"
    return value if _LITERAL.fullmatch(value) else _json_text(value)


def _json_text(value: str) -> str:
    return json.dumps(value, ensure_ascii=not value.isprintable())
