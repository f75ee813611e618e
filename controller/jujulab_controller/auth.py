"""Passwords, and who may do what.

People choose weak passwords, so theirs are hashed with scrypt. Agents' passwords are random (24 bytes and
more), which one round of SHA-256 protects as well, and ten thousand agents must be able to log in at once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import IntEnum

_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**14, 8, 1
# Nobody's hash. It costs as much to check as somebody's, so that the time does not tell which users there are.
NOBODY = f"scrypt${'0' * 32}${'0' * 128}"


class Access(IntEnum):
    """What a call needs, or what a user has, in rising order.

    The first two are about the controller, the next three about the model of the call; the last is the
    controller's and includes everything.
    """

    NONE = 0
    LOGIN = 1
    READ = 2
    WRITE = 3
    ADMIN = 4
    SUPERUSER = 5


CONTROLLER_LEVELS = {"login": Access.LOGIN, "superuser": Access.SUPERUSER}
MODEL_LEVELS = {"read": Access.READ, "write": Access.WRITE, "admin": Access.ADMIN}


def access_name(access: Access) -> str:
    """Juju's word for a level: ``read``, ``superuser``; empty for none."""
    return "" if access is Access.NONE else access.name.lower()


@dataclass(frozen=True)
class Identity:
    """Who is logged in.

    Attributes:
        kind: ``user``, ``machine``, ``unit`` or ``orchestrator``.
        name: ``admin``, ``0``, ``ubuntu/0``.
        tag: ``user-admin``, ``machine-0``, ...
    """

    kind: str
    name: str
    tag: str

    @property
    def is_agent(self) -> bool:
        """Whether this is a machine's or a unit's agent."""
        return self.kind in ("machine", "unit")


def same(left: str, right: str) -> bool:
    """Whether two secrets are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(left.encode(), right.encode())


def make_password() -> str:
    """A random password for an agent, or a nonce."""
    return secrets.token_urlsafe(24)


def make_secret() -> str:
    """A secret with which a new user registers, once."""
    return secrets.token_urlsafe(24)


def hash_user_password(password: str) -> str:
    """Hashes what a person typed; takes about 50 ms of CPU on purpose."""
    salt = secrets.token_bytes(16)
    return f"scrypt${salt.hex()}${_scrypt(password, salt).hex()}"


def hash_agent_password(password: str) -> str:
    """Hashes a random password."""
    return f"sha256${hashlib.sha256(password.encode()).hexdigest()}"


def check_password(password: str, stored: str) -> bool:
    """Whether this is the password; an empty stored hash matches nothing."""
    kind, _, rest = stored.partition("$")
    if kind == "sha256":
        return same(hash_agent_password(password), stored)
    if kind == "scrypt":
        salt, _, digest = rest.partition("$")
        return same(_scrypt(password, bytes.fromhex(salt)).hex(), digest)
    return False


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_SCRYPT_N, r=_SCRYPT_R, p=_SCRYPT_P)
