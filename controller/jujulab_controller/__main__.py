"""``python -m jujulab_controller``: the controller's process."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from jujulab_controller.app import listening_socket, serve
from jujulab_core.errors import JujulabError
from jujulab_core.layout import DATA_DIR, LOG_DIR
from jujulab_core.version import Number


def main() -> int:
    """Reads the arguments and runs until it is told to end."""
    parser = argparse.ArgumentParser(prog="jujulab_controller", description="The controller of a lab.")
    parser.add_argument("--data-dir", type=Path, default=Path(DATA_DIR), help="where its state is")
    parser.add_argument("--log-dir", type=Path, default=Path(LOG_DIR), help="where logsink.log is")
    parser.add_argument("--agent-version", required=True, help="the version that it runs as")
    parser.add_argument("--machine-id", default="0", metavar="N", help="the number of its machine")
    parser.add_argument("--listen", default="", metavar="HOST:PORT", help="instead of systemd's socket")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # The state holds password hashes and the certificate's key.
    os.umask(0o077)
    try:
        version = Number.parse(arguments.agent_version)
        listener = listening_socket(arguments.listen)
        asyncio.run(serve(arguments.data_dir, arguments.log_dir, version, listener, arguments.machine_id))
    except JujulabError as error:
        print(error.told(), file=sys.stderr)  # noqa: T201 - the last word of a daemon that cannot start
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
