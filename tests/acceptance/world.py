"""A working folder with an emulator of its own, and the real command line run in it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.emulator.launch import Running, find, stop

PROGRAM = Path(sysconfig.get_path("scripts")) / "reconciler"
PATIENCE = 120.0
"""Seconds that anything may take on a slow machine."""

TRAIN = 'import sys\nprint("trained with", sorted(sys.argv[1:]))\n'
FAIL = 'raise SystemExit("no luck today")\n'
SLOW = "import time\nprint('begun', flush=True)\ntime.sleep(600)\n"


@dataclass
class World:
    """Where a story takes place."""

    folder: Path
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def run(
        self, *args: str, env: dict[str, str] | None = None, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, without a terminal, as CI would."""
        return subprocess.run(
            [PROGRAM, *args],
            cwd=self.folder,
            env=self.environment(env),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def start(self, *args: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Start the command and leave it running."""
        return subprocess.Popen(
            [PROGRAM, *args],
            cwd=self.folder,
            env=self.environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def environment(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "RECONCILER_"))}
        return kept | {"RECONCILER_EMULATOR_IDLE": "60", "COLUMNS": "80"} | (extra or {})

    def write(self, text: str, name: str = "jobs.yaml") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def edit(self, old: str, new: str, name: str = "jobs.yaml") -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def state(self) -> dict[str, Any]:
        """The state with its journal folded in; no records when there is none."""
        pulled = self.run("state", "pull")
        return json.loads(pulled.stdout) if pulled.returncode == 0 else {"records": {}}

    def serve(self, *options: str) -> Running:
        """Start the emulator of this folder by hand, e.g. with `--simulate`."""
        store = self.folder / "state" / "local"
        store.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = [sys.executable, "-m", "reconciler.emulator", "--store", str(store)]
        command += ["--buckets", str(self.folder / "buckets"), "--idle-timeout", "60", *options]
        with (self.folder / "emulator.log").open("w") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        self.servers.append(server)
        wait_for(lambda: find(store) is not None)
        return self.emulator

    @property
    def emulator(self) -> Running:
        running = find(self.folder / "state" / "local")
        assert running is not None, "no emulator runs"
        return running

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """Call the emulator's admin interface."""
        request = urllib.request.Request(
            f"{self.emulator.url}/_emulator/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Admin-Token": self.emulator.admin_token},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def jobs(self) -> list[dict[str, Any]]:
        """The platform's jobs, as the emulator itself knows them."""
        found: list[dict[str, Any]] = self.admin("GET", "jobs")
        return found

    def counts(self) -> dict[str, int]:
        """How many requests of each kind the platform saw."""
        counts: dict[str, int] = self.admin("GET", "requests")["counts"]
        return counts

    def close(self) -> None:
        stop(self.folder / "state" / "local")
        for server in self.servers:
            server.wait(PATIENCE)


def definition(jobs: str, *, stack: str = "vision", platform: str = "endpoint: local") -> str:
    """A definition of jobs that share their engine, flavor and code."""
    return f"""\
version: 1
stack: {stack}
platform: {{{platform}}}
defaults:
  flavor: modelarts.vm.cpu.8u
  engine: {{name: TensorFlow, version: TF-1.8.0-python3.6}}
  code_dir: /data/code/
jobs:
{jobs}"""


def job(name: str, *, boot: str = "train.py", **parameters: str) -> str:
    """One job's block."""
    written = ", ".join(f"{key}: {value}" for key, value in parameters.items())
    return f"  {name}:\n    boot_file: {boot}\n    parameters: {{{written}}}\n"


def wait_for(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait until something is so; fail when it does not come to be."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@contextlib.contextmanager
def a_world(folder: Path) -> Iterator[World]:
    """A folder with training code in its buckets; its emulator ends with the test."""
    code = folder / "buckets" / "data" / "code"
    code.mkdir(parents=True)
    for name, text in {"train.py": TRAIN, "fail.py": FAIL, "slow.py": SLOW}.items():
        (code / name).write_text(text)
    world = World(folder)
    try:
        yield world
    finally:
        world.close()
        shutil.rmtree(folder / "state", ignore_errors=True)


def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[str, str]:
    """Send a signal; return what the command printed until its end."""
    process.send_signal(number)
    return process.communicate(timeout=PATIENCE)
