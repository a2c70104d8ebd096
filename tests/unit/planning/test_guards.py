"""Guards: what refuses a whole apply, and how each lets itself be answered."""

from typing import Any

import pytest

from reconciler.diagnostics import Diagnostic, Severity
from reconciler.model.plan import Action
from reconciler.planning.guards import Consent, check_guards, check_identity
from tests.build import a_location, a_platform, a_record, a_state, an_action


def codes(diagnostics: tuple[Diagnostic, ...]) -> list[str]:
    assert all(each.severity is Severity.ERROR and each.hint for each in diagnostics)
    return [each.code for each in diagnostics]


def running(kind: str = "delete", milliseconds: int | None = 60_000, **overrides: Any) -> Action:
    return an_action(kind, interrupts=True, running_ms=milliseconds, **overrides)


class TestInterrupt:
    @pytest.mark.parametrize("kind", ["delete", "replace"])
    def test_holds_back_what_would_end_a_run(self, kind: str) -> None:
        (problem,) = check_guards([running(kind, location=a_location(7))], a_state())

        assert (problem.code, problem.address) == ("interrupt", "resnet")
        assert problem.location == a_location(7)
        assert f"would be {kind}d" in problem.detail
        assert "--interrupt-running" in problem.hint

    def test_gives_way_when_it_is_meant(self) -> None:
        consent = Consent(interrupt_running=True)

        assert check_guards([running()], a_state(), consent) == ()

    @pytest.mark.parametrize("kind", ["create", "update", "adopt", "forget", "blocked"])
    def test_minds_nothing_that_ends_no_run(self, kind: str) -> None:
        assert check_guards([running(kind)], a_state()) == ()

    def test_minds_no_job_that_is_over(self) -> None:
        assert check_guards([an_action("delete"), an_action("replace")], a_state()) == ()

    @pytest.mark.parametrize(
        ("milliseconds", "told"),
        [
            (None, "an unknown time"),
            (0, "0 s"),
            (999, "0 s"),
            (59_999, "59 s"),
            (60_000, "1 min 0 s"),
            (3_599_999, "59 min 59 s"),
            (3_600_000, "1 h 0 min"),
            (100 * 3_600_000 + 61_000, "100 h 1 min"),
        ],
    )
    def test_tells_how_long_the_job_was_under_way(
        self, milliseconds: int | None, told: str
    ) -> None:
        (problem,) = check_guards([running(milliseconds=milliseconds)], a_state())

        assert f"under way for {told}." in problem.detail


class TestMassDelete:
    @pytest.mark.parametrize(
        ("deletes", "recorded", "refused"),
        [
            pytest.param(3, 10, False, id="exactly 30 % of 10"),
            pytest.param(4, 10, True, id="more than 30 % of 10"),
            pytest.param(9, 9, False, id="all of too few to mind"),
            pytest.param(3, 11, False, id="less than 30 %"),
            pytest.param(30, 100, False, id="exactly 30 % of 100"),
            pytest.param(31, 100, True, id="more than 30 % of 100"),
        ],
    )
    def test_begins_above_thirty_percent_of_at_least_ten(
        self, deletes: int, recorded: int, refused: bool
    ) -> None:
        state = a_state({f"job{number}": a_record() for number in range(recorded)})
        actions = [an_action("delete", f"job{number}") for number in range(deletes)]

        assert codes(check_guards(actions, state)) == (["mass_delete"] if refused else [])
        assert check_guards(actions, state, Consent(mass_delete=True)) == ()

    def test_counts_deletes_alone(self) -> None:
        state = a_state({f"job{number}": a_record() for number in range(10)})
        actions = [an_action(kind, f"{kind}{i}") for kind in ("forget", "replace") for i in "1234"]

        assert check_guards(actions, state) == ()

    def test_names_the_jobs_but_not_without_end(self) -> None:
        state = a_state({f"job{number}": a_record() for number in range(20)})
        actions = [an_action("delete", f"job{number:02}") for number in range(11)]

        (problem,) = check_guards(actions, state)
        (fewer,) = check_guards(actions[:10], state)

        assert "11 of 20 recorded jobs" in problem.detail
        assert problem.detail.endswith("job09, ….")
        assert fewer.detail.endswith("job09.")
        assert "--allow-mass-delete" in problem.hint


class TestProtect:
    @pytest.mark.parametrize("kind", ["delete", "replace"])
    def test_holds_by_the_record_when_the_block_is_gone(self, kind: str) -> None:
        state = a_state({"resnet": a_record(protect=True)})

        (problem,) = check_guards([an_action(kind, result=None)], state)

        assert problem.code == "protect"
        assert "protect: false" in problem.hint
        assert "state rm" in problem.hint

    def test_holds_when_the_definition_says_so_first_now(self) -> None:
        action = an_action("replace", result=a_record(protect=True))

        assert codes(check_guards([action], a_state({"resnet": a_record()}))) == ["protect"]

    def test_holds_against_every_consent(self) -> None:
        state = a_state({"resnet": a_record(protect=True)})
        consent = Consent(interrupt_running=True, mass_delete=True)

        assert codes(check_guards([running("replace")], state, consent)) == ["protect"]

    @pytest.mark.parametrize("kind", ["create", "update", "adopt", "forget"])
    def test_minds_nothing_that_leaves_the_job(self, kind: str) -> None:
        state = a_state({"resnet": a_record(protect=True)})

        assert check_guards([an_action(kind)], state) == ()

    def test_minds_no_other_job(self) -> None:
        state = a_state({"other": a_record(protect=True), "resnet": a_record()})

        assert check_guards([an_action("delete"), an_action("replace", "new")], state) == ()


def test_every_guard_speaks_for_every_job() -> None:
    state = a_state({f"job{number}": a_record(protect=number < 2) for number in range(10)})
    actions = [running(address=f"job{number}") for number in range(4)]

    assert codes(check_guards(actions, state)) == [
        "protect",
        "protect",
        *["interrupt"] * 4,
        "mass_delete",
    ]


class TestIdentity:
    def test_fits_its_own_platform(self) -> None:
        assert check_identity(a_state(), a_platform().identity) is None

    def test_is_open_before_the_first_apply(self) -> None:
        assert check_identity(a_state(platform=None), a_platform().identity) is None

    @pytest.mark.parametrize(
        "other",
        [
            {"api": "modelarts/v2"},
            {"endpoint": "https://modelarts.example.com"},
            {"project_id": "p2"},
            {"workspace_id": "7"},
        ],
        ids=lambda other: str(*other),
    )
    def test_refuses_another(self, other: dict[str, str]) -> None:
        problem = check_identity(a_state(), a_platform(**other).identity)

        assert problem is not None
        assert codes((problem,)) == ["identity"]
        assert "modelarts/v1 at local, project p1, workspace 0" in problem.detail
        assert next(iter(other.values())) in problem.detail

    def test_looks_only_at_what_says_which_jobs_are_meant(self) -> None:
        elsewhere = a_platform(region="eu-de", auth_url="https://iam.example.com/v3")

        assert check_identity(a_state(), elsewhere.identity) is None
