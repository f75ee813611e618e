"""``controller-disk-full``: ``/var/lib/juju`` of the controller has too little room."""

from __future__ import annotations

from jujulab.faults import disk
from jujulab.faults.each import again_each, heal_each, inject_each
from jujulab.faults.model import Kind
from jujulab.faults.targets import Scope

KIND = Kind(
    "controller-disk-full",
    "disk-full for the controller. Its state is on a disk of its own, the lab's volume, and can still be written.",
    inject_each(disk.inject),
    heal_each(disk.heal),
    scopes=frozenset({Scope.CONTROLLER}),
    options=disk.OPTIONS,
    check_options=disk.check,
    again=again_each(disk.fill_up),
)
