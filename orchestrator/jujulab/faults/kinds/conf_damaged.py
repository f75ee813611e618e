"""``conf-damaged``: an agent's ``agent.conf`` is wrong (the Juju upgrade specification, section L.1, row 1)."""

from __future__ import annotations

import datetime
import hashlib
import json
import secrets
from collections.abc import Mapping
from pathlib import PurePosixPath

from jujulab.faults import services
from jujulab.faults.each import Note, heal_each, inject_each
from jujulab.faults.files import read_file, write_file
from jujulab.faults.hands import find, is_active, remove
from jujulab.faults.model import Json, Kind, Scene
from jujulab.faults.targets import Scope, Target
from jujulab.lab.pki import make_ca
from jujulab_core import agentconf, layout
from jujulab_core.errors import JujulabError

_KEYS = {"address": "apiaddresses", "ca": "cacert", "password": "apipassword"}
_SAYS = {
    "address": "names a controller that does not exist",
    "ca": "trusts another CA",
    "password": "holds a wrong password",
    "truncated": "ends in the middle",
}
_MODE = 0o600


def _false_value(what: str) -> agentconf.Value:
    if what == "address":
        return [f"no-such-controller:{layout.API_PORT}"]
    if what == "ca":
        return make_ca("another", datetime.datetime.now(datetime.UTC)).certificate
    return secrets.token_urlsafe(18)


def _path(target: Target) -> PurePosixPath:
    return PurePosixPath(layout.agent_conf(layout.DATA_DIR, target.tag))


def _kept(target: Target) -> PurePosixPath:
    # The good file waits beside the damaged one: a password has no place in the ledger.
    return _path(target).with_suffix(".jujulab-kept")


def _inject(scene: Scene, target: Target, options: Mapping[str, str], note: Note) -> str:
    container, path, what = find(scene, target.container), _path(target), options["what"]
    good = read_file(container, path)
    if not good:
        raise JujulabError(f"there is no {path} in {target.container}", next_step="see `jujulab status`")
    if what == "truncated":
        bad = good[: len(good) // 2]
        mark = hashlib.sha256(bad).hexdigest()
    else:
        conf = agentconf.load(good.decode())
        conf[_KEYS[what]] = _false_value(what)
        bad = agentconf.dump(conf).encode()
        mark = fingerprint(conf[_KEYS[what]])
    note({"bad": mark, "active": is_active(scene, container, target.service)})
    write_file(container, _kept(target), good, _MODE)
    write_file(container, path, bad, _MODE)
    said = f"{path} {_SAYS[what]}"
    if options["restart"] == "no":
        return f"{said}; the agent finds out when it is restarted"
    if services.restart(scene, target.container, target.service):
        return f"{said}; restarted {target.service}"
    return f"{said}; {target.service} does not run"


def fingerprint(value: agentconf.Value) -> str:
    """What tells a value from others, fit for the ledger."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def mended(current: bytes, good: bytes, options: Mapping[str, str], noted: Json) -> bytes | None:
    """The file as it should be; None where it is, because the agent has written it anew or somebody repaired it."""
    if options["what"] == "truncated":
        return good if hashlib.sha256(current).hexdigest() == noted["bad"] else None
    key = _KEYS[options["what"]]
    try:
        conf = agentconf.load(current.decode())
    except (JujulabError, UnicodeDecodeError):
        return None
    if key not in conf or fingerprint(conf[key]) != noted["bad"]:
        return None
    # What the agent has changed of the rest since stays.
    conf[key] = agentconf.load(good.decode())[key]
    return agentconf.dump(conf).encode()


def _heal(scene: Scene, target: Target, options: Mapping[str, str], noted: Json) -> None:
    container, path = find(scene, target.container), _path(target)
    good = read_file(container, _kept(target))
    repaired = mended(read_file(container, path), good, options, noted) if good else None
    if repaired is not None:
        write_file(container, path, repaired, _MODE)
        # Also where it did not run when its file was damaged: it may have been started since.
        services.restart(scene, target.container, target.service, given_up=noted["active"])
    if good:
        remove(scene, target.container, _kept(target))


KIND = Kind(
    "conf-damaged",
    "agent.conf is damaged: address, ca, password, or truncated. The agent is restarted; restart=no leaves it.",
    inject_each(_inject),
    heal_each(_heal),
    scopes=frozenset({Scope.AGENT, Scope.CONTROLLER}),
    options={"what": "address", "restart": "yes"},
    allowed={"what": tuple(_SAYS), "restart": ("yes", "no")},
)
