"""Start and stop of the controller's process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
from asyncio import sslproto
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from aiohttp import web

import jujulab_controller.facades.all
from jujulab_controller import backups_restore, bootstrap, notices
from jujulab_controller.backups_archive import DATABASE
from jujulab_controller.door import DOOR, Door, Limits
from jujulab_controller.http import Http
from jujulab_controller.http_errors import answer_in_jujus_shape, one_line
from jujulab_controller.hub import Hub
from jujulab_controller.lead import Lead
from jujulab_controller.logsink import Handler
from jujulab_controller.services import Services
from jujulab_controller.state import models
from jujulab_controller.state.store import Store
from jujulab_core.boundary import reach
from jujulab_core.errors import JujulabError
from jujulab_core.layout import STATE
from jujulab_core.version import Number

logger = logging.getLogger("juju.controller")

__all__ = ["App", "listening_socket", "serve"]

# Importing the facades is what registers them.
_FACADES = jujulab_controller.facades.all.__all__
_FIRST_SYSTEMD_FD = 3
_BACKLOG = 4096
# asyncio keeps a buffer of 256 KiB for each TLS connection, which ten thousand idle agents would make gigabytes
# of. A TLS record holds 16 KiB at most.
_TLS_BUFFER_BYTES = 16 * 1024


def listening_socket(listen: str) -> socket.socket:
    """The socket to serve on: systemd's, which queues connections while the controller restarts, or an own one.

    Args:
        listen: ``HOST:PORT``, or empty for systemd's.

    Raises:
        JujulabError: systemd gave none, or the address cannot be had.
    """
    if listen:
        host, _, port = listen.rpartition(":")
        try:
            return socket.create_server((host, int(port)), backlog=_BACKLOG)
        except (OSError, ValueError) as error:
            raise JujulabError(f"cannot listen on {listen}: {error}") from error
    if os.environ.get("LISTEN_FDS") != "1" or os.environ.get("LISTEN_PID") not in (None, str(os.getpid())):
        raise JujulabError(
            "systemd passed no socket", next_step="start jujud-controller.socket, or give --listen HOST:PORT"
        )
    return socket.socket(fileno=_FIRST_SYSTEMD_FD)


class App:
    """A running controller; an asynchronous context manager.

    Attributes:
        ending: Set when the controller wants to end by itself: systemd starts it again.
    """

    ending: asyncio.Event

    def __init__(
        self, data_dir: Path, log_dir: Path, version: Number, listener: socket.socket, machine_id: str
    ) -> None:
        self._data_dir = data_dir
        self._log_dir = log_dir
        self._version = version
        self._listener = listener
        self._machine_id = machine_id
        self._notice_seconds = float(os.environ.get(notices.INTERVAL_VARIABLE) or notices.INTERVAL_SECONDS)
        self._exits = contextlib.AsyncExitStack()

    async def __aenter__(self) -> App:
        """Upgrades the database, loads the state and begins to serve."""
        try:
            await self._start()
        except BaseException:
            await self._exits.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ends connections, then the state."""
        await self._exits.aclose()

    async def _start(self) -> None:
        reach(str(self._data_dir), "controller/started")
        if restored := backups_restore.apply(self._data_dir):
            logger.info("this is the state of backup %s", restored)
        hub = Hub()
        store = await asyncio.get_running_loop().run_in_executor(
            None, Store, self._data_dir / STATE / DATABASE, hub.publish
        )
        for step in store.steps:
            logger.info("running upgrade step: %s", step)
        reach(str(self._data_dir), "controller/database-upgraded")
        services = Services(self._version, self._data_dir, self._log_dir, store, hub, self._machine_id)
        self.ending = services.ending
        self._exits.push_async_callback(services.close)
        await bootstrap.make_state(store, self._data_dir, self._version)
        mine = await store.read(models.the_controller)
        handler = Handler(services.logs, asyncio.get_running_loop(), mine.model_uuid)
        logging.getLogger("juju").addHandler(handler)
        self._exits.callback(logging.getLogger("juju").removeHandler, handler)
        if mine.version != str(self._version):
            logger.info("controller upgraded from %s to %s", mine.version, self._version)
            await store.write(lambda tx: models.update_controller(tx, version=str(self._version)))
            services.reach("version-recorded")
        if mine.primary_machine != self._machine_id:
            await store.write(lambda tx: models.update_controller(tx, primary_machine=self._machine_id))
        await services.load()
        await bootstrap.take_tools(services.binaries, services.controller_model, self._data_dir)
        await self._listen(Http(services), self._tls(mine.cert, mine.key))
        self._exits.push_async_callback(_end, asyncio.create_task(notices.keep_looking(services, self._notice_seconds)))
        services.reach("serving")
        logger.info("controller %s %s serves its API", mine.name, self._version)

    async def _listen(self, http: Http, context: ssl.SSLContext) -> None:
        door = Door(self._listener, context, Limits.of_process())
        application = web.Application(middlewares=[answer_in_jujus_shape])
        application[DOOR] = door
        application.add_routes(http.routes())
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=5, logger=one_line())
        await runner.setup()
        self._exits.push_async_callback(runner.cleanup)
        door.open(cast(Callable[[], asyncio.Protocol], runner.server))
        self._exits.push_async_callback(http.close)
        # Whoever comes from here on waits in systemd's queue for the next process.
        self._exits.push_async_callback(door.close)

    def _tls(self, cert: str, key: str) -> ssl.SSLContext:
        """OpenSSL reads certificates from files only; Juju's name for this one is ``server.pem``."""
        path = self._data_dir / "server.pem"
        # What is right stays: a disk that is full takes no new one, and the fault that plays it lets none be replaced.
        if not path.exists() or path.read_text() != cert + key:
            temporary = path.with_suffix(".new")
            temporary.touch(mode=0o600)
            temporary.write_text(cert + key)
            temporary.replace(path)
        sslproto.SSLProtocol.max_size = _TLS_BUFFER_BYTES
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(path)
        return context


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def serve(data_dir: Path, log_dir: Path, version: Number, listener: socket.socket, machine_id: str) -> None:
    """Runs the controller until SIGTERM, SIGINT, or its own wish.

    Args:
        data_dir: Where its files are.
        log_dir: Where ``logsink.log`` is.
        version: The version that it runs as.
        listener: Where it listens.
        machine_id: The number of its machine in the controller model.
    """
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    lead = Lead(data_dir / STATE, machine_id, listener)
    if not await _first(loop.create_task(lead.win()), loop.create_task(told.wait())):
        return
    async with App(data_dir, log_dir, version, listener, machine_id) as app:
        await _first(*(loop.create_task(event.wait()) for event in (told, app.ending)))


async def _first(wanted: asyncio.Task[Any], other: asyncio.Task[Any]) -> bool:
    """Waits for one of two tasks and cancels the other; whether it was the first of them."""
    done, _ = await asyncio.wait((wanted, other), return_when=asyncio.FIRST_COMPLETED)
    for task in {wanted, other} - done:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return wanted in done and wanted.result() is None
