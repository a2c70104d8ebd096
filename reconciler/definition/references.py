"""References inside texts: `${var.x}`, `${env.X}` and `${job.name}`; `$${` stands for `${`."""

import re
from collections.abc import Mapping

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
        self.job_names_used = 0

    def resolve(self, text: str, mark: Mark, job: str | None = None) -> str | None:
        """Return the text with every reference replaced, or None after telling what is wrong.

        `mark` is where the text starts; `job` is the platform name of the job it belongs to.
        """
        if (known := self._resolved.get(text)) is not None:
            return known
        parts: list[str] = []
        end, wrong, names_used = 0, 0, self.job_names_used
        for token in _TOKEN.finditer(text):
            value = BEGIN if token[0] == _ESCAPED else self._value(token[1], job)
            if isinstance(value, str):
                self._count(len(value), mark)
                parts += (text[end : token.start()], value)
                end = token.end()
                continue
            wrong += 1
            if value is not None:
                nth = text.count(BEGIN, 0, token.start())
                self._problems.add(self._problems.nth_place(mark, BEGIN, nth, token[0]), *value)
            if wrong == _MOST_TOLD:
                break
        if wrong:
            return None
        resolved = "".join((*parts, text[end:]))
        if self.job_names_used == names_used and len(self._resolved) < _REMEMBERED:
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

    def _value(self, inner: str | None, job: str | None) -> str | tuple[str, str, str] | None:
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
        if inner == "job.name" and job is not None:
            self.job_names_used += 1
            return job
        return self._unknown(inner, has_job=job is not None)

    def _variable(
        self, name: str, variables: Mapping[str, str | None]
    ) -> str | tuple[str, str, str] | None:
        if name in variables:
            return variables[name]
        if not self._complete:
            return None
        return (
            "Unknown variable",
            f"No variable {quote(name)} is declared.",
            did_you_mean(name, variables, "Declare it below `variables:`."),
        )

    def _from_environment(self, name: str) -> str | tuple[str, str, str]:
        value = self._environment.get(name)
        if value is not None:
            return value
        return (
            "Environment variable is not set",
            f"The environment has no variable {name}.",
            f"Set it before you run the command (export {name}=…).",
        )

    def _unknown(self, inner: str, *, has_job: bool) -> tuple[str, str, str]:
        kinds = ["env.NAME"]
        if self._variables is not None:
            kinds.insert(0, "var.NAME")
        if has_job:
            kinds.append("job.name")
        known = [f"var.{name}" for name in self._variables or ()]
        known += ["job.name"] if has_job else []
        stripped = inner.strip()
        guess = stripped if stripped != inner and stripped in known else suggest(inner, known)
        listed = " or ".join(f"`${{{kind}}}`" for kind in kinds)
        hint = f"Did you mean `${{{guess}}}`? " if guess else ""
        return (
            "Unknown reference",
            f"{quote(BEGIN + inner + '}')} means nothing here; {listed} would.",
            f"{hint}{_ESCAPE_HINT}",
        )
