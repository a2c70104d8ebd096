"""From the written jobs and defaults to the jobs that are wanted."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from reconciler.definition import schema, sweeps
from reconciler.definition.code import CodeFolders
from reconciler.definition.links import Links
from reconciler.definition.normalise import Rules, merge
from reconciler.definition.problems import EnoughError, Problems
from reconciler.definition.references import References, Subject
from reconciler.definition.shapes import BROKEN, Scope
from reconciler.definition.tree import ListNode, MappingNode, Mark, Value, kind_of, locate, quote
from reconciler.definition.written import Written
from reconciler.model.address import JOB_NAME, Address
from reconciler.model.job import CodeDigest, DesiredJob, Lifecycle
from reconciler.model.spec import JobSpec

MAX_INHERITED = 10_000_000
"""How many values all jobs together may inherit."""
MAX_SWEPT = 100_000
"""How many jobs all sweeps together may stand for."""
_LIFECYCLE = Lifecycle()


@dataclass(frozen=True, slots=True)
class Block:
    """A job as it is written: a block of its own, or one point of a block that is a sweep."""

    address: Address
    node: MappingNode
    key: str
    key_mark: Mark
    mark: Mark
    point: sweeps.Point | None = None


class Builder:
    """Builds the jobs of one definition over its defaults."""

    def __init__(
        self,
        problems: Problems,
        references: References,
        defaults: MappingNode,
        *,
        code: CodeFolders,
        complete: bool = True,
    ) -> None:
        """Read the defaults once; once for each job only when they use `${job.name}`."""
        self._problems = problems
        self._references = references
        self._defaults_node = defaults
        self._code = code
        before = references.subjects_used
        self._defaults = self._read_defaults("job")
        self._defaults_use_job = references.subjects_used > before
        self.links = Links(problems, complete=complete)
        self._names: dict[str, tuple[str, Mark]] = {}
        self._inherited = 0
        self._each_inherits = _size(self._defaults)
        self._swept = 0

    def build(self, jobs: MappingNode) -> dict[Address, DesiredJob]:
        """Return every sound job in the order of the files, and tell what is wrong.

        A job that needs to know where another one writes is read again when that is known; jobs
        that wait for one another never are, and their circle is told.
        """
        blocks = [block for entry in jobs.entries() for block in self._blocks(*entry)]
        built: dict[Address, DesiredJob | None] = {}
        waiters: dict[Address, list[Block]] = {}
        missing: dict[Address, int] = {}
        left = deque(blocks)
        while left:
            block = left.popleft()
            job = self._job(block)
            if pending := self.links.pending(block.address):
                missing[block.address] = len(pending)
                for other in pending:
                    waiters.setdefault(other, []).append(block)
                continue
            built[block.address] = job
            for waiter in waiters.pop(block.address, ()):
                missing[waiter.address] -= 1
                if missing[waiter.address] == 0:
                    left.append(waiter)
        self.links.check_cycles()
        order = [block.address for block in blocks]
        return {each: job for each in order if (job := built.get(each)) is not None}

    def _blocks(self, key: str, value: Value, key_mark: Mark, mark: Mark) -> Iterator[Block]:
        """Yield the jobs that an entry of `jobs` stands for, and tell what is wrong with it."""
        scope = Scope(self._problems, self._references, address=key)
        if not JOB_NAME.fullmatch(key):
            said = f"The key of a job must be {schema.NAME_RULE}, not {quote(key)}."
            scope.tell(key_mark, "Invalid job name", said)
            self.links.add(key, ())
            return
        scope.where = f'Job "{key}": '
        node = MappingNode(mark) if value is None else value
        if not isinstance(node, MappingNode):
            said = f"it must be a mapping of keys to values, not {kind_of(value)}."
            scope.tell(mark, "Wrong type", said)
            self.links.add(key, ())
            return
        blocks = [Block(Address(key), node, key, key_mark, mark)]
        if node.values.get("sweep") is not None:
            blocks = self._points(blocks[0], scope)
        self.links.add(key, (block.address for block in blocks))
        for block in blocks:
            self._count_inherited(key_mark)
            yield block

    def _points(self, whole: Block, scope: Scope) -> list[Block]:
        node = whole.node
        points = sweeps.expand(node.values["sweep"], node.value_mark("sweep"), scope) or []
        self._swept += len(points)
        if self._swept > MAX_SWEPT:
            scope.tell(
                whole.key_mark,
                "Too many jobs in sweeps",
                f"up to here they stand for more than {MAX_SWEPT:,} jobs.",
                "Sweep over fewer values, or split the definition into several stacks.",
            )
            raise EnoughError
        return [
            Block(point.address(whole.key), node, whole.key, whole.key_mark, whole.mark, point)
            for point in points
        ]

    def _job(self, block: Block) -> DesiredJob | None:
        """Return a job, or None when a problem was told or another job has to be known before."""
        problems, links = self._problems, self.links
        address, node, point = block.address, block.node, block.point
        scope = Scope(problems, self._references, where=f'Job "{address}": ', address=address)
        links.begin(address)
        sweep = point.values if point else None
        scope.subject = Subject(sweep=sweep)
        name = self._name(block, scope)
        scope.subject = Subject(name, sweep, partial(links.output, address))
        own = schema.JOB.read(node, block.mark, scope, "")
        self._depend(own, block, scope)
        if links.pending(address):
            return None
        self._add_swept(own, block)
        defaults = self._read_defaults(name) if self._defaults_use_job else self._defaults
        merged = merge(defaults, own)
        marks = point.marks if point else None
        written = Written(node, self._defaults_node, merged.refused, problems.files, marks)
        rules = Rules(problems, address, block.key_mark, merged.values, written)
        spec = rules.apply(name)
        links.settle(address, rules.output_paths)
        self._check_name(name, block, written, scope)
        code = self._digest_code(merged.values, spec, written, scope)
        if problems.count:
            return None
        lifecycle = merged.values.get("lifecycle")
        return DesiredJob(
            address=address,
            spec=JobSpec.model_validate(spec),
            lifecycle=Lifecycle.model_validate(lifecycle) if lifecycle else _LIFECYCLE,
            labels=merged.values.get("labels", {}),
            location=locate(block.key_mark, problems.files),
            fields=written,
            estimated_hours=merged.values.get("estimated_hours"),
            depends_on=links.of(address),
            code=code,
        )

    def _digest_code(
        self, values: dict[str, Any], spec: dict[str, Any], written: Written, scope: Scope
    ) -> CodeDigest | None:
        """Return what the training code is, when nothing is wrong and the job is to follow it."""
        mark = written.mark("code_digest")
        if mark is None or self._problems.count:
            return None
        return self._code.digest(values["code_digest"], mark, spec.get("code_dir"), scope)

    def _depend(self, own: dict[str, Any], block: Block, scope: Scope) -> None:
        """Let the job wait for what its `depends_on` names."""
        texts = own.get("depends_on")
        if not isinstance(texts, list):
            return
        value = block.node.values["depends_on"]
        marks = (
            value.marks if isinstance(value, ListNode) else [block.node.value_mark("depends_on")]
        )
        for text, mark in zip(texts, marks, strict=True):
            if text is not BROKEN and (problem := self.links.depend(block.address, text, mark)):
                scope.tell(mark, *problem)

    def _add_swept(self, own: dict[str, Any], block: Block) -> None:
        """Let swept values reach the job as parameters, unless it says itself where they go."""
        parameters = own.get("parameters", {})
        if block.point is None or not isinstance(parameters, dict):
            return
        if swept := sweeps.handed_over(block.node, block.point.values):
            own["parameters"] = swept | parameters

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

    def _name(self, block: Block, scope: Scope) -> str:
        """Return the name on the platform; the one it would have when the written one is broken."""
        node, point = block.node, block.point
        written = node.values.get("name")
        if written is not None:
            name = schema.NAME.read(written, node.value_mark("name"), scope, "name")
            return block.address if name is BROKEN else str(name)
        if point is None:
            return block.address
        name = point.name(block.key)
        sweeps.check_name(name, node.key_mark("sweep"), scope)
        return name

    def _check_name(self, name: str, block: Block, written: Written, scope: Scope) -> None:
        at = written.mark("name")
        mark = block.key_mark if at is None else at
        other, place = self._names.setdefault(name, (block.address, mark))
        if other == block.address:
            return
        hint = "Give one of them another `name`."
        if block.point and place == mark:
            hint = "Let `name` tell the points of the sweep apart, such as by `${sweep.KEY}`."
        scope.tell(
            mark,
            "Duplicate job name",
            f"its name on the platform is {quote(name)}, and so is that of job "
            f"{quote(other)} at {self._problems.show(place)}.",
            hint,
        )

    def _read_defaults(self, name: str) -> dict[str, Any]:
        scope = Scope(self._problems, self._references, Subject(name))
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
