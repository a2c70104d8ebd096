"""Our words to the platform's and back; pure.

A job that is created from a spec and read back gives a spec that agrees in every field that
was written. What the platform fills in by itself is kept, for those who take over a job.
"""

from collections.abc import Iterable, Sequence

from reconciler.model.job import ActualJob, Status
from reconciler.model.platform import EngineOffer, Flavor, Quota
from reconciler.model.secrets import Vault, plain_texts
from reconciler.model.spec import Algorithm, Engine, Input, JobSpec, Output, Volume
from reconciler.providers.modelarts.v1 import wire
from reconciler.providers.modelarts.values import file, folder, to_time

_SEALS_NOTHING = Vault()

STATUSES = {
    1: Status.PENDING,  # INIT
    2: Status.PENDING,  # IMAGE_CREATING
    3: Status.FAILED,  # IMAGE_FAILED
    4: Status.PENDING,  # SUBMIT_TRYING
    5: Status.FAILED,  # SUBMIT_FAILED
    6: Status.DELETE_FAILED,
    7: Status.PENDING,  # WAITING
    8: Status.RUNNING,
    9: Status.STOPPING,  # KILLING
    10: Status.SUCCEEDED,  # COMPLETED
    11: Status.FAILED,
    12: Status.STOPPED,  # KILLED
    13: Status.STOPPED,  # CANCELED
    14: Status.FAILED,  # LOST
    15: Status.RUNNING,  # SCALING
    16: Status.FAILED,  # SUBMIT_MODEL_FAILED
    17: Status.FAILED,  # DEPLOY_SERVICE_FAILED
    18: Status.PENDING,  # CHECK_INIT: the first run of an image is reviewed
    19: Status.PENDING,  # CHECK_RUNNING
    20: Status.PENDING,  # CHECK_RUNNING_COMPLETED
    21: Status.FAILED,  # CHECK_FAILED
}
"""The numbers of "Job Statuses" in the ModelArts API Reference; 0 and any other are unknown."""
_BY_TEXT = {str(number): status for number, status in STATUSES.items()}


def to_create(
    spec: JobSpec, engine_id: int | None = None, workspace_id: str = "0"
) -> wire.JobCreate:
    """Return the request that creates a job; the engine's number is the caller's to look up.

    The spec is one that the dialect finds no problem with, and its secrets are revealed.
    """
    notification = spec.notification
    return wire.JobCreate(
        job_name=spec.name,
        job_desc=spec.description,
        config=_config(spec, engine_id),
        notification=notification
        and wire.Notification(topic_urn=notification.topic_urn, events=notification.events),
        workspace_id=workspace_id,
    )


def to_version(spec: JobSpec, previous: int, engine_id: int | None = None) -> wire.VersionCreate:
    """Return the request that creates a version which follows another one.

    A version has no volumes of its own; the dialect refuses them.
    """
    config = _config(spec, engine_id).model_dump(exclude={"volumes"})
    return wire.VersionCreate(
        job_desc=spec.description,
        config=wire.VersionConfig.model_validate({"pre_version_id": previous, **config}),
    )


def to_spec(details: wire.VersionDetails) -> JobSpec:
    """Return the configuration of a version, and its job's name and description."""
    output = folder(details.train_url)
    return JobSpec(
        name=details.job_name,
        description=details.job_desc or "",
        flavor=details.flavor_code or details.spec_code or None,
        pool_id=details.pool_id or None,
        workers=1 if details.worker_server_num is None else details.worker_server_num,
        engine=_engine(details),
        algorithm=Algorithm(id=details.model_id) if details.model_id else None,
        image=details.user_image_url or None,
        command=details.user_command or None,
        code_dir=folder(details.app_url),
        boot_file=file(details.boot_file_url),
        parameters={each.label: each.value for each in details.parameter or ()},
        inputs=_inputs(details),
        outputs=(Output(path=output),) if output else (),
        log_dir=folder(details.log_url),
        volumes=tuple(_volumes(details.volumes or ())),
    )


def to_job(details: wire.VersionDetails, vault: Vault = _SEALS_NOTHING) -> ActualJob:
    """Return a job with its spec; what the vault knows to be secret is sealed."""
    return ActualJob(
        job_id=details.job_id,
        name=details.job_name,
        status=to_status(details.status),
        version_id=details.version_id,
        description=details.job_desc or "",
        created_at=to_time(details.create_time),
        duration_ms=details.duration,
        spec=vault.hide(to_spec(details)),
    )


def to_row(row: wire.JobRow) -> ActualJob:
    """Return a job as the list tells it, without a spec."""
    return ActualJob(
        job_id=row.job_id,
        name=row.job_name,
        status=to_status(row.status),
        version_id=row.version_id,
        description=row.job_desc or "",
        created_at=to_time(row.create_time),
        duration_ms=row.duration,
    )


