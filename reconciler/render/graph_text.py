"""A plan's dependency graph for other programs: DOT, Mermaid, or an SVG that stands alone."""

from reconciler.model.plan import Plan
from reconciler.render.graph import Graph, make_graph, mermaid, node_words, svg

FORMATS = ("mermaid", "dot", "svg")
"""What `--graph` takes."""

_STYLE = (
    "<style>text{font-family:sans-serif;text-anchor:middle;font-size:13px;fill:#1f2328}"
    "rect{fill:#f6f8fa;stroke:#59636e;stroke-width:1.5}.verb{fill:#59636e;font-size:11px}"
    ".edge{fill:none;stroke:#59636e;stroke-width:1.5}.tip{fill:#59636e}</style>"
)
_NOT_XML = dict.fromkeys((0xFFFE, 0xFFFF), "\ufffd")
"""Characters that no XML may hold and that a terminal does not obey."""


def render_graph(plan: Plan, format_: str) -> str:
    """Return which job waits for which, of all that the plan looked at, in one of `FORMATS`.

    Jobs that neither wait nor are waited for are left out; equal jobs of a sweep are one node.
    """
    graph = make_graph(plan.actions, plan.dependencies)
    match format_:
        case "dot":
            return dot(graph)
        case "svg":
            return svg(graph, style=_STYLE).translate(_NOT_XML) + "\n"
        case _:
            return mermaid(graph) + "\n"


def dot(graph: Graph) -> str:
    """Return the graph in the language of Graphviz."""
    lines = ["digraph reconciler {", "  rankdir = TB;", '  node [shape = box, style = "rounded"];']
    for number, node in enumerate(graph.nodes):
        lines.append(f'  n{number} [label = "{_quoted(node.title)}\\n{node_words(node)}"];')
    lines += [f"  n{before} -> n{after};" for before, after in graph.edges]
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
