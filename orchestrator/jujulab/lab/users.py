"""The users of a lab: each has a client store of its own in the lab's directory, with which anybody can be that user.

The store holds the password, in Juju's own file for it and readable by its owner only; it is shown nowhere.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from jujulab.lab.labspec import UserSpec
from jujulab.store import Controller, Store
from jujulab_core.errors import RpcError
from jujulab_core.rpc import Client
from jujulab_core.rpc.results import check, check_all


def user_dir(lab_dir: Path, user: str) -> Path:
    """Where the client store of a lab's user is."""
    return lab_dir / "users" / user


def ensure_user(client: Client, spec: UserSpec, controller: Controller, models: dict[str, str], lab_dir: Path) -> None:
    """Makes a user, or brings an existing one to what is described; nothing is taken away.

    Args:
        client: The admin's connection to the controller.
        spec: The user.
        controller: As the admin's client store knows it.
        models: UUIDs of the lab's models, by name.
        lab_dir: The lab's directory.

    Raises:
        RpcError: The controller refused something.
    """
    store = Store(user_dir(lab_dir, spec.name))
    known = store.account(controller.name)
    password = known.password if known is not None else secrets.token_urlsafe(18)
    # The password is on disk before the controller has it: an interrupted `up` goes on with the same one.
    store.add_controller(
        controller.name,
        uuid=controller.uuid,
        endpoints=list(controller.endpoints),
        ca_cert=controller.ca_cert,
        cloud=controller.cloud,
        region=controller.region,
        agent_version=controller.agent_version,
        user=spec.name,
        password=password,
        access=spec.controller,
    )
    if not _exists(client, spec.name):
        check_all(client.call("UserManager", "AddUser", {"users": [{"username": spec.name, "password": password}]}))
    elif known is None:
        change = {"tag": f"user-{spec.name}", "password": password}
        check_all(client.call("UserManager", "SetPassword", {"changes": [change]}))
    right = {"user-tag": f"user-{spec.name}", "action": "grant"}
    if spec.controller == "superuser":
        _grant(client, "Controller", "ModifyControllerAccess", right | {"access": spec.controller})
    for name, level in spec.models.items():
        change = right | {"access": level, "model-tag": f"model-{models[name]}"}
        _grant(client, "ModelManager", "ModifyModelAccess", change)
    seen = {f"admin/{name}": models[name] for name in spec.models}
    store.set_models(controller.name, seen, current=store.current_model(controller.name) or next(iter(seen), None))


def _exists(client: Client, name: str) -> bool:
    answer = client.call("UserManager", "UserInfo", {"entities": None, "include-disabled": True})
    return any(check(entry)["result"]["username"] == name for entry in answer["results"])


def _grant(client: Client, facade: str, method: str, change: dict[str, str]) -> None:
    try:
        check_all(client.call(facade, method, {"changes": [change]}))
    except RpcError as error:
        # Juju has no code for it.
        if "user already has" not in error.message:
            raise
