"""How a run becomes processes: command lines, working folder and a small clean environment."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.emulator.model import V2, Channel, Job, Version, Work
from reconciler.emulator.paths import (
    existing_file,
    existing_folder,
    existing_object,
    writable_folder,
)
from reconciler.emulator.processes import MARK

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", "LD_LIBRARY_PATH")
_BUILT_IN = "import sys; print('Built-in algorithm', *sys.argv[1:])"
_FIRST_PORT = 29500


@dataclass(frozen=True)
class Launch:
    """One process to start."""

    command: list[str]
    folder: Path
    environment: dict[str, str]


def plan_workers(job: Job, version: Version, root: Path) -> list[Launch]:
    """One launch per worker, with every path turned into an absolute one below `root`.

    Makes the output folder. Raises InvalidPathError for a path that became unusable since
    the job was created.
    """
    work = version.work
    places = _places(work, root)
    folder = existing_folder(root, work.code_dir) if work.code_dir else root.resolve()
    command = _command(work, root, places)
    given = work.environment | _image_settings(work, places) | _in_environment(work, places)
    common = _environment(os.environ) | given | _names(job, version, folder)
    return [
        Launch(command, folder, common | _rank(job, index, work.workers, version.id))
        for index in range(work.workers)
    ]


def _places(work: Work, root: Path) -> dict[str, str]:
    places = {item.name: str(existing_object(root, item.path)) for item in _with_path(work.inputs)}
    for item in _with_path(work.outputs):
        places[item.name] = str(writable_folder(root, item.path, create=True))
    if work.log_dir:
        places.setdefault("log_url", str(writable_folder(root, work.log_dir, create=True)))
    return places


def _with_path(channels: list[Channel]) -> list[Channel]:
    return [channel for channel in channels if channel.path]


def _command(work: Work, root: Path, places: Mapping[str, str]) -> list[str]:
    if work.command:
        return ["/bin/sh", "-c", work.command]
    channels = _with_path([*work.inputs, *work.outputs])
    options = [f"--{item.name}={places[item.name]}" for item in channels if not item.in_environment]
    options += [f"--{label}={value}" for label, value in work.parameters]
    if work.algorithm:
        return [sys.executable, "-c", _BUILT_IN, work.algorithm, *options]
    return [sys.executable, str(existing_file(root, work.boot_file)), *options]


def _environment(current: Mapping[str, str]) -> dict[str, str]:
    kept = {name: current[name] for name in _INHERITED if name in current}
    return kept | {"PYTHONUNBUFFERED": "1"}


def _names(job: Job, version: Version, folder: Path) -> dict[str, str]:
    common = {
        "MA_JOB_NAME": job.name,
        "MA_NUM_HOSTS": str(version.work.workers),
        MARK: version.resource_id,
    }
    if job.api == V2:
        return common | {"MA_JOB_ID": job.uid, "MA_JOB_DIR": str(folder.parent)}
    numbers = {"MA_JOB_ID": str(job.id), "MA_VERSION_ID": str(version.id)}
    return common | numbers | {"MA_VERSION_NAME": version.name}


def _image_settings(work: Work, places: Mapping[str, str]) -> dict[str, str]:
    if not work.command:
        return {}
    return {key.upper(): path for key, path in places.items()} | dict(work.parameters)


def _in_environment(work: Work, places: Mapping[str, str]) -> dict[str, str]:
    channels = _with_path([*work.inputs, *work.outputs])
    return {item.name: places[item.name] for item in channels if item.in_environment}


def _rank(job: Job, index: int, workers: int, version_id: int) -> dict[str, str]:
    volcano = {
        "VC_TASK_INDEX": str(index),
        "VC_WORKER_NUM": str(workers),
        "VC_WORKER_HOSTS": ",".join(["127.0.0.1"] * workers),
    }
    ranks = {
        "RANK": str(index),
        "LOCAL_RANK": "0",
        "WORLD_SIZE": str(workers),
        "MA_TASK_INDEX": str(index),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_FIRST_PORT + version_id % 1000),
    }
    return ranks | volcano if job.api == V2 else ranks
