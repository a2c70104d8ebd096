"""The picture of the dependencies: who stands above whom, and what is left out."""

import random
import re
from xml.etree import ElementTree as ET

import pytest

from reconciler.render.graph import MOST, Graph, make_graph, mermaid, svg
from tests.build import an_action
from tests.unit.render.reports import HOSTILE


def graph(**waits: str) -> Graph:
    """Return the graph of jobs that wait for others: `eval="a b"`."""
    return make_graph(
        [an_action("blocked", name, depends_on=tuple(for_.split())) for name, for_ in waits.items()]
    )


def places(drawn: Graph) -> dict[str, tuple[int, int]]:
    """Return where each job's label stands: from the left, from the top."""
    root = ET.fromstring(svg(drawn))
    found = {}
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        text = next(group.iter("{http://www.w3.org/2000/svg}text"))
        found[text.text or ""] = (int(text.attrib["x"]), int(text.attrib["y"]))
    return found


def test_a_job_stands_below_all_that_it_waits_for() -> None:
    at = places(graph(b="a", c="a", d="b c", e="a d"))

    rows = {name: y for name, (_, y) in at.items()}
    assert rows["a"] < rows["b"] == rows["c"] < rows["d"] < rows["e"]


def test_jobs_of_one_row_do_not_overlap() -> None:
    drawn = graph(**{f"job_{number}": "first" for number in range(20)})

    columns = sorted(x for name, (x, _) in places(drawn).items() if name != "first")
    assert len(set(columns)) == 20


@pytest.mark.parametrize("seed", range(5))
def test_boxes_lie_inside_the_picture_and_apart(seed: int) -> None:
    chance = random.Random(seed)
    names = [f"n{number}" for number in range(30)]
    waits = {
        name: " ".join(chance.sample(names[:at], chance.randint(1, min(at, 3))))
        for at, name in enumerate(names)
        if at
    }
    root = ET.fromstring(svg(graph(**waits)))

    width, height = int(root.attrib["width"]), int(root.attrib["height"])
    boxes = [
        tuple(int(each.attrib[key]) for key in ("x", "y", "width", "height"))
        for each in root.iter("{http://www.w3.org/2000/svg}rect")
    ]
    assert len(boxes) == 30
    for x, y, wide, high in boxes:
        assert 0 <= x <= x + wide <= width
        assert 0 <= y <= y + high <= height
    for at, (x, y, wide, _) in enumerate(boxes):
        for other_x, other_y, other_wide, _ in boxes[:at]:
            assert y != other_y or x + wide <= other_x or other_x + other_wide <= x


def test_a_cycle_is_drawn_too() -> None:
    at = places(graph(a="c", b="a", c="b"))

    assert len(at) == 3


def test_the_jobs_of_a_sweep_are_one_node() -> None:
    sweep = [an_action("create", f"train[lr=0.{number}]") for number in range(9)]
    last = an_action("blocked", "eval", depends_on=tuple(each.address for each in sweep))

    drawn = make_graph([*sweep, last])

    assert [node.title for node in drawn.nodes] == ["train[…] (9)", "eval"]
    assert drawn.edges == ((0, 1),)


def test_what_stays_as_it_is_is_drawn_and_what_nobody_waits_for_is_not() -> None:
    drawn = make_graph([an_action(), an_action("blocked", "eval", depends_on=("done",))])

    assert [(node.label, node.kind) for node in drawn.nodes] == [
        ("done", None),
        ("eval", "blocked"),
    ]
    assert "as it is" in svg(drawn)
    assert "as it is" in mermaid(drawn)


def test_without_dependencies_there_is_nothing_to_draw() -> None:
    assert not make_graph([an_action()]).is_drawable


def test_a_graph_that_nobody_could_read_is_not_drawn() -> None:
    assert graph(**{f"j{number}": f"i{number}" for number in range(MOST // 2)}).is_drawable
    assert not graph(**{f"j{number}": f"i{number}" for number in range(MOST)}).is_drawable


def test_mermaid_text_holds_no_foreign_markup() -> None:
    text = mermaid(graph(**{HOSTILE: "`x`", "- a": "1.b", "*c*": "end"}))

    labels = re.findall(r'^  n\d+\["(.*)<br/>(?:blocked|as it is)"\]$', text, re.MULTILINE)
    assert len(labels) == 6
    assert not re.search(r"[\"'`<>*_\\-]", "".join(labels))
    others = [line for line in text.splitlines() if '["' not in line]
    assert all(re.fullmatch(r"flowchart TD|  n\d+ --> n\d+", line) for line in others)
