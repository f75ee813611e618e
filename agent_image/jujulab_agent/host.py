"""Which agent this is, where it runs from, and its configuration on disk."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from jujulab_agent import _release, defects
from jujulab_core import agentconf, layout
from jujulab_core.errors import JujulabError, UsageError
from jujulab_core.version import Binary, Number


class Host(NamedTuple):
    """An agent and its surroundings.

    Attributes:
        tag: Such as ``machine-0``.
        data_dir: Such as ``/var/lib/juju``.
        directory: The directory that this code runs from, links resolved.
        binary: What runs: the code's own version, and the series and arch in the directory's name.
    """

    tag: str
    data_dir: str
    directory: str
    binary: Binary

    @property
    def version(self) -> Number:
        """The version of the running code."""
        return self.binary.number


def running_directory() -> str:
    """The directory that holds the running ``jujud``."""
    return os.path.dirname(sys.path[0])


def running_binary(directory: str) -> Binary:
    """What runs from this directory.

    Raises:
        JujulabError: The directory is not named as the layout of a Juju machine demands.
    """
    try:
        named = Binary.parse(os.path.basename(directory))
    except UsageError:
        raise JujulabError(f"jujud runs from {directory}, which is not named VERSION-SERIES-ARCH") from None
    return Binary(defects.reported_version(_code_version(directory)), named.series, named.arch)


def _code_version(directory: str) -> Number:
    # Juju's own way to have one binary play another version (the Juju upgrade specification, section B).
    try:
        with open(f"{directory}/FORCE-VERSION", encoding="utf-8") as file:
            return Number.parse(file.read().strip())
    except FileNotFoundError:
        return Number.parse(_release.VERSION)


def load_conf(host: Host) -> dict[str, agentconf.Value]:
    """Reads the agent's configuration.

    Raises:
        JujulabError: It is missing, damaged or incomplete.
    """
    path = layout.agent_conf(host.data_dir, host.tag)
    try:
        with open(path, encoding="utf-8") as file:
            conf = agentconf.load(file.read())
    except (OSError, UnicodeDecodeError) as error:
        raise JujulabError(f"cannot read agent configuration {path}: {error}") from error
    for key, kind in (("tag", str), ("cacert", str), ("apipassword", str), ("model", str), ("apiaddresses", list)):
        if not isinstance(conf.get(key), kind) or not conf[key]:
            raise JujulabError(f"agent configuration {path} has no {key}")
    if conf["tag"] != host.tag:
        raise JujulabError(f"agent configuration {path} is that of {conf['tag']}")
    return conf


def text(conf: dict[str, agentconf.Value], key: str) -> str:
    """A scalar of a configuration; an empty string where there is none."""
    value = conf.get(key)
    return value if isinstance(value, str) else ""


def save_conf(data_dir: str, tag: str, conf: dict[str, agentconf.Value]) -> None:
    """Writes an agent's configuration so that a reader, or a power cut, meets the old one or the new one."""
    write_file(layout.agent_conf(data_dir, tag), agentconf.dump(conf), 0o600)


def write_file(path: str, content: str, mode: int) -> None:
    """Writes a file atomically and durably."""
    temporary = f"{path}~"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    os.replace(temporary, path)
    sync_directory(os.path.dirname(path))


def replace_link(target: str, link: str) -> None:
    """Makes or moves a symbolic link atomically and durably."""
    temporary = f"{link}~"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    os.symlink(target, temporary)
    os.replace(temporary, link)
    sync_directory(os.path.dirname(link))


def sync_directory(path: str) -> None:
    """Makes the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
