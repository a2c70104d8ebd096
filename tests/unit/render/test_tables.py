"""Tables of jobs, offers and snapshots."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.model.address import Address
from reconciler.model.job import JobRecord, Status
from reconciler.model.state import Change, Run
from reconciler.render.history import render_history_html
from reconciler.render.tables import (
    render_change,
    render_engines,
    render_flavors,
    render_history,
    render_record,
    render_state_list,
    render_status,
)
from reconciler.render.text import display_width
from tests.build import (
    EARLIER,
    NOW,
    a_flavor,
    a_record,
    a_snapshot_info,
    a_spec,
    a_status_row,
    an_engine,
    an_outcome,
)

Golden = Callable[[str, str], None]
INK = re.compile(r"\x1b\[[0-9;]+m")
UUID = "0b6f3c52-8a51-4f0e-9f0c-5f6f0a1d2e3b"
HOSTILE = "x\x1b[2J\n"
ROWS = (
    a_status_row("resnet[batch_size=32,lr=0.1]", "running", duration_ms=4_320_000),
    a_status_row("bert", "succeeded", is_gone=True, attempt=2),
    a_status_row("学習", "failed", job_id="567524"),
    a_status_row("half", "unknown", job_id=None, created_at=None, duration_ms=None),
    a_status_row("stuck", "delete_failed"),
)


@pytest.mark.parametrize(
    ("name", "rows", "options"),
    [
        ("none", (), {}),
        ("some", ROWS, {}),
        ("some-40", ROWS, {"width": 40}),
        ("some-120-verbose", ROWS, {"width": 120, "verbose": 1}),
        ("some-color", ROWS, {"color": True}),
        ("long-ids", [a_status_row("a" * 64, job_id=UUID), a_status_row("b", job_id=UUID)], {}),
        ("hostile", [a_status_row(HOSTILE, job_id=HOSTILE)], {}),
    ],
)
def test_status(name: str, rows: Any, options: dict[str, Any], golden: Golden) -> None:
    golden(f"status/{name}.txt", render_status(rows, now=NOW, **options))


SWEEP = (
    a_status_row(
        "resnet[batch_size=32,lr=0.1]",
        "succeeded",
        metrics={"accuracy": "0.950", "loss": "1e-3"},
    ),
    a_status_row("resnet[batch_size=32,lr=a%2Cb]", "failed", attempt=2),
    a_status_row("resnet[batch_size=64,lr=0.1]", "running", metrics={"accuracy": "0.5"}),
)


@pytest.mark.parametrize("width", [40, 80])
def test_the_jobs_of_a_sweep_are_compared(width: int, golden: Golden) -> None:
    shown = render_status(SWEEP, now=NOW, width=width, metrics=["accuracy", "loss"])

    golden(f"status/sweep-{width}.txt", shown)


def test_a_change_of_status_is_one_line() -> None:
    rows = (*SWEEP, a_status_row("gone", "unknown", is_gone=True))

    assert "".join(map(render_change, rows)).splitlines() == [
        "resnet[batch_size=32,lr=0.1]: succeeded after 1m 0s, accuracy 0.950, loss 1e-3",
        "resnet[batch_size=32,lr=a%2Cb]: failed (attempt 2) after 1m 0s",
        "resnet[batch_size=64,lr=0.1]: running, accuracy 0.5",
        "gone: unknown (gone)",
    ]


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("status", Status)
def test_status_fits_whatever_it_is(width: int, status: Status) -> None:
    rows = [a_status_row("a" * 64, status, job_id=UUID, is_gone=True, duration_ms=10**10)]

    plain = INK.sub("", render_status(rows, now=NOW, width=width, color=True, verbose=1))

    assert all(display_width(line) <= width for line in plain.splitlines())
    assert status.replace("_", " ") in plain


FLAVORS = (
    a_flavor(),
    a_flavor("modelarts.p3.large", gpus=8, gpu_type="nvidia-v100", sold_out=True, max_workers=16),
    a_flavor("bare", cpus="", memory_gb="", max_workers=None, gpus=1),
)


def test_flavors(golden: Golden) -> None:
    golden("flavors.txt", render_flavors(FLAVORS) + "\n" + render_flavors([]))


def test_engines(golden: Golden) -> None:
    engines = [an_engine(), an_engine("PyTorch", "PyTorch-1.0.0-python3.6", id_="30")]

    golden("engines.txt", render_engines(engines) + "\n" + render_engines([]))


def test_history(golden: Golden) -> None:
    snapshots = [a_snapshot_info(), a_snapshot_info(1200, jobs=10_000)]

    texts = [render_history(snapshots, now=NOW), render_history(snapshots), render_history([])]
    golden("history.txt", "\n".join(texts))


RECORDS = {
    Address("resnet[lr=0.1]"): a_record(a_spec("resnet-lr-0_1")),
    Address("学習"): a_record(job_id=None),
    Address(HOSTILE): a_record(job_id=UUID),
}


def test_state_list_has_one_job_per_line_address_first() -> None:
    lines = render_state_list(RECORDS).splitlines()

    assert [line.split()[0] for line in lines] == ["resnet[lr=0.1]", "学習", "x\\x1b[2J\\n"]
    assert [line.split()[-1] for line in lines] == ["10", "-", UUID]


def test_state_list_of_nothing_is_nothing() -> None:
    assert render_state_list({}) == ""


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("plain", a_record()),
        (
            "full",
            a_record(
                a_spec(description="two\nlines", parameters={"a": "1" * 90, HOSTILE: HOSTILE}),
                protect=True,
                retain=True,
                attempt=2,
                outcome=an_outcome(),
            ),
        ),
        ("half-replaced", a_record(job_id=None, version_id=None, created_at=None)),
    ],
)
def test_record(name: str, record: JobRecord, golden: Golden) -> None:
    text = render_record(Address("resnet"), record)

    golden(f"record/{name}.txt", text)
    assert INK.sub("", render_record(Address("resnet"), record, color=True)) == text


def test_history_tells_who_did_what(golden: Golden) -> None:
    changes = (
        Change(verb="create", count=1, addresses=("resnet",)),
        Change(verb="delete", count=12, addresses=tuple(f"old-{n}" for n in range(5))),
    )
    run = Run(
        by="ada",
        host="laptop",
        at=EARLIER,
        command="reconciler apply <x>",
        commit="0123456789abcdef0123456789abcdef01234567+changes",
        changes=changes,
    )
    snapshots = [a_snapshot_info(9, run=run), a_snapshot_info(8)]

    golden("history-signed.txt", render_history(snapshots, now=NOW, width=120))
    golden("history.html", render_history_html("vision", snapshots))
