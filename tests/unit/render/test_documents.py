"""What holds for every document format: golden files, the same bytes for the same plan, speed."""

import time
from collections.abc import Callable

import pytest

from reconciler.cli.plans import FORMATS
from reconciler.model.report import Report
from reconciler.render.documents import render_document
from reconciler.render.structured import plan_from_json, plan_json
from tests.unit.render.reports import REPORTS, many, reports

Golden = Callable[[str, str], None]
SUFFIXES = {
    "markdown": "md",
    "html": "html",
    "github": "txt",
    "gitlab": "json",
    "gitlab-codequality": "json",
    "junit": "xml",
    "sarif": "json",
}
EVERY = pytest.mark.parametrize("format_", SUFFIXES)


def test_the_table_names_every_format() -> None:
    assert {"terminal", "json", *SUFFIXES} == set(FORMATS)


@EVERY
@pytest.mark.parametrize("name", REPORTS)
def test_document(format_: str, name: str, golden: Golden) -> None:
    golden(f"{format_}/{name}.{SUFFIXES[format_]}", render_document(format_, REPORTS[name]))


@EVERY
@pytest.mark.parametrize("name", REPORTS)
def test_equal_reports_give_equal_bytes(format_: str, name: str) -> None:
    again = reports()[name]

    assert render_document(format_, again) == render_document(format_, REPORTS[name])


@EVERY
def test_a_plan_that_was_saved_is_shown_the_same(format_: str) -> None:
    plan = many().plan
    saved = plan_from_json(plan_json(plan))

    assert render_document(format_, Report(saved)) == render_document(format_, Report(plan))


@EVERY
@pytest.mark.parametrize("name", REPORTS)
def test_no_text_is_obeyed_by_a_terminal_or_reads_backwards(format_: str, name: str) -> None:
    text = render_document(format_, REPORTS[name])

    left = [c for c in text if c != "\n" and (c < " " or "\x7f" <= c < "\xa0" or c == "\u202e")]
    assert left == []
    text.encode()


@EVERY
def test_a_thousand_actions_are_shown_without_a_wait(format_: str) -> None:
    report = many(1000)
    began = time.process_time()

    render_document(format_, report)

    assert time.process_time() - began < 2
