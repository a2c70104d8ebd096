"""Which v2 requests are refused before anything happens, and with which code.

Rules of the ModelArts API Reference, "Creating a Training Job"; codes of its page "Error
Codes", by the names in their texts.
"""

from collections.abc import Iterable

from reconciler.emulator import catalog as common
from reconciler.emulator.failures import Failure
from reconciler.emulator.v2 import algorithms as shapes
from reconciler.emulator.v2 import catalog
from reconciler.emulator.v2 import requests as wire
from reconciler.emulator.v2.errors import invalid

_MOST_VOLUMES = 8
_ON = ("true",)
_ANNOTATIONS = {
    "job_template": ("Template RL", "Template DL"),
    "fault-tolerance/job-retry-num": ("1", "2", "3"),
    "fault-tolerance/job-unconditional-retry": _ON,
    "fault-tolerance/hang-retry": _ON,
    "jupyter-lab/enable": _ON,
    "tensorboard/enable": _ON,
    "mindstudio-insight/enable": _ON,
}


def check(run: wire.Run, annotations: dict[str, str]) -> tuple[shapes.Algorithm, wire.Spec]:
    """The two halves of a run that can be carried out; a Failure says why it cannot."""
    if "tasks" in run.model_fields_set:
        raise invalid("tasks: not implemented")
    if run.algorithm is None:
        raise invalid("algorithm: needed")
    if run.spec is None:
        raise invalid("spec: needed")
    for name, value in annotations.items():
        if value not in _ANNOTATIONS.get(name, (value,)):
            raise invalid(f"metadata.annotations.{name}")
    check_algorithm(run.algorithm)
    check_spec(run.spec)
    return run.algorithm, run.spec


def check_algorithm(algorithm: shapes.Algorithm) -> None:
    """Refuse an algorithm that is none, more than one, or not offered."""
    _check_kind(algorithm)
    _check_engine(algorithm)
    _check_parameters(algorithm)
    _check_channels(algorithm)
    summary = algorithm.summary
    if summary is not None and summary.log_type and summary.log_dir is None:
        raise invalid("algorithm.summary.log_dir: needed with log_type")


def check_spec(spec: wire.Spec) -> None:
    """Refuse resources that are not offered, and settings that contradict each other."""
    _check_flavor(spec.resource)
    if len(spec.volumes) > _MOST_VOLUMES:
        raise invalid(f"spec.volumes: more than {_MOST_VOLUMES}")
    for volume in spec.volumes:
        if len(volume.model_fields_set) != 1:
            raise invalid("spec.volumes: exactly one of nfs, pfs and obs")
    paths = [_local_path(volume) for volume in spec.volumes]
    if _first_repeated(paths) is not None:
        raise invalid("spec.volumes: local_path repeated")
    affinity = spec.schedule_policy.required_affinity if spec.schedule_policy else None
    if affinity and affinity.affinity_type == "hyperinstance" and not affinity.affinity_group_size:
        raise invalid("spec.schedule_policy.required_affinity.affinity_group_size: needed")


def _check_kind(algorithm: shapes.Algorithm) -> None:
    image = algorithm.engine.image_url if algorithm.engine else ""
    if bool(algorithm.subscription_id) != bool(algorithm.item_version_id):
        raise invalid("algorithm: subscription_id and item_version_id are needed together")
    if algorithm.boot_file and not algorithm.code_dir:
        raise invalid("algorithm.code_dir: needed with boot_file")
    kinds = [algorithm.id, algorithm.subscription_id, algorithm.boot_file, algorithm.command]
    if sum(map(bool, kinds)) > 1:
        raise invalid("algorithm: only one of id, subscription_id, boot_file and command")
    if bool(algorithm.command) != (bool(image) and not algorithm.boot_file):
        message = "Custom image jobs command and engine.url cannot be empty."
        raise Failure(400, "ModelArts.2806", message)
    if not any(kinds):
        raise invalid("algorithm: one of id, subscription_id, boot_file and command is needed")
    if {"id", "subscription_id"} <= algorithm.model_fields_set:
        raise invalid("algorithm: only one of id and subscription_id")
    if "id" in algorithm.model_fields_set and algorithm.engine is not None:
        message = "Job algorithm configuration(engine) does not match algorithm management"
        raise Failure(400, "ModelArts.2814", f"{message} configuration.")
    if algorithm.subscription_id or (algorithm.id and not catalog.algorithm(algorithm.id)):
        raise Failure(400, "ModelArts.2755", "algorithm not found.")


def _check_engine(algorithm: shapes.Algorithm) -> None:
    engine = algorithm.engine
    if engine is None:
        if algorithm.boot_file:
            raise Failure(400, "ModelArts.2830", "The AI engine is missing.")
        return
    named = bool(engine.engine_name and engine.engine_version)
    if "install_sys_packages" in engine.model_fields_set and not (named and engine.image_url):
        raise invalid("algorithm.engine.install_sys_packages: needs name, version and image")
    if bool(engine.engine_name) != bool(engine.engine_version) and not engine.engine_id:
        raise invalid("algorithm.engine: engine_name and engine_version are needed together")
    if not (named or engine.engine_id):
        if algorithm.boot_file:
            raise Failure(400, "ModelArts.2830", "The AI engine is missing.")
        return
    if catalog.engine(engine.engine_id, engine.engine_name, engine.engine_version) is None:
        number = engine.engine_id or f"{engine.engine_name} {engine.engine_version}"
        raise Failure(400, "ModelArts.2780", f"AI engine(id:{number}) not found.")


def _check_parameters(algorithm: shapes.Algorithm) -> None:
    if _first_repeated(item.name for item in algorithm.parameters) is not None:
        raise Failure(400, "ModelArts.2767", "parameter key repeat.")
    managed = catalog.algorithm(algorithm.id)
    declared = {item.name for item in managed.parameters} if managed else set()
    for item in algorithm.parameters:
        if item.value is None and item.name not in declared:
            raise Failure(400, "ModelArts.2766", "Missing default value.")


def _check_channels(algorithm: shapes.Algorithm) -> None:
    message = "input and output channel information is not standardized."
    channels: list[shapes.Input | shapes.Output] = [*algorithm.inputs, *algorithm.outputs]
    if _first_repeated(item.name for item in channels) is not None:
        raise Failure(400, "ModelArts.2753", message)
    for item in algorithm.inputs:
        if len(item.remote.model_fields_set) != 1:
            raise Failure(400, "ModelArts.2753", message)


def _check_flavor(resource: wire.Resource) -> None:
    code = resource.flavor_id
    if not (code or resource.pool_id):
        raise invalid("spec.resource: flavor_id or pool_id is needed")
    if code in catalog.POOL_FLAVORS:
        if not resource.pool_id:
            raise Failure(400, "ModelArts.2763", "The selected flavor is invalid.")
        return
    flavor = common.flavor(code) if code else None
    if code and flavor is None:
        raise Failure(400, "ModelArts.2781", f"Flavor ({code}) not found.")
    if flavor is not None and resource.node_count > flavor.max_workers:
        count, most = resource.node_count, flavor.max_workers
        message = f"The number of flavor instances ({count}) exceeds the maximum ({most})."
        raise Failure(400, "ModelArts.2793", message)


def _local_path(volume: wire.Volume) -> str:
    part = volume.nfs or volume.pfs or volume.obs
    return part.local_path.rstrip("/") if part else ""


def _first_repeated(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
