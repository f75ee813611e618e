"""What logins announce, as python-libjuju's own connection keeps it.

The argument is a file with a list of connections: address, CA, user, password, and the UUID of a model or nothing.
"""

import asyncio
import json
import sys
from pathlib import Path

from calls import calling
from juju.client.connection import Connection


async def main(path):
    for where in json.loads(Path(path).read_text()):
        kind = "model" if where["uuid"] else "controller"
        with calling(f"Connection.connect, {where['version']}, {kind}: facades announced") as told:
            words = {key: where[key] for key in ("endpoint", "uuid", "username", "password", "cacert")}
            connection = await Connection.connect(**words)
            try:
                facades = {entry["name"]: entry["versions"] for entry in connection.info["facades"]}
                assert connection.info["server-version"] == where["version"]
                told.facts = {"version": where["version"], "kind": kind, "facades": facades}
                told.result = f"ok: {len(facades)}"
            finally:
                await connection.close()


asyncio.run(main(*sys.argv[1:]))
