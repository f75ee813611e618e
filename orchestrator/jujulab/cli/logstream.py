"""The stream of a model's log (the wire compatibility notes, section 2)."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from jujulab.session import DIAL_SECONDS, Model, Session
from jujulab_core.errors import ConnectionLost, RpcError
from jujulab_core.layout import API_SERVER_NAME
from jujulab_core.rpc.channel import tls_context


def records(session: Session, model: Model, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The records as they come: ``tag``, ``ts``, ``sev``, ``mod``, ``loc``, ``msg``.

    Args:
        session: Whose controller is asked.
        model: Whose log it is.
        query: ``backlog``, ``maxLines``, ``noTail``, ``replay``, ``level``, ``includeEntity``, ...

    Raises:
        ConnectionLost: The controller does not answer, or went away.
        RpcError: It refused.
    """
    from websockets.exceptions import ConnectionClosedOK, WebSocketException
    from websockets.sync.client import connect

    given = {key: value for key, value in query.items() if value not in (None, "", [], ())}
    address = session.client.address
    login = base64.b64encode(f"{session.user_tag}:{session.account.password}".encode()).decode()
    host, _, port = address.rpartition(":")
    try:
        # The socket is made here because the library would ask the environment for a proxy.
        raw = socket.create_connection((host.strip("[]"), int(port)), DIAL_SECONDS)
        with connect(
            f"wss://{address}/model/{model.uuid}/log?{urlencode(given, doseq=True)}",
            sock=raw,
            ssl=tls_context(session.controller.ca_cert),
            server_hostname=API_SERVER_NAME,
            additional_headers={"Authorization": f"Basic {login}"},
            open_timeout=DIAL_SECONDS,
            max_size=None,
        ) as stream:
            first = json.loads(stream.recv(timeout=DIAL_SECONDS))
            if error := first.get("error"):
                raise RpcError(error.get("message", ""), error.get("code", ""))
            for text in stream:
                yield json.loads(text)
    except ConnectionClosedOK:
        return
    except (OSError, WebSocketException) as error:
        raise ConnectionLost(f"the log of {model.full_name} cannot be read any further: {error}") from error
