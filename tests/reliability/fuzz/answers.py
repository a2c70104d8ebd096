"""The platform's answers: every shape of version 1 and of the login, through the real client.

`answers_v2` does the same with version 2.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from requests.structures import CaseInsensitiveDict

from reconciler.errors import ProviderError
from reconciler.model.address import Address
from reconciler.model.events import Event
from reconciler.model.job import ActualJob
from reconciler.model.platform import Listing, LogChunk, PlatformSettings
from reconciler.model.report import StatusRow
from reconciler.providers.auth import Credentials, make_authenticator
from reconciler.providers.base import Provider
from reconciler.providers.exchange import Answer, Authenticator, Request, Signature
from reconciler.providers.modelarts.v1.client import ModelArtsV1
from reconciler.providers.patience import Patience
from reconciler.providers.transport import Transport
from reconciler.render import structured, tables
from reconciler.render.text import clean_log
from tests.build import a_spec
from tests.reliability.fuzz import shown
from tests.reliability.fuzz.mutate import Mutator
from tests.unit.providers.doubles import PROJECT, URL, FakeTime
from tests.unit.providers.v1_documents import PUBLISHED_CREATED, PUBLISHED_DETAILS

NOW = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)
_OK = {"is_success": True}
_ROW = {
    "job_id": 567524,
    "job_name": "resnet",
    "status": 8,
    "version_id": 1108482,
    "create_time": 1609121837000,
    "duration": 1326,
    "job_desc": "what for",
}
_LOGIN = {
    "token": {
        "methods": ["password"],
        "issued_at": "2025-01-02T03:04:05.678000Z",
        "expires_at": "2025-01-03T03:04:05.678000Z",
        "user": {"id": "u", "name": "me", "domain": {"id": "d", "name": "us"}},
        "project": {"id": PROJECT, "name": "eu-de", "domain": {"id": "d", "name": "us"}},
    }
}
_REFUSALS: tuple[dict[str, Any], ...] = (
    {"is_success": False, "error_code": "ModelArts.0104", "error_message": "a bad parameter"},
    {"error_code": "APIG.0301", "error_msg": f"token {shown.TOKEN} expires", "request_id": "0"},
    {"error_code": "ModelArts.0202", "error_msg": "x" * 480 + shown.TOKEN},
    {"error": {"code": 401, "message": f"wrong: {shown.PASSWORD}", "title": "Unauthorized"}},
    {"is_success": False, "error_code": shown.TOKEN, "error_message": f"\x1b[31m{shown.PASSWORD}"},
)

DOCUMENTS: dict[str, dict[str, Any]] = {
    "login": _LOGIN,
    "list": _OK | {"job_total_count": 1, "job_count_limit": 9, "quotas": 10, "jobs": [_ROW]},
    "create": PUBLISHED_CREATED,
    "details": PUBLISHED_DETAILS
    | {
        "parameter": [{"label": "lr", "value": 0.1}],
        "volumes": [{"nfs": {"id": "1", "src_path": "/s", "dest_path": "/d", "read_only": True}}],
    },
    "versions": _OK
    | {"job_id": 567524, "job_name": "resnet", "versions": [{"version_id": 1, "create_time": 2}]},
    "specs": _OK
    | {"specs": [{"spec_id": 27, "spec_code": "cpu.8u", "max_num": 1, "core": "8", "cpu": "32"}]},
    "engines": _OK
    | {
        "engines": [
            {
                "engine_id": 4,
                "engine_name": "TensorFlow",
                "engine_version": "TF-1.8.0-python3.6",
            }
        ]
    },
    "names": _OK | {"log_file_list": ["job.0", "job.1"]},
    "log": _OK
    | {
        "content": "epoch 1\r\n\x1b[32mok\x1b[0m 100%|\u2588\u2588|\n",
        "lines": 2,
        "start_line": "1609121913000000000",
        "end_line": "1609121914000000000",
    },
    "done": _OK,
}
"""A good answer of every shape."""


@dataclass
class Scripted(Transport):
    """A transport whose platform answers well, but for one kind of request."""

    kind: str
    spoiled: Answer

    def __init__(self, kind: str, spoiled: Answer) -> None:
        time = FakeTime()
        patience = Patience(attempts=2, connects=2, total=5.0, throttled=2.0)
        super().__init__(patience=patience, sleep=time.sleep, monotonic=time.monotonic)
        self.kind, self.spoiled = kind, spoiled

    def _document(self, request: Request) -> tuple[str, Any]:
        """Return of which kind a request's answer is, and a good one."""
        kind = kind_of(request)
        return kind, DOCUMENTS[kind]

    def _send(self, request: Request, signature: Signature) -> Answer:
        kind, document = self._document(request)
        if kind == self.kind:
            return self.spoiled
        headers = {"X-Subject-Token": shown.TOKEN} if kind == "login" else {}
        status = 201 if kind == "login" else 200
        return Answer(status, CaseInsensitiveDict(headers), json.dumps(document).encode())


def kind_of(request: Request) -> str:
    """Return which document answers a request."""
    path = request.url
    ends = {
        "/auth/tokens": "login",
        "/versions": "versions",
        "/resource-specs": "specs",
        "/ai-engines": "engines",
        "/file-names": "names",
        "/aom-log": "log",
        "/stop": "done",
    }
    for end, kind in ends.items():
        if path.endswith(end):
            return kind
    if path.endswith("/training-jobs"):
        return "list" if request.method == "GET" else "create"
    return "details" if request.method == "GET" else "done"


