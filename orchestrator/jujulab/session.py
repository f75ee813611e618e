"""From what the user typed to a logged-in connection to the controller and model that were meant."""

from __future__ import annotations

import os
from typing import NamedTuple

from jujulab.store import Account, Controller, Store
from jujulab_core.errors import ConnectionLost, JujulabError, RpcError
from jujulab_core.rpc import Client, connect

DIAL_SECONDS = 10.0
RETRY_SECONDS = 0.5
UPGRADE_IN_PROGRESS = "upgrade in progress"
MODEL_NOT_FOUND = "model not found"
UNAUTHORIZED = "unauthorized access"


class ModelNotFoundError(JujulabError):
    """The controller has no such model, or the user may not see it."""


class Model(NamedTuple):
    """A model that a command works on.

    Attributes:
        full_name: ``admin/default``.
        uuid: Its UUID.
    """

    full_name: str
    uuid: str

    @property
    def name(self) -> str:
        """The name without the owner."""
        return self.full_name.rpartition("/")[2]

    @property
    def tag(self) -> str:
        """The tag on the wire: ``model-UUID``."""
        return f"model-{self.uuid}"


def resolve_controller(store: Store, name: str | None) -> Controller:
    """The controller of that name, else of ``JUJU_CONTROLLER``, else the current one.

    Raises:
        JujulabError: There is none; Juju's words.
    """
    controllers = store.controllers()
    name = name or os.environ.get("JUJU_CONTROLLER") or store.current_controller
    if name and name in controllers:
        return controllers[name]
    if not controllers:
        raise JujulabError("No controllers registered.", next_step="make a lab with `jujulab up`")
    if not name:
        raise JujulabError("No selected controller.", next_step="choose one with `jujulab switch CONTROLLER`")
    known = ", ".join(controllers)
    raise JujulabError(f"controller {name} not found", next_step=f"use one of: {known} (see `jujulab controllers`)")


