"""What v1 requests may look like, and which of them are refused before anything happens.

Shapes are closed and types strict, as in the ModelArts API Reference ("Creating a Training
Job", "Creating a Training Job Version", "Modifying the Description of a Training Job").
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from reconciler.emulator import catalog
from reconciler.emulator.bodies import Wire
from reconciler.emulator.model import Channel, Work


def _refuse_null(value: object) -> object:
    if value is None:
        raise ValueError("null is not allowed here")
    return value


NotNull = BeforeValidator(_refuse_null)
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Description = Annotated[str, StringConstraints(max_length=256)]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Number = Annotated[int, Field(ge=0)]


class Parameter(Wire):
    """A hyperparameter, or an environment variable of a custom image."""

    label: Annotated[str, StringConstraints(pattern=r"^[^\x00]+$")]
    value: Text


class DataSource(Wire):
    """One input: a path, or a data set with its version."""

    type: Literal["obs", "dataset"] = "obs"
    data_url: Text = ""
    dataset_id: Text = ""
    dataset_version: Text = ""


class Flavor(Wire):
    """A flavor by its code."""

    code: Annotated[str, StringConstraints(min_length=1)]


class Nfs(Wire):
    """A volume of the file service."""

    id: str
    src_path: str
    dest_path: str
    read_only: bool = False


class HostPath(Wire):
    """A folder of the machine, in a dedicated pool."""

    src_path: str
    dest_path: str
    read_only: bool = False


class Volume(Wire):
    """Exactly one kind of volume."""

    nfs: Annotated[Nfs | None, NotNull] = None
    host_path: Annotated[HostPath | None, NotNull] = None


class RunConfig(Wire):
    """The settings that jobs, versions and saved configurations have in common."""

    worker_server_num: Annotated[int, Field(ge=1)]
    app_url: Text = ""
    boot_file_url: Text = ""
    engine_id: Number = catalog.DEFAULT_ENGINE
    model_id: Number = 0
    parameter: list[Parameter] = Field(default_factory=list)
    data_url: Text = ""
    dataset_id: Text = ""
    dataset_version_id: Text = ""
    data_source: list[DataSource] = Field(default_factory=list)
    spec_id: Number = 0
    pool_id: Annotated[str, StringConstraints(min_length=1)] = ""
    flavor: Annotated[Flavor | None, NotNull] = None
    train_url: Text = ""
    log_url: Text = ""
    user_image_url: Text = ""
    user_command: Text = ""
    volumes: list[Volume] = Field(default_factory=list)
    nas_type: str = ""
    nas_share_addr: str = ""
    nas_mount_path: str = ""


class JobConfig(RunConfig):
    """The settings of a job's first version."""

    create_version: bool = True


class VersionConfig(RunConfig):
    """The settings of a further version."""

    pre_version_id: Number


class Notification(Wire):
    """Whom to tell; accepted and forgotten."""

    topic_urn: str = ""
    events: list[str] = Field(default_factory=list)


class JobCreate(Wire):
    """Body of `POST /training-jobs`."""

    job_name: Name
    job_desc: Description = ""
    config: JobConfig
    workspace_id: Annotated[str, StringConstraints(min_length=1, max_length=64)] = "0"
    notification: Notification = Notification()


class VersionCreate(Wire):
    """Body of `POST /training-jobs/{job_id}/versions`."""

    job_desc: Annotated[Description | None, NotNull] = None
    config: VersionConfig


class JobUpdate(Wire):
    """Body of `PUT /training-jobs/{job_id}`."""

    job_desc: Description


class ConfigurationUpdate(RunConfig):
    """Body of `PUT /training-job-configs/{config_name}`."""

    config_desc: Description = ""


class ConfigurationCreate(ConfigurationUpdate):
    """Body of `POST /training-job-configs`."""

    config_name: Name


Given = frozenset[str]

_OF_THE_REQUEST = frozenset({"create_version", "pre_version_id"})

