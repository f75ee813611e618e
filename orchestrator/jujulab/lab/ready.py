"""When a lab is ready: the controller answers, every agent has logged in and is at rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jujulab.lab.secrets import Secrets
from jujulab_core.errors import ConnectionLost, DeadlineError
from jujulab_core.rpc import Client, connect
from jujulab_core.waiting import Deadline, wait_for


def admin_client(endpoint: str, made: Secrets, model: str | None, deadline: Deadline) -> Client:
    """Waits until the controller answers and logs in as admin, to a model (by UUID) or to the controller.

    The systemd socket takes connections before the server is up; the answer comes when it is.

    Raises:
        DeadlineError: No answer in time.
        RpcError: The login was refused.
    """

    def probe() -> tuple[Client | None, str]:
        try:
            client = connect([endpoint], made.ca.certificate, model=model, timeout=10)
            try:
                client.log_in("user-admin", made.admin_password, timeout=30)
            except BaseException:
                client.close()
                raise
        except (ConnectionLost, DeadlineError) as lost:
            return None, f"the controller's API at {endpoint} ({lost})"
        return client, ""

    return wait_for(probe, deadline, 0.1)


def wait_for_agents(client: Client, model: str, deadline: Deadline, report: Callable[[str], None]) -> None:
    """Waits until every machine and unit agent of a model has logged in.

    Args:
        client: A connection to the model.
        model: Its name, for the message.
        deadline: When to give up.
        report: Told of how many are still missing.

    Raises:
        DeadlineError: Some had not; the message names the first of them.
    """

    def probe() -> tuple[bool | None, str]:
        late = list(not_ready(client.call("Client", "FullStatus", {"patterns": None})))
        if not late:
            return True, ""
        report(f"waiting for the agents of model {model}: {len(late)} to go")
        others = f" and {len(late) - 3} more" if len(late) > 3 else ""
        return None, f"agents of model {model} to log in: {', '.join(late[:3])}{others}"

    wait_for(probe, deadline)


def not_ready(status: Mapping[str, Any]) -> Iterator[str]:
    """The machines and units of a FullStatus answer whose agents are not up and at rest."""
    for machine_id, machine in (status.get("machines") or {}).items():
        agent = machine["agent-status"]
        if agent["status"] != "started" or not agent.get("version"):
            yield f"machine {machine_id}"
    for application in (status.get("applications") or {}).values():
        for name, unit in (application.get("units") or {}).items():
            yield from _units_not_ready(name, unit)


def _units_not_ready(name: str, unit: Mapping[str, Any]) -> Iterator[str]:
    agent = unit["agent-status"]
    if agent["status"] != "idle" or not agent.get("version"):
        yield f"unit {name}"
    for subordinate, entry in (unit.get("subordinates") or {}).items():
        yield from _units_not_ready(subordinate, entry)
