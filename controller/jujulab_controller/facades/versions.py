"""Which versions of each facade a controller offers, by its own version.

Clients choose from these lists, so they are Juju's (the wire specification, section 8); facades that begin with
``Lab`` are ours. An entry holds from its first version until the next one.
"""

from __future__ import annotations

from functools import cache

from jujulab_core.version import Number

_EVER = (("0.0.0", "1"),)

# From the first version on: "1-3" is every one of 1, 2, 3; an empty text is none.
_TABLE: dict[str, tuple[tuple[str, str], ...]] = {
    "AllModelWatcher": (("0.0.0", "2"), ("2.9.36", "2-4"), ("3.0.0", "4"), ("4.0.0", "")),
    "AllWatcher": (("0.0.0", "1"), ("2.9.36", "1-3"), ("3.0.0", "3"), ("4.0.0", "")),
    "Annotations": (("0.0.0", "2"),),
    "Application": (
        ("0.0.0", "1-9"),
        ("2.7.0", "1-11"),
        ("2.8.0", "1-12"),
        ("2.9.0", "1-15"),
        ("3.0.0", "15-17"),
        ("3.2.0", "15-18"),
        ("3.3.0", "15-19"),
        ("3.5.0", "15-20"),
        ("3.6.0", "15-22"),
        ("4.0.0", "19-22"),
    ),
    "Backups": (("0.0.0", "1-2"), ("2.9.33", "1-3"), ("3.0.0", "3")),
    "Block": (("0.0.0", "2"),),
    "Client": (
        ("0.0.0", "1-2"),
        ("2.8.0", "1-3"),
        ("2.9.19", "1-4"),
        ("2.9.27", "1-5"),
        ("2.9.36", "1-6"),
        ("3.0.0", "6"),
        ("3.3.0", "6-7"),
        ("3.6.0", "6-8"),
        ("4.0.0", "8"),
    ),
    "Cloud": (
        ("0.0.0", "1-5"),
        ("2.7.0", "1-6"),
        ("2.8.0", "1-7"),
        ("3.0.0", "7"),
        ("4.0.0", "7-8"),
    ),
    "Controller": (
        ("0.0.0", "3-7"),
        ("2.7.0", "3-8"),
        ("2.8.0", "3-9"),
        ("2.9.33", "3-11"),
        ("3.0.0", "11"),
        ("3.6.0", "11-12"),
        ("4.0.0", "12-14"),
    ),
    "Deployer": _EVER,
    "HighAvailability": (("0.0.0", "2"), ("4.0.0", "2-3")),
    "LabAgent": _EVER,
    "LabBinaries": _EVER,
    "LabBackups": _EVER,
    "LabOrchestrator": _EVER,
    "LabProvisioner": _EVER,
    "LabUpgrades": _EVER,
    "MachineManager": (
        ("0.0.0", "2-6"),
        ("2.9.0", "2-9"),
        ("3.0.0", "9-10"),
        ("4.0.0", "11"),
    ),
    "Machiner": _EVER,
    "ModelConfig": (("0.0.0", "1-2"), ("2.9.33", "1-3"), ("3.0.0", "3"), ("4.0.0", "3-4")),
    "ModelManager": (
        ("0.0.0", "2-7"),
        ("2.7.0", "2-8"),
        ("2.8.0", "2-9"),
        ("3.0.0", "9"),
        ("3.5.0", "9-10"),
        ("4.0.0", "10-11"),
    ),
    # Before 2.9.33 a facade of this name served agents and meant something else.
    "ModelUpgrader": (("0.0.0", ""), ("2.9.33", "1"), ("4.0.0", "2")),
    "NotifyWatcher": _EVER,
    "Pinger": _EVER,
    "SSHClient": (("0.0.0", "1-2"), ("2.9.0", "1-4"), ("3.0.0", "4"), ("3.6.0", "4-5")),
    "StringsWatcher": _EVER,
    "Uniter": (("0.0.0", "8"),),
    "Upgrader": _EVER,
    "UserManager": (("0.0.0", "1-2"), ("2.9.33", "1-3"), ("3.0.0", "3")),
}


@cache
def offered(name: str, controller: Number) -> tuple[int, ...]:
    """The versions of a facade that a controller of this version offers, rising; none if it has no such."""
    ranges = ""
    for first, entry in _TABLE.get(name, ()):
        if controller >= Number.parse(first):
            ranges = entry
    if not ranges:
        return ()
    low, _, high = ranges.partition("-")
    return tuple(range(int(low), int(high or low) + 1))