class Session:
    """One command's dealings with one controller. A context manager; connects when first needed."""

    def __init__(self, store: Store, controller: Controller, account: Account, wanted_model: str | None) -> None:
        self.store = store
        self.controller = controller
        self.account = account
        self._wanted_model = wanted_model
        self._clients: dict[str | None, Client] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    @property
    def user_tag(self) -> str:
        """``user-admin``."""
        return f"user-{self.account.user}"

    @property
    def is_superuser(self) -> bool:
        """Whether the last login gave access to the whole controller."""
        account = self.store.account(self.controller.name)
        return account is not None and account.access == "superuser"

    # Models.

    def full_name(self, name: str) -> str:
        """``admin/default`` for ``default``."""
        return name if "/" in name else f"{self.account.user}/{name}"

    def display_name(self, full_name: str) -> str:
        """The name as lists show it: without the owner, if that is the user."""
        owner, _, name = full_name.rpartition("/")
        return name if owner == self.account.user else full_name

    def model(self) -> Model:
        """The model to work on: the one named, else the current one.

        Raises:
            JujulabError: ``No model in focus.``, or ``model CTRL:OWNER/NAME not found``.
        """
        name = self._wanted_model or self.store.current_model(self.controller.name)
        if name is None:
            raise JujulabError(
                "No model in focus.", next_step="choose one with `jujulab switch MODEL`, or name one with -m"
            )
        return self.find_model(name)

    def find_model(self, name: str) -> Model:
        """A model by its name, from the store, or by asking the controller once.

        Raises:
            ModelNotFoundError: ``model CTRL:OWNER/NAME not found``.
        """
        full = self.full_name(name)
        uuid = self.store.models(self.controller.name).get(full) or self.refresh_models().get(full)
        if uuid is None:
            raise ModelNotFoundError(
                f"model {self.controller.name}:{full} not found",
                next_step=f"see `jujulab models -c {self.controller.name}` for those there are",
            )
        return Model(full, uuid)

    def refresh_models(self) -> dict[str, str]:
        """Asks the controller for the models this user may see and remembers them: UUIDs by full name."""
        client = self.client
        if self.is_superuser:
            answer = client.call("Controller", "AllModels")
        else:
            answer = client.call("ModelManager", "ListModels", {"tag": self.user_tag})
        models = {}
        for entry in answer.get("user-models") or ():
            model = entry["model"]
            # From 4.0 on a controller says who owns a model by the qualifier of its name.
            owner = (model.get("owner-tag") or model["qualifier"]).removeprefix("user-").removesuffix("@local")
            models[f"{owner}/{model['name']}"] = model["uuid"]
        self.store.set_models(self.controller.name, models)
        return models

    # Connections.

    @property
    def client(self) -> Client:
        """The connection to the controller."""
        return self._client(None)

    def model_client(self, model: Model | None = None) -> Client:
        """The connection to a model, by default the one to work on.

        A model that was removed and made again under its name is looked up anew.

        Raises:
            JujulabError: There is no such model (any more).
        """
        model = model or self.model()
        try:
            return self._client(model.uuid)
        except RpcError as error:
            if error.code != MODEL_NOT_FOUND:
                raise
        self.refresh_models()
        return self._client(self.find_model(model.full_name).uuid)

    def _client(self, uuid: str | None, timeout: float = DIAL_SECONDS) -> Client:
        known = self._clients.get(uuid)
        if known is not None and known.is_open:
            return known
        client = self._connect(uuid, timeout)
        try:
            login = client.log_in(self.user_tag, self.account.password, timeout=max(timeout, DIAL_SECONDS))
        except BaseException as error:
            client.close()
            if isinstance(error, RpcError) and error.code == UNAUTHORIZED:
                error.next_step = f"this is user {self.account.user} on {self.controller.name}; see `jujulab whoami`"
            raise
        if login.server_version and login.server_version != self.controller.agent_version:
            self.store.update_controller(self.controller.name, agent_version=login.server_version)
        endpoints = [
            f"{server['value']}:{server['port']}" for same in login.raw.get("servers") or () for server in same
        ]
        if endpoints and endpoints != list(self.controller.endpoints):
            # As Juju's client does: one of several controllers may have come, or gone.
            self.store.update_controller(self.controller.name, endpoints=endpoints)
        access = (login.raw.get("user-info") or {}).get("controller-access") or ""
        if uuid is None and access:
            self.store.set_access(self.controller.name, access)
        self._clients[uuid] = client
        return client

    def _connect(self, uuid: str | None, timeout: float) -> Client:
        try:
            return connect(list(self.controller.endpoints), self.controller.ca_cert, model=uuid, timeout=timeout)
        except ConnectionLost as error:
            error.next_step = "see whether the lab is up with `jujulab labs`; `jujulab start` starts a stopped one"
            raise


def controller_name(name: str | None) -> str:
    """The name of the controller that ``-c`` means; see :func:`resolve_controller`."""
    return resolve_controller(Store.default(), name).name


def connect_controller(name: str | None = None) -> Session:
    """A session with a controller; connects when first needed.

    Args:
        name: As of ``-c``; by default ``JUJU_CONTROLLER``, else the current controller.

    Raises:
        JujulabError: There is no such controller, or nobody is logged in there.
    """
    return _session(name, None)


def connect_model(name: str | None = None) -> Session:
    """A session with a model in focus; connects when first needed.

    Args:
        name: ``[CONTROLLER:][OWNER/]MODEL`` as of ``-m``; by default ``JUJU_MODEL``, else the current model.

    Raises:
        JujulabError: There is no such controller, or nobody is logged in there.
    """
    controller, _, model = (name or os.environ.get("JUJU_MODEL") or "").rpartition(":")
    return _session(controller or None, model or None)


def _session(controller: str | None, model: str | None) -> Session:
    store = Store.default()
    found = resolve_controller(store, controller)
    account = store.account(found.name)
    if account is None:
        raise JujulabError(f"not logged in to controller {found.name}", next_step="log in with `jujulab login`")
    return Session(store, found, account, model)
