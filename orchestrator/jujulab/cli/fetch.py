"""Asks for the status, with the patience that a controller in the middle of its own upgrade needs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from jujulab.session import Session
from jujulab_core.errors import ConnectionLost


def full_status(
    session: Session, patterns: Sequence[str] = (), storage: bool = False, retries: int = 0, delay: float = 0.1
) -> dict[str, Any]:
    """The answer of ``Client.FullStatus``.

    Args:
        session: Whose model is meant.
        patterns: What it is limited to; nothing for all.
        storage: Whether storage is asked for.
        retries: How often a lost connection is made again.
        delay: Seconds between tries.

    Raises:
        ConnectionLost: The controller did not answer to any try.
        RpcError: The controller refused.
    """
    params = {"patterns": list(patterns), "include-storage": storage}
    while True:
        try:
            return session.model_client().call("Client", "FullStatus", params)
        except ConnectionLost:
            if retries <= 0:
                raise
            retries -= 1
            threading.Event().wait(delay)