def to_quota(page: wire.JobList) -> Quota | None:
    """Return how many jobs may exist, if the list says so."""
    if page.quotas is None or page.job_count_limit is None:
        return None
    return Quota(limit=page.quotas, left=page.job_count_limit)


def to_flavor(spec: wire.Spec) -> Flavor:
    """Return a flavor on offer."""
    return Flavor(
        code=spec.spec_code,
        id=spec.spec_id,
        max_workers=spec.max_num,
        sold_out=bool(spec.no_resource),
        cpus=spec.core or "",
        memory_gb=spec.cpu or "",
        gpus=spec.gpu_num or 0,
        gpu_type=spec.gpu_type or "",
    )


def to_engine(row: wire.EngineRow) -> EngineOffer:
    """Return a preset engine on offer."""
    return EngineOffer(id=row.engine_id, name=row.engine_name, version=row.engine_version)


def to_status(number: object) -> Status:
    """Return where a version stands; what we do not know is unknown, not an error."""
    return _BY_TEXT.get(str(number), Status.UNKNOWN)


def _config(spec: JobSpec, engine_id: int | None) -> wire.JobConfig:
    dataset = _single_dataset(spec.inputs)
    return wire.JobConfig(
        worker_server_num=spec.workers,
        parameter=tuple(
            wire.Parameter(label=k, value=v) for k, v in plain_texts(spec.parameters).items()
        ),
        flavor=wire.FlavorRef(code=spec.flavor) if spec.flavor else None,
        pool_id=spec.pool_id,
        train_url=spec.outputs[0].path if spec.outputs else None,
        log_url=spec.log_dir,
        engine_id=engine_id,
        model_id=int(spec.algorithm.id) if spec.algorithm and spec.algorithm.id else None,
        app_url=spec.code_dir,
        boot_file_url=spec.boot_file,
        user_image_url=spec.image,
        user_command=spec.command,
        data_source=None if dataset else _data_sources(spec.inputs),
        dataset_id=dataset.dataset_id if dataset else None,
        dataset_version_id=dataset.dataset_version_id if dataset else None,
        volumes=tuple(_volume(each) for each in spec.volumes) or None,
    )


def _single_dataset(inputs: Sequence[Input]) -> Input | None:
    return inputs[0] if len(inputs) == 1 and inputs[0].dataset_id else None


def _data_sources(inputs: Sequence[Input]) -> tuple[wire.DataSource, ...] | None:
    sources = tuple(
        wire.DataSource(
            type="dataset",
            dataset_id=each.dataset_id,
            dataset_version=each.dataset_version_id,
        )
        if each.dataset_id
        else wire.DataSource(type="obs", data_url=each.path)
        for each in inputs
    )
    return sources or None


def _volume(volume: Volume) -> wire.Volume:
    mount = wire.Mount(
        id=volume.id if volume.type == "nfs" else None,
        src_path=volume.source,
        dest_path=volume.target,
        read_only=volume.read_only,
    )
    return wire.Volume(nfs=mount) if volume.type == "nfs" else wire.Volume(host_path=mount)


def _engine(details: wire.VersionDetails) -> Engine | None:
    if not (details.engine_id or details.engine_name or details.engine_version):
        return None
    return Engine(
        id=details.engine_id or None,
        name=details.engine_name or None,
        version=details.engine_version or None,
    )


def _inputs(details: wire.VersionDetails) -> tuple[Input, ...]:
    """Return where a version reads.

    The platform fills `data_url` from whatever else was given: from the first source, or with
    the list of a dataset's files; so it counts only when it stands alone.
    """
    sources = tuple(_input(each) for each in details.data_source or ())
    if given := tuple(each for each in sources if each is not None):
        return given
    if details.dataset_id:
        return (
            Input(
                dataset_id=details.dataset_id,
                dataset_version_id=details.dataset_version_id or None,
            ),
        )
    path = folder(details.data_url)
    return (Input(path=path),) if path else ()


def _input(source: wire.DataSourceBack) -> Input | None:
    if source.dataset_id:
        version = source.dataset_version or None
        return Input(dataset_id=source.dataset_id, dataset_version_id=version)
    path = folder(source.data_url)
    return Input(path=path) if path else None


def _volumes(volumes: Iterable[wire.VolumeBack]) -> Iterable[Volume]:
    for volume in volumes:
        if volume.nfs:
            yield _mounted("nfs", volume.nfs)
        elif volume.host_path:
            yield _mounted("host_path", volume.host_path)


def _mounted(kind: str, mount: wire.MountBack) -> Volume:
    return Volume.model_validate(
        {
            "type": kind,
            "source": mount.src_path or "",
            "target": mount.dest_path or "",
            "read_only": bool(mount.read_only),
            "id": mount.id or None,
        }
    )
