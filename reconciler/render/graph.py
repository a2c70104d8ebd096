"""The picture of which job waits for which: as Mermaid text, and drawn in layers as SVG."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from reconciler.model.address import Address
from reconciler.model.plan import Action, ActionKind
from reconciler.render.text import clean, display_width, shorten

MOST = 100
"""Of more jobs than this no picture is drawn: nobody could read it."""

_LABEL = 28
_CELL, _HEIGHT, _GAP, _RISE, _MARGIN = 8, 44, 24, 40, 8
_SWEEPS = 4
_ARROW = (
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
    'markerHeight="8" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
)
_PLAIN = frozenset(" ,=/()[]…")


@dataclass(frozen=True, slots=True)
class Node:
    """A job, or the jobs of a sweep that undergo the same; no kind when nothing happens to it."""

    label: str
    kind: ActionKind | None = None
    jobs: int = 1

    @property
    def title(self) -> str:
        """The label, with the number of jobs where there are several."""
        return f"{self.label} ({self.jobs:,})" if self.jobs > 1 else self.label


@dataclass(frozen=True, slots=True)
class Graph:
    """Who waits for whom: an edge leads from the job that comes first."""

    nodes: tuple[Node, ...] = ()
    edges: tuple[tuple[int, int], ...] = ()

    @property
    def is_drawable(self) -> bool:
        """Whether there is something to draw, and not too much of it."""
        return 0 < len(self.edges) <= 2 * MOST and len(self.nodes) <= MOST


def make_graph(
    actions: Sequence[Action], dependencies: Mapping[Address, Iterable[Address]] = {}
) -> Graph:
    """Return the dependencies of a plan; jobs that neither wait nor are waited for are left out.

    `dependencies` adds those of jobs that nothing happens to.
    """
    pairs = [(each.address, before) for each in actions for before in each.depends_on]
    pairs += [(each, before) for each, others in dependencies.items() for before in others]
    waits = list(dict.fromkeys(pairs))
    kinds = {each.address: each.kind for each in actions}
    groups: dict[tuple[str, ActionKind | None], dict[Address, None]] = {}
    for pair in waits:
        for address in reversed(pair):
            groups.setdefault(_group(address, kinds), {})[address] = None
    numbers = {key: number for number, key in enumerate(groups)}
    edges = {
        (numbers[_group(before, kinds)], numbers[_group(address, kinds)]): None
        for address, before in waits
    }
    nodes = [
        Node(clean(key[0] + "[…]" if len(jobs) > 1 else next(iter(jobs))), key[1], len(jobs))
        for key, jobs in groups.items()
    ]
    return Graph(tuple(nodes), tuple(edge for edge in edges if edge[0] != edge[1]))


def _group(address: Address, kinds: Mapping[Address, ActionKind]) -> tuple[str, ActionKind | None]:
    return address.partition("[")[0], kinds.get(address)


def mermaid(graph: Graph) -> str:
    """Return the graph as a Mermaid flowchart, with all that could be markup spelled out."""
    lines = ["flowchart TD"]
    for number, node in enumerate(graph.nodes):
        label = _spelled(shorten(node.title, 2 * _LABEL))
        lines.append(f'  n{number}["{label}<br/>{node_words(node)}"]')
    lines += [f"  n{before} --> n{after}" for before, after in graph.edges]
    return "\n".join(lines)


def node_words(node: Node) -> str:
    """Return what happens to a node's jobs."""
    return node.kind.value if node.kind else "as it is"


def _spelled(text: str) -> str:
    return "".join(c if c.isalnum() or c in _PLAIN else f"#{ord(c)};" for c in text)


@dataclass(frozen=True, slots=True)
class Box:
    """Where a node stands in the picture: its middle and its width, in pixels."""

    x: float
    y: float
    width: int


def svg(graph: Graph, *, style: str = "") -> str:
    """Return the graph drawn from top to bottom; classes say the kinds, the page has the colours.

    Holds no script, no style (but the given one) and no address, so that it fits into any page.
    """
    if not graph.nodes:
        return '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1" role="img"></svg>'
    layers, chains = _layers(graph)
    boxes, width, height = _placed(graph, layers)
    words = f"Dependencies of {sum(node.jobs for node in graph.nodes):,} jobs"
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{words}">']
    lines += [style, _ARROW] if style else [_ARROW]
    lines += [_edge([boxes[each] for each in chain]) for chain in chains]
    lines += [_node(node, boxes[number]) for number, node in enumerate(graph.nodes)]
    return "\n".join([*lines, "</svg>"])


