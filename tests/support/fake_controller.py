"""A controller in miniature: real TLS, websockets and HTTP on the loopback, with answers that a test decides."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import inspect
import ipaddress
import json
import queue
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

MODEL = "11111111-2222-4333-8444-555555555555"
FACADES = ("Deployer", "LabAgent", "Machiner", "NotifyWatcher", "Pinger", "StringsWatcher", "Uniter", "Upgrader")


# How a controller that is the only one stands with the others.
ALONE = {"alone": True, "primary": True, "behind": [], "database-done": False, "primary-done": False}


class RefusalError(Exception):
    """What a handler raises to answer with an error."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


Handler = Callable[[dict[str, Any]], Any]


class FakeController:
    """Use as a context manager.

    Attributes:
        calls: Every request, as ("Facade.Method", params), in the order of arrival.
        handlers: What answers "Facade.Method"; it may be a coroutine function, and may raise RefusalError.
        units: The machine's units, as a watcher of them is told first.
        files: What HTTP GET serves, by path: bytes, or (status, bytes).
        ca: The CA, in PEM.
    """

    def __init__(self, directory: Path, name: str = "juju-apiserver") -> None:
        self.calls: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.history: list[tuple[str, dict[str, Any]]] = []
        self.files: dict[str, Any] = {}
        self.units: list[str] = []
        # One queue of results for each watcher that somebody has made.
        self._watchers: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self.handlers: dict[str, Handler] = {
            "Admin.Login": self._login,
            "Upgrader.WatchAPIVersion": lambda _: {"results": [{"NotifyWatcherId": self._watch("version", {})}]},
            "Deployer.WatchUnits": self._watch_units,
            "LabAgent.Controllers": lambda _: ALONE,
        }
        self.desired("2.6.4")
        self.ca, self._context = _certificates(directory, name)
        self.sockets: set[web.WebSocketResponse] = set()
        self._started = threading.Event()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> FakeController:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def desired(self, version: str) -> None:
        """Sets the version that agents are told to run."""
        self.handlers["Upgrader.DesiredVersion"] = lambda _: {"results": [{"version": version}]}

    def offer(self, binary: str, content: bytes, sha256: str, size: int | None = None) -> None:
        """Has the controller offer and serve a binary."""
        path = f"/model/{MODEL}/tools/{binary}"
        self.files[path] = content
        offer = {"version": binary, "url": f"https://{self.address}{path}", "sha256": sha256}
        tools = {"results": [{"tools": [offer | {"size": len(content) if size is None else size}]}]}
        self.handlers["Upgrader.Tools"] = lambda _: tools

    def fire(self, kind: str = "version", **result: Any) -> None:
        """Has all watchers of one kind ("version", "units") answer."""
        for name, results in list(self._watchers.items()):
            if name.startswith(kind):
                self.loop.call_soon_threadsafe(results.put_nowait, result)

    def wait_for(self, name: str, timeout: float = 15, **expected: Any) -> dict[str, Any]:
        """The parameters of the next call of that name whose parameters hold what is expected."""
        seen = []
        end = time.monotonic() + timeout
        while True:
            try:
                called, params = self.calls.get(timeout=max(end - time.monotonic(), 0.001))
            except queue.Empty:
                raise AssertionError(f"no {name} {expected} within {timeout} s; seen: {seen}") from None
            if called == name and expected.items() <= params.items():
                return params
            seen.append((called, params))

    def drop_all(self) -> None:
        """Breaks every connection."""
        asyncio.run_coroutine_threadsafe(self._drop(), self.loop).result(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._start())
        self.loop.run_forever()
        # Requests that nobody will answer any more: a watcher's, or that of an agent that was killed.
        pending = asyncio.all_tasks(self.loop)
        for task in pending:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_get("/api", self._socket)
        app.router.add_get("/model/{uuid}/api", self._socket)
        app.router.add_get("/{path:.*}", self._file)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._context)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self._started.set()

    async def _stop(self) -> None:
        await self._drop()
        await self._runner.cleanup()

    async def _drop(self) -> None:
        for socket in list(self.sockets):
            if socket._req is not None and socket._req.transport is not None:
                socket._req.transport.abort()

    async def _file(self, request: web.Request) -> web.StreamResponse:
        content = self.files.get(request.path, (404, b"{}"))
        if callable(content):
            return await content(request)  # type: ignore[no-any-return]
        status, body = content if isinstance(content, tuple) else (200, content)
        return web.Response(status=status, body=body)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=64 * 1024 * 1024)
        await socket.prepare(request)
        self.sockets.add(socket)
        tasks = set()
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    task = asyncio.ensure_future(self._answer(socket, json.loads(message.data)))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
        finally:
            self.sockets.discard(socket)
            for task in list(tasks):
                task.cancel()
        return socket

    async def _answer(self, socket: web.WebSocketResponse, frame: dict[str, Any]) -> None:
        name = f"{frame['type']}.{frame['request']}"
        params = frame.get("params") or {}
        self.history.append((name, params))
        self.calls.put((name, params))
        answer: dict[str, Any] = {"request-id": frame["request-id"]}
        try:
            if frame["request"] == "Next":
                response = self._watchers[frame["id"]].get()
            else:
                response = self.handlers.get(name, lambda _: {"results": [{}]})(params)
            if inspect.isawaitable(response):
                response = await response
            answer["response"] = response
        except RefusalError as refusal:
            answer |= {"error": str(refusal), "error-code": refusal.code}
        with contextlib.suppress(ConnectionError):
            await socket.send_str(json.dumps(answer))

    def _login(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"server-version": "2.6.10", "facades": [{"name": name, "versions": [1]} for name in FACADES]}

    def _watch(self, kind: str, *first: dict[str, Any]) -> str:
        name = f"{kind}-{len(self._watchers)}"
        self._watchers[name] = asyncio.Queue()
        for result in first:
            self._watchers[name].put_nowait(result)
        return name

    def _watch_units(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"results": [{"watcher-id": self._watch("units"), "changes": self.units}]}


def _certificates(directory: Path, name: str) -> tuple[str, ssl.SSLContext]:
    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a lab's CA")])

    def certificate(subject: x509.Name, public_key: Any, is_ca: bool) -> x509.Certificate:
        names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(names, critical=False)
            .sign(ca_key, hashes.SHA256())
        )

    ca = certificate(ca_name, ca_key.public_key(), True)
    leaf = certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key.public_key(), False)
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (directory / "server.pem").write_bytes(private + leaf.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    return ca.public_bytes(pem).decode(), context
