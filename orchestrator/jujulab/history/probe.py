"""Run on a machine, by its own Python, from outside: what its disk and its processes say. Prints one JSON object.

It asks nobody there, so that it sees what is true on a machine that is broken. Only the standard library is there,
and of that what starts fast: a fleet is looked at every few seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

TOOLS = "/var/lib/juju/tools"
BLOBS = "/var/lib/juju/db/binaries/blobs"


def read(path: str) -> bytes:
    """A file's bytes; none where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def sha256(path: str) -> str:
    """A file's SHA-256 in hex, or an empty text."""
    data = read(path)
    return hashlib.sha256(data).hexdigest() if data else ""


def directory(path: str, deep: bool) -> dict[str, Any]:
    """Whether a directory of tools is complete, what it says it was made from, and what its program really is."""
    program = path + "/jujud"
    try:
        noted = json.loads(read(path + "/downloaded-tools.txt") or "{}")
    except ValueError:
        noted = {}
    complete = os.path.isfile(program) and os.access(program, os.X_OK) and bool(noted)
    found = {"complete": complete, "sha256": noted.get("sha256", "")}
    if deep:
        found["jujud-sha256"] = sha256(program)
    return found


def tools(deep: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The links of the agents, each with the directory it leads to, looked at through the link."""
    links: dict[str, Any] = {}
    directories: dict[str, Any] = {}
    try:
        names = os.listdir(TOOLS)
    except OSError:
        names = []
    for name in names:
        path = TOOLS + "/" + name
        if name.startswith(".") or not os.path.islink(path):
            continue
        while True:
            try:
                to, changed = os.readlink(path), os.lstat(path).st_ctime
            except OSError:
                break
            found = directory(to if to.startswith("/") else TOOLS + "/" + to, deep)
            if os.path.islink(path) and os.readlink(path) == to:
                links[name] = {"to": os.path.basename(to), "changed": changed}
                directories[os.path.basename(to)] = found
                break
    return links, directories


def processes() -> Iterator[tuple[int, list[str], int]]:
    """Command line and start, in ticks since the host's start, of every process."""
    for number in filter(str.isdigit, os.listdir("/proc")):
        words = read("/proc/" + number + "/cmdline").decode(errors="replace").split("\0")
        # Behind the name, which may hold anything, the fields are numbers.
        fields = read("/proc/" + number + "/stat").rpartition(b")")[2].split()
        if len(fields) > 19 and (words[0] or number == "1"):
            yield int(number), words, int(fields[19])


def look(deep: bool) -> dict[str, Any]:
    """All of it."""
    links, directories = tools(deep)
    found: dict[str, Any] = {"links": links, "tools": directories, "agents": {}, "workloads": {}, "boot": 0}
    ticks, now = os.sysconf("SC_CLK_TCK"), time.time()
    uptime = float(read("/proc/uptime").split()[0])
    for number, words, start in processes():
        entry: dict[str, Any] = {"pid": number, "start": start}
        text = " ".join(words)
        if number == 1:
            found["boot"] = start
        elif "jujulab_controller" in words and "--agent-version" in words:
            found["agents"]["controller"] = dict(entry, version=words[words.index("--agent-version") + 1])
        elif "httpd" in words and "/agents/unit-" in text:
            unit = text.partition("/agents/unit-")[2].partition("/")[0]
            found["workloads"][unit] = entry
        else:
            for tag in links:
                if (TOOLS + "/" + tag + "/jujud") in words and ("machine" in words or "unit" in words):
                    began = now - uptime + start / ticks
                    # A process runs the code that its link led to when it began.
                    entry["current"] = began + 0.05 >= links[tag]["changed"]
                    found["agents"][tag] = entry
    if deep:
        names = os.listdir(BLOBS) if os.path.isdir(BLOBS) else []
        found["blobs"] = {name: sha256(BLOBS + "/" + name) for name in names if len(name) == 64}
    return found


if __name__ == "__main__":
    print(json.dumps(look("deep" in sys.argv[1:])))  # noqa: T201 - this is how it answers