_FORM_RULES: tuple[tuple[str, Callable[[Given], bool]], ...] = (
    (
        "data_url, data_source and dataset_id cannot be used together",
        lambda given: len(given & {"data_url", "data_source", "dataset_id"}) > 1,
    ),
    (
        "dataset_id and dataset_version_id are needed together",
        lambda given: len(given & {"dataset_id", "dataset_version_id"}) == 1,
    ),
    (
        "app_url and boot_file_url are needed together",
        lambda given: len(given & {"app_url", "boot_file_url"}) == 1,
    ),
    (
        "user_image_url and user_command are needed together",
        lambda given: len(given & {"user_image_url", "user_command"}) == 1,
    ),
    (
        "model_id cannot be used together with app_url, engine_id or user_image_url",
        lambda given: (
            "model_id" in given and bool(given & {"app_url", "engine_id", "user_image_url"})
        ),
    ),
    (
        "engine_id cannot be used together with user_image_url",
        lambda given: {"engine_id", "user_image_url"} <= given,
    ),
    (
        "one of app_url, model_id and user_image_url is needed",
        lambda given: not given & {"app_url", "model_id", "user_image_url"},
    ),
    (
        "spec_id cannot be used together with flavor or pool_id",
        lambda given: "spec_id" in given and bool(given & {"flavor", "pool_id"}),
    ),
    (
        "one of spec_id, flavor and pool_id is needed",
        lambda given: not given & {"spec_id", "flavor", "pool_id"},
    ),
)


def form_problem(config: RunConfig) -> str | None:
    """Why the settings contradict each other or miss something, or None."""
    empty = ("", None)
    given = frozenset(
        name for name in config.model_fields_set if getattr(config, name) not in empty
    )
    for message, broken in _FORM_RULES:
        if broken(given):
            return message
    if given & {"boot_file_url"} and not config.boot_file_url.startswith(_folder(config.app_url)):
        return "boot_file_url must lie in app_url"
    return _source_problem(config.data_source) or _volume_problem(config)


def value_problem(config: RunConfig) -> str | None:
    """Which value names something that the catalog does not offer, or None."""
    given = config.model_fields_set
    if "model_id" in given and catalog.algorithm(config.model_id) is None:
        return f"model_id {config.model_id} does not exist"
    if _needs_engine(config) and not catalog.is_offered(config.engine_id):
        return f"engine_id {config.engine_id} does not exist"
    if not given & {"spec_id", "flavor"}:
        return None
    flavor = find_flavor(config)
    if flavor is None:
        return "the flavor does not exist"
    if config.worker_server_num > flavor.max_workers:
        return f"worker_server_num exceeds the flavor's maximum {flavor.max_workers}"
    return None


def find_flavor(config: RunConfig) -> catalog.Flavor | None:
    """The flavor that the settings ask for by number or code; None in a bare pool."""
    if config.flavor is not None:
        return catalog.flavor(config.flavor.code)
    return catalog.flavor(config.spec_id) if "spec_id" in config.model_fields_set else None


def make_work(config: RunConfig) -> Work:
    """What a run with these settings does."""
    flavor = find_flavor(config)
    algorithm = catalog.algorithm(config.model_id) if config.model_id else None
    return Work(
        workers=config.worker_server_num,
        code_dir=config.app_url,
        boot_file=config.boot_file_url,
        command=config.user_command,
        algorithm=algorithm.name if algorithm else "",
        parameters=[[item.label, item.value] for item in config.parameter],
        inputs=_channel("data_url", config.data_url or _first_path(config.data_source)),
        outputs=_channel("train_url", config.train_url),
        log_dir=config.log_url,
        held=flavor is not None and flavor.sold_out,
    )


def make_run(config: dict[str, Any]) -> tuple[dict[str, Any], Work]:
    """The settings as echoed and what they make run, from the `config` of any request."""
    known = {name: value for name, value in config.items() if name not in _OF_THE_REQUEST}
    shape = RunConfig.model_validate(known)
    return sent(shape), make_work(shape)


def sent(config: RunConfig) -> dict[str, Any]:
    """The settings exactly as they were sent, for the answers that echo them."""
    return config.model_dump(exclude_unset=True)


def _needs_engine(config: RunConfig) -> bool:
    return bool(config.app_url) and not config.user_image_url


def _first_path(sources: list[DataSource]) -> str:
    return sources[0].data_url if sources else ""


def _channel(name: str, path: str) -> list[Channel]:
    return [Channel(name, path)] if path else []


def _folder(path: str) -> str:
    return path.rstrip("/") + "/"


def _source_problem(sources: list[DataSource]) -> str | None:
    if len({source.type for source in sources}) > 1:
        return "data_source cannot mix obs and dataset"
    for source in sources:
        dataset = bool(source.dataset_id), bool(source.dataset_version)
        if source.type == "obs" and (not source.data_url or any(dataset)):
            return "data_source of type obs needs data_url and nothing else"
        if source.type == "dataset" and (source.data_url or not all(dataset)):
            return "data_source of type dataset needs dataset_id and dataset_version"
    return None


def _volume_problem(config: RunConfig) -> str | None:
    for volume in config.volumes:
        if len(volume.model_fields_set) != 1:
            return "a volume needs exactly one of nfs and host_path"
        if volume.host_path is not None and not config.pool_id:
            return "host_path volumes need a dedicated pool"
    return None
