"""``UserManager``: what there is to know of users."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from jujulab_controller.auth import Access
from jujulab_controller.errors import permission_denied
from jujulab_controller.facades.bulk import each
from jujulab_controller.rpc.call import Call, entity
from jujulab_controller.rpc.registry import Where, facade
from jujulab_controller.state import users

user_manager = facade("UserManager", Where.CONTROLLER)


@user_manager.method("UserInfo")
async def user_info(call: Call) -> dict[str, Any]:
    """Some users; without names all of them. Whoever is no superuser sees only himself."""
    with_disabled = call.flag("include-disabled")
    me = call.identity.name

    def read(db: Connection) -> tuple[bool, list[Row[Any]]]:
        return users.controller_access(db, me) is Access.SUPERUSER, users.every(db)

    superuser, rows = await call.services.store.read(read)
    known = {row.name: row for row in rows if superuser or row.name == me}
    if not call.tags():
        shown = [row for row in known.values() if with_disabled or not row.disabled]
        return {"results": [{"result": _describe(row)} for row in shown]}

    async def one(tag: str) -> dict[str, Any]:
        row = known.get(entity(tag, "user"))
        if row is None:
            raise permission_denied()
        return {"result": _describe(row)}

    return await each(call.tags(), one)


def _describe(user: Row[Any]) -> dict[str, Any]:
    return {
        "username": user.name,
        "display-name": user.display_name,
        "access": user.access,
        "created-by": user.created_by,
        "date-created": user.created,
        "last-connection": user.last_connection,
        "disabled": bool(user.disabled),
    }