class Answers:
    """One kind of answer spoiled in body, status and headers; then every call is made."""

    name = "answers"
    words: tuple[bytes, ...] = (
        b'"is_success":true',
        b'"error_code":"ModelArts.0103"',
        b'"error_msg":',
        b'"jobs":[',
    )
    documents: ClassVar[Mapping[str, Any]] = DOCUMENTS

    def make(self, mutator: Mutator) -> bytes:
        random = mutator.random
        kind = random.choice(list(self.documents))
        document = self.documents[kind] if random.random() < 0.8 else random.choice(_REFUSALS)
        how = random.random()
        if how < 0.7:
            body = mutator.tree(document)
        else:
            body = mutator.spoil(json.dumps(document).encode(), b"<html>\x1b[31m gone</html>")
        usual = 201 if kind == "login" else 200
        odd = (100, 202, 204, 301, 307, 400, 401, 403, 404, 408, 409, 413, 429, 500, 502, 503, 999)
        status = usual if random.random() < 0.6 else random.choice(odd)
        return json.dumps([kind, status, _headers(mutator)]).encode() + b"\n" + body

    def check(self, data: bytes) -> None:
        try:
            head, _, body = data.partition(b"\n")
            kind, status, headers = json.loads(head)
            answer = Answer(int(status), CaseInsensitiveDict(headers), body)
        except (ValueError, TypeError, AttributeError):
            return
        if not isinstance(kind, str):
            return
        self.meet(kind, answer)

    def meet(self, kind: str, answer: Answer) -> None:
        """Make every call that meets an answer of this kind."""
        for call in _CALLS.get(kind, ()):
            check_call(call, a_provider(Scripted(kind, answer)))


Client = TypeVar("Client", bound=Provider)


def check_call(call: Callable[[Client], None], provider: Client) -> None:
    """Make a call; whatever the answer was, it ends well or with an error fit to be shown."""
    try:
        call(provider)
    except ProviderError as error:
        shown.check_error(error)
        shown.check(structured.event_line(Event(type="failed", message=str(error))))
    finally:
        provider.close()


def a_provider(transport: Transport) -> ModelArtsV1:
    """Return a client that logs in with a password."""
    return ModelArtsV1(PlatformSettings(endpoint=URL), transport, a_login(transport))


def a_login(transport: Transport) -> Authenticator:
    """Return an authenticator with a password."""
    credentials = Credentials(
        auth_url=f"{URL}/v3",
        username="me",
        password=shown.PASSWORD,
        user_domain_name="us",
        project_name="eu-de",
    )
    return make_authenticator(credentials, transport)


def _headers(mutator: Mutator) -> dict[str, str]:
    random = mutator.random
    odd = (
        *("", "0", "-1", "1e9", "9" * 30, "Fri, 31 Dec 9999 23:59:59 GMT", "\x1b[31m", "soon"),
        *("Mon, 01 Jan 0001 00:00:00 +1400", "Thu, 99 Foo 2025", "\x9b", "a\r\n b", "\xff" * 50),
    )
    names = ("Date", "Retry-After", "Location", "X-Subject-Token", "Content-Type")
    headers = {"X-Subject-Token": shown.TOKEN}
    if random.random() < 0.3:
        headers[random.choice(names)] = random.choice((*odd, f"https://{shown.TOKEN}.evil.example"))
    return headers


def check_jobs(jobs: Sequence[ActualJob]) -> None:
    rows = [
        StatusRow(
            Address(job.name),
            job.name,
            job.job_id,
            job.status,
            version_id=job.version_id,
            created_at=job.created_at,
            duration_ms=job.duration_ms,
        )
        for job in jobs
    ]
    shown.check(tables.render_status(rows, now=NOW, verbose=1))
    shown.check(structured.status_json(rows))


def check_list(provider: Provider) -> None:
    listing: Listing = provider.list()
    check_jobs(listing.jobs)


def _get(provider: ModelArtsV1) -> None:
    job = provider.get("567524", "1108482")
    check_jobs([job])
    assert job.spec is not None
    shown.check(json.dumps(dict(job.spec.canonical)))
    assert job.spec.digest


def _newest(provider: ModelArtsV1) -> None:
    check_jobs([provider.get("567524", None)])


def _log(provider: ModelArtsV1) -> None:
    chunk: LogChunk = provider.logs("567524", None, lines=700)
    shown.check(clean_log(chunk.text))
    again = provider.logs("567524", "1", cursor=chunk.cursor)
    shown.check(clean_log(again.text))


def check_catalog(provider: Provider) -> None:
    shown.check(tables.render_flavors(provider.flavors()))
    shown.check(structured.flavors_json(provider.flavors()))
    shown.check(tables.render_engines(provider.engines()))
    shown.check(structured.engines_json(provider.engines()))


def check_create(provider: Provider) -> None:
    check_jobs([provider.create(a_spec())])


def check_change(provider: Provider) -> None:
    provider.update_description("567524", "new")
    provider.delete("567524")
    provider.stop("567524", None)
    assert provider.identity.project_id
    assert provider.now().tzinfo


def check_find(provider: Provider) -> None:
    check_jobs(provider.find("resnet"))


_CALLS: dict[str, tuple[Callable[[ModelArtsV1], None], ...]] = {
    "login": (check_list, check_change),
    "list": (check_list, check_find),
    "create": (check_create,),
    "details": (_get, _newest, check_change),
    "versions": (_newest, _log),
    "specs": (check_catalog,),
    "engines": (check_catalog, check_create),
    "names": (_log,),
    "log": (_log,),
    "done": (check_change,),
}
"""Which calls meet an answer of each kind."""
