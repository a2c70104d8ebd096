"""What the platform's answers mean, whichever API version gave them.

Error bodies come in several shapes, from the service and from the gateway before it, with the
message under one of several names (ModelArts API Reference, "Response", "Error Codes" and
"Status Code"); a failure may even come with HTTP 200. All are understood on every call.
"""

from collections.abc import Mapping
from typing import Any

from reconciler.errors import (
    AuthenticationError,
    JobNotFoundError,
    NameTakenError,
    ProviderError,
    QuotaExceededError,
)
from reconciler.providers.exchange import (
    Answer,
    Kind,
    Request,
    Verdict,
    json_object,
    line,
    words_of,
)

THROTTLED = frozenset({"ModelArts.4206", "ModelArts.2799", "APIG.0308"})
STALE_LOGIN = frozenset(
    {
        *("ModelArts.0201", "ModelArts.0202", "ModelArts.0203", "ModelArts.2784"),
        *("APIG.0301", "APIG.0305", "APIG.0307"),
    }
)
BAD_SIGNATURE = frozenset({"ModelArts.0206", "ModelArts.0112", "APIG.0303"})
"""Come with 401 at times, but another login would not help, and failing again locks the key."""
INTERNAL = frozenset({"ModelArts.0010", "APIG.0601", "APIG.0613"})
FORBIDDEN = frozenset(
    {
        *("ModelArts.0108", "ModelArts.0112", "ModelArts.0204", "ModelArts.0206"),
        *("ModelArts.0207", "ModelArts.0210", "ModelArts.0212"),
        *("ModelArts.2785", "ModelArts.2786"),
        *("APIG.0302", "APIG.0303", "APIG.0306", "APIG.0310"),
    }
)
NAME_TAKEN = frozenset({"ModelArts.0103", "ModelArts.2751"})
NO_QUOTA = frozenset({"ModelArts.0116", "ModelArts.0118", "ModelArts.2815", "ModelArts.2833"})
GONE_V1 = frozenset({"ModelArts.0015", "ModelArts.0102"})
GONE_V2 = frozenset({"ModelArts.2775"})
"""Version 2 says with `ModelArts.0102` that a workspace does not exist, and nothing of a job."""
NO_SUCH_CALL = frozenset({"APIG.0101", "ModelArts.2803", "ModelArts.2836"})
NOT_TO_BE_STOPPED = "ModelArts.2796"
STATUS_CHANGED = "ModelArts.2878"
ALREADY_SO = "ModelArts.6357"
NO_LOG = frozenset(
    {
        "ModelArts.0806",
        *("ModelArts.2776", "ModelArts.2777", "ModelArts.2818", "ModelArts.2819", "ModelArts.2820"),
    }
)
"""There is none yet, or none any more."""
BAD_PARAMETER = "ModelArts.0104"

_EMPTY = (b"", b'""', b"null", b"{}")
_SCOPE_HINT = "The login needs the project that the definition names; check `project`."
_HINTS = {
    "ModelArts.0108": "Check the user's permissions and the agency that lets ModelArts read OBS.",
    "ModelArts.0112": "A policy of the workspace forbids this to the user.",
    "ModelArts.0116": "Delete jobs that are no longer needed, or ask for a larger quota.",
    "ModelArts.0118": "Delete jobs that are no longer needed, or ask for a larger quota.",
    "ModelArts.0204": _SCOPE_HINT,
    "ModelArts.0207": _SCOPE_HINT,
    "ModelArts.0210": _SCOPE_HINT,
    "ModelArts.0212": _SCOPE_HINT,
    "ModelArts.2785": "The agency that lets ModelArts read OBS is missing, or may not; create it.",
    "ModelArts.2786": _SCOPE_HINT,
    "ModelArts.2815": "Delete jobs that are no longer needed, or ask for a larger quota.",
    "ModelArts.2833": "Delete jobs that are no longer needed, or ask for a larger quota.",
    "ModelArts.1002": "Check that the bucket and the paths exist, in the job's own region.",
    "ModelArts.1003": "Check that the agency may read the bucket and the account is not frozen.",
    "APIG.0101": "Check the endpoint and the API version in the definition.",
}


def judge(answer: Answer, *, flagged: bool, empty: bool = True) -> Verdict:
    """Say what an answer means; `flagged` APIs mark every answer with `is_success`.

    An answer that cannot be understood, or lacks its mark, is as good as lost; so is an `empty`
    one where that is not expected.
    """
    content = json_object(answer.body)
    code = line(str(content.get("error_code") or "")).replace("APIGW.", "APIG.")
    words = words_of(content)
    if answer.status < 400 and content.get("is_success") is True:
        kind = Kind.ACCEPTED
    else:
        kind = _kind_of_failure(answer.status, code) or _kind_of_rest(
            answer, content, flagged=flagged, empty=empty
        )
    if kind is Kind.LOST and not words:
        words = f"HTTP {answer.status} without a readable answer"
    return Verdict(kind, answer.status, code, words, content, answer.headers)


def error_for(
    verdict: Verdict,
    request: Request,
    *,
    job: str | None = None,
    gone: frozenset[str] = GONE_V1 | GONE_V2,
) -> ProviderError:
    """Return the error that a refusal stands for.

    Only the service's own word counts as "there is no such job": a gateway that answers 404 by
    itself says nothing about the job, which would otherwise be created, and paid for, again.
    """
    reason = verdict.words or "no reason was given"
    name = f"{verdict.code}: " if verdict.code else ""
    detail = f"{name}{reason} (HTTP {verdict.status}, {request})"
    hint = _HINTS.get(verdict.code, "")
    if verdict.code in NAME_TAKEN:
        return NameTakenError("The job name is taken", detail, hint)
    if verdict.code in NO_QUOTA:
        return QuotaExceededError("The platform takes no more jobs", detail, hint)
    if verdict.code in FORBIDDEN or verdict.status in (401, 403):
        return AuthenticationError("The platform does not allow this", detail, hint)
    if job is not None and is_gone(verdict, gone):
        return JobNotFoundError(f"There is no job {job}", detail)
    return ProviderError("The platform refuses", detail, hint)


def is_gone(verdict: Verdict, gone: frozenset[str] = GONE_V1 | GONE_V2) -> bool:
    """Tell whether a refusal of a request about one job says that the job does not exist.

    `gone` are the codes with which the API version says so.
    """
    if verdict.status == 404 and verdict.content.get("is_success") is False:
        return not verdict.code.startswith("APIG.")
    return verdict.code in gone


def _kind_of_failure(status: int, code: str) -> Kind | None:
    """Judge by status and error code; None when neither says that something failed."""
    if code in THROTTLED or status == 429:
        return Kind.THROTTLED
    if code in BAD_SIGNATURE:
        return Kind.REFUSED
    if code in STALE_LOGIN or status == 401:
        return Kind.UNAUTHORISED
    if code in INTERNAL or status >= 500 or status == 408:
        return Kind.LOST
    return Kind.REFUSED if code or status >= 400 else None


def _kind_of_rest(
    answer: Answer, content: Mapping[str, Any], *, flagged: bool, empty: bool
) -> Kind:
    """Judge a success by status that bears no error code and no mark of success."""
    if content.get("is_success") is False:
        return Kind.REFUSED
    if flagged:
        return Kind.LOST
    is_empty = empty and answer.body.strip() in _EMPTY
    return Kind.ACCEPTED if content or is_empty else Kind.LOST
