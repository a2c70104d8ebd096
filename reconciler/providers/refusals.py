"""What keeps a request from being done, in words for people."""

from pathlib import Path

from reconciler.errors import (
    AuthenticationError,
    InvalidAnswerError,
    OutcomeUnknownError,
    ProviderError,
    UnreachableError,
)
from reconciler.providers.exchange import (
    Answer,
    Effect,
    Kind,
    Request,
    Verdict,
    clean,
    origin_of,
)


def require_authorities(request: Request, bundle: str | bool) -> None:
    """Raise `UnreachableError` when a file of trusted authorities is named that is not there."""
    secure = request.origin.startswith("https:")
    if secure and isinstance(bundle, str) and not Path(bundle).exists():
        raise UnreachableError(
            "No certificates to trust",
            f"There is no file {clean(bundle)}.",
            "Correct REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, or unset it to trust the usual ones.",
        )


def not_a_url(request: Request) -> UnreachableError:
    """Return the error for a request whose URL leads to no server."""
    return UnreachableError(
        "Not a platform URL",
        f'"{clean(request.origin or request.url)}" is not the URL of a server.',
        "Check endpoint and auth_url in the definition, and OS_AUTH_URL.",
    )


def refuse_redirect(request: Request, answer: Answer) -> None:
    """Raise `ProviderError` when an answer sends us elsewhere."""
    if not 300 <= answer.status < 400:
        return
    elsewhere = clean(origin_of(answer.headers.get("Location", ""))) or "elsewhere"
    raise ProviderError(
        "Redirect refused",
        f"{request.origin} answered {request} with a redirect ({answer.status}) to {elsewhere}.",
        "Credentials are not sent on to another place. Check the endpoint in the definition.",
    )


def oversized(request: Request, limit: int) -> ProviderError:
    """Return the error for an answer of more than `limit` bytes."""
    kind = InvalidAnswerError if request.effect is Effect.READ else OutcomeUnknownError
    return kind(
        "The platform's answer is too large",
        f"{request} at {request.origin} answered with more than {limit >> 20} MiB.",
    )


def given_up(request: Request, verdict: Verdict, *, perhaps_done: bool) -> ProviderError:
    """Return the error for a request that is not tried again, by its last verdict.

    `perhaps_done`: one of its attempts may have had its effect.
    """
    reason = verdict.words or f"HTTP {verdict.status}"
    detail = f"{request} at {request.origin}: {reason}."
    if verdict.kind is Kind.UNAUTHORISED:
        return AuthenticationError(
            "The platform rejects our credentials",
            detail,
            "Check user, password and project; a token from OS_TOKEN may have ended.",
        )
    if perhaps_done and request.effect is not Effect.READ:
        return OutcomeUnknownError("The platform's answer was lost", detail)
    match verdict.kind:
        case Kind.THROTTLED:
            return ProviderError(
                "The platform takes no more requests for now", detail, "Try again later."
            )
        case Kind.UNSENT:
            return UnreachableError(
                "The platform cannot be reached", detail, "Check the endpoint and the network."
            )
        case _ if verdict.status is None:
            return UnreachableError("The platform does not answer", detail, "Try again later.")
        case _ if verdict.status < 400:
            return InvalidAnswerError("The platform's answer makes no sense", detail)
        case _:
            return ProviderError("The platform failed", detail, "Try again later.")
