"""From the written jobs and defaults to the jobs that are wanted."""

from typing import Any

from reconciler.definition import schema
from reconciler.definition.normalise import Rules, merge
from reconciler.definition.problems import EnoughError, Problems
from reconciler.definition.references import References
from reconciler.definition.shapes import BROKEN, Scope
from reconciler.definition.tree import MappingNode, Mark, Value, kind_of, locate, quote
from reconciler.definition.written import Written
from reconciler.model.address import JOB_NAME, Address
from reconciler.model.job import DesiredJob, Lifecycle
from reconciler.model.spec import JobSpec

MAX_INHERITED = 10_000_000
"""How many values all jobs together may inherit."""
_LIFECYCLE = Lifecycle()


class Builder:
    """Builds the jobs of one definition over its defaults."""

    def __init__(self, problems: Problems, references: References, defaults: MappingNode) -> None:
        """Read the defaults once; once for each job only when they use `${job.name}`."""
        self._problems = problems
        self._references = references
        self._defaults_node = defaults
        before = references.job_names_used
        self._defaults = self._read_defaults("job")
        self._defaults_use_job = references.job_names_used > before
        self._names: dict[str, tuple[str, Mark]] = {}
        self._inherited = 0
        self._each_inherits = _size(self._defaults)

    def build(self, jobs: MappingNode) -> dict[Address, DesiredJob]:
        """Return every sound job in the order of the files, and tell what is wrong."""
        built: dict[Address, DesiredJob] = {}
        for key, value, key_mark, mark in jobs.entries():
            job = self._job(Address(key), value, key_mark, mark)
            if job is not None:
                built[job.address] = job
        return built

    def _job(self, address: Address, value: Value, key_mark: Mark, mark: Mark) -> DesiredJob | None:
        problems = self._problems
        scope = Scope(problems, self._references, None, f'Job "{address}": ', address)
        if not JOB_NAME.fullmatch(address):
            scope.where = ""
            scope.tell(
                key_mark,
                "Invalid job name",
                f"The key of a job must be {schema.NAME_RULE}, not {quote(address)}.",
            )
            return None
        node = MappingNode(mark) if value is None else value
        if not isinstance(node, MappingNode):
            scope.tell(
                mark, "Wrong type", f"it must be a mapping of keys to values, not {kind_of(value)}."
            )
            return None
        self._count_inherited(key_mark)
        scope.job = self._name(address, node, scope)
        own = schema.JOB.read(node, mark, scope, "")
        defaults = self._read_defaults(scope.job) if self._defaults_use_job else self._defaults
        merged = merge(defaults, own)
        written = Written(node, self._defaults_node, merged.refused, problems.files)
        rules = Rules(problems, address, key_mark, merged.values, written)
        spec = rules.apply(scope.job)
        self._check_name(scope.job, address, key_mark, written, scope)
        if problems.count:
            return None
        lifecycle = merged.values.get("lifecycle")
        return DesiredJob(
            address=address,
            spec=JobSpec.model_validate(spec),
            lifecycle=Lifecycle.model_validate(lifecycle) if lifecycle else _LIFECYCLE,
            labels=merged.values.get("labels", {}),
            location=locate(key_mark, problems.files),
            fields=written,
            estimated_hours=merged.values.get("estimated_hours"),
        )

    def _count_inherited(self, mark: Mark) -> None:
        """Bound the product of jobs and defaults, either of which a small file can hold many of."""
        self._inherited += self._each_inherits
        if self._inherited > MAX_INHERITED:
            self._problems.add(
                mark,
                "Too many inherited values",
                f"Up to here the jobs inherit more than {MAX_INHERITED:,} values.",
                "Move what few jobs need from `defaults` to those jobs.",
            )
            raise EnoughError

    def _name(self, address: Address, node: MappingNode, scope: Scope) -> str:
        """Return the name on the platform; the key when the written one is broken."""
        written = node.values.get("name")
        if written is None:
            return address
        name = schema.NAME.read(written, node.value_mark("name"), scope, "name")
        return address if name is BROKEN else str(name)

    def _check_name(
        self, name: str, address: Address, mark: Mark, written: Written, scope: Scope
    ) -> None:
        at = written.mark("name")
        mark = mark if at is None else at
        other, place = self._names.setdefault(name, (address, mark))
        if other != address:
            scope.tell(
                mark,
                "Duplicate job name",
                f"its name on the platform is {quote(name)}, and so is that of job "
                f"{quote(other)} at {self._problems.show(place)}.",
                "Give one of them another `name`.",
            )

    def _read_defaults(self, job: str) -> dict[str, Any]:
        scope = Scope(self._problems, self._references, job)
        node = self._defaults_node
        read: dict[str, Any] = schema.DEFAULTS.read(node, node.mark, scope, "defaults")
        return read


def _size(value: Any) -> int:
    """Return how many values stand in a plain value, itself included."""
    match value:
        case dict():
            return 1 + sum(map(_size, value.values()))
        case list():
            return 1 + sum(map(_size, value))
        case _:
            return 1
