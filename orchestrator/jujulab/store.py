"""The client store: which controllers there are, who we are there, and which model is in focus.

The files are Juju's own (the wire compatibility notes, section 14), so that a real Juju client pointed at the
directory by ``JUJU_DATA`` finds the lab. Beside them, ``labs/NAME`` holds the secrets of a lab.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jujulab import client_key
from jujulab_core.errors import JujulabError, UsageError

CLOUD_TYPE = "docker"
_OF_CONTROLLERS = ("controllers.yaml", "accounts.yaml", "models.yaml")
_FILES = (*_OF_CONTROLLERS, "clouds.yaml", "credentials.yaml")


@dataclass(frozen=True)
class Controller:
    """A controller as the client remembers it.

    Attributes:
        name: Known to the client only.
        uuid: The controller's UUID.
        endpoints: ``host:port`` in order of preference.
        ca_cert: The CA of its certificate, in PEM.
        cloud: ``docker`` for a lab.
        region: The lab's name.
        agent_version: The version it ran when it was last asked.
        machine_count: Machines in all its models, when it was last asked.
        controller_machines: The machines it runs on itself.
        active_controller_machines: Those of them that answer.
    """

    name: str
    uuid: str
    endpoints: tuple[str, ...]
    ca_cert: str
    cloud: str
    region: str
    agent_version: str
    machine_count: int = 0
    controller_machines: int = 1
    active_controller_machines: int = 0


@dataclass(frozen=True)
class Account:
    """Who we are on a controller.

    Attributes:
        user: The user's name.
        password: The user's password.
        access: To the controller, at the last login.
        chosen: Whether a person knows the password, so that it may be forgotten.
    """

    user: str
    password: str
    access: str
    chosen: bool = False


class Store:
    """Reads and changes the files; every change is one atomic step, safe against other commands."""

    def __init__(self, root: Path) -> None:
        """Takes the directory as it is; the first change makes it (0700)."""
        self.root = root

    @classmethod
    def default(cls) -> Store:
        """The user's store: ``$JUJULAB_DATA``, else ``$XDG_STATE_HOME/jujulab``, else below ``~/.local/state``."""
        if data := os.environ.get("JUJULAB_DATA"):
            return cls(Path(data))
        state = os.environ.get("XDG_STATE_HOME")
        return cls((Path(state) if state else Path.home() / ".local" / "state") / "jujulab")

    # Controllers.

    @property
    def current_controller(self) -> str | None:
        """The name of the controller in focus."""
        name = self._read("controllers.yaml").get("current-controller")
        return str(name) if name else None

    def controllers(self) -> dict[str, Controller]:
        """All controllers by name, sorted."""
        entries = self._read("controllers.yaml").get("controllers") or {}
        return {name: self._controller(name, entries[name]) for name in sorted(entries)}

    def add_controller(
        self,
        name: str,
        uuid: str,
        endpoints: list[str],
        ca_cert: str,
        cloud: str,
        region: str,
        agent_version: str,
        user: str,
        password: str,
        access: str = "superuser",
    ) -> None:
        """Adds a controller, or replaces the one of that name, and makes it the current one."""
        entry = {
            "uuid": uuid,
            "api-endpoints": list(endpoints),
            "unresolved-api-endpoints": list(endpoints),
            "dns-cache": {},
            "ca-cert": ca_cert,
            "cloud": cloud,
            "region": region,
            "type": CLOUD_TYPE,
            "agent-version": agent_version,
            "controller-machine-count": 1,
            "active-controller-machine-count": 0,
            "machine-count": 0,
        }
        account = {"user": user, "password": password, "last-known-access": access}
        with self._change() as files:
            files["controllers.yaml"].setdefault("controllers", {})[name] = entry
            files["controllers.yaml"]["current-controller"] = name
            files["accounts.yaml"].setdefault("controllers", {})[name] = account
            files["models.yaml"].setdefault("controllers", {}).setdefault(name, {"models": {}})
            self._make(self.root / "ssh")
            client_key.ensure(self.root / "ssh")
        self._write(self.root / "cookies" / f"{name}.json", "[]")

    def update_controller(self, name: str, **changes: Any) -> None:
        """Sets keys of a controller's entry, such as ``agent_version="2.6.10"`` or ``machine_count=5``."""
        renamed = {
            "endpoints": "api-endpoints",
            "controller_machines": "controller-machine-count",
            "active_controller_machines": "active-controller-machine-count",
        }
        if "endpoints" in changes:
            # There are no names to be resolved.
            changes |= {"unresolved-api-endpoints": list(changes["endpoints"])}
        with self._change() as files:
            entry = (files["controllers.yaml"].get("controllers") or {}).get(name)
            if entry is not None:
                entry.update({renamed.get(key, key.replace("_", "-")): value for key, value in changes.items()})

    def remove_controller(self, name: str) -> None:
        """Forgets a controller, its account, its models and its region; nothing happens if it is not known."""
        with self._change() as files:
            entries = [(files[file].get("controllers") or {}).pop(name, None) for file in _OF_CONTROLLERS]
            if entries[0] is not None:
                _remove_region(files, str(entries[0].get("cloud")), str(entries[0].get("region")))
            if files["controllers.yaml"].get("current-controller") == name:
                del files["controllers.yaml"]["current-controller"]
        (self.root / "cookies" / f"{name}.json").unlink(missing_ok=True)

    # Clouds. All labs are regions of one; what a user is let in by has no secret in it and is named as the region.

    def add_region(self, cloud: str, region: str) -> None:
        """Adds a region to a cloud, made where it is missing, with the credential for it."""
        with self._change() as files:
            clouds = files["clouds.yaml"].setdefault("clouds", {})
            entry = clouds.setdefault(cloud, {"type": CLOUD_TYPE, "auth-types": ["empty"], "regions": {}})
            entry.setdefault("regions", {}).setdefault(region, {})
            credentials = files["credentials.yaml"].setdefault("credentials", {}).setdefault(cloud, {})
            credentials.setdefault(region, {"auth-type": "empty"})

    # Accounts.

    def account(self, controller: str) -> Account | None:
        """The account on a controller, or None when nobody is logged in there."""
        entry = (self._read("accounts.yaml").get("controllers") or {}).get(controller)
        if not entry:
            return None
        return Account(
            str(entry["user"]),
            str(entry.get("password", "")),
            str(entry.get("last-known-access", "")),
            bool(entry.get("password-chosen")),
        )

    def set_account(self, controller: str, user: str, password: str, access: str) -> None:
        """Notes who we are on a controller from now on, with a password that a person has typed."""
        entry = {"user": user, "password": password, "last-known-access": access, "password-chosen": True}
        with self._change() as files:
            files["accounts.yaml"].setdefault("controllers", {})[controller] = entry

    def remove_account(self, controller: str) -> None:
        """Forgets who we are on a controller, and which models we saw there."""
        with self._change() as files:
            (files["accounts.yaml"].get("controllers") or {}).pop(controller, None)
            (files["models.yaml"].get("controllers") or {}).pop(controller, None)

    def set_access(self, controller: str, access: str) -> None:
        """Notes the access that the controller granted at the last login."""
        known = self.account(controller)
        if known is None or known.access == access:
            return
        with self._change() as files:
            files["accounts.yaml"]["controllers"][controller]["last-known-access"] = access

    # Models. A model's full name is OWNER/NAME.

    def models(self, controller: str) -> dict[str, str]:
        """The UUIDs of the known models of a controller, by full name, sorted."""
        models = self._models_entry(controller).get("models") or {}
        return {name: str(models[name]["uuid"]) for name in sorted(models)}

    def set_models(self, controller: str, models: Mapping[str, str], current: str | None = None) -> None:
        """Replaces the known models of a controller.

        Args:
            controller: Its name.
            models: UUIDs by full name. A current model that is not among them is no longer current.
            current: The full name of the model to put in focus; None keeps the one that is.
        """
        with self._change() as files:
            entry = files["models.yaml"].setdefault("controllers", {}).setdefault(controller, {})
            entry["models"] = {name: {"uuid": uuid, "type": "iaas"} for name, uuid in sorted(models.items())}
            if current is not None:
                entry["current-model"] = current
            if entry.get("current-model") not in entry["models"]:
                entry.pop("current-model", None)

    def current_model(self, controller: str) -> str | None:
        """The full name of the model in focus on a controller."""
        name = self._models_entry(controller).get("current-model")
        return str(name) if name else None

    def switch(self, controller: str, model: str | None = None) -> None:
        """Puts a controller in focus, and on it a model, where one is given.

        Args:
            controller: The controller's name.
            model: A model's full name; None keeps the controller's current model.

        Raises:
            UsageError: There is no such controller.
        """
        if controller not in self.controllers():
            raise UsageError(f"controller {controller} not found")
        with self._change() as files:
            files["controllers.yaml"]["current-controller"] = controller
            if model is not None:
                entry = files["models.yaml"].setdefault("controllers", {}).setdefault(controller, {"models": {}})
                entry["current-model"] = model

    # Labs.

    def lab_dir(self, name: str) -> Path:
        """The directory with a lab's secrets, made (0700) if it is not there."""
        directory = self.root / "labs" / name
        self._make(directory)
        return directory

    def labs(self) -> list[str]:
        """The names of the labs that have a directory, sorted."""
        directory = self.root / "labs"
        return sorted(path.name for path in directory.iterdir() if path.is_dir()) if directory.is_dir() else []

    def remove_lab_dir(self, name: str) -> None:
        """Removes a lab's directory with all its secrets."""
        shutil.rmtree(self.root / "labs" / name, ignore_errors=True)

    # Files.

    @staticmethod
    def _controller(name: str, entry: dict[str, Any]) -> Controller:
        return Controller(
            name=name,
            uuid=str(entry["uuid"]),
            endpoints=tuple(entry["api-endpoints"]),
            ca_cert=str(entry["ca-cert"]),
            cloud=str(entry.get("cloud", "")),
            region=str(entry.get("region", "")),
            agent_version=str(entry.get("agent-version", "")),
            machine_count=int(entry.get("machine-count", 0)),
            controller_machines=int(entry.get("controller-machine-count", 1)),
            active_controller_machines=int(entry.get("active-controller-machine-count", 0)),
        )

    def _models_entry(self, controller: str) -> dict[str, Any]:
        entry: dict[str, Any] = (self._read("models.yaml").get("controllers") or {}).get(controller) or {}
        return entry

    def _read(self, name: str) -> dict[str, Any]:
        path = self.root / name
        try:
            text = path.read_text()
        except FileNotFoundError:
            return {}
        import yaml

        try:
            content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - it is safe
        except yaml.YAMLError as error:
            step = f"mend {path}, or remove it and make the lab again"
            raise JujulabError(f"cannot read {path}: {error}", next_step=step) from error
        if content is None:
            return {}
        if not isinstance(content, dict):
            raise JujulabError(f"cannot read {path}: it does not hold a map", next_step=f"mend or remove {path}")
        return content

    @contextlib.contextmanager
    def _change(self) -> Iterator[dict[str, dict[str, Any]]]:
        """Gives all files to the caller and writes those that it changed, while no other command can."""
        self._make(self.root)
        with os.fdopen(os.open(self.root / ".lock", os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            files = {name: self._read(name) for name in _FILES}
            before = {name: repr(content) for name, content in files.items()}
            yield files
            for name, content in files.items():
                if repr(content) != before[name]:
                    from jujulab.yamltext import dump

                    self._write(self.root / name, dump(content))

    def _write(self, path: Path, text: str) -> None:
        self._make(path.parent)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        try:
            with os.fdopen(handle, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _make(self, directory: Path) -> None:
        if not self.root.is_dir():
            self.root.mkdir(parents=True, mode=0o700, exist_ok=True)
        for path in reversed((directory, *directory.parents)):
            if path.is_relative_to(self.root):
                path.mkdir(mode=0o700, exist_ok=True)


def _remove_region(files: dict[str, dict[str, Any]], cloud: str, region: str) -> None:
    clouds, credentials = files["clouds.yaml"].get("clouds") or {}, files["credentials.yaml"].get("credentials") or {}
    if region in (clouds.get(cloud) or {}).get("regions", {}):
        del clouds[cloud]["regions"][region]
        if not clouds[cloud]["regions"]:
            del clouds[cloud]
    if region in credentials.get(cloud, {}):
        del credentials[cloud][region]
        if not credentials[cloud]:
            del credentials[cloud]
