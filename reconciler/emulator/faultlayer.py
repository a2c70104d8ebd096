"""Carries faults out: the layer between the connection and the strict API, for tests."""

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.emulator.errors import NotFoundError
from reconciler.emulator.faults import Fault, Rule
from reconciler.emulator.mangling import (
    Answer,
    error_answer,
    first_job,
    lists_newest_first,
    mangle,
)
from reconciler.emulator.model import V2

if TYPE_CHECKING:
    from reconciler.emulator.app import Emulator

ADMIN = "/_emulator/"
TRANSPORT = "reconciler.transport"
LISTING = "reconciler.listing"
_LINGER_NOT = struct.pack("ii", 1, 0)


class FaultLayer:
    """Notes every request and applies the rules that fit it. The admin interface is spared."""

    def __init__(self, app: ASGIApp, emulator: "Emulator") -> None:
        self._app = app
        self._emulator = emulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        self._emulator.touch()
        if scope["path"].startswith(ADMIN):
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        try:
            rules = self._rules(scope)
            if rules:
                await self._go_wrong(exchange, rules)
            else:
                await self._app(scope, receive, exchange.note)
        finally:
            query = scope["query_string"].decode("latin-1")
            self._emulator.requests.add(scope["method"], scope["path"], query, exchange.status)

    def _rules(self, scope: Scope) -> list[Rule]:
        if not self._emulator.faults:
            return []
        query = scope["query_string"].decode("latin-1")
        target = f"{scope['path']}?{query}" if query else scope["path"]
        return self._emulator.faults.taken(scope["method"], target)

    async def _go_wrong(self, exchange: "_Exchange", rules: list[Rule]) -> None:
        for rule in rules:
            if await self._before(exchange, rule):
                return
        answer = await exchange.record(self._app)
        for rule in rules:
            answer = mangle(answer, rule.wanted.fault)
        for rule in rules:
            if rule.wanted.fault.kind == "drop_after":
                await exchange.drop(rule.wanted.fault.mode)
                return
        if any(rule.wanted.fault.kind == "truncate" for rule in rules):
            await exchange.send_half(answer)
        else:
            await exchange.send_whole(answer)
        for rule in rules:
            if rule.wanted.fault.kind == "move_rows":
                self._move_rows(exchange.scope, answer, rule.wanted.fault)

    async def _before(self, exchange: "_Exchange", rule: Rule) -> bool:
        """Apply what acts before the effect; True when the request ends here."""
        fault = rule.wanted.fault
        match fault.kind:
            case "latency":
                await asyncio.sleep(fault.seconds)
            case "expire_tokens":
                self._emulator.tokens.expire_all()
            case "stale_list":
                exchange.scope[LISTING] = rule.snapshot
            case "error_before":
                await exchange.send_whole(error_answer(fault))
                return True
            case "drop_before":
                await exchange.drop(fault.mode)
                return True
            case _:
                pass
        return False

    def _move_rows(self, scope: Scope, answer: Answer, fault: Fault) -> None:
        jobs, newest_first = self._emulator.jobs, lists_newest_first(answer)
        project = scope["path"].split("/")[2]
        with contextlib.suppress(NotFoundError):
            first = jobs.find(first_job(answer))
            if fault.how == "insert":
                name = f"0-moved-{jobs.now()}"
                added = jobs.create(project, first.workspace, name, api=first.api)
                if first.api == V2 and first.latest is not None:
                    jobs.add_version(added, first.latest.config, first.latest.work)
                jobs.move_in_list(added, first.created + (1 if newest_first else -1))
            elif fault.how == "delete":
                jobs.remove_now(first)
            else:
                jobs.move_in_list(first, 1 if newest_first else jobs.now())


class _Exchange:
    """One request on its connection; `status` is what was answered, 0 for nothing."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.status = 0
        self._receive = receive
        self._send = send

    async def note(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)

    async def record(self, app: ASGIApp) -> Answer:
        """Let the application answer, and keep the answer back."""
        parts: list[Message] = []

        async def keep(message: Message) -> None:
            parts.append(message)

        await app(self.scope, self._receive, keep)
        body = b"".join(part.get("body", b"") for part in parts[1:])
        return Answer(parts[0]["status"], tuple(parts[0].get("headers", ())), body)

    async def send_whole(self, answer: Answer) -> None:
        await self._start(answer)
        await self.note({"type": "http.response.body", "body": answer.body})

    async def send_half(self, answer: Answer) -> None:
        """Promise the whole body, send half of it and hang up."""
        await self._start(answer)
        half = answer.body[: len(answer.body) // 2]
        await self.note({"type": "http.response.body", "body": half, "more_body": True})
        await self.drop("close")

    async def drop(self, mode: str) -> None:
        """Hang up: with a TCP reset, or by closing after what was sent."""
        transport: asyncio.Transport = self.scope[TRANSPORT]
        if mode == "reset":
            connection: Any = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            transport.abort()
        else:
            transport.close()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _start(self, answer: Answer) -> None:
        headers = list(answer.headers)
        start = {"type": "http.response.start", "status": answer.status, "headers": headers}
        await self.note(start)
