"""``disk-full``: ``/var/lib/juju`` of a machine has too little room."""

from __future__ import annotations

from jujulab.faults import disk
from jujulab.faults.each import again_each, heal_each, inject_each
from jujulab.faults.model import Kind
from jujulab.faults.targets import Scope

KIND = Kind(
    "disk-full",
    "The disk of /var/lib/juju has less free than the 250 MiB that Juju asks for; with free=0 nothing can be written.",
    inject_each(disk.inject),
    heal_each(disk.heal),
    scopes=frozenset({Scope.MACHINE}),
    options=disk.OPTIONS,
    check_options=disk.check,
    again=again_each(disk.fill_up),
)
