"""The orchestrator's process: ``python -m jujulab.orchestrate [--config FILE] [--key FILE]``."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from pathlib import Path

from jujulab.rollout.acts import Limits
from jujulab.rollout.daemon import Orchestrator, Settings
from jujulab.rollout.hands import Hands
from jujulab_core.errors import JujulabError


def main(arguments: list[str] | None = None) -> int:
    """Runs until SIGTERM or SIGINT.

    Returns:
        The exit code: 0 after a signal, 1 when the configuration cannot be read.
    """
    parser = argparse.ArgumentParser(prog="python -m jujulab.orchestrate", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("/etc/jujulab/orchestrator.json"))
    parser.add_argument("--key", type=Path, default=Path("/etc/jujulab/id_ed25519"))
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    # Paramiko tells of every handshake; what matters of them is in our own lines.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    try:
        config = json.loads(options.config.read_text())
        limits = Limits(**config.get("deadlines", {}))
        settings = Settings(config["api"], config["ca-cert"], config["tag"], config["password"], limits)
        orchestrator = Orchestrator(settings, Hands(options.key))
    except (OSError, ValueError, KeyError, TypeError, JujulabError) as error:
        print(f"ERROR cannot read the orchestrator's configuration: {error}", file=sys.stderr)  # noqa: T201
        return 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: orchestrator.stop())
    orchestrator.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
