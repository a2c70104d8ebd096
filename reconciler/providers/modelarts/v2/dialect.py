"""What version 2 of the API cannot express, or would refuse; needs no connection."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from reconciler.diagnostics import Diagnostic, error
from reconciler.model.job import DesiredJob
from reconciler.model.spec import JobSpec

Problem = tuple[str, str, str]
"""The dotted path of a field, what is wrong with it, and what to do."""

EVENTS = (
    *("JobStarted", "JobCompleted", "JobFailed", "JobTerminated"),
    *("JobRestarted", "JobHanged", "JobPreempted"),
)
_LONGEST_DESCRIPTION = 256
_MOST_VARIABLES = 100
_LONGEST_VARIABLE = 8192
_LONGEST_VALUE = 4096
_MOST_VOLUMES = 8
_V1 = "Use api: modelarts/v1, or leave it out."


class DialectV2:
    """Version 2, "Training Management" in the ModelArts API Reference."""

    def problems(self, job: DesiredJob) -> Sequence[Diagnostic]:
        """Return an error for each field that cannot be sent, at its place."""
        return tuple(
            error(
                "Not possible with modelarts/v2",
                f'Job "{job.address}": {detail}',
                hint,
                address=job.address,
                location=job.place(path),
                code="dialect",
            )
            for path, detail, hint in (
                *(problem for check in _CHECKS for problem in check(job.spec)),
                *_versions(job),
            )
        )


def _versions(job: DesiredJob) -> Iterator[Problem]:
    if job.lifecycle.on_change == "new_version":
        detail = "its jobs have no versions."
        yield "lifecycle.on_change", detail, f"Use on_change: replace, or keep. {_V1}"


def _description(spec: JobSpec) -> Iterator[Problem]:
    if len(spec.description) > _LONGEST_DESCRIPTION:
        detail = f"the description has {len(spec.description)} characters."
        yield "description", detail, f"At most {_LONGEST_DESCRIPTION} are allowed."


def _code(spec: JobSpec) -> Iterator[Problem]:
    """Exactly one of algorithm, code and image, as "Creating a Training Job" has it."""
    if spec.algorithm and (spec.code_dir or spec.boot_file or spec.engine or spec.image):
        detail = "an algorithm brings its own code and engine."
        hint = "Leave out code_dir, boot_file, engine and image, or the algorithm."
        yield "algorithm", detail, hint
    if bool(spec.code_dir) != bool(spec.boot_file):
        detail = "code_dir and boot_file go together."
        yield ("code_dir" if spec.code_dir else "boot_file"), detail, "Write both."
    if bool(spec.image) != bool(spec.command):
        detail = "a custom image needs a command, and a command an image."
        yield ("image" if spec.image else "command"), detail, "Write both."
    if spec.image and spec.engine:
        yield "engine", "a custom image runs without a preset engine.", "Leave one of them out."
    if spec.image and spec.code_dir and spec.boot_file:
        detail = "a custom image runs its command, and takes no code beside it."
        hint = "Put the code into the image or into an input. " + _V1
        yield "code_dir", detail, hint
    if not (spec.algorithm or spec.boot_file or spec.code_dir or spec.image or spec.command):
        yield "", "there is nothing to run.", "Write code_dir and boot_file, algorithm, or image."


def _engine(spec: JobSpec) -> Iterator[Problem]:
    engine = spec.engine
    if engine is None:
        if spec.boot_file and not (spec.image or spec.algorithm):
            yield "boot_file", "code needs an engine to run in.", "Write engine, or image."
    elif not engine.id and not (engine.name and engine.version):
        yield "engine", "an engine needs a name and a version, or an id.", "Write both."


def _algorithm(spec: JobSpec) -> Iterator[Problem]:
    algorithm = spec.algorithm
    if algorithm is None:
        return
    if algorithm.subscription_id or algorithm.item_version_id:
        if not (algorithm.subscription_id and algorithm.item_version_id) or algorithm.id:
            detail = "a subscribed algorithm is named by its subscription and version."
            yield "algorithm", detail, "Write subscription_id and item_version_id, and no id."
    elif not algorithm.id:
        yield "algorithm", "it names no algorithm.", "Write its id."


def _resource(spec: JobSpec) -> Iterator[Problem]:
    if not (spec.flavor or spec.pool_id):
        yield "", "there is nothing to run on.", "Write flavor, or pool_id."


def _environment(spec: JobSpec) -> Iterator[Problem]:
    if len(spec.environment) > _MOST_VARIABLES:
        detail = f"{len(spec.environment)} environment variables are too many."
        yield "environment", detail, f"At most {_MOST_VARIABLES} are allowed."
    for name, value in spec.environment.items():
        path = f"environment.{name}"
        if len(name) > _LONGEST_VARIABLE:
            detail = f"the name of an environment variable has {len(name)} characters."
            yield "environment", detail, f"At most {_LONGEST_VARIABLE} are allowed."
        if not isinstance(value, str):
            continue
        if len(value) > _LONGEST_VALUE:
            detail = f'environment variable "{name}" has {len(value)} characters.'
            yield path, detail, f"At most {_LONGEST_VALUE} are allowed."
        if "$" in value:
            detail = f'environment variable "{name}" contains a dollar sign.'
            yield path, detail, "The platform takes none. Write the value itself."


def _inputs(spec: JobSpec) -> Iterator[Problem]:
    for index, each in enumerate(spec.inputs):
        if each.dataset_id and not each.dataset_version_id:
            detail = f'dataset "{each.dataset_id}" needs dataset_version_id.'
            yield f"inputs.{index}", detail, "Write it beside dataset_id."
    yield from _twice("inputs", (each.name for each in spec.inputs))


def _outputs(spec: JobSpec) -> Iterator[Problem]:
    yield from _twice("outputs", (each.name for each in spec.outputs))


def _twice(field: str, names: Iterable[str | None]) -> Iterator[Problem]:
    for name, count in Counter(name for name in names if name).items():
        if count > 1:
            detail = f'{count} of its {field} are called "{name}".'
            yield field, detail, "Give each a name of its own."


def _volumes(spec: JobSpec) -> Iterator[Problem]:
    if len(spec.volumes) > _MOST_VOLUMES:
        detail = f"{len(spec.volumes)} volumes are too many."
        yield "volumes", detail, f"At most {_MOST_VOLUMES} are allowed."
    for index, each in enumerate(spec.volumes):
        path = f"volumes.{index}"
        if each.type == "host_path":
            yield f"{path}.type", "folders of the host cannot be mounted.", _V1
        elif each.id is not None:
            yield f"{path}.id", "a volume is named by its source alone, and has no id.", _V1
        elif each.read_only and each.type != "nfs":
            detail = f"volumes of type {each.type} cannot be mounted for reading only."
            yield f"{path}.read_only", detail, "Leave it out, or use a volume of type nfs."
    for target, count in Counter(each.target for each in spec.volumes).items():
        if count > 1:
            detail = f'{count} volumes are mounted at "{target}".'
            yield "volumes", detail, "Give each a folder of its own."


def _notification(spec: JobSpec) -> Iterator[Problem]:
    if spec.notification is None:
        return
    for event in spec.notification.events:
        if event not in EVENTS:
            hint = f"There are {', '.join(EVENTS)}."
            yield "notification.events", f'there is no event "{event}".', hint


_CHECKS: tuple[Callable[[JobSpec], Iterator[Problem]], ...] = (
    _description,
    _code,
    _engine,
    _algorithm,
    _resource,
    _environment,
    _inputs,
    _outputs,
    _volumes,
    _notification,
)
