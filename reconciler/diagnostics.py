"""What is wrong, where, and what to do about it: values that errors, plans and reports share."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a diagnostic weighs: an error refuses the run, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file, counted from 1 the way editors count."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem, told to a person.

    The summary never varies, so that people recognise it; the detail names names; the hint
    says what to do. `code` is a stable word for tools (`name_taken`, `interrupt`).
    """

    severity: Severity
    summary: str
    detail: str = ""
    hint: str = ""
    address: str | None = None
    location: Location | None = None
    code: str = ""

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location else ""
        lines = [f"{place}{self.severity}: {self.summary}"]
        lines += [f"  {line}" for line in self.detail.splitlines()]
        lines += [f"  {line}" for line in self.hint.splitlines()]
        return "\n".join(lines)


def error(
    summary: str,
    detail: str = "",
    hint: str = "",
    *,
    address: str | None = None,
    location: Location | None = None,
    code: str = "",
) -> Diagnostic:
    """Make a diagnostic that refuses the run."""
    return Diagnostic(Severity.ERROR, summary, detail, hint, address, location, code)


def warning(
    summary: str,
    detail: str = "",
    hint: str = "",
    *,
    address: str | None = None,
    location: Location | None = None,
    code: str = "",
) -> Diagnostic:
    """Make a diagnostic that is shown and refuses nothing."""
    return Diagnostic(Severity.WARNING, summary, detail, hint, address, location, code)
