"""What a v2 request makes run, and whether the places that it names are there."""

from pathlib import Path
from typing import Any

from reconciler.emulator import catalog as common
from reconciler.emulator import paths
from reconciler.emulator.errors import InvalidPathError, NotAllowedError
from reconciler.emulator.failures import Failure
from reconciler.emulator.model import Channel, Work
from reconciler.emulator.v2 import algorithms as shapes
from reconciler.emulator.v2 import catalog, rules
from reconciler.emulator.v2 import requests as wire
from reconciler.emulator.v2.errors import invalid_path

_IN_IMAGE = "file://"


def make_work(algorithm: shapes.Algorithm, spec: wire.Spec) -> Work:
    """What a run with these settings does.

    Code inside an image (`file://`) is not there, since images are not run.
    """
    flavor = common.flavor(spec.resource.flavor_id) if spec.resource.flavor_id else None
    managed = catalog.algorithm(algorithm.id)
    code_dir = place(algorithm.code_dir)
    return Work(
        workers=spec.resource.node_count,
        code_dir="" if code_dir.startswith(_IN_IMAGE) else code_dir,
        boot_file=place(algorithm.boot_file),
        command=algorithm.command,
        algorithm=managed.name if managed else "",
        parameters=[list(pair) for pair in _parameters(algorithm, managed)],
        inputs=[_input(item) for item in algorithm.inputs],
        outputs=[_output(item) for item in algorithm.outputs],
        environment=dict(algorithm.environments),
        log_dir=place(spec.log_export_path.obs_url) if spec.log_export_path else "",
        hours=spec.auto_stop.duration if spec.auto_stop else 0,
        held=flavor is not None and flavor.sold_out,
    )


def sent(run: wire.Run, annotations: dict[str, str]) -> dict[str, Any]:
    """The settings exactly as they were sent, for the answers that echo them."""
    plain = run.model_dump(exclude_unset=True)
    plain.pop("metadata", None)
    return plain | {"annotations": annotations}


def make_run(config: dict[str, Any]) -> tuple[dict[str, Any], Work]:
    """The settings as echoed and what they make run, from a request without its metadata.

    Raises ValidationError for a wrong shape and NotAllowedError for what would be refused.
    """
    plain = dict(config)
    annotations = plain.pop("annotations", {})
    run = wire.Run.model_validate(plain)
    try:
        algorithm, spec = rules.check(run, annotations)
    except Failure as failure:
        raise NotAllowedError(str(failure)) from failure
    return sent(run, annotations), make_work(algorithm, spec)


def place(url: str) -> str:
    """A path of object storage in its common form: `obs://bucket/key` is `/bucket/key`."""
    return "/" + url.removeprefix("obs://") if url.startswith("obs://") else url


def check_places(work: Work, root: Path | None) -> None:
    """Refuse paths that are none and, with the buckets folder `root`, those that name nothing.

    Output and log folders only need their bucket.
    """
    _check_code(work, root)
    for channel in work.inputs:
        _check(channel.path, root, paths.existing_object)
    for path in (*(channel.path for channel in work.outputs), work.log_dir):
        _check(path, root, _bucket_of)


def _check_code(work: Work, root: Path | None) -> None:
    in_image = work.boot_file.startswith(_IN_IMAGE)
    try:
        _check(work.code_dir, root, paths.existing_folder)
    except Failure as failure:
        message = f"Invalid codeDir path: {work.code_dir}."
        raise Failure(400, "ModelArts.2802", message) from failure
    if not work.boot_file or in_image or not work.code_dir:
        return
    if not work.boot_file.startswith(work.code_dir.rstrip("/") + "/"):
        message = "The boot_file does not belong to the package_id directory."
        raise Failure(400, "ModelArts.2792", message)
    try:
        _check(work.boot_file, root, paths.existing_file)
    except Failure as failure:
        raise Failure(400, "ModelArts.2758", "code startup file path error.") from failure


def _check(path: str, root: Path | None, existing: Any) -> None:
    if not path:
        return
    try:
        paths.check_syntax(path)
        if root is not None:
            existing(root, path)
    except InvalidPathError as error:
        raise invalid_path(path) from error


def _bucket_of(root: Path, path: str) -> Path:
    return paths.writable_folder(root, path, create=False)


def _parameters(
    algorithm: shapes.Algorithm, managed: catalog.Algorithm | None
) -> list[tuple[str, str]]:
    defaults = {item.name: item.value for item in managed.parameters} if managed else {}
    given = {
        item.name: item.value if item.value is not None else defaults[item.name]
        for item in algorithm.parameters
    }
    return list((defaults | given).items())


def _input(item: shapes.Input) -> Channel:
    path = place(item.remote.obs.obs_url) if item.remote.obs else ""
    return Channel(item.name, path, item.access_method == "env")


def _output(item: shapes.Output) -> Channel:
    return Channel(item.name, place(item.remote.obs.obs_url), item.access_method == "env")
