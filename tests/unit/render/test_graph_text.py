"""A plan's dependencies for other programs: DOT, Mermaid, and an SVG that stands alone."""

from xml.etree import ElementTree as ET

import pytest

from reconciler.model.plan import Plan
from reconciler.render.graph_text import FORMATS, render_graph
from tests.build import a_plan, an_action
from tests.unit.render.reports import HOSTILE


def pipeline() -> Plan:
    """Return a plan in which `eval` waits for `train`, which needs the unchanged `prepare`."""
    return a_plan(
        an_action("create", "train"),
        an_action("blocked", "eval", depends_on=("train",)),
        noop=1,
        dependencies={"train": ("prepare",), "eval": ("train",)},
    )


def test_dot() -> None:
    assert render_graph(pipeline(), "dot") == (
        "digraph reconciler {\n"
        "  rankdir = TB;\n"
        '  node [shape = box, style = "rounded"];\n'
        '  n0 [label = "train\\ncreate"];\n'
        '  n1 [label = "eval\\nblocked"];\n'
        '  n2 [label = "prepare\\nas it is"];\n'
        "  n0 -> n1;\n"
        "  n2 -> n0;\n"
        "}\n"
    )


def test_mermaid() -> None:
    assert render_graph(pipeline(), "mermaid").splitlines() == [
        "flowchart TD",
        '  n0["train<br/>create"]',
        '  n1["eval<br/>blocked"]',
        '  n2["prepare<br/>as it is"]',
        "  n0 --> n1",
        "  n2 --> n0",
    ]


def test_svg_brings_its_own_style() -> None:
    root = ET.fromstring(render_graph(pipeline(), "svg"))
    assert [each.tag.rpartition("}")[2] for each in root][:2] == ["style", "defs"]


@pytest.mark.parametrize("format_", FORMATS)
def test_jobs_that_do_not_depend_make_an_empty_graph(format_: str) -> None:
    assert "train" not in render_graph(a_plan(an_action("create", "train")), format_)


def test_names_are_no_markup() -> None:
    plan = a_plan(an_action("blocked", HOSTILE, depends_on=("a",)))
    lines = render_graph(plan, "dot").splitlines()
    assert all(line.startswith(("  ", "digraph", "}")) for line in lines)
    assert all(line.count('"') - line.count('\\"') in (0, 2) for line in lines)
    ET.fromstring(render_graph(plan, "svg"))
