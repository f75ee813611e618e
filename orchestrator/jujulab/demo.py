"""``make demo``: the commands of Juju's manual page on upgrading models, typed one after the other on a real lab."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

LAB_FILE = "docs/examples/demo.yaml"


class Step(NamedTuple):
    """A command line, what is said before it, and the exit code that it must have."""

    say: str
    line: str
    exit_code: int = 0


STEPS = (
    Step("A lab: a controller, five machines, two applications and a subordinate.", f"jujulab up {LAB_FILE}"),
    Step("Before an upgrade: is everything in working order, and what is running?", "juju status"),
    Step("", "juju model-config agent-version"),
    Step(
        "The controller must be upgraded before other models. An error is emitted if this is not done.",
        "juju upgrade-model --agent-version 2.6.10",
        1,
    ),
    Step(
        "Upgrade the 'controller' model of the 'aws' controller to the latest stable version.",
        "juju upgrade-model -m aws:controller --wait",
    ),
    Step("Verify it.", "juju status -m aws:controller"),
    Step("Upgrade the current model to a version.", "juju upgrade-model --agent-version 2.6.10 --wait"),
    Step(
        "The controller by its name, to what the stream 'proposed' offers.",
        "juju upgrade-controller --agent-stream proposed --wait",
    ),
    Step(
        "The current model, one minor version at a time, by stream.",
        "juju upgrade-model --agent-stream proposed --wait",
    ),
    Step("", "juju upgrade-model --agent-stream proposed --wait"),
    Step("Every agent is verified on the new version.", "juju model-config agent-version"),
    Step("", "juju status"),
    Step("", "juju show-upgrade"),
    Step("Nothing is left behind.", "jujulab down demo -y"),
)


def main() -> int:
    """Runs the demonstration; ends at the first command that does not end as it must.

    Returns:
        The exit code.
    """
    started = time.monotonic()
    program = shutil.which("jujulab", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        print("ERROR the command jujulab is not installed\nNext: make setup", file=sys.stderr)  # noqa: T201
        return 1
    bold, plain = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    with tempfile.TemporaryDirectory(prefix="jujulab-demo-") as data:
        # A store of its own: the demonstration must not change what the user's own commands are about.
        environment = {**os.environ, "JUJULAB_DATA": data}
        finished = False
        try:
            for step in STEPS:
                if step.say:
                    print(f"\n# {step.say}", flush=True)  # noqa: T201
                print(f"{bold}$ {step.line}{plain}", flush=True)  # noqa: T201
                code = subprocess.run([program, *step.line.split()[1:]], env=environment, check=False).returncode
                if code != step.exit_code:
                    print(f"ERROR it ended with {code}, not {step.exit_code}", file=sys.stderr)  # noqa: T201
                    return 1
            finished = True
        finally:
            if not finished:
                subprocess.run([program, "-q", "down", "demo", "-y"], env=environment, check=False)
    print(f"\n{len(STEPS)} commands in {time.monotonic() - started:.0f} s")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
