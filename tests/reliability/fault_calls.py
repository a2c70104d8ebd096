"""The requests of the fault matrix: every one that a command makes, in both versions of the API."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Literal

from tests.reliability.seen import Api

Story = Literal["apply", "wait", "stop", "logs", "adopt"]


class Sort(Enum):
    """What a request does, and so what its faults may do to it."""

    LOGIN = "login"
    READ = "read"
    REPEATABLE = "repeatable"
    ONCE = "once"


@dataclass(frozen=True, slots=True)
class Call:
    """One request that a command makes.

    `path` is searched for in path and query; `{name}` in it stands for the id of that job.
    `skip` passes over requests of the same shape that come first. `status`, `rows` and `nulls`
    tell what its answer holds. A call of the same name does the same in the other version.
    """

    api: Api
    name: str
    story: Story
    sort: Sort
    method: str
    path: str
    skip: int = 0
    has_status: bool = False
    is_list: bool = False
    nulls: tuple[str, ...] = ()
    about_job: bool = False
    nameless_versions: bool = False


def _row(
    name: str, story: Story, sort: Sort, method: str, path: str, api: Api = "v1", **more: Any
) -> Call:
    return Call(api, f"{name} in {story}", story, sort, method, path, **more)


_JOBS = "/training-jobs"
_ROW = ("version_id", "status", "create_time", "duration", "job_desc", "version_count", "quotas")
_DETAILS = (
    "status",
    "create_time",
    "start_time",
    "duration",
    "pool_id",
    "engine_id",
    "resource_id",
)
_CREATED = ("version_id", "status", "create_time", "version_name", "resource_id")
_TOKEN = ("catalog", "roles", "user", "issued_at", "expires_at")
_SPEC = ("core", "cpu", "gpu_num", "gpu_type", "max_num", "no_resource", "storage")
_MARK = ("is_success",)


def _list(story: Story) -> Call:
    shape = {"has_status": True, "is_list": True, "nulls": (*_ROW, "job_count_limit")}
    return _row("list", story, Sort.READ, "GET", rf"{_JOBS}\?", **shape)


def _details(name: str, story: Story, job: str) -> Call:
    path = rf"{_JOBS}/{{{job}}}/versions/\d+$"
    shape = {"has_status": True, "nulls": _DETAILS, "about_job": True}
    return _row(name, story, Sort.READ, "GET", path, **shape)


def _change(name: str, story: Story, method: str, job: str) -> Call:
    path = f"{_JOBS}/{{{job}}}$"
    return _row(name, story, Sort.REPEATABLE, method, path, nulls=_MARK, about_job=True)


def _log(name: str, path: str, nulls: tuple[str, ...], **more: Any) -> Call:
    return _row(name, "logs", Sort.READ, "GET", path, nulls=nulls, about_job=True, **more)


_CALLS_V1 = (
    _row("login", "apply", Sort.LOGIN, "POST", "/v3/auth/tokens", nulls=_TOKEN),
    _list("apply"),
    _details("details", "apply", "adopted"),
    _details("details of a deleted job", "apply", "deleted"),
    _row("create", "apply", Sort.ONCE, "POST", f"{_JOBS}$", has_status=True, nulls=_CREATED),
    _row(
        "create anew",
        "apply",
        Sort.ONCE,
        "POST",
        f"{_JOBS}$",
        skip=1,
        has_status=True,
        nulls=_CREATED,
    ),
    _change("describe", "apply", "PUT", "updated"),
    _change("describe an adopted job", "apply", "PUT", "adopted"),
    _change("delete", "apply", "DELETE", "deleted"),
    _change("delete for a replacement", "apply", "DELETE", "replaced"),
    _row("flavors", "apply", Sort.READ, "GET", "/job/resource-specs", nulls=_SPEC),
    _row("engines", "apply", Sort.READ, "GET", "/job/ai-engines", nulls=("engine_type",)),
    _list("wait"),
    _list("stop"),
    _row(
        "stop",
        "stop",
        Sort.REPEATABLE,
        "POST",
        f"{_JOBS}/{{kept}}/versions/.*/stop$",
        nulls=_MARK,
        about_job=True,
    ),
    _log("log names", "/log/file-names$", ("log_file_list",)),
    _log("log text", "/aom-log", ("content", "lines", "start_line", "end_line")),
    _log(
        "versions",
        f"{_JOBS}/{{kept}}/versions$",
        ("create_time", "status", "pool_id"),
        has_status=True,
        nameless_versions=True,
    ),
    _list("adopt"),
    _details("details", "adopt", "adopted"),
    _change("describe", "adopt", "PUT", "adopted"),
)


# -- version 2: a search is a POST, it shows whole jobs, and a job is told of in one envelope

_V2: Any = {"api": "v2"}
_ENVELOPE = (
    *("create_time", "description", "user_name", "annotations"),
    *("phase", "secondary_phase", "duration", "start_time", "node_count_metrics", "tasks"),
    *("policy", "flavor_name", "flavor_detail", "local_dir", "mode", "period", "constraint"),
)
_PAGE = ("total", "count", "limit", "offset", "sort_by", "order", "workspace_id")
_OFFER = ("billing", "flavor_type", "max_num", "cpu", "gpu", "npu", "memory", "attributes")


def _search(story: Story) -> Call:
    shape = {"has_status": True, "is_list": True, "nulls": (*_ENVELOPE, *_PAGE)}
    return _row("list", story, Sort.READ, "POST", "/training-job-searches$", **_V2, **shape)


def _job(name: str, story: Story, method: str, job: str, more: str = "", **shape: Any) -> Call:
    sort = Sort.READ if method == "GET" else Sort.REPEATABLE
    path = f"{_JOBS}/{{{job}}}{more}$"
    return _row(name, story, sort, method, path, **_V2, about_job=True, **shape)


_CREATE_V2 = _row(
    "create",
    "apply",
    Sort.ONCE,
    "POST",
    f"{_JOBS}$",
    **_V2,
    has_status=True,
    nulls=_ENVELOPE,
)
_ROOTED: Any = {"has_status": True, "nulls": _ENVELOPE}
_CALLS_V2 = (
    replace(_CALLS_V1[0], api="v2"),
    _search("apply"),
    _job("details of a deleted job", "apply", "GET", "deleted", **_ROOTED),
    _CREATE_V2,
    replace(_CREATE_V2, name="create anew in apply", skip=1),
    _job("describe", "apply", "PUT", "updated"),
    _job("describe an adopted job", "apply", "PUT", "adopted"),
    _job("delete", "apply", "DELETE", "deleted"),
    _job("delete for a replacement", "apply", "DELETE", "replaced"),
    _row("flavors", "apply", Sort.READ, "GET", "/training-job-flavors", **_V2, nulls=_OFFER),
    _row(
        "engines",
        "apply",
        Sort.READ,
        "GET",
        "/training-job-engines",
        **_V2,
        nulls=("v1_compatible", "run_user", "tags", "image_info"),
    ),
    _row("quota", "apply", Sort.READ, "GET", r"/training-quotas\?", **_V2, nulls=("used", "quota")),
    _search("wait"),
    _search("stop"),
    _job("stop", "stop", "POST", "kept", "/actions", nulls=_ENVELOPE),
    _job("tasks", "logs", "GET", "kept", **_ROOTED),
    _job(
        "log text",
        "logs",
        "GET",
        "kept",
        "/tasks/worker-0/logs/preview",
        nulls=("content", "current_size", "full_size"),
    ),
    _search("adopt"),
    _job("describe", "adopt", "PUT", "adopted"),
)

CALLS = (*_CALLS_V1, *_CALLS_V2)
