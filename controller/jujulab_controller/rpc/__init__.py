"""Juju's RPC over websockets: frames, connections, and the registry of what can be called."""
