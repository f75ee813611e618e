"""The stream of a model's log (the wire compatibility notes, section 2)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from jujulab.session import DIAL_SECONDS, Model, Session
from jujulab_core.errors import ConnectionLost, RpcError
from jujulab_core.rpc.channel import Channel, tls_context


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
    given = {key: value for key, value in query.items() if value not in (None, "", [], ())}
    login = base64.b64encode(f"{session.user_tag}:{session.account.password}".encode()).decode()
    channel = Channel(
        session.client.address,
        f"/model/{model.uuid}/log?{urlencode(given, doseq=True)}",
        tls_context(session.controller.ca_cert),
        DIAL_SECONDS,
        {"Authorization": f"Basic {login}"},
    )
    try:
        first = json.loads(channel.receive(DIAL_SECONDS) or "{}")
        if error := first.get("error"):
            raise RpcError(error.get("message", ""), error.get("code", ""))
        while (text := channel.receive()) is not None:
            yield json.loads(text)
        if not channel.said_goodbye:
            raise ConnectionLost(f"the log of {model.full_name} cannot be read any further: the controller went away")
    finally:
        channel.release()
