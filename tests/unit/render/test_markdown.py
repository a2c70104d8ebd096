"""The comment of a pull request: what a host makes of it, and that it never grows too long."""

import re
from collections.abc import Callable, Iterator

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reconciler.model.report import Report
from reconciler.render.markdown import LIMIT, code, prose, render_markdown
from tests.build import a_change, a_diagnostic, a_drift, a_plan, a_report, an_action
from tests.unit.render.reports import DIGEST, HOSTILE, REPORTS, many

Golden = Callable[[str, str], None]
OURS = re.compile(r"<!-- reconciler:[\w.:-]+ -->|</?(details|summary|code|b)>|<details>\n<summary>")
REFERENCE = re.compile(r"[@#!~%$][\w\"]|://|www\.|\b:\w+:")


def tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("strikethrough").enable("table").parse(text)


def inner(text: str) -> Iterator[Token]:
    """Yield every token, those inside of paragraphs too."""
    for token in tokens(text):
        yield token
        yield from token.children or ()


def every_length(number: int) -> Report:
    """Return a report with too much of everything."""
    long = "word " * 500
    changes = tuple(a_change(f"parameters.p{count}", long, f"{long}2") for count in range(5))
    return a_report(
        a_plan(
            *(an_action("replace", f"r{count}" * 50, changes=changes) for count in range(number)),
            *(an_action("delete", f"s[seed={count}]") for count in range(number)),
            *(
                an_action("blocked", f"b{count}", depends_on=(f"r{count}" * 50,))
                for count in range(number)
            ),
            drift=tuple(a_drift(f"d{count}", changes=changes) for count in range(number)),
            diagnostics=tuple(
                a_diagnostic(detail=long, hint=f"{long}\n{long}") for _ in range(number)
            ),
        ),
        recovered=tuple(f"lost-{count}" for count in range(number)),
    )


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(many(3_000), id="thousands of actions"),
        pytest.param(every_length(8), id="long values"),
        pytest.param(every_length(100), id="too much of everything"),
    ],
)
def test_the_host_takes_the_longest_report(report: Report) -> None:
    text = render_markdown(report, verbose=0)
    whole = render_markdown(report, verbose=1)

    for each in (text, whole):
        assert len(each) <= LIMIT
        assert "left out" in each
        assert each.count("<details>") == each.count("</details>")
        assert report.plan.digest in each
        assert all(token.map is not None for token in tokens(each) if token.type == "fence")
        assert tokens(each)[-1].type != "html_block"


def test_what_is_left_out_is_counted() -> None:
    text = render_markdown(many(2000), limit=5_000)

    shown = len(re.findall(r"^- `job-|<summary><code>job-", text, re.MULTILINE))
    left = sum(
        int(number.replace(",", "")) for number in re.findall(r"… and ([\d,]+) more job", text)
    )
    assert shown + left == 2000
    assert shown > 10


def test_details_go_before_names_do(golden: Golden) -> None:
    text = render_markdown(many(), limit=4_500)

    assert all(f"job-{number:04}" in text for number in range(60))
    assert "Details of" in text
    golden("markdown/limited.md", text)


def test_many_changes_are_folded_and_those_alike_are_told_once() -> None:
    text = render_markdown(many(1000))

    assert text.count("<summary>Show 250 entries</summary>") == 4
    assert text.count("@@ flavor") == 2, "once for those replaced, once for those updated"
    assert text.count(" (as job-0001)") == 249
    assert "left out" not in text
    assert sorted(re.findall(r"\bjob-\d{4}\b(?!\))", text)) == [f"job-{n:04}" for n in range(1000)]


def test_what_interrupts_work_is_never_folded_away() -> None:
    calm = [an_action("delete", f"job-{count}") for count in range(30)]
    report = a_report(a_plan(*calm, an_action("delete", "busy", interrupts=True)))

    before, _, folded = render_markdown(report).partition("<summary>Show 30 entries</summary>")
    assert "- `busy` no longer in the definition; **interrupts" in before
    assert "busy" not in folded


