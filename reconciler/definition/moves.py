"""The blocks `moved` and `removed`: records that get another address, or are forgotten."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reconciler.definition.compounds import ListOf, Object
from reconciler.definition.links import Links
from reconciler.definition.shapes import BROKEN, Boolean, Scope, Text
from reconciler.definition.tree import ListNode, MappingNode, Mark, Value, locate, quote
from reconciler.model.address import JOB_NAME, Address, sweep_of, with_sorted_values
from reconciler.model.definition import Move, Removal

_ADDRESSES = ("train", "resnet[lr=0.1]")
MOVED: Final = ListOf(
    "Records that get another address; no job is touched.",
    Object(
        "A record that gets another address.",
        {
            "from": Text("Address until now, or key of a sweep.", examples=_ADDRESSES),
            "to": Text("Address from now on, or key of a sweep.", examples=_ADDRESSES),
        },
        required=("from", "to"),
    ),
)
REMOVED: Final = ListOf(
    "Jobs whose block is gone on purpose.",
    Object(
        "A job whose block is gone on purpose.",
        {
            "address": Text("Address, key of a sweep, or glob.", examples=_ADDRESSES),
            "keep": Boolean(
                "Whether the job stays and only its record is forgotten (default: true); otherwise "
                "it is deleted."
            ),
        },
        required=("address",),
    ),
)
Section = Sequence[tuple[Value, Mark]]
"""What each file writes below a key, and where."""


@dataclass(frozen=True, slots=True)
class _Step:
    source: Address
    target: Address
    mark: Mark
    from_mark: Mark
    to_mark: Mark


def read_removed(section: Section, links: Links, scope: Scope) -> tuple[Removal, ...]:
    """Return the sound `removed` blocks in the order of the files, and tell what is wrong."""
    found: dict[Address, Removal] = {}
    for read, node, at in _blocks(REMOVED, section, "removed", scope):
        address, mark = with_sorted_values(read["address"]), node.value_mark("address")
        if links.selects(address):
            scope.tell(
                mark,
                "Job is still defined",
                f"{quote(address)} cannot be removed: its block is still there.",
                "Take its block out of `jobs`, or this one out of `removed`.",
            )
        elif address in found:
            _tell_twice("removed", address, mark, scope)
        else:
            place = locate(at, scope.problems.files)
            found[address] = Removal(address, read.get("keep", True), place)
    return tuple(found.values())


def read_moved(
    section: Section, links: Links, removed: Sequence[Removal], scope: Scope
) -> tuple[Move, ...]:
    """Return the sound moves, and tell what is wrong.

    A chain of moves is resolved: each source is given its last target. A move onto the key of a
    sweep moves each of its jobs.
    """
    gone = {removal.address for removal in removed}
    steps: dict[Address, _Step] = {}
    targets: set[Address] = set()
    before = scope.problems.count
    for step in _steps(section, scope):
        if step.source in steps:
            _tell_twice("moved", step.source, step.from_mark, scope)
        elif links.is_address(step.source):
            scope.tell(
                step.from_mark,
                "Job is still defined",
                f"{quote(step.source)} cannot be moved: its block is still there.",
                "Give the block its new key, or take this one out of `moved`.",
            )
        elif step.source in gone:
            said = f"{quote(step.source)} is moved and removed."
            scope.tell(step.from_mark, "Keys exclude each other", said, "Keep one of the two.")
        elif step.target in targets:
            said = f"Two jobs cannot both become {quote(step.target)}."
            scope.tell(step.to_mark, "Duplicate address", said, "Keep one of the two.")
        else:
            steps[step.source] = step
            targets.add(step.target)
    if scope.problems.count > before:
        return ()
    return tuple(
        move
        for step in steps.values()
        if (end := _end(step, steps, links, gone, scope)) is not None
        for move in _moves(step, end, links, scope)
    )


def _steps(section: Section, scope: Scope) -> Iterator[_Step]:
    for read, node, at in _blocks(MOVED, section, "moved", scope):
        from_mark, to_mark = node.value_mark("from"), node.value_mark("to")
        wrong = False
        for text, mark in ((read["from"], from_mark), (read["to"], to_mark)):
            if not JOB_NAME.fullmatch(sweep_of(text) or text):
                scope.tell(mark, "Invalid address", f"{quote(text)} is no address of a job.")
                wrong = True
        if not wrong:
            source, target = with_sorted_values(read["from"]), with_sorted_values(read["to"])
            yield _Step(source, target, at, from_mark, to_mark)


def _end(
    step: _Step,
    steps: Mapping[Address, _Step],
    links: Links,
    gone: set[Address],
    scope: Scope,
) -> Address | None:
    """Follow the moves from a step on; return the last address, or None after telling a problem."""
    path = [step.source, step.target]
    while (following := steps.get(path[-1])) is not None:
        path.append(following.target)
        if following.target == step.source:
            first = min(path)
            if step.source == first:
                said = f"The moves lead in a circle: {' → '.join(path)}."
                scope.tell(step.mark, "Moves lead in a circle", said, "Remove one of them.")
            return None
    end = path[-1]
    if end in gone or links.is_address(end) or links.points(end):
        return end
    if problem := links.unknown(end):
        scope.tell(steps[path[-2]].to_mark, *problem)
    return None


def _moves(step: _Step, end: Address, links: Links, scope: Scope) -> Iterator[Move]:
    place = locate(step.mark, scope.problems.files)
    if not (points := () if links.is_address(end) else links.points(end)):
        yield Move(step.source, end, place)
    elif sweep_of(step.source) is not None or links.points(step.source):
        scope.tell(
            step.to_mark,
            "Invalid move",
            f"{quote(end)} is a sweep of {len(points)} jobs, and {quote(step.source)} is none "
            "that is gone.",
            f"Name one of its jobs, such as {quote(points[0])}.",
        )
    else:
        for point in points:
            yield Move(Address(step.source + point.removeprefix(end)), point, place)


def _blocks(
    shape: ListOf, section: Section, name: str, scope: Scope
) -> Iterator[tuple[dict[str, Any], MappingNode, Mark]]:
    """Yield the blocks that could be read, each with its node and place."""
    for value, mark in section:
        read = shape.read(value, mark, scope, name)
        nodes = value.values if isinstance(value, ListNode) else [value]
        marks = value.marks if isinstance(value, ListNode) else [mark]
        for block, node, at in zip(read, nodes, marks, strict=True):
            if isinstance(node, MappingNode) and isinstance(block, dict) and _is_whole(block):
                yield block, node, at


def _is_whole(block: dict[str, Any]) -> bool:
    return BROKEN not in block.values()


def _tell_twice(section: str, address: Address, mark: Mark, scope: Scope) -> None:
    said = f"{quote(address)} stands twice in {quote(section)}."
    scope.tell(mark, "Duplicate address", said, "Keep one of the two.")