def _layers(graph: Graph) -> tuple[list[list[int]], list[list[int]]]:
    """Return the rows of the picture, and each edge as the chain of places it runs through.

    An edge over several rows gets a place of its own in each, numbered behind the nodes.
    """
    ranks = _ranks(graph)
    layers: list[list[int]] = [[] for _ in range(max(ranks) + 1)]
    for number, rank in enumerate(ranks):
        layers[rank].append(number)
    chains, free = [], len(ranks)
    for before, after in graph.edges:
        between = range(ranks[before] + 1, ranks[after])
        chains.append([before, *range(free, free + len(between)), after])
        for number, rank in enumerate(between, start=free):
            layers[rank].append(number)
        free += len(between)
    _untangle(layers, chains)
    return layers, chains


def _ranks(graph: Graph) -> list[int]:
    """Return each node's row: below all that it waits for; a cycle is cut at its first node."""
    before: dict[int, set[int]] = {number: set() for number in range(len(graph.nodes))}
    for first, second in graph.edges:
        before[second].add(first)
    ranks: dict[int, int] = {}
    while len(ranks) < len(before):
        left = [number for number in before if number not in ranks]
        ready = [number for number in left if before[number] <= ranks.keys()] or left[:1]
        for number in ready:
            ranks[number] = 1 + max((ranks.get(each, -1) for each in before[number]), default=-1)
    return [ranks[number] for number in before]


def _untangle(layers: list[list[int]], chains: Sequence[Sequence[int]]) -> None:
    """Order each row by the mean place of its neighbours, so that fewer edges cross."""
    above: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for first, second in (pair for chain in chains for pair in pairwise(chain)):
        above.setdefault(second, []).append(first)
        below.setdefault(first, []).append(second)
    for turn in range(_SWEEPS):
        neighbours = below if turn % 2 else above
        for layer in reversed(layers) if turn % 2 else layers:
            places = {each: place for row in layers for place, each in enumerate(row)}
            means = {each: _mean(neighbours.get(each, []), places, places[each]) for each in layer}
            layer.sort(key=means.__getitem__)


def _mean(numbers: Sequence[int], places: Mapping[int, int], otherwise: int) -> float:
    return sum(places[each] for each in numbers) / len(numbers) if numbers else otherwise


def _placed(graph: Graph, layers: Sequence[Sequence[int]]) -> tuple[dict[int, Box], int, int]:
    """Return where everything stands, rows centred, and the size of the picture."""
    widths = {number: _width(node) for number, node in enumerate(graph.nodes)}
    spans = [sum(widths.get(each, 0) + _GAP for each in layer) - _GAP for layer in layers]
    whole = max(spans) + 2 * _MARGIN
    boxes: dict[int, Box] = {}
    for row, (layer, span) in enumerate(zip(layers, spans, strict=True)):
        left = (whole - span) / 2
        y = _MARGIN + _HEIGHT / 2 + row * (_HEIGHT + _RISE)
        for each in layer:
            width = widths.get(each, 0)
            boxes[each] = Box(left + width / 2, y, width)
            left += width + _GAP
    height = 2 * _MARGIN + len(layers) * (_HEIGHT + _RISE) - _RISE
    return boxes, whole, height


def _width(node: Node) -> int:
    cells = max(display_width(shorten(node.title, _LABEL)), len(node_words(node)))
    return 2 * _MARGIN + _CELL * (cells + 1)


def _edge(stops: Sequence[Box]) -> str:
    """Return an edge as a curve from the bottom of the first box to the top of the last."""
    path = [f"M{stops[0].x:.0f} {stops[0].y + _HEIGHT / 2:.0f}"]
    for above, below in pairwise(stops):
        start, end = above.y + _HEIGHT / 2, below.y - _HEIGHT / 2
        middle = (start + end) / 2
        path.append(f"C{above.x:.0f} {middle:.0f} {below.x:.0f} {middle:.0f} ")
        path.append(f"{below.x:.0f} {end:.0f}")
        if below is not stops[-1]:
            path.append(f"V{end + _HEIGHT:.0f}")
    return f'<path class="edge" d="{"".join(path)}" marker-end="url(#arrow)"/>'


def _node(node: Node, box: Box) -> str:
    kind = node.kind.value if node.kind else "noop"
    x, y = f"{box.x:.0f}", box.y
    return (
        f'<g class="node k-{kind}"><title>{escape(node.title)}</title>'
        f'<rect x="{box.x - box.width / 2:.0f}" y="{y - _HEIGHT / 2:.0f}" '
        f'width="{box.width}" height="{_HEIGHT}" rx="6"/>'
        f'<text x="{x}" y="{y - 4:.0f}">{escape(shorten(node.title, _LABEL))}</text>'
        f'<text class="verb" x="{x}" y="{y + 13:.0f}">{escape(node_words(node))}</text></g>'
    )
