"""Saved configurations of v1: plain data under a name; they start nothing.

After the ModelArts API Reference, "Managing Job Parameter Configurations".
"""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from reconciler.emulator.bodies import read_body
from reconciler.emulator.failures import Failure
from reconciler.emulator.store import Store
from reconciler.emulator.v1 import answers
from reconciler.emulator.v1 import requests as wire
from reconciler.emulator.v1.api import V1, check, parameters
from reconciler.emulator.v1.errors import refuse_body

Json = dict[str, Any]

_SUCCESS: Json = {"is_success": True}
_ROW = (
    "config_name",
    "config_desc",
    "create_time",
    "engine_type",
    "engine_name",
    "engine_id",
    "engine_version",
    "user_image_url",
    "user_command",
)
_DETAILS = (
    *("worker_server_num", "app_url", "boot_file_url", "model_id", "parameter", "spec_id"),
    *("data_url", "dataset_id", "dataset_version_id", "data_source", "train_url", "log_url"),
    *("spec_code", "gpu_type", "gpu_num", "cpu", "core", "dataset_name", "dataset_version_name"),
    *("pool_id", "pool_name", "volumes", "nas_type", "nas_share_addr", "nas_mount_path"),
)


class SavedConfigurations:
    """`/training-job-configs`, keyed by name within a project."""

    def __init__(self, store: Store, now: Callable[[], int], v1: V1) -> None:
        self._store = store
        self._now = now
        self._v1 = v1

    def routes(self) -> list[Route]:
        """The routes of this resource."""
        path = "/training-job-configs"
        table = [
            ("POST", path, self.create),
            ("GET", path, self.list),
            ("GET", path + "/{config_name}", self.show),
            ("PUT", path + "/{config_name}", self.replace),
            ("DELETE", path + "/{config_name}", self.delete),
        ]
        return [self._v1.route(*row) for row in table]

    async def create(self, request: Request, project: str) -> Json:
        """`POST`: save a configuration under a new name."""
        body = await read_body(request, wire.ConfigurationCreate, refuse_body)
        check(body)
        if body.config_name in self._store.configurations(project):
            message = f"Config name:{body.config_name} is existed"
            raise Failure(400, "ModelArts.0103", message)
        self._save(project, body.config_name, body, self._now())
        return _SUCCESS

    async def list(self, request: Request, project: str) -> Json:
        """`GET`: one page of rows; there are no samples."""
        query = parameters(request)
        page, size = query.number("page", 1, 1, 65535), query.number("per_page", 10, 1, 1000)
        key = query.choice("sortBy", ("config_name", "config_desc", "create_time"), "config_name")
        search, descending = query.text("search_content", ""), query.descending("desc")
        kind = query.choice("config_type", ("custom", "sample"), "custom")
        found = self._store.configurations(project) if kind == "custom" else {}
        rows = [_flat(name, data) for name, data in found.items() if search in name]
        rows.sort(key=lambda row: (row[key], row["config_name"]), reverse=descending)
        shown = rows[(page - 1) * size : page * size]
        return {
            "is_success": True,
            "config_total_count": len(rows),
            "configs": [{name: row[name] for name in _ROW} for row in shown],
        }

    async def show(self, request: Request, project: str) -> Json:
        """`GET /{config_name}`: everything that was saved, and what the server derives."""
        parameters(request).choice("config_type", ("custom", "sample"), "custom")
        name, data = self._find(request, project)
        row = _flat(name, data)
        return _SUCCESS | {key: row[key] for key in (*_ROW, *_DETAILS)}

    async def replace(self, request: Request, project: str) -> Json:
        """`PUT /{config_name}`: other settings, all of them."""
        name, data = self._find(request, project)
        body = await read_body(request, wire.ConfigurationUpdate, refuse_body)
        check(body)
        self._save(project, name, body, data["create_time"])
        return _SUCCESS

    async def delete(self, request: Request, project: str) -> Json:
        """`DELETE /{config_name}`."""
        self._store.remove_configuration(project, self._find(request, project)[0])
        return _SUCCESS

    def _find(self, request: Request, project: str) -> tuple[str, Json]:
        name = request.path_params["config_name"]
        data = self._store.configurations(project).get(name)
        if data is None:
            raise Failure(400, "ModelArts.0102", "The configuration does not exist.")
        return name, data

    def _save(self, project: str, name: str, body: wire.ConfigurationUpdate, created: int) -> None:
        config = wire.sent(body)
        config.pop("config_name", None)
        description = config.pop("config_desc", "")
        data = {"config": config, "config_desc": description, "create_time": created}
        self._store.save_configuration(project, name, data)


def _flat(name: str, data: Json) -> Json:
    described = {"config_desc": data["config_desc"], "create_time": data["create_time"]}
    return {"config_name": name, **described, **answers.settings(data["config"])}
