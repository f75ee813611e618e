"""What runs on every machine: ``jujud``, and the builder that packs it into a versioned tarball.

The agent starts on every machine at every upgrade, so its start is the fleet's cost: 150 ms of CPU from exec
to logged in, and 30 MiB resident. Hence no YAML, no asyncio, no argparse, and imports inside functions for
what is not needed before the login.
"""
