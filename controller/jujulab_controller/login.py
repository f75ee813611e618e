"""``Admin.Login``: who is there, and what this connection may call (the wire specification, section 6)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from sqlalchemy import Connection, Row

from jujulab_controller import clock
from jujulab_controller.auth import NOBODY, Access, Identity, access_name, check_password, same
from jujulab_controller.errors import NOT_PROVISIONED, UNAUTHORIZED, permission_denied
from jujulab_controller.facades.versions import offered
from jujulab_controller.rpc import registry
from jujulab_controller.rpc.call import text
from jujulab_controller.rpc.registry import Where, Who
from jujulab_controller.services import LAB_ENDPOINT
from jujulab_controller.state import agents, machines, models, users
from jujulab_core.errors import JujulabError, RpcError
from jujulab_core.layout import OURS
from jujulab_core.rules.checks import agent_login_refusal
from jujulab_core.tags import split_tag

if TYPE_CHECKING:
    from jujulab_controller.rpc.session import Session
    from jujulab_controller.services import Services

P = ParamSpec("P")
T = TypeVar("T")

_WHO = {"user": Who.USER, "machine": Who.MACHINE, "unit": Who.UNIT, "orchestrator": Who.ORCHESTRATOR}
ORCHESTRATOR = "orchestrator-0"
# Nobody's name is longer; names that were tried are remembered for a while.
MAX_NAME = 255


def wrong_password() -> RpcError:
    """Juju's words for an unknown name as well as for a wrong password."""
    return RpcError("invalid entity name or password", UNAUTHORIZED)


async def log_in(services: Services, session: Session, params: dict[str, Any]) -> dict[str, Any]:
    """Checks the credentials and answers with what this login may call.

    Raises:
        RpcError: Refused; the code says why.
    """
    tag, password = text(params, "auth-tag"), text(params, "credentials")
    if not tag or not password:
        raise RpcError("no credentials provided", "no credentials provided")
    try:
        kind, name = split_tag(tag)
    except JujulabError:
        raise wrong_password() from None
    if kind == "user":
        answer = await _user(services, session, name, password)
    elif kind in ("machine", "unit") and session.model_uuid:
        answer = await _agent(services, session, Identity(kind, name, tag), password, text(params, "nonce"))
    elif tag == ORCHESTRATOR and session.model_uuid is None:
        mine = await services.store.read(models.the_controller)
        if not check_password(password, mine.orchestrator_hash):
            raise wrong_password()
        session.log_in(Identity(kind, name, tag))
        answer = {}
    else:
        raise wrong_password()
    return await _common(services, session, ours=params.get("user-data") == OURS) | answer


async def in_thread(run: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs what takes long on purpose, the hash of a person's password, elsewhere than in the event loop."""
    return await asyncio.get_running_loop().run_in_executor(None, lambda: run(*args, **kwargs))


async def check_user(services: Services, name: str, password: str, remote: str) -> Row[Any]:
    """The user, if the password is right.

    Args:
        services: The controller's parts.
        name: The user's name.
        password: What was given for the password.
        remote: The client's address; failures are counted by it.

    Raises:
        RpcError: Refused.
    """
    user = await services.store.read(lambda db: users.get(db, name))
    if len(name) > MAX_NAME:
        raise wrong_password()
    stored = user.password_hash if user is not None and not user.disabled and user.password_hash else NOBODY
    async with services.failed_logins.turn(remote, name) as limits:
        right = await limits.is_right(remote, name, password, stored, lambda: check_password(password, stored))
    if user is None or not right:
        raise wrong_password()
    return user


async def _user(services: Services, session: Session, name: str, password: str) -> dict[str, Any]:
    user = await check_user(services, name, password, session.remote)
    uuid = session.model_uuid

    def rights(db: Connection) -> tuple[Access, Access]:
        return users.controller_access(db, name), users.access(db, name, uuid)

    controller, model = await services.store.read(rights)
    if uuid is not None and model < Access.READ:
        raise permission_denied()
    if controller is Access.NONE:
        raise permission_denied()
    await services.store.write(lambda tx: users.connected(tx, name, uuid))
    session.log_in(Identity("user", name, f"user-{name}"))
    return {
        "user-info": {
            "display-name": user.display_name,
            "identity": f"user-{name}",
            "last-connection": user.last_connection or clock.now(),
            "controller-access": access_name(controller),
            "model-access": access_name(min(model, Access.ADMIN)) if uuid else "",
        }
    }


async def _agent(services: Services, session: Session, identity: Identity, password: str, nonce: str) -> dict[str, Any]:
    uuid = session.model_uuid or ""
    agent = await services.store.read(lambda db: agents.find(db, uuid, identity.tag))
    if agent is None or not check_password(password, agent.password_hash):
        raise wrong_password()
    if identity.kind == "machine":
        machine = await services.store.read(lambda db: machines.get(db, uuid, identity.name))
        if not same(machine.nonce, nonce):
            raise RpcError(f"machine {identity.name} not provisioned", NOT_PROVISIONED)
    if services.upgrade_mode and uuid != services.controller_model:
        raise RpcError(agent_login_refusal(identity.tag).message)
    await services.store.write(lambda tx: agents.logged_in(tx, uuid, identity.tag))
    session.log_in(identity)
    services.presence.connected(uuid, identity.tag)
    return {}


async def _common(services: Services, session: Session, *, ours: bool) -> dict[str, Any]:
    mine = await services.store.read(models.the_controller)
    endpoints = json.loads(mine.api_endpoints) if session.identity.kind == "user" else [LAB_ENDPOINT]
    answer: dict[str, Any] = {
        "servers": [[_server(endpoint) for endpoint in endpoints]],
        "controller-tag": f"controller-{mine.uuid}",
        "facades": facade_list(services, session, ours=ours),
        "server-version": str(services.version),
        "public-dns-name": "",
    }
    if session.model_uuid is not None:
        answer["model-tag"] = f"model-{session.model_uuid}"
    return answer


def facade_list(services: Services, session: Session, *, ours: bool) -> list[dict[str, Any]]:
    """The facades that this kind of login may call on this kind of connection, with their versions.

    Those that Juju does not have are not announced to Juju's clients, some of which warn of each that they do not know.
    """
    where = Where.MODEL if session.model_uuid else Where.CONTROLLER
    who = _WHO[session.identity.kind]
    return [
        {"name": facade.name, "versions": list(offered(facade.name, services.version))}
        for facade in registry.everything()
        if where & facade.where and who & facade.who and offered(facade.name, services.version)
        if ours or not facade.name.startswith("Lab")
    ]


def _server(endpoint: str) -> dict[str, Any]:
    host, _, port = endpoint.rpartition(":")
    host = host.strip("[]")
    kind = "ipv6" if ":" in host else "ipv4" if host.replace(".", "").isdigit() else "hostname"
    scope = "local-machine" if host in ("127.0.0.1", "::1", "localhost") else "local-cloud"
    return {"value": host, "type": kind, "scope": scope, "port": int(port)}
