"""What version 1 of the API cannot express, or would refuse; needs no connection."""

from collections.abc import Callable, Iterator, Sequence

from reconciler.diagnostics import Diagnostic, error
from reconciler.model.job import DesiredJob
from reconciler.model.spec import JobSpec

Problem = tuple[str, str, str]
"""The dotted path of a field, what is wrong with it, and what to do."""

_LONGEST_DESCRIPTION = 256
_MOST_DIGITS = 18
_V2 = "Use api: modelarts/v2, or leave it out."


class DialectV1:
    """Version 1, "Training Management (Old Version)" in the ModelArts API Reference."""

    def problems(self, job: DesiredJob) -> Sequence[Diagnostic]:
        """Return an error for each field that cannot be sent, at its place."""
        return tuple(
            error(
                "Not possible with modelarts/v1",
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


def _unknown_fields(spec: JobSpec) -> Iterator[Problem]:
    if spec.environment:
        hint = "With a custom image, parameters become environment variables."
        yield "environment", "environment variables cannot be set.", hint
    if spec.auto_stop_hours is not None:
        yield "auto_stop_hours", "a job cannot be told to stop by itself.", _V2
    if spec.priority is not None:
        yield "priority", "jobs have no priority.", _V2
    if spec.annotations:
        yield "annotations", "jobs have no annotations.", _V2


def _description(spec: JobSpec) -> Iterator[Problem]:
    if len(spec.description) > _LONGEST_DESCRIPTION:
        detail = f"the description has {len(spec.description)} characters."
        yield "description", detail, f"At most {_LONGEST_DESCRIPTION} are allowed."


def _code(spec: JobSpec) -> Iterator[Problem]:
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
    if not (spec.algorithm or spec.boot_file or spec.code_dir or spec.image or spec.command):
        yield "", "there is nothing to run.", "Write code_dir and boot_file, algorithm, or image."


def _engine(spec: JobSpec) -> Iterator[Problem]:
    engine = spec.engine
    if engine is None:
        if spec.boot_file and not (spec.image or spec.algorithm):
            yield "boot_file", "code needs an engine to run in.", "Write engine, or image."
        return
    if engine.id is not None:
        if not is_number(engine.id):
            detail = f'engine ids are whole numbers, not "{engine.id}".'
            yield "engine.id", detail, "Give the engine by name and version instead."
    elif not (engine.name and engine.version):
        yield "engine", "an engine needs a name and a version, or an id.", "Write both."


def _algorithm(spec: JobSpec) -> Iterator[Problem]:
    algorithm = spec.algorithm
    if algorithm is None:
        return
    if algorithm.subscription_id or algorithm.item_version_id:
        yield "algorithm.subscription_id", "subscribed algorithms cannot be used.", _V2
    elif not algorithm.id or not is_number(algorithm.id):
        detail = f'ids of built-in algorithms are whole numbers, not "{algorithm.id or ""}".'
        yield "algorithm.id", detail, _V2


def _resource(spec: JobSpec) -> Iterator[Problem]:
    if not (spec.flavor or spec.pool_id):
        yield "", "there is nothing to run on.", "Write flavor, or pool_id."


def _inputs(spec: JobSpec) -> Iterator[Problem]:
    for index, each in enumerate(spec.inputs):
        if each.name is not None:
            detail = f'inputs have no names, but this one is called "{each.name}".'
            yield f"inputs.{index}.name", detail, _V2
        if each.dataset_id and not each.dataset_version_id:
            detail = f'dataset "{each.dataset_id}" needs dataset_version_id.'
            yield f"inputs.{index}", detail, "Write it beside dataset_id."
    if len({bool(each.dataset_id) for each in spec.inputs}) > 1:
        detail = "paths and datasets cannot be mixed."
        yield "inputs", detail, "Use one kind for all inputs."


def _outputs(spec: JobSpec) -> Iterator[Problem]:
    if len(spec.outputs) > 1:
        yield "outputs", f"a job has one output, not {len(spec.outputs)}.", _V2
    for index, each in enumerate(spec.outputs):
        if each.name is not None:
            detail = f'outputs have no names, but this one is called "{each.name}".'
            yield f"outputs.{index}.name", detail, _V2


def _volumes(spec: JobSpec) -> Iterator[Problem]:
    for index, each in enumerate(spec.volumes):
        path = f"volumes.{index}"
        if each.type in ("pfs", "obs"):
            yield f"{path}.type", f"volumes of type {each.type} cannot be mounted.", _V2
        elif each.type == "nfs" and not each.id:
            yield path, "an nfs volume needs the id of its file system.", "Write id."
        elif each.type == "host_path" and not spec.pool_id:
            detail = "host_path volumes need a dedicated pool."
            yield path, detail, "Write pool_id, or use another volume."


def _versions(job: DesiredJob) -> Iterator[Problem]:
    """What "Creating a Training Job Version" has no field for, or demands."""
    if job.lifecycle.on_change != "new_version":
        return
    path = "lifecycle.on_change"
    if job.spec.volumes:
        yield path, "a new version cannot have volumes.", "Use on_change: replace, or keep."
    if not job.spec.outputs:
        yield path, "a new version needs an output.", "Write output, or use on_change: replace."


def is_number(text: str) -> bool:
    """Tell whether a text is one of the platform's numbers: decimal digits, and not too many."""
    return text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS


_CHECKS: tuple[Callable[[JobSpec], Iterator[Problem]], ...] = (
    _unknown_fields,
    _description,
    _code,
    _engine,
    _algorithm,
    _resource,
    _inputs,
    _outputs,
    _volumes,
)
