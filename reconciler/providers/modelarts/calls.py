"""One call after another: a request below the project, its answer judged, read and validated."""

from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from reconciler.errors import InvalidAnswerError, OutcomeUnknownError, ProviderError
from reconciler.providers.exchange import Authenticator, Effect, Judge, Kind, Request, Verdict
from reconciler.providers.modelarts import errors
from reconciler.providers.modelarts.shapes import Received
from reconciler.providers.transport import Transport

Shape = TypeVar("Shape", bound=Received)


class Calls:
    """Sends requests to one version of the API, for one project.

    `judge` says what an answer means in this version, and `gone` names the error codes with
    which it says that a job does not exist.
    """

    def __init__(
        self,
        url: str,
        transport: Transport,
        authenticator: Authenticator,
        *,
        judge: Judge,
        gone: frozenset[str],
    ) -> None:
        """Take where to send to, with the version's part of the path; sends nothing yet."""
        self._url = url
        self._transport = transport
        self._authenticator = authenticator
        self._judge = judge
        self._gone = gone

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: bytes | None = None,
        effect: Effect = Effect.READ,
    ) -> Request:
        """Return a request below the project; may log in to find the project."""
        url = f"{self._url}/{quote(self._authenticator.project_id, safe='')}{path}"
        return Request(method, url, query or {}, body, effect)

    def send(self, request: Request, judge: Judge | None = None) -> Verdict:
        """Return the verdict, accepted or refused; `judge` is for answers of another kind."""
        return self._transport.exchange(request, judge or self._judge, self._authenticator)

    def accepted(
        self, request: Request, *, job: str | None = None, judge: Judge | None = None
    ) -> Verdict:
        """Return the verdict of a request that was accepted; any other raises."""
        verdict = self.send(request, judge)
        if verdict.kind is Kind.REFUSED:
            raise self.error(verdict, request, job)
        return verdict

    def read(self, request: Request, shape: type[Shape], *, job: str | None = None) -> Shape:
        """Return what was asked for."""
        return validated(request, self.accepted(request, job=job), shape)

    def created(self, request: Request, shape: type[Shape], *, job: str | None = None) -> Shape:
        """Return the answer to a creation; one that makes no sense leaves its outcome unknown.

        `job` is the one that was to get a version.
        """
        verdict = self.accepted(request, job=job)
        try:
            return shape.model_validate(verdict.content)
        except ValidationError as invalid:
            raise OutcomeUnknownError(
                "The answer to a creation makes no sense", _places(request, invalid)
            ) from None

    def is_gone(self, verdict: Verdict) -> bool:
        """Tell whether a refusal of a request about one job says that it does not exist."""
        return errors.is_gone(verdict, self._gone)

    def error(self, verdict: Verdict, request: Request, job: str | None) -> ProviderError:
        """Return the error that a refusal stands for."""
        return errors.error_for(verdict, request, job=job, gone=self._gone)


def validated(request: Request, verdict: Verdict, shape: type[Shape]) -> Shape:
    """Return an answer in its shape; `InvalidAnswerError` names what is wrong, not its value."""
    try:
        return shape.model_validate(verdict.content)
    except ValidationError as invalid:
        raise InvalidAnswerError(
            "The platform's answer makes no sense", _places(request, invalid)
        ) from None  # the cause would show what was answered, secrets included


def _places(request: Request, invalid: ValidationError) -> str:
    """Say which fields are wrong, but not what they hold."""
    problems = []
    for each in invalid.errors(include_url=False, include_input=False, include_context=False)[:3]:
        place = ".".join(str(part) for part in each["loc"])
        problems.append(f"{place}: {each['msg']}")
    return f"{request}: {'; '.join(problems)}"
