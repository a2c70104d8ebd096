"""The platform's answers: every shape of version 2, through the real client."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from reconciler.model.platform import PlatformSettings
from reconciler.providers.exchange import Answer, Request
from reconciler.providers.modelarts.v2 import mapping
from reconciler.providers.modelarts.v2.client import ModelArtsV2
from reconciler.providers.transport import Transport
from reconciler.render.text import clean_log
from tests.build import a_spec
from tests.reliability.fuzz import shown
from tests.reliability.fuzz.answers import (
    DOCUMENTS,
    Answers,
    Scripted,
    a_login,
    check_call,
    check_catalog,
    check_change,
    check_create,
    check_find,
    check_jobs,
    check_list,
)
from tests.unit.providers.doubles import URL
from tests.unit.providers.v2_documents import ID, filled_by_server, published

_JOB = filled_by_server(mapping.to_create(a_spec(), "0").model_dump(exclude_none=True))
_RUNNING = _JOB | {
    "status": _JOB["status"]
    | {"phase": "Running", "duration": 1326, "tasks": ["worker-0", "worker-1"]}
}

DOCUMENTS_V2: dict[str, Any] = {
    "login": DOCUMENTS["login"],
    "list": {"total": 1, "count": 1, "limit": 50, "offset": 0, "items": [_RUNNING]},
    "create": _JOB,
    "details": _RUNNING,
    "flavors": published("/training-job-flavors", "get", "200"),
    "engines": published("/training-job-engines", "get", "200"),
    "quota": {"quotas": [{"resource": "job-num", "quota": 10000, "used": 3}]},
    "name": {"is_duplicate": False},
    "log": {
        "content": "epoch 1\r\n\x1b[32mok\x1b[0m 100%|\u2588|\n",
        "current_size": 40,
        "full_size": 40,
    },
    "link": {"obs_url": f"https://obs.example/log?Signature={shown.TOKEN}"},
    "metrics": {"metrics": [{"metric": "cpuUsage", "value": [-1, 12.5]}]},
    "events": published("/training-jobs/{training_job_id}/events", "get", "200"),
    "done": _JOB,
}
"""A good answer of every shape."""

_ENDS = {
    "/auth/tokens": "login",
    "/training-job-searches": "list",
    "/training-job-flavors": "flavors",
    "/training-job-engines": "engines",
    "/training-quotas": "quota",
    "/training-job-names": "name",
    "/logs/preview": "log",
    "/logs/url": "link",
    "/events": "events",
    "/actions": "done",
    "/training-jobs": "create",
}


class ScriptedV2(Scripted):
    """The same for version 2."""

    def _document(self, request: Request) -> tuple[str, Any]:
        kind = kind_of(request)
        return kind, DOCUMENTS_V2[kind]


def kind_of(request: Request) -> str:
    """Return which document answers a request."""
    for end, kind in _ENDS.items():
        if request.url.endswith(end):
            return kind
    if "/metrics/" in request.url:
        return "metrics"
    return "details" if request.method == "GET" else "done"


class AnswersV2(Answers):
    """One kind of answer of version 2 spoiled; then every call is made that meets it."""

    name = "answers-v2"
    words = (
        *(b'"error_code":"ModelArts.2775"', b'"error_code":"ModelArts.2751"', b'"error_msg":'),
        *(b'"items":[', b'"phase":', b'"environments":[{'),
    )
    documents: ClassVar[Mapping[str, Any]] = DOCUMENTS_V2

    def meet(self, kind: str, answer: Answer) -> None:
        for call in CALLS_V2.get(kind, ()):
            check_call(call, a_provider_v2(ScriptedV2(kind, answer)))


def a_provider_v2(transport: Transport) -> ModelArtsV2:
    """Return a client of version 2 that logs in with a password."""
    settings = PlatformSettings(api="modelarts/v2", endpoint=URL)
    return ModelArtsV2(settings, transport, a_login(transport))


def _get(provider: ModelArtsV2) -> None:
    job = provider.get(ID, None)
    check_jobs([job])
    assert job.spec is not None
    assert job.spec.digest


def _log(provider: ModelArtsV2) -> None:
    chunk = provider.logs(ID, None, lines=700)
    shown.check(clean_log(chunk.text))
    shown.check(clean_log(provider.logs(ID, None, cursor=chunk.cursor).text))


def _link(provider: ModelArtsV2) -> None:
    provider.log_link(ID, "worker-0")


def _metrics(provider: ModelArtsV2) -> None:
    for values in provider.metrics(ID, "worker-0").values():
        assert all(isinstance(each, float) for each in values)


def _events(provider: ModelArtsV2) -> None:
    provider.events(ID)  # no command shows them


def _quota(provider: ModelArtsV2) -> None:
    found = provider.quota()
    assert found is None or found.left >= 0


def _name(provider: ModelArtsV2) -> None:
    assert provider.is_name_taken("resnet") in (True, False, None)


CALLS_V2: dict[str, tuple[Callable[[ModelArtsV2], None], ...]] = {
    "login": (check_list, check_change),
    "list": (check_list, check_find),
    "create": (check_create,),
    "details": (_get, _log, check_change),
    "flavors": (check_catalog,),
    "engines": (check_catalog, check_create),
    "quota": (_quota,),
    "name": (_name,),
    "log": (_log,),
    "link": (_link,),
    "metrics": (_metrics,),
    "events": (_events,),
    "done": (check_change,),
}
"""Which calls meet an answer of each kind."""
