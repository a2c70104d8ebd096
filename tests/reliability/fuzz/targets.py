"""Everything that reads what others wrote, each with valid inputs to begin from."""

import atexit
import json
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from reconciler.backends import codec, journal
from reconciler.backends.memory import MemoryBackend
from reconciler.definition import loader
from reconciler.engine.context import Context
from reconciler.engine.plan import plan
from reconciler.engine.request import Request
from reconciler.errors import DefinitionError, PlanFileError, ReconcilerError, StateError
from reconciler.model.plan import PlanPlatform
from reconciler.model.platform import Listing
from reconciler.model.state import FORMAT_VERSION, State, fold
from reconciler.planning.recovery import recover
from reconciler.providers.memory import MemoryProvider
from reconciler.providers.memory_platform import MemoryPlatform
from reconciler.providers.modelarts.v1 import mapping
from reconciler.providers.modelarts.v1.dialect import DialectV1
from reconciler.render import structured, tables, terminal
from tests.reliability.fuzz import plans, seeds, shown
from tests.reliability.fuzz.answers import Answers
from tests.reliability.fuzz.answers_v2 import AnswersV2
from tests.reliability.fuzz.loop import Target
from tests.reliability.fuzz.mutate import Mutator

NOW = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)
MEMORY = PlanPlatform(api="memory", endpoint="memory", project_id="memory")


class Definitions:
    """Definition files, in YAML and in JSON."""

    name = "definition"
    words = tuple(f"{each}: ".encode() for each in seeds.KEYS)

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        self._folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)

    def make(self, mutator: Mutator) -> bytes:
        chosen = mutator.random.choice(seeds.DEFINITIONS)
        if chosen.startswith(b"{") and mutator.random.random() < 0.7:
            return mutator.tree(json.loads(chosen))
        return mutator.spoil(chosen, mutator.random.choice(seeds.DEFINITIONS))

    def check(self, data: bytes) -> None:
        names = ("jobs.yaml", "jobs.json") if data.lstrip()[:1] in (b"{", b"[") else ("jobs.yaml",)
        for name in names:
            path = self._folder / name
            path.write_bytes(data)
            self._load(path)

    def _load(self, path: Path) -> None:
        try:
            definition = loader.load([path], variables={"x": "1"}, environment={"HOME": "/home"})
        except DefinitionError as error:
            shown.check_error(error)
            shown.check(structured.diagnostics_json(error.diagnostics))
            return
        dialect = DialectV1()
        for job in definition.jobs.values():
            if problems := dialect.problems(job):
                shown.check_error(DefinitionError("The definition has problems", problems))
                return
            mapping.to_create(job.spec, 4).body()
        context = Context(MemoryProvider(MemoryPlatform()), MemoryBackend(), "plan", parallelism=1)
        request = Request(definition.stack, MEMORY, definition.jobs, definition.sources)
        report = plan(context, request).report
        shown.check(terminal.render_plan(report, verbose=1))
        made = structured.plan_json(report.plan)
        assert structured.plan_from_json(shown.check(made)).computed_digest == report.plan.digest


class Snapshots:
    """Snapshots of a state, most of them with a checksum that is right."""

    name = "snapshot"
    words: tuple[bytes, ...] = (
        b'"job_id":',
        b'"records":{',
        b'"intents":{',
        b'},\n"intents":',
        b",\n",
        b'"serial":',
    )

    def make(self, mutator: Mutator) -> bytes:
        chosen = mutator.random.choice(seeds.SNAPSHOTS)
        if mutator.random.random() < 0.5:
            document = json.loads(chosen)
            del document["checksum"]
            return sealed(mutator.tree(document).removesuffix(b"}"))
        spoiled = mutator.spoil(chosen, mutator.random.choice(seeds.SNAPSHOTS))
        body, found, _ = spoiled.rpartition(b',\n"checksum":')
        return sealed(body) if found and mutator.random.random() < 0.8 else spoiled

    def check(self, data: bytes) -> None:
        readers: tuple[Callable[[bytes, str], object], ...] = (codec.decode_head, codec.count_jobs)
        for read in readers:
            try:
                read(data, "state/vision.json")
            except StateError as error:
                shown.check_error(error)
        try:
            state = codec.decode(data, "state/vision.json")
        except StateError as error:
            shown.check_error(error)
        else:
            check_state(state)


