"""Conditions in CEL, the Common Expression Language: checked against declared names, evaluated.

CEL has no loops but over lists, no time and no environment, and the library bounds depth and
iterations: a condition always ends, and says the same for the same values.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reconciler.errors import ReconcilerError

Kind = Literal["text", "number", "truth", "any", "texts", "values", "list", "rows"]
"""What a name stands for: `texts` and `values` are mappings, `rows` is a list of mappings."""

_PROBLEM = re.compile(r"^(?:INVALID_ARGUMENT: )?ERROR: [^:\n]*:(\d+):(\d+): (.*)$", re.MULTILINE)
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '\(?(.*?)\)?'$")
_RUN_TIME_OVERLOAD = re.compile(r"No matching overloads found : (\S+?)\((.*)\)$")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the text of a condition; line and column count from 1, 0 is nowhere."""

    summary: str
    detail: str
    hint: str = ""
    line: int = 0
    column: int = 0


class ExpressionError(Exception):
    """A text is no condition; never leaves this package."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems


class UndecidedError(Exception):
    """A condition could not be evaluated over some values; never leaves this package."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A checked condition; `names` are the names whose values it may look at."""

    names: tuple[str, ...]
    _compiled: Any

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Evaluate it over plain values by name, or raise `UndecidedError` that says why not."""
        try:
            result = self._compiled.eval(data={name: values[name] for name in self.names})
            found = result.value()
        except (RuntimeError, TypeError, ValueError, OverflowError) as error:
            raise UndecidedError(_reason(str(error))) from error
        kind = str(result.type())
        if kind == "ERROR":
            raise UndecidedError(_reason(str(found)))
        if kind != "BOOL":
            raise UndecidedError(f"it is of the type {kind.lower()}, not true or false")
        return bool(found)


class Language:
    """What conditions of one kind may speak of."""

    def __init__(self, names: Mapping[str, Kind]) -> None:
        """Take the names with what they stand for; `ReconcilerError` without the library."""
        try:
            from cel_expr_python import cel  # type: ignore[import-untyped]
        except ImportError as error:
            raise ReconcilerError(
                "Policies are not available",
                "The definition has policies, and the library that reads them is not installed.",
                "Install it with `pip install 'reconciler[policies]'`.",
            ) from error
        kinds: dict[Kind, Any] = {
            "text": cel.Type.STRING,
            "number": cel.Type.INT,
            "truth": cel.Type.BOOL,
            "any": cel.Type.DYN,
            "texts": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
            "values": cel.Type.Map(cel.Type.STRING, cel.Type.DYN),
            "list": cel.Type.List(cel.Type.DYN),
            "rows": cel.Type.List(cel.Type.Map(cel.Type.STRING, cel.Type.DYN)),
        }
        self._names = names
        self._environment = cel.NewEnv(
            variables={name: kinds[kind] for name, kind in names.items()}
        )

    def compile(self, text: str) -> Condition:
        """Check a text; `ExpressionError` has every problem that was found in it."""
        try:
            compiled = self._environment.compile(text)
        except (RuntimeError, TypeError) as error:
            raise ExpressionError(tuple(self._problems(str(error), text))) from error
        kind = str(compiled.return_type())
        if kind not in ("BOOL", "DYN"):
            said = f"It must be true or false, but is of the type {kind.lower()}."
            raise ExpressionError((Problem("Wrong type", said, _COMPARE, 1, 1),))
        return Condition(tuple(name for name in self._names if _may_use(text, name)), compiled)

    def _problems(self, message: str, text: str) -> Iterator[Problem]:
        """Say in people's words what the library has against a text."""
        found = [each for each in _PROBLEM.findall(message) if "*error*" not in each[2]]
        for line, column, said in dict.fromkeys(found):
            problem = self._problem(_STATUS.sub("", said))
            start = _start(said, text.split("\n")[int(line) - 1], int(column))
            yield Problem(*problem, int(line), start)
        if not found:
            yield Problem("Invalid expression", f"{_reason(message)}.")

    def _problem(self, said: str) -> tuple[str, str, str]:
        """Return summary, detail and hint."""
        if unknown := _UNDECLARED.match(said):
            return (
                "Unknown name",
                f'Nothing is called "{unknown[1]}" here.',
                self._hint(unknown[1]),
            )
        if wrong := _OVERLOAD.match(said):
            detail = f"{_operator(wrong[1])} cannot be applied to ({wrong[2]})."
            return ("Wrong type", detail, _COMPARE if wrong[1] in _LOGIC else "")
        said = said.removeprefix("Syntax error: ").partition(" expecting {")[0]
        at_end = "'<EOF>'" in said
        detail = "The expression ends too early." if at_end else f"The parser says: {said}."
        hint = _NO_REFERENCES if "'$'" in said else ""
        return ("Invalid expression", detail, hint)

    def _hint(self, name: str) -> str:
        inside = [each for each in self._names if each.startswith(f"{name}.")]
        if inside:
            return f"Name one of its values: {', '.join(inside)}."
        close = difflib.get_close_matches(name, self._names, n=1)
        return f'Did you mean "{close[0]}"?' if close else f"Known names: {', '.join(self._names)}."


_COMPARE = "A condition compares: ==, !=, <, <=, in, &&, ||, !."
_LOGIC = ("_&&_", "_||_", "!_")
_NO_REFERENCES = "References (${…}) do not work in expressions."


def _start(said: str, line: str, column: int) -> int:
    """Return where a name begins that the library places at its last dot."""
    if unknown := _UNDECLARED.match(said):
        before = column - len(unknown[1].rpartition(".")[0])
        return before if line.startswith(unknown[1], max(before - 1, 0)) else column
    return column


def _may_use(text: str, name: str) -> bool:
    """Tell whether an expression may look at a name; never wrongly denies it."""
    return all(part in text for part in name.split("."))


def _operator(name: str) -> str:
    return name.strip("_").replace("_", " ") or name


def _reason(message: str) -> str:
    """Return why a condition could not be evaluated, in words for a detail."""
    said = _STATUS.sub("", _STATUS.sub("", message.strip())).partition("\n")[0]
    if wrong := _RUN_TIME_OVERLOAD.search(said):
        return f"{_operator(wrong[1])} cannot be applied to ({wrong[2]})"
    if said == "Iteration budget exceeded":
        return "it goes through more than 10,000 elements"
    return said[:200].rstrip(".")
