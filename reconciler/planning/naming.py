"""What a job is called on the platform when an older one of the same address is kept beside it."""

from dataclasses import replace

from reconciler.model.base import digest
from reconciler.model.job import DesiredJob, JobRecord
from reconciler.model.marks import DIGITS, with_mark


def as_recorded(desired: DesiredJob, record: JobRecord) -> DesiredJob:
    """Return the desired job under the name that it bears already, if that was made of its own."""
    if record.base_name is None or record.base_name != desired.spec.name:
        return desired
    return named(desired, record.name)


def beside(desired: DesiredJob, old_job_id: str) -> DesiredJob:
    """Return the desired job under a name of its own, beside the job that it supersedes.

    The name ends in a fingerprint of what is run and of what it supersedes: the same decision
    made again gives the same name, and going back to an earlier configuration a further one.
    """
    spec = desired.spec.model_copy(update={"description": ""})
    code = desired.code.digest if desired.code else None
    mark = digest([dict(spec.canonical), code, old_job_id]).removeprefix("sha256:")[:DIGITS]
    return named(desired, with_mark(desired.spec.name, mark))


def base_name(desired: DesiredJob, wanted: DesiredJob) -> str | None:
    """Return the definition's name of a job whose own name is another one."""
    return None if wanted.spec.name == desired.spec.name else desired.spec.name


def named(desired: DesiredJob, name: str) -> DesiredJob:
    """Return the desired job under another name."""
    return replace(desired, spec=desired.spec.model_copy(update={"name": name}))
