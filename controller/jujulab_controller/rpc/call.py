"""One call as its handler sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jujulab_controller.auth import Identity
from jujulab_controller.errors import bad_request, permission_denied
from jujulab_controller.rpc.frames import Request
from jujulab_core.errors import JujulabError
from jujulab_core.tags import split_tag

if TYPE_CHECKING:
    from jujulab_controller.rpc.session import Session
    from jujulab_controller.services import Services


class Call:
    """A request with the session that it came in, and readers for its parameters.

    Attributes:
        services: The controller's parts.
        session: Whose call.
        version: The facade's version that the client chose.
        id: The watcher's id, for watcher facades.
        params: The parameters; null counts as absent in all readers.
    """

    __slots__ = ("id", "params", "services", "session", "version")

    def __init__(self, services: Services, session: Session, request: Request) -> None:
        self.services = services
        self.session = session
        self.version = request.version
        self.id = request.id or str(request.params.get("id") or request.params.get("Id") or "")
        self.params = request.params

    @property
    def identity(self) -> Identity:
        """Who calls."""
        return self.session.identity

    @property
    def model(self) -> str:
        """The UUID of the connection's model; on a controller connection the controller model's."""
        return self.session.model_uuid or self.services.controller_model

    def text(self, key: str, default: str = "") -> str:
        """A text.

        Raises:
            RpcError: Something else is there.
        """
        return text(self.params, key, default)

    def flag(self, key: str) -> bool:
        """A truth; false when absent.

        Raises:
            RpcError: Something else is there.
        """
        value = self.params.get(key)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise bad_request(f"parameter {key} is not true or false")
        return value

    def mapping(self, key: str) -> dict[str, Any]:
        """An object; empty when absent.

        Raises:
            RpcError: Something else is there.
        """
        return mapping(self.params, key)

    def items(self, key: str) -> list[dict[str, Any]]:
        """A list of objects; empty when absent.

        Raises:
            RpcError: Something else is there.
        """
        return items(self.params, key)

    def texts(self, key: str) -> list[str]:
        """A list of texts; empty when absent.

        Raises:
            RpcError: Something else is there.
        """
        return texts(self.params, key)

    def tags(self, key: str = "entities") -> list[str]:
        """The tags of ``{"entities": [{"tag"}]}``.

        Raises:
            RpcError: The list is not one.
        """
        return [text(item, "tag") for item in self.items(key)]

    def own(self, tag: str) -> str:
        """Returns the tag if it is the caller's own.

        Raises:
            RpcError: ``permission denied``: agents may speak only for themselves.
        """
        if tag != self.identity.tag:
            raise permission_denied()
        return tag


def text(mapping: dict[str, Any], key: str, default: str = "") -> str:
    """A text from an object of the parameters.

    Raises:
        RpcError: Something else is there.
    """
    value = mapping.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise bad_request(f"parameter {key} is not a text")
    return value


def mapping(outer: dict[str, Any], key: str) -> dict[str, Any]:
    """An object from an object of the parameters; empty when absent.

    Raises:
        RpcError: Something else is there.
    """
    value = outer.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_request(f"parameter {key} is not an object")
    return value


def items(outer: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """A list of objects from an object of the parameters; empty when absent.

    Raises:
        RpcError: Something else is there.
    """
    value = outer.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise bad_request(f"parameter {key} is not a list of objects")
    return value


def texts(outer: dict[str, Any], key: str) -> list[str]:
    """A list of texts from an object of the parameters; empty when absent.

    Raises:
        RpcError: Something else is there.
    """
    value = outer.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise bad_request(f"parameter {key} is not a list of texts")
    return value


def number(mapping: dict[str, Any], key: str, default: int = 0) -> int:
    """A whole number from an object of the parameters.

    Raises:
        RpcError: Something else is there.
    """
    value = mapping.get(key)
    if value is None:
        return default
    # What is no 64-bit number is one in no client, and the database has none either.
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise bad_request(f"parameter {key} is not a whole number")
    return value


def entity(tag: str, kind: str) -> str:
    """The name in a tag of this kind: ``3`` in ``machine-3``.

    Raises:
        RpcError: It is another kind of tag, or none: Juju's words.
    """
    try:
        found, name = split_tag(tag)
    except JujulabError:
        found, name = "", ""
    if found != kind:
        raise bad_request(f'"{tag}" is not a valid {kind} tag')
    return name
