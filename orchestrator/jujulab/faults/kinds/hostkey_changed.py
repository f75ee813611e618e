"""``hostkey-changed``: a machine shows another SSH host key than the lab made, as one that was made anew would."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from jujulab.faults.each import Note, heal_each, inject_each
from jujulab.faults.files import read_file, write_file
from jujulab.faults.hands import awake, find, is_active, remove, systemctl
from jujulab.faults.model import Json, Kind, Scene
from jujulab.faults.targets import Scope, Target
from jujulab.lab.pki import make_ssh_key

_PRIVATE = PurePosixPath("/etc/ssh/ssh_host_ed25519_key")
_PUBLIC = PurePosixPath("/etc/ssh/ssh_host_ed25519_key.pub")
# The good key waits beside the false one: a private key has no place in the ledger.
_KEPT = PurePosixPath("/etc/ssh/jujulab-kept-key")
_SERVICE = "ssh.service"


def _restart(scene: Scene, name: str) -> None:
    with awake(scene, name) as container:
        if container is not None and is_active(scene, container, _SERVICE):
            # The sessions that are open have seen the old key, and would go on with it.
            systemctl(scene, container, "kill", "--signal=KILL", "--kill-who=all", _SERVICE)
            systemctl(scene, container, "restart", _SERVICE)


def _inject(scene: Scene, target: Target, _options: Mapping[str, str], note: Note) -> str:
    container = find(scene, target.container)
    false = make_ssh_key("changed")
    good = read_file(container, _PUBLIC).decode()
    note({"good": good, "false": false.public})
    write_file(container, _KEPT, read_file(container, _PRIVATE), 0o600)
    write_file(container, _PUBLIC, f"{false.public}\n".encode())
    write_file(container, _PRIVATE, false.private.encode(), 0o600)
    _restart(scene, target.container)
    return f"its SSH host key is now {false.public.split()[1][-12:]}, was {good.split()[1][-12:]}"


def _heal(scene: Scene, target: Target, _options: Mapping[str, str], noted: Json) -> None:
    container = find(scene, target.container)
    kept = read_file(container, _KEPT)
    if kept and read_file(container, _PUBLIC).decode().strip() == noted["false"]:
        write_file(container, _PRIVATE, kept, 0o600)
        write_file(container, _PUBLIC, noted["good"].encode())
        _restart(scene, target.container)
    if kept:
        remove(scene, target.container, _KEPT)


KIND = Kind(
    "hostkey-changed",
    "The machine shows another SSH host key than the one that the lab pinned.",
    inject_each(_inject),
    heal_each(_heal),
    scopes=frozenset({Scope.MACHINE, Scope.CONTROLLER}),
)