@pytest.mark.parametrize("name", REPORTS)
def test_every_block_is_closed_and_nothing_but_ours_is_markup(name: str) -> None:
    text = render_markdown(REPORTS[name], verbose=1)

    for token in inner(text):
        assert token.type not in ("link_open", "image", "em_open", "s_open", "table_open")
        if token.type in ("html_block", "html_inline"):
            assert not re.search("<(?!/?(details|summary|code|b)>|!-- reconciler:)", token.content)
        if token.type == "text" and token.content != "[!CAUTION]":
            assert not REFERENCE.search(token.content), token.content


def test_a_hostile_report_has_the_headings_of_any_other() -> None:
    parsed = tokens(render_markdown(REPORTS["hostile"]))

    titles = [
        parsed[at + 1].content for at, each in enumerate(parsed) if each.type == "heading_open"
    ]
    assert [title.partition(" of ")[0] for title in titles] == [
        "Plan",
        "Errors",
        "Changed outside",
        "Changed outside",
        "`-/+` Replace (1)",
        "`+` Create (3)",
        "`...` Blocked (1)",
        "Dependencies",
    ]


@pytest.mark.parametrize("name", REPORTS)
def test_ci_finds_its_own_comment_again(name: str) -> None:
    first = render_markdown(REPORTS[name]).splitlines()[0]

    assert re.fullmatch(r"<!-- reconciler:(?:(?!--)[\w.:-])+ -->", first)
    assert first.endswith(":drift -->") == ("drift" in name)


def test_the_command_to_copy_applies_this_plan_of_this_stack() -> None:
    lines = render_markdown(REPORTS["one"]).splitlines()

    assert f"Digest: `{DIGEST}`" in lines
    assert f"reconciler apply -f jobs/ --expect {DIGEST}" in lines


@pytest.mark.parametrize("name", ["kinds", "destroy", "empty", "drift"])
def test_no_command_where_it_would_be_refused_or_is_under_way(name: str) -> None:
    assert "reconciler apply" not in render_markdown(REPORTS[name])


def test_errors_come_before_everything_that_is_planned() -> None:
    text = render_markdown(REPORTS["kinds"])

    titles = re.findall("^#### (.*)$", text, re.MULTILINE)
    assert titles[:3] == ["Errors", "Warnings", "Changed outside of reconciler"]
    assert text.index("Refused: 2 errors") < text.index("#### Errors")


def test_verbose_tells_each_job_of_a_sweep_and_every_field() -> None:
    text = render_markdown(REPORTS["kinds"], verbose=1)

    assert "<code>resnet[batch_size=32,lr=0.01]</code>" in text
    assert "outputs[0].path  /bucket/output/prepare/" in text
    assert "by-hand" in text


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "`",
        "``",
        "`a`",
        "a ``b`` c",
        " padded ",
        "a|b",
        "\\",
        HOSTILE.replace("\x1b", "").replace("\r\n", ""),
    ],
)
def test_code_shows_the_text_itself(text: str) -> None:
    (token,) = [each for each in inner(f"x {code(text)} y") if each.type == "code_inline"]

    assert token.content == text.replace("\x00", "\ufffd")


@pytest.mark.parametrize(
    "text",
    [
        "a_b *c* _d_ **e**",
        "<b>&amp;</b> & &lt;",
        "[a](b) ![c](d) <http://e>",
        "- a",
        "+ a",
        "1. a",
        "12) a",
        "# a",
        "> a",
        "=",
        "---",
        "a | b",
        "one ` backtick",
        "~~a~~ $x$",
    ],
)
def test_prose_reads_as_it_was_written(text: str) -> None:
    parsed = tokens(prose(text))

    assert [each.type for each in parsed] == ["paragraph_open", "inline", "paragraph_close"]
    shown = "".join(each.content for each in parsed[1].children or ())
    assert shown.replace("\u2060", "") == text


@pytest.mark.parametrize("text", ["@team", "see #12", "!3", "~bug", "http://a.b", "www.a.b", ":x:"])
def test_prose_mentions_and_links_nothing(text: str) -> None:
    assert not REFERENCE.search(prose(text).replace("\\", ""))


def test_prose_shows_commands_as_code() -> None:
    assert prose("`reconciler plan` of a_b") == "`reconciler plan` of a\\_b"