class Journals:
    """Journals, most of them with checksums that are right, and the state that they fold into."""

    name = "journal"
    words: tuple[bytes, ...] = (
        b'{"crc32":"',
        b'","entry":{"entry":"',
        b'"recorded"',
        b'"opened"',
        b'"removed"',
    )

    def make(self, mutator: Mutator) -> bytes:
        chosen = mutator.random.choice(seeds.JOURNALS)
        if mutator.random.random() < 0.3:
            return mutator.spoil(chosen, mutator.random.choice(seeds.JOURNALS))
        bodies = [json.loads(line)["entry"] for line in chosen.splitlines()]
        at = mutator.random.randrange(len(bodies))
        spoiled = [json.dumps(body, separators=(",", ":")).encode() for body in bodies]
        if mutator.random.random() < 0.7:
            spoiled[at] = mutator.tree(bodies[at])
        else:
            spoiled[at] = mutator.spoil(spoiled[at], spoiled[at - 1]).replace(b"\n", b"")
        return chained(spoiled)

    def check(self, data: bytes) -> None:
        for snapshot in (seeds.STATE, None):
            try:
                read = journal.decode(data, "state/vision.journal")
                state = journal.folded(snapshot, read, "state/vision.journal")
            except StateError as error:
                shown.check_error(error)
            else:
                if state is not None:
                    check_state(state)


class Plans:
    """Saved plans, some of them sealed again after they were spoiled."""

    name = "plan"
    words: tuple[bytes, ...] = (
        b'"kind": "delete"',
        b'"job_id": ',
        b'"protect": ',
        b'"digest": ',
        b'"expects": {',
    )

    def make(self, mutator: Mutator) -> bytes:
        chosen = plans.REVIEWED
        if mutator.random.random() < 0.2:
            return mutator.spoil(chosen, chosen)
        spoiled = mutator.tree(json.loads(chosen))
        if mutator.random.random() < 0.4:
            return _resealed(spoiled)
        return spoiled

    def check(self, data: bytes) -> None:
        try:
            saved = structured.plan_from_json(data)
        except PlanFileError as error:
            shown.check_error(error)
            return
        plans.check(saved)


def check_state(state: State) -> None:
    """Do with a state what commands do: show it, write it, settle it, take it further."""
    shown.check(tables.render_state_list(state.records))
    for address, record in state.records.items():
        shown.check(tables.render_record(address, record))
        shown.check(structured.record_json(address, record))
    shown.check(structured.state_list_json(state.records))
    shown.check(codec.encode_pull(state))
    try:
        written = codec.encode(state)
    except StateError as error:
        shown.check_error(error)
        return
    if state.format_version == FORMAT_VERSION:
        assert codec.decode(written, "again") == state
    for listing in (Listing(), seeds.LISTING):
        after = fold(state, recover(state, listing).entries)
        assert after.serial >= state.serial
    journal.header_for(state)
    request = Request(state.stack, MEMORY, {}, command="destroy")
    context = Context(MemoryProvider(MemoryPlatform()), _Kept(state), "plan", parallelism=1)
    try:
        report = plan(context, request).report
    except ReconcilerError as error:
        shown.check_error(error)
        return
    shown.check(terminal.render_plan(report, verbose=1))
    shown.check(structured.plan_json(report.plan))


class _Kept(MemoryBackend):
    """A backend that reads one state."""

    def __init__(self, state: State) -> None:
        super().__init__(state.stack)
        self._state = replace_platform(state)

    def read(self) -> State:
        return self._state


def replace_platform(state: State) -> State:
    """Return the state as one that the platform in memory fits."""
    return state.model_copy(update={"platform": MEMORY.identity})


def sealed(body: bytes) -> bytes:
    return body + b',\n"checksum":"sha256:' + sha256(body).hexdigest().encode() + b'"}\n'


def chained(bodies: list[bytes]) -> bytes:
    lines, crc = [], 0
    for body in bodies:
        crc = zlib.crc32(body, crc)
        lines.append(b'{"crc32":"%08x","entry":%b}\n' % (crc, body))
    return b"".join(lines)


def _resealed(data: bytes) -> bytes:
    try:
        saved = structured.plan_from_json(data)
        return re.sub(rb"sha256:[0-9a-f]{64}(?=\",\"summary)", saved.computed_digest.encode(), data)
    except Exception:  # noqa: BLE001 - what cannot be read cannot be sealed; checking tells
        return data


TARGETS: dict[str, Callable[[], Target]] = {
    "definition": Definitions,
    "snapshot": Snapshots,
    "journal": Journals,
    "plan": Plans,
    "answers": Answers,
    "answers-v2": AnswersV2,
}
