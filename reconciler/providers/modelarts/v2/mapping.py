"""Our words to the platform's and back; pure.

A job that is created from a spec and read back gives a spec that agrees in every field that
was written. What the platform fills in by itself is kept where our words have a place for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from reconciler.model.job import ActualJob, Status
from reconciler.model.platform import EngineOffer, Flavor, Quota
from reconciler.model.secrets import Vault, plain_texts
from reconciler.model.spec import (
    Algorithm,
    Engine,
    Input,
    JobSpec,
    Notification,
    Output,
    Volume,
)
from reconciler.providers.modelarts.v2 import answers, wire
from reconciler.providers.modelarts.values import file, folder, to_time

_SEALS_NOTHING = Vault()
PHASES = {
    "Creating": Status.PENDING,
    "Pending": Status.PENDING,
    "Running": Status.RUNNING,
    "Terminating": Status.STOPPING,
    "Terminated": Status.STOPPED,
    "Completed": Status.SUCCEEDED,
    "Failed": Status.FAILED,
    "Abnormal": Status.FAILED,
}
"""The phases of the ModelArts API Reference, "Querying the Details About a Training Job"; any
other is unknown."""
INPUT, OUTPUT = "data_url", "train_url"
"""What the code is told where it reads and writes when the definition names neither: the words
of version 1, so that the same code runs on both."""


def to_create(spec: JobSpec, workspace_id: str = "0") -> wire.JobCreate:
    """Return the request that creates a job, of a spec that the dialect finds no problem with."""
    return wire.JobCreate(
        metadata=wire.Metadata(
            name=spec.name,
            workspace_id=workspace_id,
            description=spec.description,
            annotations=spec.annotations or None,
        ),
        algorithm=_to_algorithm(spec),
        spec=_to_settings(spec),
    )


def to_job(job: answers.JobBack, vault: Vault = _SEALS_NOTHING) -> ActualJob:
    """Return a job with its spec; `ValidationError` when its configuration makes no sense.

    What the vault knows to be secret is sealed.
    """
    return _actual(job, vault.hide(to_spec(job)))


def to_row(job: answers.JobBack, vault: Vault = _SEALS_NOTHING) -> ActualJob:
    """Return a job of the list, without a spec when its configuration makes no sense."""
    try:
        return to_job(job, vault)
    except ValidationError:
        return _actual(job, None)


def to_spec(job: answers.JobBack) -> JobSpec:
    """Return the configuration of a job; `ValidationError` when it makes no sense."""
    algorithm = answers.AlgorithmBack.model_validate(job.algorithm)
    settings = answers.SettingsBack.model_validate(job.spec)
    engine = algorithm.engine or answers.EngineBack()
    resource = settings.resource
    logs = settings.log_export_path
    return JobSpec(
        name=job.metadata.name,
        description=job.metadata.description or "",
        flavor=resource.flavor_id or None,
        pool_id=resource.pool_id or None,
        workers=1 if resource.node_count is None else resource.node_count,
        engine=_from_engine(engine),
        algorithm=_from_algorithm(algorithm),
        image=engine.image_url or None,
        command=algorithm.command or None,
        code_dir=folder(algorithm.code_dir),
        boot_file=file(algorithm.boot_file),
        parameters={each.name: each.value for each in algorithm.parameters or ()},
        environment=algorithm.environments or {},
        inputs=tuple(_from_input(each) for each in _in_order(INPUT, algorithm.inputs or ())),
        outputs=tuple(_from_outputs(_in_order(OUTPUT, algorithm.outputs or ()))),
        log_dir=folder(logs.obs_url) if logs else None,
        volumes=tuple(_from_volumes(settings.volumes or ())),
        notification=_from_notification(settings.notification),
        auto_stop_hours=_from_auto_stop(settings.auto_stop),
        priority=settings.schedule_policy.priority if settings.schedule_policy else None,
        annotations=_texts(job.metadata.annotations),
    )


def to_flavor(row: answers.FlavorRow) -> Flavor:
    """Return a flavor on offer; version 2 does not say whether it is sold out."""
    info = row.flavor_info or answers.FlavorInfo()
    memory = info.memory or answers.Memory()
    cards = info.gpu or info.npu or answers.Gpu()
    return Flavor(
        code=row.flavor_id,
        id=row.flavor_id,
        max_workers=row.max_num if info.max_num is None else info.max_num,
        cpus=(info.cpu.core_num if info.cpu else None) or "",
        memory_gb=memory.size or "" if (memory.unit or "GB").upper() in ("G", "GB", "GIB") else "",
        gpus=cards.unit_num or 0,
        gpu_type=cards.product_name or "",
    )


def to_engine(row: answers.EngineRow) -> EngineOffer:
    """Return a preset engine on offer."""
    return EngineOffer(id=row.engine_id, name=row.engine_name, version=row.engine_version)


def to_quota(quotas: answers.QuotaList) -> Quota | None:
    """Return how many jobs may exist, if the answer says so."""
    for each in quotas.quotas or ():
        if each.resource == "job-num" and each.quota is not None and each.used is not None:
            return Quota(limit=each.quota, left=max(0, each.quota - each.used))
    return None


def to_status(phase: object) -> Status:
    """Return where a job stands; what we do not know is unknown, not an error."""
    return PHASES.get(phase, Status.UNKNOWN) if isinstance(phase, str) else Status.UNKNOWN


def _actual(job: answers.JobBack, spec: JobSpec | None) -> ActualJob:
    return ActualJob(
        job_id=job.metadata.id,
        name=job.metadata.name,
        status=to_status(job.status.phase),
        description=job.metadata.description or "",
        created_at=to_time(job.metadata.create_time),
        duration_ms=job.status.duration,
        spec=spec,
    )


def _to_algorithm(spec: JobSpec) -> wire.Algorithm:
    ready = spec.algorithm or Algorithm()
    names = (each.name for each in spec.inputs), (each.name for each in spec.outputs)
    inputs, outputs = (
        _names(each, given) for each, given in zip((INPUT, OUTPUT), names, strict=True)
    )
    return wire.Algorithm(
        id=ready.id,
        subscription_id=ready.subscription_id,
        item_version_id=ready.item_version_id,
        code_dir=spec.code_dir,
        boot_file=spec.boot_file,
        command=spec.command,
        engine=_to_engine(spec),
        parameters=tuple(
            wire.Parameter(name=k, value=v) for k, v in plain_texts(spec.parameters).items()
        )
        or None,
        inputs=tuple(
            wire.Channel(name=name, remote=_to_remote(each))
            for name, each in zip(inputs, spec.inputs, strict=True)
        )
        or None,
        outputs=tuple(
            wire.Channel(name=name, remote=wire.Remote(obs=wire.Obs(obs_url=each.path)))
            for name, each in zip(outputs, spec.outputs, strict=True)
        )
        or None,
        environments=plain_texts(spec.environment) or None,
    )


def _names(default: str, given: Iterable[str | None]) -> Sequence[str]:
    """Return a name for each; those without one are `data_url`, `data_url_2` … as far as free."""
    given = tuple(given)
    taken = set(given)
    free = (
        name for n in range(1, 2 * len(given) + 2) if (name := _numbered(default, n)) not in taken
    )
    return tuple(name or next(free) for name in given)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}_{number}"


def _to_remote(source: Input) -> wire.Remote:
    if source.dataset_id is None:
        return wire.Remote(obs=wire.Obs(obs_url=source.path or ""))
    version = source.dataset_version_id or ""
    return wire.Remote(dataset=wire.Dataset(id=source.dataset_id, version_id=version))


def _to_engine(spec: JobSpec) -> wire.Engine | None:
    if spec.image:
        return wire.Engine(image_url=spec.image)
    if spec.engine is None:
        return None
    engine = spec.engine
    return wire.Engine(engine_id=engine.id, engine_name=engine.name, engine_version=engine.version)


def _to_settings(spec: JobSpec) -> wire.Settings:
    told = spec.notification
    return wire.Settings(
        resource=wire.Resource(
            flavor_id=spec.flavor, pool_id=spec.pool_id, node_count=spec.workers
        ),
        volumes=tuple(_to_volume(each) for each in spec.volumes) or None,
        log_export_path=wire.Obs(obs_url=spec.log_dir) if spec.log_dir else None,
        auto_stop=wire.AutoStop(duration=spec.auto_stop_hours) if spec.auto_stop_hours else None,
        schedule_policy=None
        if spec.priority is None
        else wire.SchedulePolicy(priority=spec.priority),
        notification=wire.Notification(topic_urn=told.topic_urn, events=told.events)
        if told
        else None,
    )


def _to_volume(volume: Volume) -> wire.Volume:
    source, target = volume.source, volume.target
    match volume.type:
        case "pfs":
            return wire.Volume(pfs=wire.PfsMount(pfs_path=source, local_path=target))
        case "obs":
            return wire.Volume(obs=wire.ObsMount(obs_path=source, local_path=target))
        case _:
            mount = wire.NfsMount(
                nfs_server_path=source, local_path=target, read_only=volume.read_only
            )
            return wire.Volume(nfs=mount)


def _from_engine(engine: answers.EngineBack) -> Engine | None:
    if not (engine.engine_id or engine.engine_name or engine.engine_version):
        return None
    return Engine(
        id=engine.engine_id or None,
        name=engine.engine_name or None,
        version=engine.engine_version or None,
    )


def _from_algorithm(algorithm: answers.AlgorithmBack) -> Algorithm | None:
    if not (algorithm.id or algorithm.subscription_id or algorithm.item_version_id):
        return None
    return Algorithm(
        id=algorithm.id or None,
        subscription_id=algorithm.subscription_id or None,
        item_version_id=algorithm.item_version_id or None,
    )


def _in_order(
    default: str, channels: Sequence[answers.ChannelBack]
) -> Sequence[answers.ChannelBack]:
    """Put those that we named back into their order among themselves; none is promised."""
    numbers = {_numbered(default, number): number for number in range(1, 2 * len(channels) + 2)}
    ours = (each for each in channels if each.name in numbers)
    ordered = iter(sorted(ours, key=lambda each: numbers[each.name or ""]))
    return [next(ordered) if each.name in numbers else each for each in channels]


def _from_input(channel: answers.ChannelBack) -> Input:
    remote = channel.remote or answers.RemoteBack()
    if remote.dataset and remote.dataset.id:
        return Input(
            dataset_id=remote.dataset.id,
            dataset_version_id=remote.dataset.version_id or None,
            name=channel.name or None,
        )
    path = folder(remote.obs.obs_url) if remote.obs else None
    return Input(path=path, name=channel.name or None)


def _from_outputs(channels: Iterable[answers.ChannelBack]) -> Iterable[Output]:
    for channel in channels:
        remote = channel.remote or answers.RemoteBack()
        path = folder(remote.obs.obs_url) if remote.obs else None
        yield Output(path=path or "", name=channel.name or None)


def _from_volumes(volumes: Iterable[answers.VolumeBack]) -> Iterable[Volume]:
    for each in volumes:
        if nfs := each.nfs:
            source, target = nfs.nfs_server_path or "", nfs.local_path or ""
            yield Volume(type="nfs", source=source, target=target, read_only=bool(nfs.read_only))
        elif pfs := each.pfs:
            yield Volume(type="pfs", source=pfs.pfs_path or "", target=pfs.local_path or "")
        elif obs := each.obs:
            yield Volume(type="obs", source=obs.obs_path or "", target=obs.local_path or "")


def _from_notification(told: answers.NotificationBack | None) -> Notification | None:
    if told is None or not (told.topic_urn or told.events):
        return None
    return Notification(topic_urn=told.topic_urn or "", events=told.events or ())


def _from_auto_stop(stop: answers.AutoStopBack | None) -> int | None:
    """Return the hours; another unit is none that we ever send, and is left aside."""
    if stop is None or (stop.time_unit or "HOURS").upper() != "HOURS":
        return None
    return stop.duration


def _texts(annotations: object) -> Mapping[str, Any]:
    if not isinstance(annotations, dict):
        return {}
    return {str(key): value for key, value in annotations.items() if isinstance(value, str)}
