"""Packs the agent into one executable file: a zip of byte-compiled Python behind a ``#!`` line.

The same input gives the same bytes. What is not needed at run time is left out (documentation strings, the
parts of ``websockets`` that do I/O), and entries are stored, not deflated, as each is read at every start.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import io
import marshal
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import websockets

import jujulab_agent
import jujulab_core
from jujulab_agent.builder import catalogue
from jujulab_core.version import Number

# -I: nothing from the environment or the user's directories; -S: no site-packages.
INTERPRETER = "#!/usr/bin/python3 -IS\n"
# The earliest that a zip can hold, and old enough for no tool to find it odd.
EPOCH = (1980, 1, 1, 0, 0, 0)

_CORE = (
    "__init__",
    "agentconf",
    "archive",
    "boundary",
    "errors",
    "layout",
    "rpc/__init__",
    "rpc/channel",
    "rpc/client",
    "rpc/results",
    "tags",
    "upgradetexts",
    "version",
)
_WEBSOCKETS = (
    "__init__",
    "client",
    "datastructures",
    "exceptions",
    "extensions/__init__",
    "extensions/base",
    "frames",
    "headers",
    "http11",
    "imports",
    "protocol",
    "streams",
    "typing",
    "uri",
    "utils",
)
# Version 2 writes each object in full; later ones abbreviate by what else happens to refer to it in this process.
_MARSHAL_VERSION = 2
# A pyc that is valid whatever its source is (PEP 552).
_UNCHECKED_HASH = (1).to_bytes(4, "little")


def build_jujud(number: Number, steps: Iterable[str] = (), defect: str = "") -> bytes:
    """Builds the executable of one version.

    Args:
        number: The version that its code is of.
        steps: Descriptions of upgrade steps that it runs besides those of the release catalogue.
        defect: What is wrong with it on purpose, or an empty text.
    """
    own = ((str(number), "all-machines", description, "") for description in steps)
    table = (*catalogue.load().steps_of(number), *own)
    release = f"VERSION = {str(number)!r}\nSTEPS = {table!r}\nDEFECT = {defect!r}\n"
    entries = {**_common_entries(), **_compiled("jujulab_agent/_release", release.encode())}
    buffer = io.BytesIO()
    buffer.write(INTERPRETER.encode())
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(entries.items()):
            entry = zipfile.ZipInfo(name, EPOCH)
            # Unix, a plain file, 0644: not what the building machine happens to be.
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


@functools.cache
def _common_entries() -> Mapping[str, bytes]:
    """What all versions share."""
    agent, core, sockets = (Path(str(module.__file__)).parent for module in (jujulab_agent, jujulab_core, websockets))
    entries = _compiled("__main__", (agent / "__main__.py").read_bytes())
    for path in agent.glob("*.py"):
        entries |= _compiled(f"jujulab_agent/{path.stem}", path.read_bytes())
    for name in _CORE:
        entries |= _compiled(f"jujulab_core/{name}", (core / f"{name}.py").read_bytes())
    for name in _WEBSOCKETS:
        entries |= _compiled(f"websockets/{name}", (sockets / f"{name}.py").read_bytes())
    # The original finds its version by way of the package's metadata, which takes 30 ms of every start.
    version = importlib.metadata.version("websockets")
    entries |= _compiled("websockets/version", f"tag = version = commit = {version!r}\n".encode())
    licence = importlib.metadata.distribution("websockets").read_text("licenses/LICENSE")
    entries["websockets/LICENSE"] = (licence or "BSD-3-Clause").encode()
    return entries


def _compiled(name: str, source: bytes) -> dict[str, bytes]:
    code = compile(source, f"{name}.py", "exec", dont_inherit=True, optimize=2)
    header = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
    return {f"{name}.pyc": header + marshal.dumps(code, _MARSHAL_VERSION)}
