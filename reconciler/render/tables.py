"""Tables: jobs and their status, what the platform offers, and what the state holds."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.model.address import Address, sweep_of_all, sweep_values
from reconciler.model.job import JobRecord, PastRun, Status
from reconciler.model.platform import EngineOffer, Flavor
from reconciler.model.report import StatusRow
from reconciler.model.state import Run, SnapshotInfo
from reconciler.render.text import (
    Style,
    clean,
    counted,
    display_width,
    fold,
    format_age,
    format_duration,
    format_time,
    pad,
    shorten,
)
from reconciler.render.values import field_lines, flattened

_GAP = 2
_LEAST = 24
_SHORT = 10


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of clean texts; `meanings` says in which ink each one is.

    `rank` orders what gives way when the width does not suffice: the highest goes first, 0 stays.
    What is `whole` is never cut, since people copy it into their next command.
    """

    title: str
    cells: Sequence[str]
    rank: int = 0
    right: bool = False
    meanings: Sequence[str] = ()
    whole: bool = False

    @property
    def width(self) -> int:
        return max(map(display_width, (self.title, *self.cells)))


def render_status(
    rows: Sequence[StatusRow],
    *,
    now: datetime,
    width: int = 80,
    color: bool = False,
    verbose: int = 0,
    metrics: Sequence[str] = (),
) -> str:
    """Show the recorded jobs with where they stand; `now` turns times into ages.

    The jobs of one sweep are told apart by its values, each in a column of its own; `metrics`
    names the results to show. Columns that do not fit are left out, ids first.
    """
    style = Style(color)
    if not rows:
        return _text(fold("No jobs are recorded. `reconciler apply` creates them.", width))
    statuses = [_status(row) for row in rows]
    columns = [
        *_whose(rows),
        _Column("STATUS", statuses, meanings=[row.status for row in rows]),
        *(_metric(name, rows) for name in metrics),
        _Column("DURATION", [_duration(row.duration_ms) for row in rows], 1, right=True),
        _Column("TRY", [str(row.attempt) for row in rows], 3, right=True),
        _Column("CREATED", [_age(row.created_at, now) for row in rows], 2, right=True),
        _Column("ID", [clean(row.job_id or "-") for row in rows], 4),
    ]
    if verbose:
        columns.append(_Column("NAME", [clean(row.name) for row in rows], 5))
    counts = Counter(row.status for row in rows)
    parts = ", ".join(f"{counts[each]:,} {_said(each)}" for each in Status if counts[each])
    sweep = sweep_of_all([row.address for row in rows])
    of = f" of {clean(sweep)}" if sweep else ""
    total = fold(f"{counted(len(rows), 'job')}{of}: {parts}.", width)
    return _text([*_table(columns, width, style), "", *total])


def render_change(row: StatusRow) -> str:
    """Return the line that tells where one job stands now: for logs, `grep` and pipes."""
    attempt = f" (attempt {row.attempt})" if row.attempt > 1 else ""
    took = f" after {_duration(row.duration_ms)}" if row.status.is_final else ""
    results = "".join(f", {clean(name)} {clean(text)}" for name, text in row.metrics.items())
    return f"{clean(row.address)}: {_status(row)}{attempt}{took}{results}\n"


def render_flavors(flavors: Sequence[Flavor], *, width: int = 80, color: bool = False) -> str:
    """Show the machine types that the definition may name."""
    if not flavors:
        return _text(["The platform offers no flavors."])
    availability = ["sold out" if each.sold_out else "yes" for each in flavors]
    columns = [
        _Column("FLAVOR", [clean(each.code) for each in flavors]),
        _Column("CPUS", [clean(each.cpus) or "-" for each in flavors], 3, right=True),
        _Column("MEMORY", [_memory(each) for each in flavors], 4, right=True),
        _Column("GPUS", [_gpus(each) for each in flavors], 2),
        _Column("MAX WORKERS", [str(each.max_workers or "-") for each in flavors], 1, right=True),
        _Column(
            "AVAILABLE",
            availability,
            meanings=["warning" if each.sold_out else "succeeded" for each in flavors],
        ),
    ]
    return _text(_table(columns, width, Style(color)))


