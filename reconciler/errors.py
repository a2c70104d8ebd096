"""Every error that we expect, and the exit code each one ends the command with.

ReconcilerError                  1
├── UsageError                  64   options or arguments that cannot be honoured
├── DefinitionError              1   problems in the user's files, all of them at once
├── PlanFileError                1   a saved plan that cannot be read
├── PlanStaleError               3   the saved plan, or the expected digest, no longer fits
├── StateLockedError             4   someone else is writing this state
├── RefusedError                 5   a guard or a policy says no; nothing was changed
├── JobFailedError               6   a training job failed
├── InterruptedRunError        130   Ctrl-C or SIGTERM
├── ApplyFailedError             1   some actions failed; the others are recorded
├── StateError                   1   the state cannot be read or written
│   ├── StateDamagedError            … its bytes make no sense
│   └── StateVersionError            … a newer program wrote it
└── ProviderError                1   the platform refused, or could not be reached
    ├── AuthenticationError          … our credentials are missing or wrong
    ├── UnreachableError             … no connection: the request was never sent
    ├── OutcomeUnknownError          … the request was sent, the answer was lost
    ├── InvalidAnswerError           … the answer to a read makes no sense
    ├── JobNotFoundError             … there is no such job (any more)
    ├── NameTakenError               … another job bears the name
    ├── SecretError                  … a secret's value is not at hand: nothing was sent
    └── QuotaExceededError           … the platform takes no more jobs

Anything else that is raised is a bug and keeps its traceback for the report.
"""

from collections.abc import Sequence

from reconciler.diagnostics import Diagnostic


class ReconcilerError(Exception):
    """An expected failure: printed as a message, without a traceback."""

    exit_code = 1

    def __init__(self, summary: str, detail: str = "", hint: str = "") -> None:
        """Take what happened, the names and numbers of it, and what the user can do."""
        super().__init__(summary)
        self.summary = summary
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        return "\n".join(part for part in (self.summary, self.detail, self.hint) if part)


class UsageError(ReconcilerError):
    """The command line asks for something that cannot be done."""

    exit_code = 64


class _DiagnosedError(ReconcilerError):
    """An error that carries the diagnostics it sums up."""

    def __init__(self, summary: str, diagnostics: Sequence[Diagnostic], hint: str = "") -> None:
        super().__init__(summary, "\n".join(str(each) for each in diagnostics), hint)
        self.diagnostics = tuple(diagnostics)


class DefinitionError(_DiagnosedError):
    """The definition has problems; `diagnostics` holds every one, each with its place."""


class PlanFileError(ReconcilerError):
    """A saved plan cannot be read."""


class PlanStaleError(ReconcilerError):
    """What was reviewed no longer fits what is."""

    exit_code = 3


class StateLockedError(ReconcilerError):
    """Another process holds the state's lock."""

    exit_code = 4


class RefusedError(_DiagnosedError):
    """A guard or a policy refused the plan before anything was changed."""

    exit_code = 5


class JobFailedError(ReconcilerError):
    """A training job that we waited for did not succeed."""

    exit_code = 6


class InterruptedRunError(ReconcilerError):
    """The user stopped the run; what was in flight is finished and recorded."""

    exit_code = 130


class ApplyFailedError(ReconcilerError):
    """Some actions failed; the message says which, and everything else is recorded."""


class StateError(ReconcilerError):
    """The state cannot be read or written."""


class StateDamagedError(StateError):
    """The state's bytes make no sense; nothing was guessed and nothing was changed."""


class StateVersionError(StateError):
    """A newer version of this program wrote the state."""


class ProviderError(ReconcilerError):
    """The platform refused a request. It had no effect there."""


class AuthenticationError(ProviderError):
    """Credentials are missing, wrong or not allowed to do this."""


class UnreachableError(ProviderError):
    """No connection to the platform could be made: the request was never sent."""


class OutcomeUnknownError(ProviderError):
    """A changing request was sent and its answer lost: it may have had its effect."""


class InvalidAnswerError(ProviderError):
    """The answer to a reading request cannot be understood."""


class JobNotFoundError(ProviderError):
    """There is no such job."""


class NameTakenError(ProviderError):
    """Another job on the platform bears this name."""


class SecretError(ProviderError):
    """The value of a secret is missing, or not the planned one: nothing was sent."""


class QuotaExceededError(ProviderError):
    """The platform takes no more jobs."""
