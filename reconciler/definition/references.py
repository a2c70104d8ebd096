"""References inside texts: variables, the environment, and what only a job can speak of.

`${var.x}`, `${env.X}`, `${job.name}`, `${sweep.x}`, `${jobs.OTHER.output}`; `$${` stands for `${`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from reconciler.definition.problems import EnoughError, Problems, did_you_mean, suggest
from reconciler.definition.tree import Mark, quote

BEGIN = "${"
_TOKEN = re.compile(r"\$\$\{|\$\{([^{}$\n]*)\}|\$\{")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPED = "$${"
_REMEMBERED = 1000
MAX_ADDED = 64 * 1024 * 1024
"""How many characters references may add to those that are written out."""
_MOST_TOLD = 10  # in one text; finding a place takes time in proportion to the text
_ESCAPE_HINT = "Write `$${` where a literal `${` is meant."
_OUTPUT = re.compile(r"jobs\.(.+)\.output")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")

Problem: TypeAlias = tuple[str, str, str]
"""Summary, detail and hint of what is wrong with a reference."""
Outputs: TypeAlias = Callable[[str, Mark], "str | Problem | None"]
"""Tells where another job writes, or what is wrong with asking; None when that is not known yet, or
its problem was told."""


def in_names(value: str) -> str:
    """Return a swept value as it stands in a job's name: `0.1` as `0_1`."""
    return _NOT_IN_NAMES.sub("_", value)


@dataclass(frozen=True, slots=True)
class Subject:
    """The job that a text belongs to, for the references that stand for something of its own.

    `name` is its name on the platform, `sweep` its swept values by key, `outputs` knows where the
    other jobs write; each is None where such references mean nothing.
    """

    name: str | None = None
    sweep: Mapping[str, str] | None = None
    outputs: Outputs | None = None

    @property
    def in_its_name(self) -> "Subject":
        """What the job's name itself may speak of: the swept values, fit for names."""
        if self.sweep is None:
            return NOBODY
        return Subject(sweep={key: in_names(value) for key, value in self.sweep.items()})


NOBODY: Final = Subject()
"""The subject of a text that belongs to no job."""


class References:
    """What references stand for, and the telling of those that stand for nothing.

    `variables` maps each declared variable to its text, or to None when its problem has been
    told already. What a reference stands for is not searched for references again.
    """

    def __init__(
        self,
        problems: Problems,
        environment: Mapping[str, str],
        variables: Mapping[str, str | None] | None = None,
        *,
        complete: bool = True,
    ) -> None:
        """Take the values; `complete` is False when a file that may declare more is broken."""
        self._problems = problems
        self._environment = environment
        self._variables = variables
        self._complete = complete
        self._resolved: dict[str, str] = {}
        self._added = 0
        self.subjects_used = 0

    def resolve(self, text: str, mark: Mark, subject: Subject = NOBODY) -> str | None:
        """Return the text with every reference replaced, or None after telling what is wrong.

        `mark` is where the text starts. None also when the output of another job is not known yet.
        """
        if (known := self._resolved.get(text)) is not None:
            return known
        parts: list[str] = []
        end, told, is_whole, used = 0, 0, True, self.subjects_used
        for token in _TOKEN.finditer(text):
            value = BEGIN if token[0] == _ESCAPED else self._value(token[1], mark, subject)
            if isinstance(value, str):
                self._count(len(value), mark)
                parts += (text[end : token.start()], value)
                end = token.end()
                continue
            is_whole = False
            if value is not None:
                told += 1
                nth = text.count(BEGIN, 0, token.start())
                self._problems.add(self._problems.nth_place(mark, BEGIN, nth, token[0]), *value)
            if told == _MOST_TOLD:
                break
        if not is_whole:
            return None
        resolved = "".join((*parts, text[end:]))
        if self.subjects_used == used and len(self._resolved) < _REMEMBERED:
            self._resolved[text] = resolved
        return resolved

    def _count(self, added: int, mark: Mark) -> None:
        """Bound what references add up to, before it is put together."""
        self._added += added
        if self._added > MAX_ADDED:
            self._problems.add(
                mark,
                "References stand for too much text",
                f"Up to here they add more than {MAX_ADDED:,} characters.",
                "Shorten the values of the variables.",
            )
            raise EnoughError

    def _value(self, inner: str | None, mark: Mark, subject: Subject) -> str | Problem | None:
        """Return what a reference stands for, a problem, or None for a problem told before."""
        if inner is None:
            return (
                "Unterminated reference",
                "The reference that opens here has no closing brace on its line.",
                f"Close it with }}. {_ESCAPE_HINT}",
            )
        kind, _, name = inner.partition(".")
        if kind == "var" and self._variables is not None:
            return self._variable(name, self._variables)
        if kind == "env" and _ENV_NAME.fullmatch(name):
            return self._from_environment(name)
        self.subjects_used += 1
        if inner == "job.name" and subject.name is not None:
            return subject.name
        if kind == "sweep" and subject.sweep is not None:
            return _swept(name, subject.sweep)
        if subject.outputs is not None and (output := _OUTPUT.fullmatch(inner)):
            return subject.outputs(output[1], mark)
        return self._unknown(inner, subject)

    def _variable(self, name: str, variables: Mapping[str, str | None]) -> str | Problem | None:
        if name in variables:
            return variables[name]
        if not self._complete:
            return None
        return (
            "Unknown variable",
            f"No variable {quote(name)} is declared.",
            did_you_mean(name, variables, "Declare it below `variables:`."),
        )

    def _from_environment(self, name: str) -> str | Problem:
        value = self._environment.get(name)
        if value is not None:
            return value
        return (
            "Environment variable is not set",
            f"The environment has no variable {name}.",
            f"Set it before you run the command (export {name}=…).",
        )

    def _unknown(self, inner: str, subject: Subject) -> Problem:
        kinds = ["env.NAME"]
        if self._variables is not None:
            kinds.insert(0, "var.NAME")
        known = [f"var.{name}" for name in self._variables or ()]
        if subject.name is not None:
            kinds.append("job.name")
            known.append("job.name")
        if subject.sweep is not None:
            kinds.append("sweep.KEY")
            known += [f"sweep.{key}" for key in subject.sweep]
        if subject.outputs is not None:
            kinds.append("jobs.ADDRESS.output")
        stripped = inner.strip()
        guess = stripped if stripped != inner and stripped in known else suggest(inner, known)
        listed = " or ".join(f"`${{{kind}}}`" for kind in kinds)
        hint = f"Did you mean `${{{guess}}}`? " if guess else ""
        return (
            "Unknown reference",
            f"{quote(BEGIN + inner + '}')} means nothing here; {listed} would.",
            f"{hint}{_ESCAPE_HINT}",
        )


def _swept(name: str, sweep: Mapping[str, str]) -> str | Problem:
    if name in sweep:
        return sweep[name]
    known = ", ".join(sorted(sweep))
    return (
        "Unknown reference",
        f"The sweep has no value {quote(name)} for this job.",
        did_you_mean(name, sweep, f"It has: {known}."),
    )
