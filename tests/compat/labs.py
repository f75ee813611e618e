"""What the tests wait for in a lab."""

from __future__ import annotations

from jujulab_core.waiting import Deadline, wait_for
from tests.e2e.support import Lab

SECONDS = 180


def wait_until_complete(lab: Lab, model: str) -> None:
    """Waits until the newest upgrade of a model is complete: a little later than clients see all agents upgraded."""

    def probe() -> tuple[bool | None, str]:
        status = lab.juju.json("show-upgrade", "-m", f"{lab.controller}:{model}")["status"]
        return (True if status == "complete" else None), f"the upgrade of {model} is {status}"

    wait_for(probe, Deadline(SECONDS))
