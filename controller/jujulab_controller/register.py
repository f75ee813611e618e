"""``POST /register``: a new user trades the secret of ``add-user`` for a password of his own, once."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from jujulab_controller.auth import check_password, hash_user_password
from jujulab_controller.errors import bad_request
from jujulab_controller.login import in_thread, wrong_password
from jujulab_controller.rpc.call import entity, text
from jujulab_controller.rpc.frames import MalformedError, load
from jujulab_controller.services import Services
from jujulab_controller.state import users
from jujulab_controller.state.store import Tx
from jujulab_core.errors import RpcError

# Nothing longer than this is a user's name, a secret and a password.
MAX_BYTES = 16 * 1024
READ_SECONDS = 20.0


async def register(services: Services, request: web.Request) -> dict[str, Any]:
    """Sets the password of ``{"user": TAG, "secret", "password"}``.

    Raises:
        RpcError: Refused; an unknown user, a wrong secret and one that was used look the same.
    """
    params = await _read(request)
    name, secret, password = entity(text(params, "user"), "user"), text(params, "secret"), text(params, "password")
    if not password:
        raise bad_request("cannot use an empty password")
    remote = request.remote or ""
    async with services.failed_logins.turn(remote, name) as limits:
        async with limits.hashing(remote):
            hashed = await in_thread(hash_user_password, password)

        def write(tx: Tx) -> None:
            user = users.get(tx.db, name)
            if user is None or user.disabled or not check_password(secret, user.secret_hash):
                raise wrong_password()
            users.set_password(tx, name, hashed)

        try:
            await services.store.write(write)
        except RpcError:
            limits.failed(remote, name)
            raise
    return {}


async def _read(request: web.Request) -> dict[str, Any]:
    body = b""
    try:
        async with asyncio.timeout(READ_SECONDS):
            while len(body) <= MAX_BYTES and (more := await request.content.read(MAX_BYTES)):
                body += more
    except TimeoutError:
        raise bad_request(f"the registration did not come within {READ_SECONDS:g} s") from None
    if len(body) > MAX_BYTES:
        raise bad_request(f"a registration has at most {MAX_BYTES} bytes")
    try:
        return load(body.decode())
    except (UnicodeDecodeError, MalformedError) as error:
        raise bad_request(f"a registration is a JSON object: {error}") from None
