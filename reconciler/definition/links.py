"""Who waits for whom: dependencies, written or implied by `${jobs.OTHER.output}`, and cycles."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.definition.problems import EnoughError, Problems, did_you_mean
from reconciler.definition.references import Problem
from reconciler.definition.tree import Mark, quote
from reconciler.model.address import Address, matches, with_sorted_values

MAX_LINKS = 1_000_000
"""How many dependencies all jobs together may have."""
MAX_COMPARED = 50_000_000
"""How often globs may be held against addresses."""
_MOST_CYCLES = 20


class Links:
    """The jobs of one definition, where each writes, and which ones each waits for.

    Unless `complete`, a file could not be read: no job is called unknown then.
    """

    def __init__(self, problems: Problems, *, complete: bool = True) -> None:
        """Start without jobs; `add` tells of them, before the first one is read."""
        self._problems = problems
        self._complete = complete
        self._groups: dict[str, tuple[Address, ...]] = {}
        self._order: dict[Address, int] = {}
        self._outputs: dict[Address, str | Problem | None] = {}
        self._edges: dict[Address, dict[Address, Mark]] = {}
        self._pending: dict[Address, set[Address]] = {}
        self._globs: dict[str, tuple[Address, ...]] = {}
        self._count = 0
        self._compared = 0

    def add(self, key: str, addresses: Iterable[Address]) -> None:
        """Take the jobs that stand below a key; a broken block has none, and is yet known."""
        self._groups[key] = group = tuple(addresses)
        for address in group:
            self._order[address] = len(self._order)

    def settle(self, address: Address, paths: Sequence[str | None]) -> None:
        """Take where a job writes; a path that is None is broken, which was told."""
        if len(paths) == 1:
            self._outputs[address] = paths[0]
        else:
            has = "has no output" if not paths else f"has {len(paths)} outputs"
            self._outputs[address] = (
                "No such output",
                f"Job {quote(address)} {has}.",
                "Give it one `output`, or write the path itself and `depends_on`.",
            )

    def begin(self, address: Address) -> None:
        """Forget what a job waited to know when it was read before."""
        self._pending.pop(address, None)

    def pending(self, address: Address) -> set[Address]:
        """Return the jobs whose output has to be known before this one can be read."""
        return self._pending.get(address, set())

    def output(self, by: Address, text: str, mark: Mark) -> str | Problem | None:
        """Return where the job that a reference names writes; the one that asks waits for it."""
        target = with_sorted_values(text)
        if target not in self._order:
            return self.unknown(text)
        if target == by:
            return _itself(by)
        self._link(by, target, mark)
        if target in self._outputs:
            return self._outputs[target]
        self._pending.setdefault(by, set()).add(target)
        return None

    def depend(self, by: Address, text: str, mark: Mark) -> Problem | None:
        """Let a job wait for an address, a whole sweep or a glob; return what is wrong with it."""
        if "*" in text or "?" in text:
            targets = self._matching(text, mark)
            others = [target for target in targets if target != by]
        else:
            target = with_sorted_values(text)
            others = [target] if target in self._order else list(self._groups.get(text, ()))
            if by in others:
                return _itself(by)
        if not others:
            return self.unknown(text)
        for other in others:
            self._link(by, other, mark)
        return None

    def of(self, address: Address) -> tuple[Address, ...]:
        """Return the jobs that a job waits for, sorted."""
        return tuple(sorted(self._edges.get(address, ())))

    def is_address(self, address: Address) -> bool:
        """Whether a job has this address; also when its block is broken."""
        return address in self._order or self._groups.get(address) == ()

    def points(self, key: str) -> tuple[Address, ...]:
        """Return the jobs of the sweep of a key; none when there is no such sweep."""
        group = self._groups.get(key, ())
        return () if group == (key,) else group

    def selects(self, text: Address) -> bool:
        """Whether any job has this address, belongs to this sweep, or fits this glob."""
        if self.is_address(text) or text in self._groups:
            return True
        return ("*" in text or "?" in text) and any(matches(each, (text,)) for each in self._order)

    def check_cycles(self) -> None:
        """Tell of every circle of jobs that wait for one another, with the way around."""
        for number, cycle in enumerate(_cycles(self._edges)):
            if number == _MOST_CYCLES:
                return
            first = min(range(len(cycle)), key=lambda at: self._order[cycle[at]])
            path = [*cycle[first:], *cycle[: first + 1]]
            self._problems.add(
                self._edges[path[0]][path[1]],
                "Jobs wait for each other",
                f"Job {quote(path[0])}: it depends on itself: {_arrows(path)}.",
                "Remove one of these dependencies.",
                address=path[0],
            )

    def _link(self, by: Address, target: Address, mark: Mark) -> None:
        edges = self._edges.setdefault(by, {})
        if target in edges:
            return
        edges[target] = mark
        self._count += 1
        if self._count > MAX_LINKS:
            self._problems.add(
                mark,
                "Too many dependencies",
                f"Up to here the jobs have more than {MAX_LINKS:,} dependencies.",
                "Let them depend on one job that depends on the others.",
            )
            raise EnoughError

    def _matching(self, glob: str, mark: Mark) -> tuple[Address, ...]:
        if glob not in self._globs:
            self._compared += len(self._order)
            if self._compared > MAX_COMPARED:
                self._problems.add(
                    mark,
                    "Too many globs",
                    f"Up to here there are {len(self._globs):,} different globs in `depends_on`.",
                    "Name a whole sweep by its key instead.",
                )
                raise EnoughError
            self._globs[glob] = tuple(each for each in self._order if matches(each, (glob,)))
        return self._globs[glob]

    def unknown(self, text: str) -> Problem | None:
        """Say that there is no such job, unless its block is broken or a file is."""
        key = text.partition("[")[0]
        group = self._groups.get(key)
        if not self._complete or group == ():
            return None
        if group is None:
            hint = did_you_mean(
                text, [*self._groups, *self._order], "Its key stands below `jobs:`."
            )
            return ("Unknown job", f"The definition has no job {quote(text)}.", hint)
        if text == key:
            said = f"{quote(text)} is a sweep of {len(group)} jobs."
            return ("Unknown job", said, f"Name one of them, such as {quote(group[0])}.")
        hint = did_you_mean(text, group, f"One of them is {quote(group[0])}.")
        return ("Unknown job", f"{quote(key)} has no job {quote(text)}.", hint)


def _itself(address: Address) -> Problem:
    return (
        "Jobs wait for each other",
        f"It depends on itself: {_arrows([address, address])}.",
        "Remove this dependency.",
    )


def _arrows(path: Sequence[Address]) -> str:
    if len(path) > 12:
        path = [*path[:6], Address("…"), *path[-5:]]
    return " → ".join(path)


def _cycles(edges: Mapping[Address, Mapping[Address, Mark]]) -> Iterator[list[Address]]:
    """Yield cycles, at least one of each group of jobs that wait for one another."""
    done: set[Address] = set()
    for root in edges:
        if root in done:
            continue
        path = [root]
        on_path = {root: 0}
        branches = [iter(edges[root])]
        while branches:
            target = next(branches[-1], None)
            if target is None:
                branches.pop()
                ended = path.pop()
                del on_path[ended]
                done.add(ended)
            elif target in on_path:
                yield path[on_path[target] :]
            elif target not in done:
                on_path[target] = len(path)
                path.append(target)
                branches.append(iter(edges.get(target, {})))
