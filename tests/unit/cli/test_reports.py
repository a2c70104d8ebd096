"""`--report FORMAT[=FILE]`: where each report goes, and what is refused before anything begins."""

from pathlib import Path

import pytest

from reconciler.cli.main import run
from reconciler.cli.plans import FORMATS
from reconciler.render.documents import render_document
from reconciler.render.structured import plan_json
from tests.build import a_plan, a_report, an_action

PLAN = a_plan(an_action("create", "a"), an_action("delete", "b"))
DOCUMENTS = [name for name in FORMATS if name not in ("terminal", "json")]


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the name of a saved plan in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    Path("plan.json").write_text(plan_json(PLAN))
    return "plan.json"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_report_goes_to_stdout(name: str, saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", saved, "--report", name]) == 0

    shown = a_report(PLAN, command="show", saved_to=saved)
    assert capsys.readouterr().out == render_document(name, shown)


def test_each_report_goes_to_its_file_and_the_terminal_to_stdout(
    saved: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = [part for name in DOCUMENTS for part in ("--report", f"{name}={name}.out")]

    assert run(["show", saved, *wanted]) == 0

    shown = a_report(PLAN, command="show", saved_to=saved)
    for name in DOCUMENTS:
        assert Path(f"{name}.out").read_text() == render_document(name, shown)
    assert "+ create   a" in capsys.readouterr().out


def test_verbose_reaches_the_comment(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", saved, "--report", "markdown", "-v"]) == 0

    assert "outputs[0].path  /bucket/output/a/" in capsys.readouterr().out


@pytest.mark.parametrize(
    "args",
    [
        pytest.param(["show", "plan.json", "--report", "pdf"], id="no format at all"),
        pytest.param(["state", "list", "--report", "html"], id="not of this command"),
        pytest.param(["apply", "plan.json", "--report", "pdf"], id="before anything is applied"),
        pytest.param(["show", "plan.json", "--report", "html", "--json"], id="two on stdout"),
        pytest.param(["show", "plan.json", "--report", "html="], id="no file name"),
    ],
)
def test_refused(args: list[str], saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(args) == 64

    assert capsys.readouterr().out == ""


def test_the_help_names_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    run(["plan", "--help"])

    told = capsys.readouterr().out
    assert all(name in told for name in FORMATS)
