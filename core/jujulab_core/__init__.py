"""The vocabulary that agent, controller and orchestrator share.

Versions, tags, agent binaries, simplestreams, paths on a Juju machine, RPC frames and client, errors and
the rules of an upgrade. Nothing here imports the other three packages, and the rules do no I/O.
"""
