"""Juju's API from the client's side: JSON frames over a websocket over TLS."""

from jujulab_core.rpc.client import Client, Login, Reply, connect
from jujulab_core.rpc.results import only_result

__all__ = ["Client", "Login", "Reply", "connect", "only_result"]