def render_engines(engines: Sequence[EngineOffer], *, width: int = 80, color: bool = False) -> str:
    """Show the preset engines as the definition names them."""
    if not engines:
        return _text(["The platform offers no engines."])
    columns = [
        _Column("ENGINE", [clean(each.name) for each in engines]),
        _Column("VERSION", [clean(each.version) for each in engines]),
        _Column("ID", [clean(each.id) for each in engines], 1),
    ]
    return _text(_table(columns, width, Style(color)))


def render_history(
    snapshots: Sequence[SnapshotInfo],
    *,
    now: datetime | None = None,
    width: int = 80,
    color: bool = False,
) -> str:
    """Show the stored versions of a state, by the name that `state restore` takes."""
    if not snapshots:
        return _text(["No earlier snapshots are stored."])
    columns = [
        _Column("SNAPSHOT", [clean(each.name) for each in snapshots], whole=True),
        _Column("SERIAL", [str(each.serial) for each in snapshots], 1, right=True),
        _Column("JOBS", [f"{each.jobs:,}" for each in snapshots], 2, right=True),
        _Column("SAVED", [format_time(each.saved_at) for each in snapshots], 3),
    ]
    if now is not None:
        ages = [format_age(each.saved_at, now) for each in snapshots]
        columns.append(_Column("AGE", ages, 4, right=True))
    if any(each.run for each in snapshots):
        columns += [
            _Column("BY", [run_author(each.run) for each in snapshots], 2),
            _Column("COMMIT", [run_commit(each.run) for each in snapshots], 5),
            _Column("CHANGES", [change_words(each.run) for each in snapshots], 3),
        ]
    return _text(_table(columns, width, Style(color)))


def run_author(run: Run | None) -> str:
    """Say who ran what wrote a snapshot, and where."""
    return f"{clean(run.by)}@{clean(run.host)}" if run else "-"


def run_commit(run: Run | None) -> str:
    """Return the commit, short, with a + when files differed from it."""
    if run is None or run.commit is None:
        return "-"
    commit, _, changes = clean(run.commit).partition("+")
    return commit[:_SHORT] + ("+" if changes else "")


def change_words(run: Run | None, few: int = 1) -> str:
    """Say what was done: each verb with its address, or with how many there were."""
    if run is None or not run.changes:
        return "-"
    return ", ".join(
        f"{each.verb} {', '.join(map(clean, each.addresses))}"
        if each.count <= few
        else f"{each.verb} {each.count:,}"
        for each in run.changes
    )


def render_state_list(records: Mapping[Address, JobRecord]) -> str:
    """Show one recorded job per line, the address first and in one piece: for `cut` and `grep`."""
    addresses = [clean(address) for address in records]
    names = [clean(record.name) for record in records.values()]
    first = max(map(display_width, addresses), default=0)
    second = max(map(display_width, names), default=0)
    lines = (
        f"{pad(address, first)}  {pad(name, second)}  {clean(record.job_id or '-')}"
        for address, name, record in zip(addresses, names, records.values(), strict=True)
    )
    return _text(lines)


def render_record(
    address: Address, record: JobRecord, *, width: int = 80, color: bool = False
) -> str:
    """Show everything that is recorded of one job."""
    style = Style(color)
    outcome = record.outcome
    known: list[tuple[str, object]] = [
        ("name", record.name),
        ("job_id", record.job_id or "none: a replacement is half done"),
        ("version_id", record.version_id),
        ("attempt", record.attempt),
        ("created", format_time(record.created_at) if record.created_at else None),
        ("protect", record.protect or None),
        ("retain", record.retain or None),
        ("outcome", _said(outcome.status) if outcome else None),
        ("outcome seen", format_time(outcome.seen_at) if outcome else None),
        ("duration", _duration(outcome.duration_ms) if outcome else None),
    ]
    spec = {key: value for key, value in record.spec.canonical.items() if key != "name"}
    known += [(f"run {each.job_id}", _past(each)) for each in record.earlier]
    fields = [pair for pair in known if pair[1] is not None] + list(flattened(spec))
    title = [style.paint("heading", line) for line in fold(clean(address), width)]
    body = field_lines(fields, width - 2, style)
    return _text([*title, *(f"  {line}" for line in body)])


