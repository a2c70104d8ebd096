"""One process of a run, in a session of its own, with its output going to a log."""

import asyncio
import contextlib
import signal

from reconciler.emulator.launching import Launch
from reconciler.emulator.logs import LogWriter
from reconciler.emulator.processes import end_group, start_mark

_DRAIN_SECONDS = 1.0


class _Output(asyncio.SubprocessProtocol):
    """Takes what the process prints, and notes when it has ended and when its output has."""

    def __init__(self, writer: LogWriter) -> None:
        loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[None] = loop.create_future()
        self.drained: asyncio.Future[None] = loop.create_future()
        self._writer = writer

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:  # noqa: ARG002
        self._writer.write(data if isinstance(data, bytes) else data.encode())

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        if not self.drained.done():
            self.drained.set_result(None)

    def process_exited(self) -> None:
        if not self.exited.done():
            self.exited.set_result(None)


class Worker:
    """A started process; its group ends with it."""

    def __init__(self, transport: asyncio.SubprocessTransport, output: _Output) -> None:
        self._transport = transport
        self._output = output
        self.pid: int = transport.get_pid()
        self.mark = start_mark(self.pid)

    @classmethod
    async def start(cls, launch: Launch, writer: LogWriter) -> "Worker":
        """Start the process. OSError or ValueError when the system refuses."""
        transport, output = await asyncio.get_running_loop().subprocess_exec(
            lambda: _Output(writer),
            *launch.command,
            cwd=launch.folder,
            env=launch.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        return cls(transport, output)

    def end(self, sign: signal.Signals) -> None:
        """Send a signal to the process and all of its group, unless it has ended."""
        if not self._output.exited.done():
            end_group(self.pid, sign)

    async def finished(self) -> int:
        """Wait for the end and kill what the process left in its group; the exit code.

        Negative for a signal. Output is waited for briefly, for a stray heir of the pipe may
        keep it open for ever.
        """
        await self._output.exited
        end_group(self.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._output.drained, _DRAIN_SECONDS)
        self._transport.close()
        code = self._transport.get_returncode()
        return code if code is not None else -int(signal.SIGKILL)
