"""The HTML page: whole, harmless, and in need of nothing."""

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from reconciler.render.html import render_html
from reconciler.render.text import clean
from tests.build import a_plan, a_report, an_action
from tests.unit.render.reports import DIGEST, HOSTILE, REPORTS, many

VOID = {"meta", "input"}
TAGS = VOID | {
    *("html", "head", "title", "style", "body", "header", "main", "section", "h1", "h2", "p"),
    *("span", "div", "code", "pre", "b", "ul", "li", "dl", "dt", "dd", "del", "ins"),
    *("details", "summary", "fieldset", "legend", "label"),
    *("svg", "defs", "marker", "path", "g", "rect", "text"),
}
ATTRIBUTES = {
    *("lang", "charset", "http-equiv", "content", "name", "class", "open", "type", "id", "checked"),
    *("role", "aria-label", "tabindex", "xmlns", "viewbox", "width", "height", "refx", "refy"),
    *("markerwidth", "markerheight", "orient", "d", "marker-end", "x", "y", "rx"),
}


class Page(HTMLParser):
    """Reads a page, and fails on a tag that is not closed where it should be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack[-1:] != ["style"]:
            self.texts.append(data)

    def values(self, name: str) -> list[str]:
        return [value or "" for key, value in self.attributes if key == name]


@pytest.mark.parametrize("name", REPORTS)
def test_the_page_is_whole_and_loads_nothing(name: str) -> None:
    text = render_html(REPORTS[name])
    page = Page(text)

    assert page.tags <= TAGS
    assert {key for key, _ in page.attributes} <= ATTRIBUTES
    assert set(page.values("xmlns")) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(
        r"url\((?!#)|@import|https?:",
        text.replace("http://e.vil", "").replace("http://www.w3.org/2000/svg", ""),
    )
    assert len(set(page.values("id"))) == len(page.values("id"))


@pytest.mark.parametrize("name", REPORTS)
def test_its_policy_allows_its_own_style_and_nothing_else(name: str) -> None:
    text = render_html(REPORTS[name])

    (style,) = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    (policy,) = [each for each in Page(text).values("content") if "default-src" in each]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy.split("; ")[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]


def test_a_hostile_text_is_shown_as_text() -> None:
    shown = "".join(Page(render_html(REPORTS["hostile"])).texts)

    assert shown.count(clean(HOSTILE)) >= 15
    assert Page(render_html(REPORTS["hostile"])).tags <= TAGS


@pytest.mark.parametrize("number", [1, 20, 1000])
def test_every_action_stands_on_the_page(number: int) -> None:
    page = render_html(many(number))

    names = re.findall('<code class="name">(job-[0-9]+)</code>', page)
    assert sorted(names) == [f"job-{count:04}" for count in range(number)]


def test_each_kind_can_be_hidden_without_a_script() -> None:
    text = render_html(REPORTS["kinds"])
    page = Page(text)

    switches = page.values("id")
    kinds = set(re.findall(r"action k-(\w+)", text.partition("<body>")[2]))
    assert {f"show-{kind}" for kind in kinds} <= set(switches)
    for kind in kinds:
        assert f":has(#show-{kind}:not(:checked)) .action.k-{kind}{{display:none}}" in text


def test_few_changes_are_open_and_many_are_closed() -> None:
    assert render_html(many(20)).count(" open><summary>") == 10
    assert " open><summary>" not in render_html(many(1000))


def test_a_closed_change_names_its_fields() -> None:
    assert "parameters.lr, flavor</code></summary>" in render_html(many(1000))
    assert "parameters.lr, flavor" not in render_html(many(20))


def test_commands_in_a_sentence_are_code() -> None:
    assert "<p><code>--allow-mass-delete</code> allows it.</p>" in render_html(REPORTS["kinds"])


def test_old_and_new_stand_beside_each_other() -> None:
    text = render_html(REPORTS["kinds"])

    assert "<del><code>TF-1.8.0-python3.6</code></del><ins><code>TF-2.1.0-python3.6" in text
    assert "<del>python train.py</del><ins>python train.py --epochs 90</ins>" in text


def test_the_digest_and_its_command_stand_before_the_actions() -> None:
    before, _, _ = render_html(REPORTS["one"]).partition("<h2>Actions</h2>")

    assert f"reconciler apply -f jobs/ --expect {DIGEST}</pre>" in before
    assert "reconciler apply" not in render_html(REPORTS["destroy"])


def test_one_kind_alone_has_no_switches() -> None:
    assert "<fieldset>" not in render_html(a_report(a_plan(an_action(), an_action("create", "b"))))
