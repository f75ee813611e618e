"""From a request to its answer: find the method, check the rights, run it, put errors into Juju's words."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from jujulab_controller import errors
from jujulab_controller.auth import Access
from jujulab_controller.backups import RESTORING
from jujulab_controller.facades.versions import offered
from jujulab_controller.hub import WatcherStoppedError
from jujulab_controller.login import log_in
from jujulab_controller.rpc import frames, registry
from jujulab_controller.rpc.call import Call
from jujulab_controller.rpc.registry import Facade, Method, Where, Who
from jujulab_controller.state import models, users
from jujulab_core.errors import JujulabError, RpcError
from jujulab_core.rules.checks import upgrade_mode_refusal

if TYPE_CHECKING:
    from jujulab_controller.rpc.session import Session
    from jujulab_controller.services import Services

logger = logging.getLogger("juju.apiserver")

_KINDS = {"user": Who.USER, "machine": Who.MACHINE, "unit": Who.UNIT, "orchestrator": Who.ORCHESTRATOR}


async def answer(services: Services, session: Session, request: frames.Request) -> bytes:
    """Runs one request; returns the frame to send. Never raises but for cancellation."""
    try:
        return frames.good(request.number, await _run(services, session, request))
    except RpcError as error:
        return frames.bad(request.number, error)
    except JujulabError as error:
        return frames.bad(request.number, RpcError(str(error)))
    except WatcherStoppedError:
        return frames.bad(request.number, RpcError("watcher was stopped", errors.STOPPED))
    except asyncio.CancelledError:
        raise
    except Exception:
        logger.exception("%s(%d).%s failed", request.facade, request.version, request.method)
        return frames.bad(
            request.number,
            RpcError("internal error of the controller: its log has the details (jujulab debug-log)"),
        )


async def _run(services: Services, session: Session, request: frames.Request) -> dict[str, Any]:
    have = await services.store.read(lambda db: _access(db, session))
    is_login = request.facade == "Admin" and request.method == "Login"
    if services.backups.restoring:
        raise RpcError(RESTORING)
    if not session.is_logged_in:
        if is_login:
            return await log_in(services, session, request.params)
        raise RpcError("not logged in", errors.UNAUTHORIZED)
    if is_login:
        raise RpcError("already logged in")
    method = _find(services, session, request)
    if session.identity.kind == "user":
        if have < method.access:
            raise errors.permission_denied()
        _check_upgrade_mode(services, request)
    return await method.handler(Call(services, session, request))


def _check_upgrade_mode(services: Services, request: frames.Request) -> None:
    # Juju's own calls are limited as Juju limits them; ours, and their watchers, show how the upgrade goes.
    if not services.upgrade_mode or request.facade.startswith("Lab") or request.facade == "NotifyWatcher":
        return
    refusal = upgrade_mode_refusal(request.facade, request.method)
    if refusal is not None:
        raise RpcError(refusal.message, refusal.code)


def _access(db: Connection, session: Session) -> Access:
    """What the session's user may do; read at every call, so that a revoked right ends at once."""
    uuid = session.model_uuid
    if uuid is not None and models.find(db, uuid) is None:
        raise errors.unknown_model(uuid)
    if session.is_logged_in and session.identity.kind == "user":
        return users.access(db, session.identity.name, uuid)
    return Access.NONE


def _find(services: Services, session: Session, request: frames.Request) -> Method:
    where = Where.MODEL if session.model_uuid else Where.CONTROLLER
    who = _KINDS[session.identity.kind]
    facade = registry.named(request.facade)
    if facade is None:
        raise RpcError(f'unknown facade type "{request.facade}"', errors.NOT_IMPLEMENTED)
    if not where & facade.where:
        kind = "model" if where is Where.MODEL else "controller"
        raise RpcError(f'facade "{facade.name}" not supported for {kind} API connection', errors.NOT_SUPPORTED)
    if not who & facade.who:
        raise errors.permission_denied()
    return _method(services, facade, request)


def _method(services: Services, facade: Facade, request: frames.Request) -> Method:
    versions = offered(facade.name, services.version)
    if not versions:
        raise RpcError(f'unknown facade type "{facade.name}"', errors.NOT_IMPLEMENTED)
    if request.version not in versions:
        raise RpcError(f'unknown version ({request.version}) of interface "{facade.name}"', errors.NOT_IMPLEMENTED)
    method = facade.methods.get(request.method)
    if method is None or not method.exists(services.version):
        raise RpcError(
            f"no such request - method {facade.name}({request.version}).{request.method} is not implemented",
            errors.NOT_IMPLEMENTED,
        )
    return method
