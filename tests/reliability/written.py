"""What users write: definitions with sweeps, moves and removals, and how they edit them.

Sweeps are expanded and moves resolved here once more, by the words of the documentation and not
by the code that reads definitions; a test holds the two against each other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from reconciler.model.address import Address, selects
from reconciler.model.definition import Move, Removal
from reconciler.model.job import CodeDigest, DesiredJob, Lifecycle
from reconciler.model.spec import JobSpec, Secret

ADDRESSES = [Address(each) for each in "abc"]
NAMES = ["n1", "n2", "n3", "n4", "n5"]
SECRET = "TOKEN"
"""The environment variable of the one secret that there is."""
Edit = tuple[str, object]


def spec(name: str, **overrides: object) -> JobSpec:
    """Return a configuration that differs from others in little."""
    fields = {"name": name, "flavor": "modelarts.vm.cpu.8u", "parameters": {"lr": "0.1"}}
    return JobSpec.model_validate(fields | overrides)


@dataclass(frozen=True, slots=True)
class Sweep:
    """The `sweep` block of a job; `templated`, the job has a `name` with all its values."""

    values: Mapping[str, Sequence[str]]
    exclude: Sequence[Mapping[str, str]] = ()
    include: Sequence[Mapping[str, str]] = ()
    templated: bool = False

    def points(self) -> list[dict[str, str]]:
        """Return the combinations of values that there is a job for."""
        every = [
            dict(zip(self.values, each, strict=True)) for each in product(*self.values.values())
        ]
        left = [each for each in every if not any(_agrees(each, out) for out in self.exclude)]
        grown = [dict(each) for each in left]
        for entry in self.include:
            swept = {key: value for key, value in entry.items() if key in self.values}
            fitting = [at for at, each in enumerate(left) if _agrees(each, swept)]
            for at in fitting:
                grown[at] |= entry
            if not fitting:
                grown.append(dict(entry))
        return grown

    def jobs(self, job: DesiredJob) -> Iterator[DesiredJob]:
        """Yield what a job with this block stands for."""
        for values in self.points():
            named = sorted(values.items())
            inside = ",".join(f"{key}={value}" for key, value in named)
            parts = [job.spec.name if self.templated else job.address]
            parts += [value if self.templated else f"{key}-{value}" for key, value in named]
            changed = {
                "name": "-".join(parts).replace(".", "_"),
                "parameters": {**job.spec.parameters, **values},
            }
            yield replace(
                job,
                address=Address(f"{job.address}[{inside}]"),
                spec=job.spec.model_copy(update=changed),
            )

    def without_last(self) -> "Sweep":
        """Return the sweep without the last value of its first key, if it has two."""
        key, values = next(iter(self.values.items()))
        fewer = [each for each in values if each != values[-1]] or list(values)
        gone = set(values) - set(fewer)
        return replace(
            self,
            values={**self.values, key: fewer},
            exclude=[each for each in self.exclude if each.get(key) not in gone],
        )


SWEEPS = [
    Sweep({"lr": ["0.1", "0.2"]}),
    Sweep({"lr": ["0.2", "0.1"]}),
    Sweep({"lr": ["0.1"]}),
    Sweep({"lr": ["1", "0.2"]}, templated=True),
    Sweep({"lr": ["0.1", "0.2"], "batch": ["1", "2"]}, exclude=[{"lr": "0.2", "batch": "2"}]),
    Sweep({"lr": ["0.1"]}, include=[{"lr": "1"}]),
    Sweep({"lr": ["0.1", "0.2"]}, include=[{"lr": "0.1", "batch": "2"}]),
]


@dataclass(slots=True)
class Written:
    """A definition as it stands in the file: jobs by key, sweeps, `moved` and `removed` blocks."""

    jobs: dict[Address, DesiredJob] = field(default_factory=dict)
    sweeps: dict[Address, Sweep] = field(default_factory=dict)
    moved: dict[Address, Address] = field(default_factory=dict)
    removed: dict[Address, bool] = field(default_factory=dict)

    def desired(self) -> dict[Address, DesiredJob]:
        """Return the jobs that it stands for; who depends on a sweep depends on all its jobs."""
        points = {address: list(self._points(job)) for address, job in self.jobs.items()}
        return {
            each.address: replace(
                each,
                depends_on=tuple(
                    needed.address
                    for key in each.depends_on
                    if key in points
                    for needed in points[key]
                ),
            )
            for jobs in points.values()
            for each in jobs
        }

    def moves(self) -> tuple[Move, ...]:
        """Return the moves to where jobs stand now; onto a sweep, the moves of each of its jobs."""
        desired = self.desired()
        found: list[Move] = []
        for source in self.moved:
            target = source
            while target in self.moved:
                target = self.moved[target]
            if target in desired:
                found.append(Move(source, target))
            elif target in self.sweeps and "[" not in source:
                ends = [each[len(target) :] for each in desired if each.startswith(f"{target}[")]
                found += [Move(Address(source + end), Address(target + end)) for end in ends]
        return tuple(found)

    def removals(self) -> tuple[Removal, ...]:
        """Return the `removed` blocks."""
        return tuple(Removal(address, keep) for address, keep in self.removed.items())

    def edit(self, address: Address, edit: Edit) -> None:
        """Change the block of an address, which is written first if there is none."""
        what, value = edit
        if what == "drop":
            self._drop(address)
        elif what == "let go":
            self._drop(address)
            self.removed[address] = bool(value)
        else:
            if address not in self.jobs:
                self.jobs[address] = DesiredJob(address, spec(self._free_name()))
            if what in ("key", "moved"):
                self._rename(address, Address(str(value)), moved=what == "moved")
            elif what in ("sweep", "into", "shrink", "single", "back"):
                self._sweep(address, edit)
            else:
                self.jobs[address] = self._changed(self.jobs[address], edit)
        self._tidy()

    def _points(self, job: DesiredJob) -> Iterator[DesiredJob]:
        if sweep := self.sweeps.get(job.address):
            yield from sweep.jobs(job)
        else:
            yield job

    def _free_name(self) -> str:
        taken = {job.spec.name for job in self.jobs.values()}
        return next(name for name in NAMES if name not in taken)

    def _drop(self, address: Address) -> None:
        self.jobs.pop(address, None)
        self.sweeps.pop(address, None)

    def _rename(self, address: Address, to: Address, *, moved: bool) -> None:
        job, sweep = self.jobs[address], self.sweeps.get(address)
        self._drop(address)
        self._drop(to)
        self.jobs[to] = replace(job, address=to, depends_on=_before(to, job.depends_on))
        if sweep:
            self.sweeps[to] = sweep
        if moved and address != to:
            self._move(address, to)

    def _sweep(self, address: Address, edit: Edit) -> None:
        """Make a job a sweep or the other way round, with a move of the first job or without."""
        what, value = edit
        sweep = self.sweeps.get(address)
        first = next(self._points(self.jobs[address])).address
        if isinstance(value, Sweep):
            self.sweeps[address] = value
            if what == "into" and sweep is None:
                self._move(address, next(self._points(self.jobs[address])).address)
        elif what == "shrink" and sweep:
            before = {each.address for each in self._points(self.jobs[address])}
            self.sweeps[address] = sweep.without_last()
            after = {each.address for each in self._points(self.jobs[address])}
            if value is not None:
                self.removed |= dict.fromkeys(sorted(before - after), bool(value))
        elif sweep:
            del self.sweeps[address]
            if what == "back":
                self._move(first, address)

    def _move(self, source: Address, target: Address) -> None:
        self.moved = {each: to for each, to in self.moved.items() if to != target}
        self.moved[source] = target

    def _tidy(self) -> None:
        """Take out the blocks that a definition with these jobs must not have.

        A job that became a sweep may be moved to one of its own jobs; no other key that stands
        there is moved, so that no circle comes about.
        """
        desired = self.desired()
        self.removed = {
            address: keep
            for address, keep in self.removed.items()
            if not any(selects((address,), each) for each in desired)
        }
        self.moved = {
            source: target
            for source, target in self.moved.items()
            if source not in desired and source not in self.removed
            if source not in self.jobs or target.startswith(f"{source}[")
        }

    def _changed(self, job: DesiredJob, edit: Edit) -> DesiredJob:
        what, value = edit
        if what == "name":
            self._swap_names(job, str(value))
        if isinstance(value, Lifecycle):
            return replace(job, lifecycle=value)
        if what == "needs":
            return replace(job, depends_on=_before(job.address, ADDRESSES) if value else ())
        if what == "code":
            code = CodeDigest(digest=f"sha256:{value}", files={"train.py": str(value)})
            return replace(job, code=code if value else None)
        update = {what: value}
        if what in ("lr", "secret"):
            update = {"parameters": _parameters(job.spec, edit)}
        return replace(job, spec=job.spec.model_copy(update=update))

    def _swap_names(self, job: DesiredJob, name: str) -> None:
        for other in [each for each in self.jobs.values() if each.spec.name == name]:
            swapped = other.spec.model_copy(update={"name": job.spec.name})
            self.jobs[other.address] = replace(other, spec=swapped)


def _parameters(spec: JobSpec, edit: Edit) -> dict[str, str | Secret]:
    what, value = edit
    others = {key: each for key, each in spec.parameters.items() if key != "token"}
    if what == "lr":
        return {**spec.parameters, "lr": str(value)}
    return {**others, "token": Secret(secret=SECRET)} if value else others


def _agrees(point: Mapping[str, str], entry: Mapping[str, str]) -> bool:
    return all(point.get(key) == value for key, value in entry.items())


def _before(address: Address, others: Sequence[Address]) -> tuple[Address, ...]:
    """Return those that a job may depend on, so that no circle comes about."""
    return tuple(each for each in others if each < address)
