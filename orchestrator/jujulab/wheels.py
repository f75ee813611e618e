"""The Python packages that go into images: named by the lock, collected on the host, unpacked into the image.

No image build reaches a package index. The lock (``constraints.txt``) names the version and the hashes of every
package; nothing else gets in.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from jujulab_core.errors import HostError, VerificationError

# The Python of the base image.
PYTHON = "3.11"
# The kinds of wheel that the base image's C library can load, newest first.
PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
DEADLINE_SECONDS = 600

_PIN_RE = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
_HASH_RE = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    """A package as the lock names it."""

    name: str
    version: str
    hashes: frozenset[str]

    def __str__(self) -> str:
        hashes = "".join(f" --hash=sha256:{digest}" for digest in sorted(self.hashes))
        return f"{self.name}=={self.version}{hashes}"


def canonical(name: str) -> str:
    """A package's name in the form in which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lock(text: str) -> dict[str, Pin]:
    """Reads a lock file as pip-compile writes it."""
    starts = list(_PIN_RE.finditer(text))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    return {
        canonical(match[1]): Pin(canonical(match[1]), match[2], frozenset(_HASH_RE.findall(text[match.end() : end])))
        for match, end in zip(starts, ends, strict=True)
    }


def read_names(text: str) -> list[str]:
    """Reads a list of names, one a line; ``#`` begins a comment."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [canonical(line) for line in lines if line]


def select(lock: dict[str, Pin], names: Iterable[str]) -> list[Pin]:
    """The lock's entries of these names.

    Raises:
        HostError: The lock lacks one.
    """
    try:
        return [lock[name] for name in names]
    except KeyError as error:
        raise HostError(
            f"the lock constraints.txt has no entry for {error.args[0]}", next_step="remake it: make lock"
        ) from error


def collect(pins: list[Pin], directory: Path, machine: str) -> list[Path]:
    """The wheels of these packages; those that are not in the directory yet are downloaded into it.

    Args:
        pins: What is wanted.
        directory: Where wheels are kept.
        machine: The architecture as the kernel names it: ``x86_64``, ``aarch64``.

    Raises:
        HostError: A wheel is missing and cannot be had.
    """
    directory.mkdir(parents=True, exist_ok=True)
    present = _find(pins, directory)
    missing = [pin for pin in pins if pin.name not in present]
    if missing:
        _download(missing, directory, machine)
        present |= _find(missing, directory)
    for pin in pins:
        if pin.name not in present:
            raise VerificationError(f"the lock names no wheel of {pin.name} {pin.version} in {directory}")
    return [present[pin.name] for pin in pins]


def _find(pins: list[Pin], directory: Path) -> dict[str, Path]:
    wanted = {(pin.name, pin.version): pin for pin in pins}
    found = {}
    for path in sorted(directory.glob("*.whl")):
        name, version = path.name.split("-")[:2]
        pin = wanted.get((canonical(name), version))
        if pin and hashlib.sha256(path.read_bytes()).hexdigest() in pin.hashes:
            found[pin.name] = path
    return found


def _download(pins: list[Pin], directory: Path, machine: str) -> None:
    requirements = directory / "requirements.txt"
    requirements.write_text("".join(f"{pin}\n" for pin in pins))
    platforms = [f"--platform={platform}_{machine}" for platform in PLATFORMS]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", f"--python-version={PYTHON}", "--implementation=cp"]
    command += [*platforms, f"--dest={directory}", f"--requirement={requirements}"]
    names = ", ".join(pin.name for pin in pins)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise HostError(f"downloading the wheels of {names} took more than {DEADLINE_SECONDS} seconds") from error
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "WARNING" not in line]
        raise HostError(
            f"cannot download the wheels of {names}: {' '.join(errors[-3:])}",
            next_step=f"make a package index reachable for pip, or put the wheels into {directory}",
        )


def unpack(wheels: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """What these wheels put into ``site-packages``: pairs of a relative path and the bytes."""
    for path in wheels:
        with ZipFile(path) as archive:
            for entry in archive.infolist():
                # A wheel's scripts and headers are not for site-packages.
                if not entry.is_dir() and ".data/" not in entry.filename:
                    yield entry.filename, archive.read(entry)
