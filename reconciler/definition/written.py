"""Where the values of a job were written, looked up when someone asks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.definition.tree import MappingNode, Mark, locate
from reconciler.diagnostics import Location


@dataclass(frozen=True, slots=True, eq=False)
class Written(Mapping[str, Location]):
    """The fields of one desired job.

    Maps dotted paths of the spec (`flavor`, `engine.version`, `parameters.lr`) to the place of
    the key, in the job or in the defaults that it inherits. `outputs` is found where `output`
    was written, and a parameter that a sweep adds where its key stands there (`swept`).
    """

    node: MappingNode
    defaults: MappingNode
    refused: frozenset[str]
    files: Sequence[str]
    swept: Mapping[str, Mark] | None = None

    def mark(self, path: str) -> Mark | None:
        """Return the place of a path's key, or None when nothing was written."""
        key, _, inner = path.partition(".")
        if (mark := _key_mark(self.node, key, inner)) is not None:
            return mark
        if self.swept and key == "parameters" and inner in self.swept:
            return self.swept[inner]
        if key not in self.refused:
            mark = _key_mark(self.defaults, key, inner)
            if mark is not None:
                return mark
        return self.mark("output") if path == "outputs" else None

    def __getitem__(self, path: str) -> Location:
        mark = self.mark(path)
        if mark is None:
            raise KeyError(path)
        return locate(mark, self.files)

    def __iter__(self) -> Iterator[str]:
        paths = dict.fromkeys(_paths(self.node))
        inherited = _paths(self.defaults)
        paths |= dict.fromkeys(p for p in inherited if p.partition(".")[0] not in self.refused)
        if "output" in paths:
            paths["outputs"] = None
        return iter(paths)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _key_mark(node: MappingNode, key: str, inner: str) -> Mark | None:
    value = node.values.get(key)
    if value is None:
        return None
    if not inner:
        return node.key_mark(key)
    if isinstance(value, MappingNode) and value.values.get(inner) is not None:
        return value.key_mark(inner)
    return None


def _paths(node: MappingNode) -> Iterator[str]:
    for key, value in node.values.items():
        if value is not None:
            yield key
        if isinstance(value, MappingNode):
            yield from (f"{key}.{name}" for name, each in value.values.items() if each is not None)
