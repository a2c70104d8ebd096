"""Make a history that went wrong as short as it can be, by leaving out whatever is not needed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.reliability.histories.rules import Histories, Step

Goes = Callable[[Sequence[Step]], bool]
_PLAIN: Mapping[str, Any] = {
    "adopting": False,
    "approved": True,
    "back": 0,
    "by_id": False,
    "disks": False,
    "fail_fast": False,
    "number": 0,
    "which": 0,
    "width": 1,
    "yielding": False,
}
"""What an argument is in the plainest history."""


def replay(program: Sequence[Step]) -> Exception | None:
    """Run a history again; return what went wrong in it."""
    machine = Histories()
    wrong: Exception | None = None
    try:
        for name, arguments in program:
            getattr(machine, name)(**arguments)
            machine.check()
    except Exception as caught:  # noqa: BLE001 - whatever it is, it is what was looked for
        wrong = caught
    try:
        machine.teardown()
    except Exception as caught:  # noqa: BLE001
        wrong = wrong or caught
    return wrong


def column(wrong: BaseException) -> str:
    """Name the column of the figures that counts what went wrong."""
    kind, mark, _ = str(wrong).partition(": ")
    return kind if isinstance(wrong, AssertionError) and mark else "tracebacks"


def shrink(program: Sequence[Step]) -> list[Step]:
    """Return a history, no longer than the given one, that goes wrong in the same way."""
    first = replay(program)
    if first is None:
        return list(program)
    kind = type(first), column(first)

    def fails(shorter: Sequence[Step]) -> bool:
        wrong = replay(shorter)
        return wrong is not None and (type(wrong), column(wrong)) == kind

    best = list(program)
    while True:
        before = best
        best = _plainer(_fewer(best, fails), fails)
        if best == before:
            return best


def show(program: Sequence[Step]) -> str:
    """Return a history as a program for `replay`."""
    lines = [f"    ({name!r}, {dict(arguments)!r})," for name, arguments in program]
    return "\n".join(["replay([", *lines, "])"])


def _fewer(program: list[Step], fails: Goes) -> list[Step]:
    """Leave out steps, many at a time and then one by one; the first one founds the world."""
    size = len(program) // 2
    while size:
        at = 1
        while at < len(program):
            shorter = program[:at] + program[at + size :]
            if fails(shorter):
                program = shorter
            else:
                at += size
        size //= 2
    return program


def _plainer(program: list[Step], fails: Goes) -> list[Step]:
    """Make the arguments of the steps plainer, one at a time."""
    for at in range(len(program)):
        again = True
        while again:
            again = False
            name, arguments = program[at]
            for plainer in _plainer_arguments(arguments):
                other = [*program[:at], (name, plainer), *program[at + 1 :]]
                if fails(other):
                    program, again = other, True
                    break
    return program


def _plainer_arguments(arguments: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key, value in arguments.items():
        if key in _PLAIN and value != _PLAIN[key]:
            yield {**arguments, key: _PLAIN[key]}
        elif isinstance(value, dict):
            for point in value:
                yield {**arguments, key: {k: v for k, v in value.items() if k != point}}
        elif isinstance(value, list) and (key != "lifecycles" or len(value) > 1):
            for at in range(len(value)):
                yield {**arguments, key: value[:at] + value[at + 1 :]}
