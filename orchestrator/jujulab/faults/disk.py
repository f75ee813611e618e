"""A full disk: for the time of the fault ``/var/lib/juju`` becomes a small file system of its own.

Containers share the disk of their host, which must not be filled. So a small tmpfs is mounted over the directory,
in the mount namespace of the machine and from beside it, with all that was there bound into it: whoever asks how much
is free is told, by the kernel, what the fault says, and what exists stays where it is, on the host's disk. Where
nothing is free, what lies below is seen through overlays that have no room, so that every change of it ends in ENOSPC.
The mounts go with the container's processes, so whatever ends the machine loses nothing and mends this (the decision
record "A full disk is a mount").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from jujulab.faults.each import Note
from jujulab.faults.hands import MOUNTS, beside
from jujulab.faults.model import Json, Scene
from jujulab.faults.targets import Target
from jujulab_core.errors import UsageError
from jujulab_core.layout import DATA_DIR, STATE

OPTIONS = {"free": "100MiB"}
_SIZE_RE = re.compile(r"(\d+)(?:MiB|M)?")
# More than any directory of a machine needs, and few enough to be used up in no time.
_INODES = 4096
_MOST_MIB = 65536
_NEW = "/run/jujulab-disk-full"
_NAME = "jujulab-disk-full"

_MEND = """
for place in {new} {data}; do
    # Bound into each other as they are made, they go one by one; what still reads there may do so until it ends.
    while grep -q "^{name} $place " /proc/mounts; do umount -R -l "$place"; done
done
rmdir {new} 2>/dev/null || true
"""
_MAKE = """
mkdir -p {new}
mount -t tmpfs -o size={kib}k,nr_inodes={inodes},mode=755 {name} {new}
mkdir {new}/.full
for entry in {data}/* {data}/.[!.]*; do
    [ -e "$entry" ] || continue
    base=${{entry##*/}}
    place={new}/$base
    if [ ! -d "$entry" ]; then
        touch "$place"
        mount --bind "$entry" "$place"
        continue
    fi
    mkdir "$place"
    # The controllers' state is on a disk of its own.
    if [ {kib} -eq {least} ] && [ "$entry" != {state} ]; then
        mkdir -p "{new}/.full/up/$base" "{new}/.full/work/$base"
        layers="lowerdir=$entry,upperdir={new}/.full/up/$base,workdir={new}/.full/work/$base"
        mount -t overlay -o "$layers" {name} "$place"
    else
        mount --bind "$entry" "$place"
    fi
done
if [ {kib} -eq {least} ]; then
    dd if=/dev/zero of={new}/.full/filler bs=4k 2>/dev/null || true
    count=0
    while touch {new}/.full/$count 2>/dev/null; do count=$((count + 1)); done
fi
mount --rbind {new} {data}
umount -R -l {new}
rmdir {new}
"""
_LEAST_KIB = 512


def free_mib(options: Mapping[str, str]) -> int:
    """How much shall be free, in MiB.

    Raises:
        UsageError: That is not a size.
    """
    match = _SIZE_RE.fullmatch(options["free"])
    if match is None or int(match[1]) > _MOST_MIB:
        raise UsageError(f'"{options["free"]}" is not a size', next_step="write it as 100MiB, or 0 for a full disk")
    return int(match[1])


def check(options: Mapping[str, str]) -> None:
    """Refuses what is not a size."""
    free_mib(options)


def mending(data: str = DATA_DIR) -> str:
    """The script that gives a directory its own place back."""
    return _MEND.format(new=_NEW, data=data, name=_NAME)


def making(free: int, data: str = DATA_DIR) -> str:
    """The script that leaves so many MiB free in a directory; running it again changes nothing."""
    # A few pages are taken by the directories themselves.
    return mending(data) + _MAKE.format(
        new=_NEW,
        data=data,
        state=f"{data}/{STATE}",
        name=_NAME,
        kib=free * 1024 or _LEAST_KIB,
        least=_LEAST_KIB,
        inodes=_INODES if free else 512,
    )


def fill_up(scene: Scene, target: Target, options: Mapping[str, str], _noted: Json) -> None:
    """Makes the disk full; calling it again changes nothing."""
    script = making(free_mib(options))
    beside(scene, target.container, MOUNTS, script, f"mount a small file system in {target.container}")


def inject(scene: Scene, target: Target, options: Mapping[str, str], note: Note) -> str:
    """Makes the disk full; says so."""
    note({})
    fill_up(scene, target, options, {})
    free = free_mib(options)
    return f"{DATA_DIR} has {f'{free} MiB' if free else 'nothing'} free"


def heal(scene: Scene, target: Target, _options: Mapping[str, str], _noted: Json) -> None:
    """Gives the directory its own place back; a container that was stopped has got it back by that."""
    container = scene.engine.find(target.container)
    if container is not None and container.status in ("running", "paused"):
        beside(scene, target.container, MOUNTS, mending(), f"unmount the small file system in {target.container}")
