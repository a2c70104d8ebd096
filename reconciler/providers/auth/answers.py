"""What answers of the login service mean."""

from reconciler.providers.auth.credentials import is_header
from reconciler.providers.exchange import Answer, Kind, Verdict, json_object, line, words_of


def judge_login(answer: Answer) -> Verdict:
    """Judge the answer to a login (IAM API Reference, "Obtaining a User Token")."""
    content = json_object(answer.body)
    token = answer.headers.get("X-Subject-Token", "")
    complete = is_header(token) and isinstance(content.get("token"), dict)
    if answer.status in (200, 201) and not complete:
        words = "the answer to the login holds no token"
        return Verdict(Kind.LOST, answer.status, "", words, content, answer.headers)
    return _judged(answer, Kind.REFUSED)


def judge_read(answer: Answer) -> Verdict:
    """Judge the answer to a question that a login has to be proved for."""
    if answer.status in (200, 201) and not json_object(answer.body):
        words = "the answer cannot be read"
        return Verdict(Kind.LOST, answer.status, words=words, headers=answer.headers)
    return _judged(answer, Kind.UNAUTHORISED)


def _judged(answer: Answer, unauthorised: Kind) -> Verdict:
    content = json_object(answer.body)
    words, code = words_of(content), line(str(content.get("error_code") or ""))
    if answer.status in (200, 201):
        kind, words = Kind.ACCEPTED, ""
    elif answer.status == 429:
        kind = Kind.THROTTLED
    elif answer.status >= 500 or answer.status == 408:
        kind = Kind.LOST
    else:
        kind = unauthorised if answer.status == 401 else Kind.REFUSED
    return Verdict(kind, answer.status, code, words, content, answer.headers)