def _past(run: PastRun) -> str:
    """Return how an earlier run went."""
    ended = _said(run.outcome.status) if run.outcome else "end not seen"
    return f"attempt {run.attempt}, {ended}"


def _table(columns: Sequence[_Column], width: int, style: Style) -> list[str]:
    kept = _fitting(columns, width)
    others = sum(column.width + _GAP for column in kept[1:])
    first = kept[0].width if kept[0].whole else min(kept[0].width, max(width - others, 8))
    widths = [first, *(column.width for column in kept[1:])]
    header = style.paint("heading", _row([column.title for column in kept], kept, widths))
    lines = [header]
    for index in range(len(kept[0].cells)):
        cells = [column.cells[index] for column in kept]
        lines.append(_row(cells, kept, widths, index, style))
    return lines


def _fitting(columns: Sequence[_Column], width: int) -> list[_Column]:
    """Leave out columns, the highest rank first, until the first has room for what it says."""
    kept = list(columns)
    needed = kept[0].width if kept[0].whole else min(kept[0].width, _LEAST)
    while needed + sum(column.width + _GAP for column in kept[1:]) > width:
        last = max(kept, key=lambda column: column.rank)
        if last.rank == 0:
            break
        kept.remove(last)
    return kept


def _row(
    cells: Sequence[str],
    columns: Sequence[_Column],
    widths: Sequence[int],
    index: int | None = None,
    style: Style | None = None,
) -> str:
    parts = []
    for cell, column, width in zip(cells, columns, widths, strict=True):
        text = shorten(cell, width)
        filled = " " * (width - display_width(text))
        if style and index is not None and column.meanings:
            text = style.paint(column.meanings[index], text)
        parts.append(filled + text if column.right else text + filled)
    return (" " * _GAP).join(parts).rstrip()


def _whose(rows: Sequence[StatusRow]) -> list[_Column]:
    """Return the columns that say which job a row is: the address, or the values of one sweep."""
    if sweep_of_all([row.address for row in rows]) is None:
        return [_Column("ADDRESS", [clean(row.address) for row in rows])]
    values = [sweep_values(row.address) for row in rows]
    names = dict.fromkeys(name for each in values for name in each)
    return [_Column(clean(n).upper(), [clean(each.get(n, "-")) for each in values]) for n in names]


def _metric(name: str, rows: Sequence[StatusRow]) -> _Column:
    cells = [clean(row.metrics.get(name, "-")) for row in rows]
    return _Column(clean(name).upper(), cells, right=True)


def _said(status: Status) -> str:
    return status.replace("_", " ")


def _status(row: StatusRow) -> str:
    if row.job_id is None:
        return "not created"
    return f"{_said(row.status)} (gone)" if row.is_gone else _said(row.status)


def _duration(milliseconds: int | None) -> str:
    return "-" if milliseconds is None else format_duration(milliseconds)


def _age(moment: datetime | None, now: datetime) -> str:
    return format_age(moment, now) if moment else "-"


def _memory(flavor: Flavor) -> str:
    return f"{clean(flavor.memory_gb)} GB" if flavor.memory_gb else "-"


def _gpus(flavor: Flavor) -> str:
    if not flavor.gpus:
        return "-"
    return f"{flavor.gpus} x {clean(flavor.gpu_type)}" if flavor.gpu_type else str(flavor.gpus)


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
