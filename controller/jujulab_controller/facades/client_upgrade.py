"""The part of ``Client`` about upgrades: up to 2.9 the client chooses the version and the controller checks it."""

from __future__ import annotations

from typing import Any

from jujulab_controller import upgrade_requests
from jujulab_controller.auth import Access
from jujulab_controller.errors import NOT_FOUND
from jujulab_controller.facades.client import client
from jujulab_controller.rpc.call import Call, number
from jujulab_controller.streams import available
from jujulab_controller.upgrade_view import describe
from jujulab_core.version import ZERO, Binary, Number


@client.method("FindTools", Access.READ, until="4.0.0")
async def find_tools(call: Call) -> dict[str, Any]:
    """The agent binaries that the model could have; the parameters narrow the search."""
    exact = Number.parse(call.text("number", "0.0.0"))
    series = call.text("series") or call.text("os-type")
    arch = call.text("arch")
    major, minor = number(call.params, "major"), number(call.params, "minor", -1)
    if exact != ZERO:
        major, minor = exact.major, exact.minor
    major = major if major > 0 else call.services.version.major
    stream = call.text("agentstream") or call.text("agent-stream")
    found = await available(call.services.store, call.services.internet, call.model, stream, major, minor)
    wanted = [binary for binary in found.binaries if _fits(binary, exact, series, arch)]
    if not wanted:
        message = found.error or "no matching agent binaries available"
        return {"list": [], "error": {"message": message, "code": NOT_FOUND}}
    endpoint = await call.services.user_endpoint()
    listed = []
    for binary in wanted:
        entry = await describe(call.services, call.model, binary, stream)
        listed.append(
            {
                "version": entry["binary"],
                "url": call.services.tools_url(call.model, binary, endpoint),
                "sha256": entry["sha256"],
                "size": entry["size"],
            }
        )
    return {"list": listed}


@client.method("SetModelAgentVersion", Access.READ, until="3.0.0")
async def set_model_agent_version(call: Call) -> dict[str, Any]:
    """Asks for an upgrade to a version that the client has chosen."""
    options = upgrade_requests.rollout_options(call.params)
    await upgrade_requests.set_agent_version(
        call.services,
        call.identity,
        call.model,
        Number.parse(call.text("version")),
        force=call.flag("force") or call.flag("ignore-agent-versions"),
        stream=call.text("agent-stream"),
        options=options,
        ignore_missing=call.flag("ignore-missing-binaries"),
        lift_quarantine=call.flag("lift-quarantine"),
    )
    return {}


@client.method("AbortCurrentUpgrade", Access.READ, until="3.0.0")
async def abort_current_upgrade(call: Call) -> dict[str, Any]:
    """Clears the record of the model's upgrade."""
    await upgrade_requests.abort(call.services, call.identity, call.model)
    return {}


def _fits(binary: Binary, exact: Number, series: str, arch: str) -> bool:
    return exact in (ZERO, binary.number) and series in ("", binary.series) and arch in ("", binary.arch)
