"""The token of ``add-user``: where the controller is, who it is, and the new user's secret; and what it is traded for.

The secret is good for one password. The token carries the lab's CA, so that the trade is made with the right
controller even by a client that has never seen it.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jujulab_core.errors import ConnectionLost, JujulabError, RpcError, UsageError
from jujulab_core.layout import API_SERVER_NAME
from jujulab_core.rpc.channel import dial, tls_context

TIMEOUT = 30.0


@dataclass(frozen=True)
class Token:
    """What the person who was added gets.

    Attributes:
        user: The user's name.
        secret: For one registration.
        controller: The name that the controller has with whoever added the user.
        uuid: The controller's UUID.
        endpoints: ``host:port``, in order of preference.
        ca_cert: The CA of the controller's certificate, in PEM.
        cloud: The controller's cloud.
        region: The controller's region.
        agent_version: The version it runs.
    """

    user: str
    secret: str
    controller: str
    uuid: str
    endpoints: list[str]
    ca_cert: str
    cloud: str
    region: str
    agent_version: str

    def encode(self) -> str:
        """One word, for a command line."""
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Token:
        """Reads such a word.

        Raises:
            UsageError: It is none.
        """
        try:
            fields: Any = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
            token = cls(**fields)
        except (binascii.Error, ValueError, TypeError):
            raise UsageError(
                "that is not a registration token", next_step="copy the whole line that `jujulab add-user` printed"
            ) from None
        return token


def set_first_password(token: Token, password: str) -> None:
    """Trades the token's secret for a password.

    Raises:
        RpcError: The controller refuses; a secret is good once.
        ConnectionLost: It does not answer.
    """
    body = {"user": f"user-{token.user}", "secret": token.secret, "password": password}
    lost = ConnectionLost("the token names no address of a controller")
    for endpoint in token.endpoints:
        try:
            status, answer = _post(endpoint, token.ca_cert, body)
        except ConnectionLost as error:
            lost = error
            continue
        if status != http.HTTPStatus.OK:
            refused = answer.get("error") or {}
            raise RpcError(refused.get("message") or f"the controller answered {status}", refused.get("code", ""))
        return
    raise lost


def _post(endpoint: str, ca_cert: str, body: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(API_SERVER_NAME)
    connection.sock = dial(endpoint, tls_context(ca_cert), TIMEOUT)
    try:
        connection.request("POST", "/register", json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionLost(f"the controller at {endpoint} broke the registration off: {error}") from error
    except ValueError:
        raise JujulabError(f"what answers at {endpoint} is not a controller") from None
    finally:
        connection.close()
    return response.status, answer
